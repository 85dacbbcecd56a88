"""Users and events.

Revises: nothing, the first
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_app_user"),
        sa.UniqueConstraint("email", name="uq_app_user_email"),
    )
    op.create_table(
        "activity_event",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("event_timestamp", INSTANT, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("event_category", sa.String(), nullable=False),
        sa.Column("event_action", sa.String(), nullable=False),
        sa.Column("entity_type", sa.String(), nullable=True),
        sa.Column("entity_id", sa.String(), nullable=True),
        sa.Column(
            "event_metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("session_id", sa.String(), nullable=True),
        sa.Column("session_seq", sa.Integer(), nullable=True),
        sa.Column("device_type", sa.String(), nullable=True),
        sa.Column("context_snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "event_timestamp", "event_id", name="pk_activity_event"),
        postgresql_partition_by="RANGE (event_timestamp)",
    )
    op.create_index(
        "ix_activity_event_user_id_event_category_event_timestamp",
        "activity_event",
        ["user_id", "event_category", "event_timestamp"],
    )
    op.create_index(
        "ix_activity_event_user_id_entity_type_entity_id",
        "activity_event",
        ["user_id", "entity_type", "entity_id"],
        postgresql_where=sa.text("entity_id IS NOT NULL"),
    )
    op.create_index(
        "ix_activity_event_session_id_event_timestamp",
        "activity_event",
        ["session_id", "event_timestamp"],
        postgresql_where=sa.text("session_id IS NOT NULL"),
    )
    op.create_index("ix_activity_event_event_timestamp", "activity_event", ["event_timestamp"])


def downgrade() -> None:
    op.drop_table("activity_event")
    op.drop_table("app_user")
