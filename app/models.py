"""The tables. Migrations in `alembic/versions` create them; a test holds both to each other."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Integer, MetaData, PrimaryKeyConstraint, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Instant = TIMESTAMP(timezone=True)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class AppUser(Base):
    """A person, known by a trimmed, lower-cased email address. Events hold the id alone."""

    __tablename__ = "app_user"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=text("now()"))


class ActivityEvent(Base):
    """One thing that a user did. Range-partitioned by month of `event_timestamp` (UTC).

    The primary key serves all reads of one user; on Citus, `user_id` distributes. There is no
    foreign key to `app_user`, as Citus could not keep it (`docs/decisions/0003-indexes.md` has the
    measurements behind the indexes).
    """

    __tablename__ = "activity_event"

    user_id: Mapped[int] = mapped_column(BigInteger)
    event_timestamp: Mapped[datetime] = mapped_column(Instant)
    event_id: Mapped[UUID]
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
        PrimaryKeyConstraint("user_id", "event_timestamp", "event_id"),
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
        {"postgresql_partition_by": "RANGE (event_timestamp)"},
    )
