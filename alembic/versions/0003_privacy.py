"""Keys, opt-outs, erasures, and when each duty last succeeded.

Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

INSTANT = sa.TIMESTAMP(timezone=True)
FLAGS = {
    "analytics_opt_out": ("false", "nothing is recorded, and what was is hidden from analytics"),
    "ai_context_opt_out": ("false", "hidden from what assistants read"),
    "learning_opt_out": ("false", "hidden from what is learned"),
    "counted": ("true", "their events are in activity_rollup"),
}


def upgrade() -> None:
    op.alter_column(
        "app_user", "email", nullable=True, comment="none while the user is being erased"
    )
    for name, (default, comment) in FLAGS.items():
        op.add_column(
            "app_user",
            sa.Column(
                name,
                sa.Boolean(),
                server_default=sa.text(default),
                nullable=False,
                comment=comment,
            ),
        )
    op.add_column(
        "app_user",
        sa.Column(
            "not_before",
            INSTANT,
            nullable=True,
            comment="when this person was erased last: earlier events are suppressed",
        ),
    )
    op.create_index(
        "ix_app_user_id",
        "app_user",
        ["id"],
        postgresql_where=sa.text("email IS NULL OR analytics_opt_out"),
    )
    op.create_table(
        "api_key",
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("secret_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("allowed_origins", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("prefix", name="pk_api_key"),
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("erased_at", INSTANT, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("analytics_opt_out", sa.Boolean(), nullable=False),
        sa.Column("ai_context_opt_out", sa.Boolean(), nullable=False),
        sa.Column("learning_opt_out", sa.Boolean(), nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("deleted", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasure"),
    )
    op.create_index("ix_erasure_email_hash", "erasure", ["email_hash"])
    op.create_table(
        "service_secret",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", postgresql.BYTEA(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_service_secret"),
    )
    op.create_table(
        "duty",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("last_success_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_duty"),
    )


def downgrade() -> None:
    for table in ("duty", "service_secret", "erasure", "api_key"):
        op.drop_table(table)
    op.drop_index("ix_app_user_id", "app_user")
    op.drop_column("app_user", "not_before")
    for name in reversed(FLAGS):
        op.drop_column("app_user", name)
    # Whoever was being erased can't be kept under no name: the rest of them goes now.
    for table in ("activity_user_day", "activity_event"):
        op.execute(
            f"DELETE FROM {table} WHERE user_id IN (SELECT id FROM app_user WHERE email IS NULL)"  # noqa: S608
        )
    op.execute("DELETE FROM app_user WHERE email IS NULL")
    op.alter_column("app_user", "email", nullable=False, comment=None)
