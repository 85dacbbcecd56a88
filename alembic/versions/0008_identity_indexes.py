"""One id, one event: a unique index on each month; and the index that serves reads of one user.

Where an earlier version stored one id of a user twice in a month, under two times, nothing is
removed: the one that was received later gets an id of its own.

Revises: 0007
"""

from alembic import op

from app.database.identity_indexes import create_identity_indexes, drop_identity_indexes
from app.database.migration_steps import create_event_index

revision = "0008"
down_revision = "0007"

INDEX = "ix_activity_event_user_id_event_timestamp"


def upgrade() -> None:
    create_event_index(INDEX, "(user_id, event_timestamp)")
    with op.get_context().autocommit_block():
        create_identity_indexes(op.get_bind())


def downgrade() -> None:
    op.drop_index(INDEX, "activity_event")
    drop_identity_indexes(op.get_bind())
