"""Users."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


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
