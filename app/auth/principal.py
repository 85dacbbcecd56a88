"""The authenticated caller, and the users whose data it can access."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.errors import Forbidden, InvalidRequest


class Scope(StrEnum):
    """The scope of a key, which can have several. `admin` allows everything; the others do not
    imply one another."""

    WRITE = "write"
    READ = "read"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credentials were good, or the machine's own user in local mode.

    `email` is that of a user token: the only user whose data it can access. `name` tells callers
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
        """Whether the caller can learn that a user opted out or was erased: every caller but keys
        without `admin`, because a key in a page is public."""
        return self.allows(Scope.ADMIN)

    @property
    def sharer(self) -> str | None:
        """The name under which the caller has a share of shared limits; None in local mode, which
        has only one caller."""
        return None if self.kind == "local" else self.caller

    @property
    def writes_as(self) -> tuple[str | None, str | None]:
        """The only user that it may log for (None is any), and in whose share."""
        return self.email, self.sharer

    @property
    def is_user(self) -> bool:
        return self.email is not None

    def user(self, asked: Sequence[str]) -> str:
        """Return the one user that a request is about.

        Raises:
            InvalidRequest: With a key, the user is missing.
            Forbidden: A user token requests another user.
        """
        users = self.users(asked)
        if len(users) != 1:
            raise InvalidRequest.of(
                "user_email", "is required: set the user whose data you request"
            )
        return users[0]

    def users(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the users that a request is about: the requested ones, or a user token's own.

        Raises:
            Forbidden: A user token requests another user.
        """
        if self.email is None:
            return tuple(asked)
        if any(email != self.email for email in asked):
            raise Forbidden("A user token can only access its own user's data.", code="other_user")
        return (self.email,)


ADMIN = frozenset({Scope.ADMIN})
LOCAL = Principal("local", "local", ADMIN)
