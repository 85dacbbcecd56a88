"""Times as people, databases and programs write them."""

import random
import re
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.ingest.fast_parser import read_batch
from app.ingest.prepare import prepare_batch
from app.ingest.strict_parser import prepare_with_care
from app.read.window import resolve_window
from app.schemas.event import Instant
from app.schemas.instant import INSTANT_FORM, parse_date, parse_instant, parse_utc, with_plus
from app.settings import Settings
from tests.conftest import NOW

pytestmark = pytest.mark.fault("A8")

READ_BY_PYDANTIC: TypeAdapter[datetime] = TypeAdapter(Instant)
TEN_25 = datetime(2026, 11, 20, 10, 25, tzinfo=UTC)
HALF = timedelta(milliseconds=500)
SECOND = timedelta(seconds=1)
MICROSECONDS = timedelta(microseconds=123_456)
NAIVE = TEN_25.replace(tzinfo=None)
SETTINGS = Settings()

TAKEN: list[tuple[str, datetime]] = [
    # RFC 3339, and what it leaves to choose
    ("2026-11-20T10:25:00Z", TEN_25),
    ("2026-11-20t10:25:00z", TEN_25),
    ("2026-11-20 10:25:00Z", TEN_25),
    ("2026-11-20_10:25:00Z", TEN_25),
    ("2026-11-20T10:25:00+00:00", TEN_25),
    ("2026-11-20T10:25:00-00:00", TEN_25),
    ("2026-11-20T16:10:00+05:45", TEN_25),
    ("2026-11-19T22:25:00-12:00", TEN_25),
    ("2026-11-20T10:25:00.5Z", TEN_25 + HALF),
    ("2026-11-20T10:25:00.50Z", TEN_25 + HALF),
    ("2026-11-20T10:25:00.123456Z", TEN_25 + MICROSECONDS),
    ("2026-11-20T10:25:00.1234569Z", TEN_25 + MICROSECONDS),
    ("2026-11-20T10:25:00.123456999Z", TEN_25 + MICROSECONDS),
    ("2026-11-20T10:25:00.1234569999Z", TEN_25 + MICROSECONDS),
    ("2026-11-20T10:24:60Z", TEN_25),
    ("2026-11-20T10:24:60.5Z", TEN_25 + HALF),
    ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ("2016-12-31T15:59:60-08:00", datetime(2017, 1, 1, tzinfo=UTC)),
    # the rest of ISO 8601
    ("2026-11-20T10:25:00,5Z", TEN_25 + HALF),
    ("2026-11-20T10:25Z", TEN_25),
    ("2026-11-20T11:25+01", TEN_25),
    ("2026-11-20T11:25:00+01", TEN_25),
    ("2026-11-20T11:25:00+0100", TEN_25),
    ("2026-11-20T09:25:00\u221201:00", TEN_25),
    ("20261120T102500Z", TEN_25),
    ("20261120T102500.5Z", TEN_25 + HALF),
    ("20261120T112500+0100", TEN_25),
    ("20261120T1025Z", TEN_25),
    ("2026-11-20T24:00:00Z", datetime(2026, 11, 21, tzinfo=UTC)),
    ("2026-12-31T24:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
    ("2026-11-20T24:00:00.000+01:00", datetime(2026, 11, 20, 23, tzinfo=UTC)),
    ("2026-W47-5T10:25:00Z", TEN_25),
    ("2026-11-20T10Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
    # RFC 9557: java.time, Temporal
    ("2026-11-20T11:25:00+01:00[Europe/Paris]", TEN_25),
    ("2026-11-20T11:25:00+01:00[!Europe/Paris][u-ca=gregory]", TEN_25),
    ("2026-11-20T10:25:00Z[Etc/GMT+1]", TEN_25),
    # PostgreSQL, pandas, BigQuery and Ruby, Snowflake, Go
    ("2026-11-20 10:25:00+00", TEN_25),
    ("2026-11-20 10:25:00.123456+00", TEN_25 + MICROSECONDS),
    ("2026-11-20 16:10:00+05:45", TEN_25),
    ("1883-11-18 12:03:58-04:56:02", datetime(1883, 11, 18, 17, tzinfo=UTC)),
    ("2026-11-20 10:25:00+00:00", TEN_25),
    ("2026-11-20 10:25:00 UTC", TEN_25),
    ("2026-11-20 10:25:00.500 +0000", TEN_25 + HALF),
    ("2026-11-20 10:25:00.123456789 +0000 UTC", TEN_25 + MICROSECONDS),
    ("2026-11-20 11:25:00 +0100 CET", TEN_25),
    ("2026-11-20 11:25:00.123456789 +0100 CET m=+0.000037", TEN_25 + MICROSECONDS),
    ("2026-11-20 16:10:00 +0545 +0545", TEN_25),
    (" 2026-11-20T10:25:00Z\n", TEN_25),
    # without an offset
    ("2026-11-20T10:25:00", NAIVE),
    ("2026-11-20 10:25", NAIVE),
    ("2026-11-20 10:25:00.123456", NAIVE + MICROSECONDS),
    ("20261120T102500", NAIVE),
]

REFUSED = [
    "",
    " ",
    "now",
    "yesterday",
    "1763634300",
    "1763634300000",
    "1763634300.5",
    "-1",
    "1e9",
    "20261120102500",
    "NaN",
    "infinity",
    "2026",
    "2026-11",
    "2026-11-20",
    "20261120",
    "10:25:00Z",
    "2026-11-20T",
    "2026-11-20TZ",
    "2026-11-20Z",
    "2026-11-20+01:00",
    "2026-11-20T10:25:00.Z",
    "2026-11-20T10:25.5Z",
    "2026-11-20T10:25:61Z",
    "2026-11-20T10:60:00Z",
    "2026-11-20T24:00:01Z",
    "2026-11-20T24:01Z",
    "2026-11-20T24:00:60Z",
    "2026-11-20T25:00:00Z",
    "2026-02-29T10:25:00Z",
    "2026-13-01T10:25:00Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "+002026-11-20T10:25:00Z",
    "2026-11-20T10:25:00+24:00",
    "2026-11-20T10:25:00+01:60",
    "2026-11-20T10:25:00+1",
    "2026-11-20T10:25:00+01:0",
    "2026-11-20T10:25:00 CET",
    "2026-11-20T10:25:00ZZ",
    "2026-11-20T10:25:00Z+01:00",
    "2026-11-20T10:25:00[Europe/Paris]",  # which of two, where the clocks are put back?
    "2026-11-20T10:25:00Z[Europe/Paris",
    "2026-11-20T10:25:00Z[]",
    "2026-11-20T10:25:00Z[a,b]",
    "2026-11-20T1\u0662:25:00Z",
    "2026-11-20T10:25:00Z\0",
    "9999-12-31T24:00:00Z",
    "9999-12-31T23:59:60Z",
    "Fri, 20 Nov 2026 10:25:00 GMT",
    "11/20/2026 10:25",
    "2026-11-20T10:25:00Z" + " " * 200,
    "2026-11-20T10:25:00Z" + "[a]" * 100,
    "2026-11-20T10:25:00." + "1" * 100_000,
]


@pytest.mark.parametrize(("text", "instant"), TAKEN)
def test_what_is_read(text: str, instant: datetime) -> None:
    found = parse_instant(text)
    assert found == instant
    assert (found.tzinfo is None) == (instant.tzinfo is None)
    assert parse_utc(text) == instant.replace(tzinfo=UTC)


DATE_AND_TIME = "must be a date and time, such as 2026-11-20T09:15:00Z"
A_NUMBER = f"{DATE_AND_TIME}; a number could be seconds or milliseconds"
NUMBERS = {"1763634300", "1763634300000", "1763634300.5", "-1", "1e9", "20261120102500", "20261120"}


def message_of(text: str) -> str:
    return A_NUMBER if text in NUMBERS else DATE_AND_TIME


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message_of(text))}$"):
        parse_instant(text)


