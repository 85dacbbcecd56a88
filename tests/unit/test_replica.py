"""Which reads a replica may answer, by where it and the primary are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activity_events import positions
from app.replica.freshness import (
    EVERYTHING,
    Identity,
    Present,
    Replayed,
    ReplicaState,
    lag_of,
    lsn_text,
    parse_lsn,
    replica_state,
)
from app.replica.read_your_writes import Callers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MAX_LAG = timedelta(seconds=10)
PRESENT = Present(Identity(77, 5), position=1000, privacy_changes=3, at=NOW, is_distributed=False)


def replayed(
    position: int | None, *, changes: int = 3, seconds: float | None = 1, database: int = 5
) -> Replayed:
    until = None if seconds is None else NOW - timedelta(seconds=seconds)
    return Replayed(Identity(77, database), position, changes, until)


@pytest.mark.parametrize(
    ("copy", "needed", "verdict"),
    [
        # It has all, whenever that was committed.
        (replayed(1000), 0, ReplicaState.EXACT),
        (replayed(1001, seconds=3600), 1000, ReplicaState.EXACT),
        (replayed(1000, seconds=None), EVERYTHING, ReplicaState.EXACT),
        # It lacks something, but nothing of this reader's.
        (replayed(999), 0, ReplicaState.BEHIND),
        (replayed(999), 999, ReplicaState.BEHIND),
        (replayed(999, seconds=10), 0, ReplicaState.BEHIND),
        (replayed(999, changes=4), 0, ReplicaState.BEHIND),
        # It lacks what this reader wrote.
        (replayed(998), 999, ReplicaState.LATE),
        (replayed(999), 1000, ReplicaState.LATE),
        # A position of before a fail-over, or a made-up one, asks for all that there is.
        (replayed(999), 5000, ReplicaState.LATE),
        (replayed(999), EVERYTHING, ReplicaState.LATE),
        (replayed(1000), 5000, ReplicaState.EXACT),
        # Somebody was erased, or opted out.
        (replayed(999, changes=2), 0, ReplicaState.LATE),
        # It is too old for anybody.
        (replayed(999, seconds=10.001), 0, ReplicaState.LAGGING),
        (replayed(999, seconds=10.001), 999, ReplicaState.LAGGING),
        (replayed(999, seconds=None), 0, ReplicaState.LAGGING),
        # It is no replica, or none of this database.
        (replayed(None), 0, ReplicaState.FOREIGN),
        (replayed(1000, database=6), 0, ReplicaState.FOREIGN),
        (replace(replayed(1000), identity=Identity(78, 5)), 0, ReplicaState.FOREIGN),
    ],
)
def test_what_a_replica_is_good_for(copy: Replayed, needed: int, verdict: ReplicaState) -> None:
    assert replica_state(PRESENT, copy, needed, MAX_LAG) is verdict


def test_the_log_of_a_coordinator_says_nothing_of_its_workers() -> None:
    citus = replace(PRESENT, is_distributed=True)
    assert replica_state(citus, replayed(1000), 0, MAX_LAG) is ReplicaState.FOREIGN


@pytest.mark.parametrize(
    ("copy", "seconds"),
    [
        (replayed(1000, seconds=50), 0),
        (replayed(999, seconds=4), 4),
        (replayed(999, seconds=-1), 0),
        (replayed(999, seconds=None), None),
    ],
)
def test_how_old_it_may_be(copy: Replayed, seconds: float | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert lag_of(PRESENT, copy) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0000000001A2B3C4", 0x1A2B3C4),
        ("FFFFFFFFFFFFFFFF", EVERYTHING),
        ("", EVERYTHING),
        ("0/1A2B3C4", EVERYTHING),
        ("0000000001a2b3c4", EVERYTHING),
        ("-000000001A2B3C4", EVERYTHING),
        ("0000000000000_10", EVERYTHING),
        ("00000000000000001", EVERYTHING),
        ("\u0660" * 16, EVERYTHING),
    ],
)
def test_a_position_that_cant_be_read_asks_for_everything(text: str, position: int) -> None:
    assert parse_lsn(text) == position


def test_positions_compare_as_their_texts() -> None:
    some = [0, 1, 9, 10, 0xFF, 0x100, 2**32, EVERYTHING]
    texts = [lsn_text(each) for each in some]
    assert texts == sorted(texts)
    assert [parse_lsn(each) for each in texts] == some


def test_callers_need_what_they_wrote_last() -> None:
    callers = Callers(at_most=2)
    assert callers.needed("ada") == 0
    callers.note("ada", 10)
    callers.note("ada", 7)  # an answer that was overtaken
    callers.note("bob", 20)
    assert [callers.needed(each) for each in ("ada", "bob", "eve")] == [10, 20, 0]


def test_of_forgotten_callers_all_need_the_most() -> None:
    callers = Callers(at_most=2)
    for caller, position in (("ada", 10), ("bob", 20), ("ada", 30), ("eve", 40)):
        callers.note(caller, position)
    # Bob was the one who had not written for longest.
    assert [callers.needed(each) for each in ("ada", "bob", "eve", "zoe")] == [30, 20, 40, 20]


def test_the_client_tells_the_furthest_position_that_it_has_heard_of() -> None:
    url = "http://positions.example.com"
    assert positions.headers(url) == {}
    for heard in (None, "nonsense", "00000000000000F0", "0000000000000100", "00000000000000FF"):
        positions.note(url, heard)
    assert positions.headers(url) == {"Activity-Position": "0000000000000100"}
    assert positions.headers("http://another.example.com") == {}
