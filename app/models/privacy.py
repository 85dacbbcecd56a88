"""Erasures, secrets, and how often privacy was changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    SmallInteger,
    text,
)
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


class Erasure(Base):
    """Tombstone of an erased user, which does not reveal the user: the email address is a keyed
    hash.

    `user_id` says whose events are still to be deleted; it is gone once that is `finished_at`.
    The opt-outs outlive the person's data.
    """

    __tablename__ = "erasure"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email_hash: Mapped[bytes] = mapped_column(BYTEA, index=True)
    erased_at: Mapped[datetime] = mapped_column(Instant)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    analytics_opt_out: Mapped[bool]
    ai_context_opt_out: Mapped[bool]
    learning_opt_out: Mapped[bool]
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    deleted: Mapped[dict[str, int]] = mapped_column(JSONB)

    __table_args__ = (
        Index("ix_erasure_unfinished", "erased_at", postgresql_where=text("finished_at IS NULL")),
    )


class ServiceSecret(Base):
    """A secret that all processes share, made by the first that needs it."""

    __tablename__ = "service_secret"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes] = mapped_column(BYTEA)


class PrivacyChange(Base):
    """Counter of opt-outs, opt-ins and erasures: one row, changed in their transaction. A replica
    with the same number has all of them."""

    __tablename__ = "privacy_change"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    changes: Mapped[int] = mapped_column(BigInteger)
