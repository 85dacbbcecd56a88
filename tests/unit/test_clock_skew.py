"""Which time an event is stored under: wrong clocks, the future, the past, and none at all."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activity_events.uuid7 import time_of_uuid7, uuid7
from app.ingest.clock_skew import clock_lead
from app.ingest.results import Warn
from app.ingest.rows import TimeBasis
from app.settings import Settings
from tests.conftest import NOW
from tests.unit.conftest import AT, EVENT_ID, kept, rejected

UUID4 = "3f2b8a52-4d0e-4c2b-9a3e-5d6f7a8b9c0d"
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)


def codes(warnings: tuple[Warn, ...]) -> list[tuple[str, str]]:
    return [(warn.code, warn.field) for warn in warnings]


@pytest.mark.parametrize(
    ("sent_at", "lead_seconds"),
    [
        ("2026-11-20T12:00:00Z", None),
        ("2026-11-20T11:58:59Z", None),  # a clock that is behind, or a request that took long
        ("2024-11-20T12:00:00Z", None),
        ("2026-11-20T12:01:00Z", None),  # a minute ahead: just within the tolerance
        ("2026-11-20T12:01:01Z", 61),
        ("2026-11-20T17:30:00+05:30", None),
        ("2026-11-20T12:00:00", None),  # no offset: UTC
        ("2026-11-20T13:00:00", 3600),
    ],
)
def test_a_clock_is_wrong_past_the_tolerance(sent_at: str, lead_seconds: int | None) -> None:
    expected = None if lead_seconds is None else timedelta(seconds=lead_seconds)
    assert clock_lead(datetime.fromisoformat(sent_at), NOW, Settings()) == expected


def test_a_microsecond_past_the_tolerance_counts() -> None:
    sent_at = datetime(2026, 11, 20, 12, 1, 0, 1, tzinfo=UTC)
    assert clock_lead(sent_at, NOW, Settings()) == timedelta(seconds=60, microseconds=1)
    assert clock_lead(None, NOW, Settings()) is None


@pytest.mark.fault("A2")
@pytest.mark.parametrize("sent_at", ["2026-11-20T11:58:30Z", "2026-11-20T10:00:00Z"])
def test_a_sent_at_in_the_past_proves_nothing(sent_at: str) -> None:
    """It was under way for so long, or the clock is slow: nothing tells one from the other."""
    row = kept(event_timestamp="2026-11-20T09:30:00Z", sent_at=sent_at)
    assert row.event_timestamp == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert row.time_basis is TimeBasis.GIVEN
    assert row.warnings == ()


def test_a_clock_that_is_ahead_is_corrected_backwards() -> None:
    row = kept(event_timestamp="2026-11-22T11:30:00Z", sent_at="2026-11-22T12:00:00Z")
    assert row.event_timestamp == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)
    assert row.time_basis is TimeBasis.CORRECTED
    assert row.warnings == (
        Warn(
            "clock_corrected",
            "event_timestamp",
            "the client's clock is 172800 seconds ahead; corrected",
        ),
    )


def test_the_time_of_a_right_clock_is_fixed_however_late_the_event() -> None:
    row = kept(event_timestamp="2026-11-13T12:00:00Z", sent_at="2026-11-20T11:59:30Z")
    assert row.event_timestamp == datetime(2026, 11, 13, 12, tzinfo=UTC)
    assert row.time_basis is TimeBasis.GIVEN
    assert row.warnings == ()


@pytest.mark.parametrize(
    ("event_timestamp", "stored", "warnings"),
    [
        ("2026-11-20T12:01:00Z", "2026-11-20T12:01:00+00:00", []),
        ("2026-11-20T12:01:00.000001Z", "2026-11-20T12:00:00+00:00", ["in_future"]),
        ("2026-11-21T12:00:00Z", "2026-11-20T12:00:00+00:00", ["in_future"]),
        ("2025-11-20T12:00:00Z", "2025-11-20T12:00:00+00:00", []),  # exactly 365 days
        ("2026-11-20T17:00:00+05:30", "2026-11-20T11:30:00+00:00", []),
        ("2026-11-20T11:30:00", "2026-11-20T11:30:00+00:00", ["naive_timestamp"]),
    ],
)
def test_times_that_are_kept(event_timestamp: str, stored: str, warnings: list[str]) -> None:
    row = kept(event_timestamp=event_timestamp)
    assert row.event_timestamp == datetime.fromisoformat(stored)
    assert [warn.code for warn in row.warnings] == warnings
    moved = TimeBasis.CORRECTED if "in_future" in warnings else TimeBasis.GIVEN
    assert row.time_basis is moved


@pytest.mark.parametrize(
    ("event_timestamp", "code"),
    [
        ("2026-11-21T12:00:00.000001Z", "in_future"),
        ("9999-12-31T23:59:59-14:00", "in_future"),
        ("2025-11-20T11:59:59.999999Z", "too_old"),
        ("0001-01-01T00:00:00+14:00", "too_old"),
    ],
)
def test_times_that_are_refused(event_timestamp: str, code: str) -> None:
    verdict = rejected(event_timestamp=event_timestamp)
    assert (verdict.code, verdict.field) == (code, "event_timestamp")


def test_the_bounds_hold_for_the_corrected_time() -> None:
    """The clock is 400 days ahead: the event looks to be in the future, and is not."""
    row = kept(event_timestamp="2027-12-25T11:00:00Z", sent_at="2027-12-25T12:00:00Z")
    assert row.event_timestamp == datetime(2026, 11, 20, 11, tzinfo=UTC)
    verdict = rejected(event_timestamp="2026-11-20T11:00:00Z", sent_at="2027-12-25T12:00:00Z")
    assert verdict.code == "too_old"


def test_a_correction_past_the_ends_of_the_calendar_is_refused_all_the_same() -> None:
    assert (
        rejected(event_timestamp="0001-01-01T00:00:00Z", sent_at="2027-10-16T12:00:00Z").code
        == "too_old"
    )


def test_without_a_time_a_uuid7_stands_in_and_is_the_same_at_every_retry() -> None:
    row = kept(event_timestamp=None, event_id=EVENT_ID)
    assert row.event_timestamp == datetime(2026, 11, 20, 11, 30, 0, 250_000, tzinfo=UTC)
    assert row.time_basis is TimeBasis.GIVEN
    assert row.warnings == ()


def test_the_time_of_a_uuid7_is_corrected_like_any_other() -> None:
    row = kept(event_timestamp=None, event_id=EVENT_ID, sent_at="2026-11-20T12:10:00Z")
    assert row.event_timestamp == datetime(2026, 11, 20, 11, 20, 0, 250_000, tzinfo=UTC)
    assert codes(row.warnings) == [("clock_corrected", "event_timestamp")]


def test_the_time_of_a_uuid7_has_the_same_bounds() -> None:
    assert rejected(
        event_timestamp=None, event_id="0" * 12 + "7" + "0" * 3 + "8" + "0" * 15
    ).code == ("too_old")
    assert rejected(
        event_timestamp=None, event_id="f" * 12 + "7" + "0" * 3 + "8" + "0" * 15
    ).code == ("in_future")


def test_without_a_time_the_receipt_is_kept() -> None:
    row = kept(event_timestamp=None, event_id=UUID4)
    assert row.event_timestamp == NOW
    assert row.time_basis is TimeBasis.RECEIVED
    assert codes(row.warnings) == [("missing_timestamp", "event_timestamp")]


def test_without_an_id_the_event_gets_one_and_a_warning() -> None:
    row = kept(event_id=None)
    assert row.event_id.version == 7
    assert row.event_timestamp == time_of_uuid7(row.event_id) == datetime.fromisoformat(AT)
    assert row.time_basis is TimeBasis.GIVEN
    assert codes(row.warnings) == [("not_retry_safe", "event_id")]


def test_a_uuid7_as_the_standard_has_it() -> None:
    made = uuid7(datetime(2026, 11, 20, 11, 30, 0, 250_000, tzinfo=UTC))
    assert str(made)[:15] == "01a1f8b8-73ba-7"
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert uuid7(NOW) != uuid7(NOW)


@given(INSTANTS)
@example(datetime(4148, 1, 1, 0, 0, 0, 40_993, tzinfo=UTC))  # its float is a millisecond late
def test_a_uuid7_gives_its_millisecond_back(instant: datetime) -> None:
    lost = instant - time_of_uuid7(uuid7(instant))
    assert timedelta(0) <= lost < timedelta(milliseconds=1)


def test_a_uuid7_past_the_calendar_is_its_end() -> None:
    assert time_of_uuid7(UUID(int=2**128 - 1)) == datetime.max.replace(tzinfo=UTC)
