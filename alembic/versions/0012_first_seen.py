"""When a user was first active, kept once the events of then are removed.

Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column(
        "app_user",
        sa.Column(
            "first_seen_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="first activity, of the events that were removed: no later one is new",
        ),
    )


def downgrade() -> None:
    op.drop_column("app_user", "first_seen_at")