def test_the_ends_of_the_calendar() -> None:
    assert parse_utc("0001-01-01T00:00:00Z") == datetime.min.replace(tzinfo=UTC)
    assert parse_utc("9999-12-31T23:59:59.999999Z") == datetime.max.replace(tzinfo=UTC)
    for text in ("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"):
        assert parse_instant(text).utcoffset() is not None
        with pytest.raises(ValueError, match=INSTANT_FORM):
            parse_utc(text)


def test_days() -> None:
    for text in ("2026-11-20", " 2026-W47-5 "):
        assert parse_date(text) == TEN_25.date()
    for text in ("2026-11-20T10:25", "1763634300", "2026-11", ""):
        assert parse_date(text) is None
    with pytest.raises(ValueError, match="day"):
        parse_date("2026-02-29")


# All kinds of parts of times, put together in right and wrong ways.
PARTS = (
    (
        "2026-11-20",
        "20261120",
        "2026-02-29",
        "0001-01-01",
        "9999-12-31",
        "2026-W47-5",
        "1763634300",
    ),
    ("T", "t", " ", "_", "", "  ", "x"),
    ("10:25:00", "102500", "10:25", "1025", "10", "24:00:00", "23:59:60", "25:00", "1:25:00", ""),
    ("", ".5", ",5", ".123456789", ".", ".1234567890123456789", ",1234567"),
    (
        "",
        "Z",
        "z",
        "+00",
        "+0000",
        "+00:00",
        "-00:00",
        "\u221201:00",
        "+23:59",
        "+24:00",
        "+1",
        " Z",
    ),
    ("", "[Europe/Paris]", " ", "x", "[", "0"),
)
TEXTS = st.tuples(*(st.sampled_from(part) for part in PARTS)).map("".join)


