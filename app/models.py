"""The tables. Migrations in `alembic/versions` create them; a test holds both to each other."""

import hmac
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT, BYTEA, JSON, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Instant = TIMESTAMP(timezone=True)


def email_hash(secret: bytes, email: str) -> bytes:
    """What is kept of an erased person: nobody without the secret can tell whose it is."""
    return hmac.digest(secret, email.encode(), "sha256")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class AppUser(Base):
    """A person, known by the normal form of their email address (`app.schemas.email`).

    Events hold the id alone.
    """

    __tablename__ = "app_user"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    email: Mapped[str | None] = mapped_column(
        unique=True, comment="none while the user is being erased"
    )
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=text("now()"))
    redated: Mapped[bool] = mapped_column(
        server_default=text("false"),
        comment="some event lies in another month than its id says: see stray_event",
    )
    analytics_opt_out: Mapped[bool] = mapped_column(
        server_default=text("false"),
        comment="nothing is recorded, and what was is hidden from analytics",
    )
    ai_context_opt_out: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="hidden from what assistants read"
    )
    learning_opt_out: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="hidden from what is learned"
    )
    counted: Mapped[bool] = mapped_column(
        server_default=text("true"), comment="their events are in activity_rollup"
    )
    not_before: Mapped[datetime | None] = mapped_column(
        Instant, comment="when this person was erased last: earlier events are suppressed"
    )
    first_seen_at: Mapped[datetime | None] = mapped_column(
        Instant,
        comment="first activity, of the events that were removed: no later one is new",
    )

    __table_args__ = (
        Index(None, "id", postgresql_where=text("email IS NULL OR analytics_opt_out")),
    )


class ActivityEvent(Base):
    """One thing that a user did. Range-partitioned by month of `event_timestamp` (UTC).

    An event is known by `(user_id, event_id)`. No constraint of a partitioned table can say so, as
    it would have to hold the time: each partition has a unique index of its own
    (`privacy/partitions`), and `StrayEvent` has what lies in another month than its id says.

    `(user_id, event_timestamp)` serves all reads of one user; on Citus, `user_id` distributes.
    There is no foreign key to `app_user`: Citus could not keep it (docs/decisions/0003-indexes.md).
    """

    __tablename__ = "activity_event"

    user_id: Mapped[int] = mapped_column(BigInteger)
    event_timestamp: Mapped[datetime] = mapped_column(Instant)
    event_id: Mapped[UUID] = mapped_column(Uuid)
    event_type: Mapped[str]
    event_category: Mapped[str]
    event_action: Mapped[str]
    entity_type: Mapped[str | None]
    entity_id: Mapped[str | None]
    event_metadata: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    session_id: Mapped[str | None]
    session_seq: Mapped[int | None] = mapped_column(Integer)
    device_type: Mapped[str | None]
    context_snapshot: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        Index(None, "user_id", "event_timestamp"),
        Index(None, "user_id", "event_category", "event_timestamp"),
        Index(
            None,
            "user_id",
            "entity_type",
            "entity_id",
            postgresql_where=text("entity_id IS NOT NULL"),
        ),
        Index(
            None,
            "session_id",
            "event_timestamp",
            postgresql_where=text("session_id IS NOT NULL"),
        ),
        Index(None, "event_timestamp"),
        # Of those that have no session, sessions are made by their times.
        Index(
            "ix_activity_event_without_session",
            "user_id",
            "event_timestamp",
            postgresql_where=text("session_id IS NULL"),
        ),
        {"postgresql_partition_by": "RANGE (event_timestamp)"},
    )
    __mapper_args__ = {"primary_key": (user_id, event_id)}  # noqa: RUF012 (SQLAlchemy's own)


class StrayEvent(Base):
    """An event that lies in another month than the one its UUIDv7 names. A retry at another time is
    looked for in the month of its id, and here."""

    __tablename__ = "stray_event"

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_timestamp: Mapped[datetime] = mapped_column(Instant)


class ActivityRollup(Base):
    """How many events there were, on several levels (`Level`), written in their transaction.

    Quarter-hours of UTC make up every time zone's days. `device_type` is empty where there is none,
    as it is part of the key; `duration_ms` sums up the `timed` ones.
    """

    __tablename__ = "activity_rollup"

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    bucket: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    event_type: Mapped[str] = mapped_column(primary_key=True)
    event_category: Mapped[str] = mapped_column(primary_key=True)
    event_action: Mapped[str] = mapped_column(primary_key=True)
    device_type: Mapped[str] = mapped_column(primary_key=True)
    events: Mapped[int] = mapped_column(BigInteger)
    timed: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int] = mapped_column(BigInteger)


class ActivityUserDay(Base):
    """In which quarter-hours of a UTC day a user was active; the first bit is 00:00 to 00:15.

    `summary` counts the day's events once it is over, so that they need not be read again: every
    write that touches the day takes it away (`app/summaries.py`).
    """

    __tablename__ = "activity_user_day"

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    slots: Mapped[str] = mapped_column(BIT(96))
    summary: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), comment="a JSON null where there is too little to sum up"
    )

    __table_args__ = (
        Index(None, "day"),
        Index("ix_activity_user_day_unsummed", "day", postgresql_where=text("summary IS NULL")),
    )


class ActivitySession(Base):
    """The start and end of a session and its number of events, written in their transaction. Ids
    are a user's own."""

    __tablename__ = "activity_session"

    session_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime] = mapped_column(Instant)
    events: Mapped[int] = mapped_column(BigInteger)
    is_long: Mapped[bool] = mapped_column(comment="more than a day lies between its ends")

    __table_args__ = (
        Index(None, "started_at", "user_id"),
        Index(None, "user_id", "started_at"),
        Index(
            "ix_activity_session_long", "user_id", "started_at", postgresql_where=text("is_long")
        ),
    )


class ActivityArrival(Base):
    """Which events came together, in one transaction; kept for a while, for those who listen. Those
    of transactions before the oldest one under way are complete."""

    __tablename__ = "activity_arrival"

    transaction_id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="pg_current_xact_id()"
    )
    arrived_at: Mapped[datetime] = mapped_column(Instant)
    user_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    event_timestamps: Mapped[list[datetime]] = mapped_column(ARRAY(Instant))
    event_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))

    __table_args__ = (Index(None, "arrived_at"),)


class Erasure(Base):
    """That somebody was erased, without saying who: the email is there as a keyed hash.

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
    """How often somebody opted out, or in again, or was erased: one row, changed in the transaction
    that does it. A replica that has the same number has all of them."""

    __tablename__ = "privacy_change"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    changes: Mapped[int] = mapped_column(BigInteger)


class Duty(Base):
    """When a duty that is done now and then was last done, by whichever process."""

    __tablename__ = "duty"

    name: Mapped[str] = mapped_column(primary_key=True)
    last_success_at: Mapped[datetime] = mapped_column(Instant)
