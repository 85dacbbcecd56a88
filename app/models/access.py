"""Tables of API keys and local mode; see `app/auth/keys.py`."""

from datetime import date, datetime

from sqlalchemy import SmallInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


class ApiKey(Base):
    """A key that was given out: its secret is kept as a SHA-256 alone. `scope` is its first."""

    __tablename__ = "api_key"

    prefix: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    scope: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(BYTEA)
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(String))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    more_scopes: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text("'{}'"))
    last_used_on: Mapped[date | None]


class LocalModeEnd(Base):
    """Since when callers have to be known: one row, which outlasts the keys."""

    __tablename__ = "local_mode_end"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    ended_at: Mapped[datetime] = mapped_column(Instant)
