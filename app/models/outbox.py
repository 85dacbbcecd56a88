"""The outbox: which events arrived together, for live streams."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


class ActivityArrival(Base):
    """Events that were committed in one transaction; kept for a while, for live streams.
    Transactions before the oldest running one are complete."""

    __tablename__ = "activity_arrival"

    transaction_id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="pg_current_xact_id()"
    )
    arrived_at: Mapped[datetime] = mapped_column(Instant)
    user_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    event_timestamps: Mapped[list[datetime]] = mapped_column(ARRAY(Instant))
    event_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))

    __table_args__ = (Index(None, "arrived_at"),)
