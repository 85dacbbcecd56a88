"""The demo's events: the same for the same seed and day, from wherever they are begun."""

import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from activity_events.uuid7 import time_of_uuid7
from app.demo.fill import Demo, demo_events
from app.demo.people import FIRST_NAMES, USERS_MAX
from app.demo.storyline import storyline_at
from app.demo.visits import DemoEvent
from app.ingest.content_ids import ContentIds
from app.ingest.identity import find_doubtful
from app.ingest.import_files import Entry
from app.ingest.import_prepare import prepare_entry
from app.ingest.rows import EventRow
from app.settings import Settings
from tests.conftest import NOW

# A Friday. Its anchor is the Monday 18 days before.
SMALL = Demo(users=14, days=40, seed=7, timezone="Europe/Berlin", now=NOW)
FEW = replace(SMALL, days=9)


def events(demo: Demo) -> list[DemoEvent]:
    return [event for _, event in demo_events(demo)]


def local_day(event: DemoEvent, demo: Demo) -> date:
    # Who works at night does so on the day before.
    at = datetime.fromisoformat(event["event_timestamp"]) - timedelta(hours=5)
    return replace(demo, now=at).end_on


def digest(demo: Demo) -> str:
    return hashlib.sha256(json.dumps(events(demo)).encode()).hexdigest()


@pytest.fixture(scope="module")
def small() -> list[DemoEvent]:
    return events(SMALL)


def test_the_same_again_is_the_same_in_any_process() -> None:
    script = (
        "from tests.unit.test_demo import FEW, digest\nimport sys; sys.stdout.write(digest(FEW))"
    )
    other = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert other.stdout == digest(FEW)


def test_another_seed_has_other_events_with_other_ids(small: list[DemoEvent]) -> None:
    other = events(replace(SMALL, seed=8, days=5))
    assert {each["event_id"] for each in other} & {each["event_id"] for each in small} == set()


def test_a_day_is_the_same_however_many_are_asked_for(small: list[DemoEvent]) -> None:
    assert FEW.start_on == date(2026, 11, 12)
    assert events(FEW) == [e for e in small if local_day(e, SMALL) >= FEW.start_on]


def test_people_are_the_same_however_many_there_are(small: list[DemoEvent]) -> None:
    emails = [person.email for person in replace(SMALL, users=6).people]
    assert emails == [person.email for person in SMALL.people][:6]
    assert events(replace(SMALL, users=6)) == [e for e in small if e["user_email"] in emails]


def test_later_only_what_is_new_is_added(small: list[DemoEvent]) -> None:
    """Until the anchor moves on: from a Monday to the Sunday four weeks later."""
    later = replace(SMALL, now=NOW + timedelta(days=9))
    assert later.storyline == SMALL.storyline
    known = {each["event_id"]: each for each in events(later)}
    kept = [each for each in small if local_day(each, SMALL) >= later.start_on]
    assert [each for each in kept if known[each["event_id"]] != each] == []
    latest = max(each["event_timestamp"] for each in kept)
    new = [each for each in known.values() if each["event_timestamp"] > latest]
    assert len(kept) + len(new) == len(known)


def test_the_anchor_moves_every_four_weeks() -> None:
    assert storyline_at(date(2026, 11, 1)).anchor_on == date(2026, 10, 5)
    assert storyline_at(date(2026, 11, 2)).anchor_on == date(2026, 11, 2)
    line = storyline_at(date(2026, 11, 29))
    assert (line.anchor_on, line.last_on) == (date(2026, 11, 2), date(2026, 11, 29))
    assert (line.broken_first_on, line.broken_last_on) == (date(2026, 10, 12), date(2026, 10, 18))
    assert line.launched_on == date(2026, 9, 29)


def test_nothing_lies_in_the_future_nor_before_the_first_day(small: list[DemoEvent]) -> None:
    times = [each["event_timestamp"] for each in small]
    assert NOW - timedelta(hours=1) < datetime.fromisoformat(max(times)) < NOW
    assert max(each["received_at"] for each in small) < NOW.isoformat()
    assert {local_day(each, SMALL) for each in small} <= {
        SMALL.start_on + timedelta(days=count) for count in range(40)
    }
    assert SMALL.start_on == date(2026, 10, 12)


def test_every_moment_of_now_cuts_the_same_day(small: list[DemoEvent]) -> None:
    earlier = events(replace(SMALL, now=NOW - timedelta(minutes=97)))
    ids = {each["event_id"] for each in earlier}
    assert earlier == [each for each in small if each["event_id"] in ids]
    assert 0 < len(small) - len(earlier) < 1000


def test_sessions_are_numbered_without_a_gap(small: list[DemoEvent]) -> None:
    sessions: defaultdict[str, list[DemoEvent]] = defaultdict(list)
    for each in small:
        sessions[each["session_id"]].append(each)
    assert len(sessions) > 800
    for session in sessions.values():
        assert [each["session_seq"] for each in session] == list(range(1, len(session) + 1))
        assert len({(each["user_email"], each["device_type"]) for each in session}) == 1
        assert session[0]["event_type"] == "page_viewed"
        times = [datetime.fromisoformat(each["event_timestamp"]) for each in session]
        assert all(timedelta() < after - before for before, after in pairwise(times))
        assert all(after - before < timedelta(minutes=32) for before, after in pairwise(times))


def test_ids_are_unique_and_say_the_time(small: list[DemoEvent]) -> None:
    assert len({each["event_id"] for each in small}) == len(small)
    for each in small:
        event_id = UUID(each["event_id"])
        assert (event_id.version, event_id.variant) == (7, UUID(int=1 << 63).variant)
        assert time_of_uuid7(event_id) == datetime.fromisoformat(each["event_timestamp"])


def test_everything_is_kept_as_it_is(small: list[DemoEvent]) -> None:
    """Neither refused nor warned of, nothing redacted, no time that is doubted."""
    settings = Settings()
    ids = ContentIds()
    for number, each in enumerate(small, 1):
        row = prepare_entry(Entry(number, each, 1), settings, NOW, ids)
        assert isinstance(row, EventRow)
        assert row.warnings == ()
        assert json.loads(row.event_metadata) == each["metadata"]
        assert not find_doubtful([row]).strays
    ids.close()


def test_no_two_people_have_one_email() -> None:
    people = replace(SMALL, users=USERS_MAX).people
    assert len({person.email for person in people}) == USERS_MAX
    # The documentation's own examples log and erase these.
    assert {"ada", "bob"} & set(FIRST_NAMES) == set()
    assert len(set(FIRST_NAMES)) == len(FIRST_NAMES)


@pytest.mark.parametrize("timezone", ["America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_days_are_those_of_the_zone(timezone: str) -> None:
    demo = replace(SMALL, timezone=timezone, days=12, users=1, seed=9)
    times = [datetime.fromisoformat(each["event_timestamp"]) for each in events(demo)]
    hours = [at.astimezone(demo.zone).hour for at in times]
    assert len(hours) > 100
    assert set(hours) <= {19, 20, 21, 22, 23, 0, 1, 2, 3}
