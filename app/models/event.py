"""Events, and those that lie in another month than their id says."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    Uuid,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


class ActivityEvent(Base):
    """One thing that a user did. Range-partitioned by month of `event_timestamp` (UTC).

    An event is known by `(user_id, event_id)`. No constraint of a partitioned table can say so, as
    it would have to hold the time: each partition has a unique index of its own
    (`database/partitions`), and `StrayEvent` has what lies in another month than its id says.

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


# Name -> type as SQL writes it, in the table's order.
EVENT_COLUMNS = {
    column.name: column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    for column in ActivityEvent.__table__.columns
}


class StrayEvent(Base):
    """An event that lies in another month than the one its UUIDv7 names. A retry at another time is
    looked for in the month of its id, and here."""

    __tablename__ = "stray_event"

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_timestamp: Mapped[datetime] = mapped_column(Instant)
