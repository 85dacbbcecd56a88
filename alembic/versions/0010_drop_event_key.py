"""The time is no part of an event's identity: the key that held it goes.

Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"

NAME = "pk_activity_event"


def upgrade() -> None:
    op.drop_constraint(NAME, "activity_event")


def downgrade() -> None:
    op.create_primary_key(NAME, "activity_event", ["user_id", "event_timestamp", "event_id"])
