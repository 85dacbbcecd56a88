"""Which window a request means, to the microsecond, and which days it touches."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.errors import InvalidRequest
from app.read.window import EARLIEST, EVERYTHING, LATEST, Window, check_zone, resolve_window
from tests.conftest import NOW

MICROSECOND = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def between(start: str, end: str | None = None, tz: str = "UTC") -> tuple[datetime, datetime]:
    window = resolve_window(NOW, start=start, end=end, tz=tz)
    assert window.timezone == tz
    return window.start, window.end


def refusal(**asked: object) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        resolve_window(NOW, **asked)  # type: ignore[arg-type]
    [field] = caught.value.details["fields"]
    return field["field"], field["message"]


def test_days_are_so_many_times_24_hours_and_hold_this_very_moment() -> None:
    window = resolve_window(NOW, days=7)
    assert window.start == utc("2026-11-13T12:00:00") + MICROSECOND
    assert window.end == NOW + MICROSECOND
    assert window.timezone == "UTC"


def test_days_are_24_hours_also_over_a_change_of_the_clocks() -> None:
    now = utc("2026-10-26T12:00:00")
    window = resolve_window(now, days=2, tz="Europe/London")
    assert window.end - window.start == timedelta(hours=48)


def test_without_a_window_the_default_or_everything() -> None:
    assert resolve_window(NOW, default_days=7) == resolve_window(NOW, days=7)
    assert resolve_window(NOW) == EVERYTHING
    assert resolve_window(NOW, tz="Asia/Tokyo") == Window(EARLIEST, LATEST, "Asia/Tokyo")
    assert resolve_window(NOW, days=1, default_days=7).start == utc("2026-11-19T12:00:00") + (
        MICROSECOND
    )


def test_an_end_that_is_not_given_is_now() -> None:
    assert between("2026-11-20") == (utc("2026-11-20T00:00:00"), NOW)
    assert between("2026-11-20T12:00:00Z") == (NOW, NOW)


@pytest.mark.parametrize(
    ("tz", "start", "end"),
    [
        ("UTC", "2026-11-19T00:00:00", "2026-11-20T00:00:00"),
        ("Europe/London", "2026-11-19T00:00:00", "2026-11-20T00:00:00"),
        ("America/New_York", "2026-11-19T05:00:00", "2026-11-20T05:00:00"),
        ("Asia/Kolkata", "2026-11-18T18:30:00", "2026-11-19T18:30:00"),
        ("Asia/Kathmandu", "2026-11-18T18:15:00", "2026-11-19T18:15:00"),
        ("Pacific/Kiritimati", "2026-11-18T10:00:00", "2026-11-19T10:00:00"),
    ],
)
def test_a_date_is_midnight_in_its_zone(tz: str, start: str, end: str) -> None:
    assert between("2026-11-19", "2026-11-20", tz) == (utc(start), utc(end))


@pytest.mark.parametrize(
    ("day", "next_day", "tz", "start", "hours"),
    [
        ("2026-03-29", "2026-03-30", "Europe/London", "2026-03-29T00:00:00", 23),
        ("2026-10-25", "2026-10-26", "Europe/London", "2026-10-24T23:00:00", 25),
        ("2026-03-08", "2026-03-09", "America/New_York", "2026-03-08T05:00:00", 23),
        ("2026-11-01", "2026-11-02", "America/New_York", "2026-11-01T04:00:00", 25),
        ("2026-04-05", "2026-04-06", "Australia/Lord_Howe", "2026-04-04T13:00:00", 24.5),
    ],
)
def test_a_day_on_which_the_clocks_change(
    day: str, next_day: str, tz: str, start: str, hours: float
) -> None:
    assert between(day, next_day, tz) == (utc(start), utc(start) + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("text", "tz", "instant"),
    [
        # 02:30 isn't there: it is read as before the change, which shows as 03:30 after it
        ("2026-03-08T02:30:00", "America/New_York", "2026-03-08T07:30:00"),
        # 01:30 is there twice: the first
        ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00"),
        # said with an offset it is the one that is meant
        ("2026-11-01T01:30:00-05:00", "America/New_York", "2026-11-01T06:30:00"),
        # a midnight that isn't there: the day begins with the change, at 01:00
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00"),
        # a midnight that is there twice: the day begins with the first
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00"),
    ],
)
def test_gaps_and_folds(text: str, tz: str, instant: str) -> None:
    assert between(text, "2026-12-01", tz)[0] == utc(instant)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-19T09:30:00Z", "2026-11-19T09:30:00"),
        ("2026-11-19T09:30:00+02:00", "2026-11-19T07:30:00"),
        ("2026-11-19T09:30:00 02:00", "2026-11-19T07:30:00"),  # `+` in a query string is a space
        ("2026-11-19T09:30:00 0200", "2026-11-19T07:30:00"),
        ("2026-11-19T09:30 05:45", "2026-11-19T03:45:00"),
        ("2026-11-19T09:30:00-02:00", "2026-11-19T11:30:00"),
        ("2026-11-19 09:30", "2026-11-19T09:30:00"),
        ("2026-11-19 09:30:00", "2026-11-19T09:30:00"),
        (" 2026-11-19 ", "2026-11-19T00:00:00"),
        ("20261119T093000Z", "2026-11-19T09:30:00"),
        ("2026-11-19T09:30:00.250001Z", "2026-11-19T09:30:00.250001"),
        ("1970-01-01", "1970-01-01T00:00:00"),
    ],
)
def test_times_that_are_understood(text: str, instant: str) -> None:
    end = "1970-01-02" if text.startswith("1970") else "2026-12-01"
    assert between(text, end)[0] == utc(instant)


@pytest.mark.parametrize(
    "text", ["", "today", "2026-13-01", "2026-02-30", "2026-11-19T25:00", "2026", "NaN"]
)
def test_times_that_are_not(text: str) -> None:
    field, message = refusal(start=text)
    assert field == "start"
    assert message.startswith("must be a date or time in ISO 8601")


@pytest.mark.parametrize("text", ["1795174200", "1795174200000", " -5.5 ", "20261120102500"])
def test_digits_are_no_time(text: str) -> None:
    message = (
        "must be a date and time, such as 2026-11-20T09:15:00Z; "
        "a number could be seconds or milliseconds"
    )
    assert refusal(start=text) == ("start", message)


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"days": 7, "start": "2026-11-19"}, "days", "set either days, or start and end"),
        ({"days": 7, "end": "2026-11-19"}, "days", "set either days, or start and end"),
        ({"end": "2026-11-19"}, "start", "is required with end"),
        ({"start": "2026-11-21"}, "end", "is before start"),
        ({"start": "2026-11-19", "end": "2026-11-18"}, "end", "is before start"),
        ({"start": "1969-12-31"}, "start", "must be between 1970 and 2200"),
        ({"start": "2026-11-19", "end": "2200-01-02"}, "end", "must be between 1970 and 2200"),
        ({"start": "0001-01-01", "tz": "Asia/Tokyo"}, "start", None),
        ({"start": "2026-11-19", "end": "9999-12-31T23:00:00-05:00"}, "end", None),
        ({"tz": "Mars/Olympus"}, "tz", "must be an IANA time zone, such as Europe/London or UTC"),
    ],
)
def test_windows_that_are_refused(
    asked: dict[str, object], field: str, message: str | None
) -> None:
    found = refusal(**asked)
    assert found[0] == field
    assert message is None or found[1] == message


def test_a_window_has_a_widest() -> None:
    """3660 days before the 20th of November 2026 is the 12th of November 2016."""
    assert between("2016-11-12T12:00:00Z")[0] == utc("2016-11-12T12:00:00")
    assert refusal(start="2016-11-12T11:59:59Z") == ("start", "the window is longer than 3660 days")


@pytest.mark.parametrize("name", ["UTC", "Europe/London", "Asia/Kathmandu", "Etc/GMT+5"])
def test_zones(name: str) -> None:
    assert check_zone(name) == name


@pytest.mark.parametrize(
    ("given", "name"),
    [("utc", "UTC"), ("europe/london", "Europe/London"), ("ASIA/KATHMANDU", "Asia/Kathmandu")],
)
def test_zones_in_any_case(given: str, name: str) -> None:
    assert check_zone(given) == name


@pytest.mark.parametrize(
    "name",
    ["", "utc+1", "+02:00", "localtime", "LOCALTIME", "Factory", "../etc/passwd", "Europe", "\x00"],
)
def test_names_that_are_no_zones(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_zone(name)


@pytest.mark.parametrize(
    ("start", "end", "tz", "days"),
    [
        ("2026-11-19T00:00:00", "2026-11-20T00:00:00", "UTC", [19]),
        ("2026-11-19T00:00:00", "2026-11-20T00:00:00.000001", "UTC", [19, 20]),
        ("2026-11-19T23:59:59", "2026-11-21T00:00:00", "UTC", [19, 20]),
        ("2026-11-19T18:15:00", "2026-11-20T18:15:00", "Asia/Kathmandu", [20]),
        ("2026-11-19T18:14:59", "2026-11-20T18:15:00", "Asia/Kathmandu", [19, 20]),
        ("2026-11-19T00:00:00", "2026-11-19T00:00:00", "UTC", []),
    ],
)
def test_the_days_that_a_window_touches(start: str, end: str, tz: str, days: list[int]) -> None:
    expected = [date(2026, 11, day) for day in days]
    assert Window(utc(start), utc(end), tz).local_days() == expected


def test_days_of_23_and_25_hours_are_days() -> None:
    spring = Window(utc("2026-03-28T00:00:00"), utc("2026-03-30T23:00:00"), "Europe/London")
    assert spring.local_days() == [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)]
    autumn = Window(utc("2026-10-23T23:00:00"), utc("2026-10-27T00:00:00"), "Europe/London")
    assert autumn.local_days() == [
        date(2026, 10, 24),
        date(2026, 10, 25),
        date(2026, 10, 26),
    ]
