"""Totals per quarter-hour, the quarter-hours in which each user was active, redated users.

Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "app_user",
        sa.Column(
            "redated",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="some event is stored under another time than its client gave: look up by id",
        ),
    )
    op.create_table(
        "activity_rollup",
        sa.Column("bucket", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("event_category", sa.String(), nullable=False),
        sa.Column("event_action", sa.String(), nullable=False),
        sa.Column("device_type", sa.String(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("timed", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "bucket",
            "event_type",
            "event_category",
            "event_action",
            "device_type",
            name="pk_activity_rollup",
        ),
    )
    op.create_table(
        "activity_user_day",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("slots", postgresql.BIT(96), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day", name="pk_activity_user_day"),
    )
    # Nothing may be inserted between the count and the commit.
    op.execute("LOCK TABLE activity_event IN SHARE MODE")
    # Both are updated in place all the time: room on the page keeps that off the index.
    op.execute("ALTER TABLE activity_rollup SET (fillfactor = 70)")
    op.execute("ALTER TABLE activity_user_day SET (fillfactor = 80)")
    op.execute(
        """
        INSERT INTO activity_rollup
        SELECT date_bin('15 minutes', event_timestamp, '2000-01-01 00:00:00+00'),
          event_type, event_category, event_action, coalesce(device_type, ''),
          count(*), count(duration_ms), coalesce(sum(duration_ms), 0)
        FROM activity_event GROUP BY 1, 2, 3, 4, 5
        """
    )
    op.execute(
        """
        INSERT INTO activity_user_day
        SELECT user_id, day, bit_or(set_bit(0::bit(96), slot, 1))
        FROM (
          SELECT DISTINCT user_id, (event_timestamp AT TIME ZONE 'UTC')::date AS day,
            (extract(hour FROM event_timestamp AT TIME ZONE 'UTC') * 4
             + floor(extract(minute FROM event_timestamp AT TIME ZONE 'UTC') / 15))::int AS slot
          FROM activity_event
        ) AS active GROUP BY user_id, day
        """
    )


def downgrade() -> None:
    op.drop_table("activity_user_day")
    op.drop_table("activity_rollup")
    op.drop_column("app_user", "redated")
