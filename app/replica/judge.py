"""Whether a replica may answer: positions compared, nothing done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Of the write-ahead log: bytes since its beginning, 64 bits.
EVERYTHING = 2**64 - 1
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database: of this cluster, of this number. A physical copy has the same."""

    cluster: int
    database: int


@dataclass(frozen=True, slots=True)
class Present:
    """Where the primary stands: whatever it has acknowledged until now is before `position`.

    `privacy_changes` counts opt-outs and erasures; `is_distributed` says that it is a Citus, whose
    log tells nothing of its workers'.
    """

    identity: Identity
    position: int
    privacy_changes: int
    at: datetime
    is_distributed: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far a replica is: all before `position`, which is None where it is no replica; `until` is
    the time of the last commit in it, by the primary's clock."""

    identity: Identity
    position: int | None
    privacy_changes: int
    until: datetime | None


class Verdict(StrEnum):
    """What a replica is good for."""

    EXACT = "exact"  # it has all that the primary had
    BEHIND = "behind"  # it lacks nothing that this reader must see
    LATE = "late"  # it lacks what this reader wrote, or a change of somebody's privacy
    LAGGING = "lagging"  # it is too far behind for anybody
    FOREIGN = "foreign"  # it is no replica of this database


def judge(present: Present, replayed: Replayed, needed: int, max_lag: timedelta) -> Verdict:
    """What a replica is good for to a reader who must see all before `needed`."""
    if present.is_distributed or replayed.identity != present.identity or replayed.position is None:
        return Verdict.FOREIGN
    if replayed.position >= present.position:
        return Verdict.EXACT
    if replayed.until is None or present.at - replayed.until > max_lag:
        return Verdict.LAGGING
    # What a client says that it has written may be of before a fail-over, or made up.
    if replayed.position < min(needed, present.position):
        return Verdict.LATE
    if replayed.privacy_changes < present.privacy_changes:
        return Verdict.LATE
    return Verdict.BEHIND


def lag_of(present: Present, replayed: Replayed) -> timedelta | None:
    """How old what a replica shows may be at most; None where nobody can tell."""
    if replayed.position is not None and replayed.position >= present.position:
        return timedelta(0)
    return None if replayed.until is None else max(timedelta(0), present.at - replayed.until)


def position_text(position: int) -> str:
    """As it goes over the wire; texts compare as positions do."""
    return f"{position:0{_DIGITS}X}"


def parse_position(text: str) -> int:
    """What a client must see. Of one that can't be read: everything."""
    if len(text) != _DIGITS or not set(text) <= set("0123456789ABCDEF"):
        return EVERYTHING
    return int(text, 16)
