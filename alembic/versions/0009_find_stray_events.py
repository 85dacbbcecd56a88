"""The strays that processes of the version before have written since revision 0007.

Reads all events and stops no writes.

Revises: 0008
"""

from alembic import op

from app.database.identity_indexes import fill_strays

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    fill_strays()


def downgrade() -> None:
    op.execute("DELETE FROM stray_event")
