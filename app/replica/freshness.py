"""Freshness of a replica: a pure comparison of positions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Of the write-ahead log: bytes since its beginning, 64 bits.
EVERYTHING = 2**64 - 1
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity of a database: its cluster and number. A physical copy has the same."""

    cluster: int
    database: int


@dataclass(frozen=True, slots=True)
class Present:
    """The current position of the primary: everything acknowledged so far is before `position`.

    `privacy_changes` counts opt-outs and erasures; `is_distributed` says that it is a Citus
    cluster, whose log does not cover its workers'.
    """

    identity: Identity
    position: int
    privacy_changes: int
    at: datetime
    is_distributed: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """The position of a replica: it has everything before `position`, which is None if it is not a
    replica; `until` is the time of its last commit, by the primary's clock."""

    identity: Identity
    position: int | None
    privacy_changes: int
    until: datetime | None


class ReplicaState(StrEnum):
    """Usability of a replica."""

    EXACT = "exact"  # it has all that the primary had
    BEHIND = "behind"  # it lacks nothing that this reader must see
    LATE = "late"  # it lacks this reader's writes, or a privacy change
    LAGGING = "lagging"  # it is too far behind for all readers
    FOREIGN = "foreign"  # it is no replica of this database


def replica_state(
    present: Present, replayed: Replayed, needed: int, max_lag: timedelta
) -> ReplicaState:
    """Return the usability of a replica for a reader who must see everything before `needed`."""
    if present.is_distributed or replayed.identity != present.identity or replayed.position is None:
        return ReplicaState.FOREIGN
    if replayed.position >= present.position:
        return ReplicaState.EXACT
    if replayed.until is None or present.at - replayed.until > max_lag:
        return ReplicaState.LAGGING
    # What a client says that it has written may be of before a fail-over, or made up.
    if replayed.position < min(needed, present.position):
        return ReplicaState.LATE
    if replayed.privacy_changes < present.privacy_changes:
        return ReplicaState.LATE
    return ReplicaState.BEHIND


def lag_of(present: Present, replayed: Replayed) -> timedelta | None:
    """Return the maximum age of what a replica shows; None if it is unknown."""
    if replayed.position is not None and replayed.position >= present.position:
        return timedelta(0)
    return None if replayed.until is None else max(timedelta(0), present.at - replayed.until)


def lsn_text(position: int) -> str:
    """Return the position as sent to clients; texts compare like positions."""
    return f"{position:0{_DIGITS}X}"


def parse_lsn(text: str) -> int:
    """Parse the position that a client must see. A malformed one means everything."""
    if len(text) != _DIGITS or not set(text) <= set("0123456789ABCDEF"):
        return EVERYTHING
    return int(text, 16)
