"""Data that processes store for one another."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


class BackgroundTaskRun(Base):
    """Time of the last success of a background task, in any process."""

    __tablename__ = "duty"

    name: Mapped[str] = mapped_column(primary_key=True)
    last_success_at: Mapped[datetime] = mapped_column(Instant)
