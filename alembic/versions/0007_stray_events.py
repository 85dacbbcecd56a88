"""Events that lie in another month than their ids say.

Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from app.database.identity_indexes import fill_strays

revision = "0007"
down_revision = "0006"

PARTIAL = "ix_activity_event_user_id_event_timestamp"
RENAMED = "ix_activity_event_without_session"
COMMENTS = {
    "before": "some event is stored under another time than its client gave: look up by id",
    "after": "some event lies in another month than its id says: see stray_event",
}


def upgrade() -> None:
    op.create_table(
        "stray_event",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_timestamp", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "event_id", name="pk_stray_event"),
    )
    op.execute(f"COMMENT ON COLUMN app_user.redated IS '{COMMENTS['after']}'")
    # The name is that of the whole index, which the next revision makes.
    op.execute(f"ALTER INDEX {PARTIAL} RENAME TO {RENAMED}")
    # At once: a process that knows the table trusts in it.
    fill_strays()


def downgrade() -> None:
    op.execute(f"DROP INDEX IF EXISTS {PARTIAL}")  # of the next revision, where that was cut off
    op.execute(f"ALTER INDEX {RENAMED} RENAME TO {PARTIAL}")
    op.execute(f"COMMENT ON COLUMN app_user.redated IS '{COMMENTS['before']}'")
    op.drop_table("stray_event")
