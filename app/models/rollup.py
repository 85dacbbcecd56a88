"""Rollups: counts that are updated in the transaction of their events."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Index,
    SmallInteger,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


class ActivityRollup(Base):
    """Number of events on several levels (`Level`), written in their transaction.

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
    """Quarter-hours of a UTC day in which a user was active; the first bit is 00:00 to 00:15.

    `summary` counts the day's events once it is over, so that they need not be read again: every
    write that touches the day takes it away (`app/ingest/summaries.py`).
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
