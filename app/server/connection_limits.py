"""Limits of connections, and which connections are closed when the limit is reached."""

import resource
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from app.auth.addresses import address_of
from app.errors import HeadersTooLarge
from app.settings import Settings

# Files that are no connections of callers: logs, libraries, pipes, what is being looked at.
OTHER_FILES = 96
CONNECTIONS_MIN = 16
CONNECTIONS_MAX = 4096
# More would only serve idle connections.
FILES_WANTED = 65_536
# The part of all places that is freed at once, so that many newcomers share the cost of a search.
ROOM_PARTS = 32


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of each connection of a process, and of all of them."""

    header_seconds: float = 30
    linger_seconds: float = 5
    unread_seconds: float = 60
    header_max_bytes: int = 64 * 1024
    headers_max: int = 100
    pipelined_max: int = 16
    dropped_max_bytes: int = 16 * 1024 * 1024
    connections_max: int = CONNECTIONS_MAX

    @classmethod
    def of(cls, settings: Settings, database_connections: int) -> "ConnectionLimits":
        """Return the limits that follow from the settings.

        Args:
            database_connections: Number of files that the process may need for them.
        """
        derived = open_files_max() - OTHER_FILES - database_connections
        return cls(
            header_seconds=settings.body_timeout_seconds,
            connections_max=settings.connections_max
            or min(max(derived, CONNECTIONS_MIN), CONNECTIONS_MAX),
        )

    def header_too_large(self) -> HeadersTooLarge:
        """Return the error for a header beyond these limits."""
        return HeadersTooLarge(
            f"The request header must have at most {self.header_max_bytes} bytes and "
            f"{self.headers_max} fields.",
            details={"header_max_bytes": self.header_max_bytes, "headers_max": self.headers_max},
        )


def open_files_max() -> int:
    """Raise the limit of open files of this process as far as is useful, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return min(soft, FILES_WANTED) if soft != resource.RLIM_INFINITY else FILES_WANTED


class Place(Protocol):
    """An open connection, as seen by the connection limit.

    `is_known` says that it carried a request with valid credentials; `since` is when it was opened
    or last sent a response, by the event loop's clock.
    """

    client: tuple[str, int] | None
    since: float
    is_known: bool

    @property
    def is_expendable(self) -> bool: ...

    def give_up(self) -> None: ...


def make_room(connections: Collection[Any], newcomer: Place, limits: ConnectionLimits) -> bool:
    """Close connections without an in-flight request; return whether there is room now.

    Connections without a known caller go first; among these, those of the address with the most
    connections; among these, the oldest. So a client that opens many loses its own, and never those
    of a known caller with fewer. A proxy is one address: it reopens the idle ones it loses.
    """
    if sum(not each.transport.is_closing() for each in connections) <= limits.connections_max:
        return True
    of_address = Counter(address_of(each.client) for each in connections)
    own = of_address[address_of(newcomer.client)]
    expendable = [
        each
        for each in connections
        if each is not newcomer
        and each.is_expendable
        and (not each.is_known or of_address[address_of(each.client)] >= own)
    ]
    expendable.sort(
        key=lambda each: (each.is_known, -of_address[address_of(each.client)], each.since)
    )
    chosen = expendable[: max(1, limits.connections_max // ROOM_PARTS)]
    for each in chosen:
        each.give_up()
    return bool(chosen)
