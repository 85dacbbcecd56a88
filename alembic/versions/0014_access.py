"""Keys with several scopes and the day of their last use; that local mode has ended outlasts keys.

Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    # A process of the version before reads and writes `scope` alone: it stays, and means the first.
    op.add_column(
        "api_key",
        sa.Column(
            "more_scopes", sa.ARRAY(sa.String()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.add_column("api_key", sa.Column("last_used_on", sa.Date(), nullable=True))
    op.create_table(
        "local_mode_end",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_local_mode_end"),
    )
    op.execute(
        "INSERT INTO local_mode_end (id, ended_at) SELECT 1, min(created_at) FROM api_key"
        " HAVING count(*) > 0"
    )


def downgrade() -> None:
    op.drop_table("local_mode_end")
    op.drop_column("api_key", "last_used_on")
    op.drop_column("api_key", "more_scopes")