@given(TEXTS | st.text(alphabet="0123456789-:.,TtZz+ _W[]", max_size=40))
@example("2026-11-20T10:25:00.1234567890123456789+00:00")
def test_what_pydantic_reads_is_read_alike(text: str) -> None:
    """So it does not matter which of the two parsers a body comes to."""
    try:
        expected = READ_BY_PYDANTIC.validate_json(orjson.dumps(text))
    except ValidationError:
        return
    found = parse_instant(text)
    assert (found, found.utcoffset()) == (expected, expected.utcoffset())


@given(st.datetimes(), st.integers(-1439, 1439), st.integers(0, 6))
def test_whatever_is_written_is_read(naive: datetime, minutes: int, digits: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    instant = naive.replace(tzinfo=zone)
    assert parse_instant(instant.isoformat()) == instant
    assert parse_instant(naive.isoformat(" ")) == naive
    cut = naive.microsecond // 10 ** (6 - digits)
    fraction = f".{cut:0{digits}}" if digits else ""
    basic = f"{naive:%Y%m%dT%H%M%S}".rjust(15, "0") + fraction + instant.strftime("%z")
    assert parse_instant(basic) == instant.replace(microsecond=cut * 10 ** (6 - digits))


@given(st.text(max_size=200) | st.binary(max_size=60).map(repr))
def test_any_other_text_is_a_value_error(text: str) -> None:
    try:
        parse_instant(text)
    except ValueError as error:
        assert str(error) in {DATE_AND_TIME, A_NUMBER}  # noqa: PT017 (either outcome is right)


def event(**fields: object) -> dict[str, object]:
    return {
        "user_email": "ada@example.com",
        "event_type": "a",
        "event_id": "0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10",
        **fields,
    }


RECENT = [
    (text, instant)
    for text, instant in TAKEN
    if TEN_25 - timedelta(hours=1) < instant.replace(tzinfo=UTC) < NOW
]


@pytest.mark.parametrize(("text", "instant"), RECENT)
def test_events_have_it_by_either_parser(text: str, instant: datetime) -> None:
    given = event(event_timestamp=text)
    body = orjson.dumps({"events": [given]})
    row = prepare_batch(body, NOW, SETTINGS).rows[0]
    careful = prepare_with_care({"events": [given]}, NOW, SETTINGS).rows[0]
    assert row.event_timestamp == careful.event_timestamp == instant.replace(tzinfo=UTC)
    is_naive = instant.tzinfo is None
    assert [each.code for each in row.warnings] == ["naive_timestamp"] * is_naive
    fast = read_batch(body, NOW, SETTINGS)
    assert fast is None or fast.rows[0] == careful


@pytest.mark.parametrize(
    "text", [text for text in REFUSED if "\0" not in text and text.strip()][:-1]
)
def test_one_bad_time_is_one_bad_event(text: str) -> None:
    good = event(event_timestamp="2026-11-20 10:25:00+00")
    body = orjson.dumps({"events": [event(event_timestamp=text), good]})
    found = prepare_batch(body, NOW, SETTINGS)
    assert [row.event_timestamp for row in found.rows] == [TEN_25]
    (rejection,) = found.rejections
    assert (rejection.index, rejection.field, rejection.code, rejection.message) == (
        0,
        "event_timestamp",
        "invalid_value",
        message_of(text),
    )


@pytest.mark.parametrize("number", [1763634300, 1763634300000, 1763634300.5, 0, -1])
def test_a_number_of_an_event_is_no_time(number: float) -> None:
    for value, message in ((number, A_NUMBER), (True, DATE_AND_TIME)):
        body = {"events": [event(event_timestamp=value)]}
        for found in (
            prepare_batch(orjson.dumps(body), NOW, SETTINGS),
            prepare_with_care(body, NOW, SETTINGS),
        ):
            (rejection,) = found.rejections
            assert (rejection.field, rejection.message) == ("event_timestamp", message)


@pytest.mark.parametrize(("text", "instant"), RECENT)
def test_when_a_batch_was_sent(text: str, instant: datetime) -> None:
    """Ten minutes ahead of what the batch says, so that its events are moved by as much."""
    now = instant.replace(tzinfo=UTC) - timedelta(minutes=10)
    given = event(event_timestamp=now.isoformat())
    body = orjson.dumps({"sent_at": text, "events": [given]})
    found = prepare_batch(body, now, SETTINGS)
    assert [each.code for each in found.rows[0].warnings] == ["clock_corrected"]


@pytest.mark.parametrize(("text", "instant"), RECENT)
def test_windows_have_it_too_also_where_a_plus_became_a_space(text: str, instant: datetime) -> None:
    for start in (text, text.replace("+", " ")):
        window = resolve_window(NOW, start=start, end="2026-11-21", tz="UTC")
        assert window.start == instant.replace(tzinfo=UTC)


def test_a_lost_plus() -> None:
    assert with_plus("2026-11-20T10:25:00 02") == "2026-11-20T10:25:00+02"
    assert with_plus("2026-11-20 10:25:00.5 02:00") == "2026-11-20 10:25:00.5+02:00"
    assert with_plus("20261120T1025 0200[Europe/Paris]") == "20261120T1025+0200[Europe/Paris]"
    for same in ("2026-11-20 10:25", "2026-11-20", "2026-11-20 10", "2026-11-20T10:25:00 UTC"):
        assert with_plus(same) == same
    assert len(with_plus("1" * 1_000_000)) == 1_000_000


def test_a_long_text_costs_nothing() -> None:
    """The limit comes first; and what is as long as it may be is not tried over and over."""
    rng = random.Random(1)
    for _ in range(2000):
        text = "2026-11-20T10:25:00Z" + "".join(rng.choices("[]a/= ", k=108))
        with pytest.raises(ValueError, match=INSTANT_FORM):
            parse_instant(text + "!")
