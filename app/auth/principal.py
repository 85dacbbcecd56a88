"""Who is asking, and whose data they may touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from app.errors import Forbidden, InvalidRequest


class Scope(StrEnum):
    """What a key is for. `admin` may do everything; the others do not imply one another."""

    WRITE = "write"
    READ = "read"
    METRICS = "metrics"
    ADMIN = "admin"

    def allows(self, wanted: "Scope") -> bool:
        return self in {wanted, Scope.ADMIN}


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credentials were good, or the machine's own user in local mode.

    `email` is that of a user token: the only user whose data it may touch. `name` tells callers
    apart for their rates, and holds no secret.
    """

    kind: Literal["local", "key", "user"]
    name: str
    scope: Scope
    email: str | None = None

    @property
    def caller(self) -> str:
        """The name, apart from those of other kinds."""
        return f"{self.kind}:{self.name}"

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


LOCAL = Principal("local", "local", Scope.ADMIN)
