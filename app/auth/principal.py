"""Who is asking, and whose data they may touch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.errors import Forbidden, InvalidRequest


class Scope(StrEnum):
    """What a key is for; it may have several. `admin` may do everything; the others do not imply
    one another."""

    WRITE = "write"
    READ = "read"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credentials were good, or the machine's own user in local mode.

    `email` is that of a user token: the only user whose data it may touch. `name` tells callers
    apart for their rates and shares, and holds no secret. From `expires_at` on, the credentials are
    refused; None is never.
    """

    kind: Literal["local", "key", "user"]
    name: str
    scopes: frozenset[Scope]
    email: str | None = None
    expires_at: datetime | None = field(default=None, compare=False)

    @property
    def caller(self) -> str:
        """The name, apart from those of other kinds."""
        return f"{self.kind}:{self.name}"

    def allows(self, wanted: Scope) -> bool:
        return wanted in self.scopes or Scope.ADMIN in self.scopes

    @property
    def knows_privacy(self) -> bool:
        """Whether it may know that somebody has opted out or was erased: all but keys that are
        less than `admin`, as one that is in a page is anybody's."""
        return self.allows(Scope.ADMIN)

    @property
    def sharer(self) -> str | None:
        """The name by which it has a share of what callers share; None in local mode, where there
        is nobody to share with."""
        return None if self.kind == "local" else self.caller

    @property
    def writes_as(self) -> tuple[str | None, str | None]:
        """The only user that it may log for (None is any), and in whose share."""
        return self.email, self.sharer

    @property
    def is_user(self) -> bool:
        return self.email is not None

    def user(self, asked: Sequence[str]) -> str:
        """The one user that a request is about.

        Raises:
            InvalidRequest: a key does not say whose.
            Forbidden: a user token asks for somebody else.
        """
        users = self.users(asked)
        if len(users) != 1:
            raise InvalidRequest.of("user_email", "is missing: whose data is it about?")
        return users[0]

    def users(self, asked: Sequence[str]) -> tuple[str, ...]:
        """The users that a request is about: those asked for, or a user token's own.

        Raises:
            Forbidden: a user token asks for somebody else.
        """
        if self.email is None:
            return tuple(asked)
        if any(email != self.email for email in asked):
            raise Forbidden("A user token reaches its own user alone.", code="other_user")
        return (self.email,)


ADMIN = frozenset({Scope.ADMIN})
LOCAL = Principal("local", "local", ADMIN)
