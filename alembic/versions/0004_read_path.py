"""Totals of all kinds and of days, sessions, sums of users' days, what arrived together.

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

INSTANT = sa.TIMESTAMP(timezone=True)
KIND = ("event_type", "event_category", "event_action", "device_type")
SUMS = "sum(events)::bigint, sum(timed)::bigint, sum(duration_ms)::bigint"


def upgrade() -> None:
    # Nothing may be inserted between the count and the commit.
    op.execute("LOCK TABLE activity_event IN SHARE MODE")
    op.add_column(
        "activity_rollup",
        sa.Column("level", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.alter_column("activity_rollup", "level", server_default=None)
    op.drop_constraint("pk_activity_rollup", "activity_rollup")
    op.create_primary_key("pk_activity_rollup", "activity_rollup", ["level", "bucket", *KIND])
    columns = "(level, bucket, event_type, event_category, event_action, device_type, events, timed, duration_ms)"  # noqa: E501
    op.execute(
        f"INSERT INTO activity_rollup {columns} SELECT 1, bucket, '', '', '', '', {SUMS}"  # noqa: S608
        " FROM activity_rollup WHERE level = 0 GROUP BY bucket"
    )
    op.execute(
        f"INSERT INTO activity_rollup {columns}"  # noqa: S608
        " SELECT 2, date_bin('1 day', bucket, '2000-01-01 00:00:00+00'), event_type,"
        f" event_category, event_action, device_type, {SUMS}"
        " FROM activity_rollup WHERE level = 0 GROUP BY 2, 3, 4, 5, 6"
    )

    op.create_table(
        "activity_session",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column(
            "is_long",
            sa.Boolean(),
            nullable=False,
            comment="more than a day lies between its ends",
        ),
        sa.PrimaryKeyConstraint("session_id", "user_id", name="pk_activity_session"),
    )
    op.execute("ALTER TABLE activity_session SET (fillfactor = 80)")
    op.execute(
        """
        INSERT INTO activity_session
        SELECT user_id, session_id, min(event_timestamp), max(event_timestamp), count(*),
          max(event_timestamp) - min(event_timestamp) > interval '1 day'
        FROM activity_event WHERE session_id IS NOT NULL GROUP BY user_id, session_id
        """
    )
    for columns_ in (["started_at", "user_id"], ["user_id", "started_at"]):
        op.create_index(f"ix_activity_session_{'_'.join(columns_)}", "activity_session", columns_)
    op.create_index(
        "ix_activity_session_long",
        "activity_session",
        ["user_id", "started_at"],
        postgresql_where=sa.text("is_long"),
    )

    op.add_column(
        "activity_user_day",
        sa.Column(
            "summary",
            postgresql.JSON(),
            nullable=True,
            comment="a JSON null where there is too little to sum up",
        ),
    )
    op.create_index("ix_activity_user_day_day", "activity_user_day", ["day"])
    op.create_index(
        "ix_activity_user_day_unsummed",
        "activity_user_day",
        ["day"],
        postgresql_where=sa.text("summary IS NULL"),
    )
    op.create_index(
        "ix_activity_event_user_id_event_timestamp",
        "activity_event",
        ["user_id", "event_timestamp"],
        postgresql_where=sa.text("session_id IS NULL"),
    )

    op.create_table(
        "activity_arrival",
        sa.Column(
            "transaction_id", sa.BigInteger(), nullable=False, comment="pg_current_xact_id()"
        ),
        sa.Column("arrived_at", INSTANT, nullable=False),
        sa.Column("user_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("event_timestamps", postgresql.ARRAY(INSTANT), nullable=False),
        sa.Column("event_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", name="pk_activity_arrival"),
    )
    op.create_index("ix_activity_arrival_arrived_at", "activity_arrival", ["arrived_at"])


def downgrade() -> None:
    op.drop_table("activity_arrival")
    op.drop_index("ix_activity_event_user_id_event_timestamp", "activity_event")
    op.drop_index("ix_activity_user_day_unsummed", "activity_user_day")
    op.drop_index("ix_activity_user_day_day", "activity_user_day")
    op.drop_column("activity_user_day", "summary")
    op.drop_table("activity_session")
    op.execute("DELETE FROM activity_rollup WHERE level <> 0")
    op.drop_constraint("pk_activity_rollup", "activity_rollup")
    op.drop_column("activity_rollup", "level")
    op.create_primary_key("pk_activity_rollup", "activity_rollup", ["bucket", *KIND])
