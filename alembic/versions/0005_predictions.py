"""Predictions that were served, and how they came out.

Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

INSTANT = sa.TIMESTAMP(timezone=True)
SUMS = ("first_probability", "brier", "log_loss")


def upgrade() -> None:
    op.create_table(
        "served_prediction",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("after_timestamp", INSTANT, nullable=False),
        sa.Column("rested", sa.Boolean(), nullable=False, comment="their session was over"),
        sa.Column("served_at", INSTANT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("event_types", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("probabilities", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("squares", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "user_id", "after_timestamp", "rested", name="pk_served_prediction"
        ),
    )
    op.create_index("ix_served_prediction_served_at", "served_prediction", ["served_at"])
    op.create_table(
        "prediction_score",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("bin", sa.SmallInteger(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("predictions", "hits_at_1", "hits_at_3")
        ),
        *(sa.Column(name, sa.Double(), nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint("user_id", "day", "bin", name="pk_prediction_score"),
    )
    op.create_index("ix_prediction_score_day", "prediction_score", ["day"])


def downgrade() -> None:
    op.drop_table("prediction_score")
    op.drop_table("served_prediction")
