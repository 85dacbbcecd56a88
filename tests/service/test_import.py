"""`activity-events import` of files that other programs wrote."""

import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.errors import InvalidRequest
from app.ingest.event_ids import NAMESPACE
from tests.conftest import ROOT, fresh_database

Json = dict[str, Any]

DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
D = f"{DAY:%Y-%m-%d}"
T10 = DAY + timedelta(hours=10)
EPOCH_S = int(T10.timestamp())
ADA, BO = "ada@example.com", "bo@example.com"


@pytest.fixture(scope="module")
def module_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def url(module_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, which the commands find by themselves."""
    execute(
        module_url,
        "TRUNCATE activity_event, activity_rollup, activity_user_day, app_user,"
        " activity_session, erasure, service_secret",
    )
    monkeypatch.setenv("DATABASE_URL", module_url)
    return module_url


def execute(url: str, statement: str) -> list[asyncpg.Record]:
    async def go() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return asyncio.run(go())


def command(*words: object, stdin: bytes | None = None, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def imported(*words: object, stdin: bytes | None = None, code: int = 0) -> str:
    """What `import` says of the file in the end."""
    return command("import", *words, stdin=stdin, code=code).stdout.splitlines()[-1]


def refused(*words: object, stdin: bytes | None = None) -> str:
    """Why the file as a whole is not imported."""
    error = command("import", *words, stdin=stdin, code=1).exception
    assert isinstance(error, InvalidRequest)
    return error.message


def stored(url: str) -> list[tuple[Any, ...]]:
    """Email, type, time and metadata of all events, by time and type."""
    rows = execute(
        url,
        "SELECT email, event_type, event_timestamp, event_metadata FROM activity_event"
        " JOIN app_user ON app_user.id = user_id ORDER BY event_timestamp, event_type, event_id",
    )
    return [(row[0], row[1], row[2].astimezone(UTC), json.loads(row[3])) for row in rows]


def ids(url: str) -> list[UUID]:
    return [UUID(str(row[0])) for row in execute(url, "SELECT event_id FROM activity_event")]


def lines(*events: Json) -> bytes:
    return "\n".join(json.dumps(each) for each in events).encode()


ROWS = [f"{ADA},a,{D}T10:00:00Z", f"{ADA},b,{D}T11:00:00Z", f"{BO},a,{D}T12:00:00Z"]
HEADER = "user_email,event_type,event_timestamp"


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode()


@pytest.mark.fault("R5")
def test_rows_without_ids_may_move_in_their_file(url: str) -> None:
    assert imported("-", stdin=table(*ROWS)) == "3 accepted, 0 duplicates, 0 rejected"
    before = f"{BO},z,{D}T01:00:00Z"
    assert imported("-", stdin=table(before, *ROWS)) == "1 accepted, 3 duplicates, 0 rejected"
    assert imported("-", stdin=table(*reversed(ROWS))) == "0 accepted, 3 duplicates, 0 rejected"
    assert imported("-", stdin=table(ROWS[1])) == "0 accepted, 1 duplicates, 0 rejected"
    assert imported("-", stdin=table(before, *ROWS)) == "0 accepted, 4 duplicates, 0 rejected"
    # The id has its event's time, as ids made by clients have.
    by_time = execute(url, "SELECT event_id, event_timestamp FROM activity_event")
    for event_id, at in by_time:
        assert (UUID(str(event_id)).version, UUID(str(event_id)).int >> 80) == (
            7,
            int(at.timestamp() * 1000),
        )


@pytest.mark.fault("R5")
def test_equal_events_are_as_many_as_there_are(url: str) -> None:
    assert imported("-", stdin=table(*[ROWS[0]] * 3)) == "3 accepted, 0 duplicates, 0 rejected"
    assert imported("-", stdin=table(*[ROWS[0]] * 4)) == "1 accepted, 3 duplicates, 0 rejected"
    assert imported("-", stdin=table(ROWS[0], ROWS[1], ROWS[0])) == (
        "1 accepted, 2 duplicates, 0 rejected"
    )
    assert len(set(ids(url))) == 5


@pytest.mark.fault("R5")
def test_one_content_in_other_spellings_is_one_event(url: str, tmp_path: Path) -> None:
    spelled = {
        "user_email": ADA,
        "event_type": "a",
        "event_timestamp": f"{D}T10:00:00Z",
        "entity_id": 42,
        "duration_ms": 12,
        "metadata": {"x": 1, "y": {"b": 1000, "a": [2.5]}},
    }
    assert imported("-", stdin=lines(spelled)).startswith("1 accepted")
    other = {
        "metadata": {"y": {"a": [2.50], "b": 1e3}, "x": 1.0},
        "duration_ms": 12.0,
        "entity_id": "42",
        "session_id": None,
        "event_timestamp": f"{D} 12:00:00+02",
        "event_type": " a ",
        "user_email": " Ada@Example.com",
        "unknown": 7,
    }
    assert imported("-", stdin=lines(other)) == "0 accepted, 1 duplicates, 0 rejected"
    csv = table(
        f'{ADA},a,{D} 10:00:00,42,12.0,"{{""y"": {{""a"": [2.5], ""b"": 1000}}, ""x"": 1}}"',
        header=f"{HEADER},entity_id,duration_ms,metadata",
    )
    assert imported("-", stdin=csv) == "0 accepted, 1 duplicates, 0 rejected"
    file = tmp_path / "a.parquet"
    columns = {name: [value] for name, value in spelled.items()} | {"event_timestamp": [T10]}
    columns["entity_id"] = ["42"]
    parquet.write_table(pa.table(columns), file)
    assert imported(file) == "0 accepted, 1 duplicates, 0 rejected"
    # And what differs is another one: the time, the user, any field.
    for change in (
        {"event_timestamp": f"{D}T10:00:00.000001Z"},
        {"user_email": BO},
        {"metadata": {"x": 1}},
        {"session_id": "s"},
        {"duration_ms": 13},
    ):
        assert imported("-", stdin=lines({**spelled, **change})).startswith("1 accepted")


@pytest.mark.fault("R9")
def test_a_foreign_id_is_hashed_once_and_for_all(url: str) -> None:
    event = {"user_email": ADA, "event_type": "a", "event_timestamp": f"{D}T10:00:00Z"}
    events: list[Json] = [{**event, "event_id": each} for each in ("order-1", 77, "order-1")]
    result = command("import", "-", stdin=lines(*events))
    assert result.stdout == "2 accepted, 1 duplicates, 0 rejected\n"
    assert "hashed_id: 3 times, first in line 1" in result.stderr
    assert set(ids(url)) == {uuid5(NAMESPACE, "order-1"), uuid5(NAMESPACE, "77")}
    # An id of 32 digits, or with braces, is a UUID already.
    plain = "0199f7f25c007a3b8f103a5d0c2b7e11"
    again = [{**event, "event_id": each} for each in (plain, f"{{{UUID(plain)}}}".upper())]
    assert imported("-", stdin=lines(*again)) == "1 accepted, 1 duplicates, 0 rejected"


SEGMENT: list[Json] = [
    {
        "type": "track",
        "userId": ADA,
        "anonymousId": "f0",
        "event": "Project Created",
        "messageId": "ajs-1",
        "timestamp": f"{D}T10:00:00.000Z",
        "originalTimestamp": f"{D}T10:00:09.000Z",
        "properties": {"plan": "pro"},
        "context": {"library": {"name": "analytics.js"}},
        "integrations": {},
    },
    {
        "type": "page",
        "userId": ADA,
        "messageId": "ajs-2",
        "timestamp": f"{D}T10:00:01Z",
        "properties": {"path": "/a"},
    },
    {"type": "identify", "userId": ADA, "messageId": "ajs-3", "timestamp": f"{D}T10:00:02Z"},
]
AMPLITUDE: Json = {
    "event_type": "Project Created",
    "user_id": ADA,
    "event_time": f"{D} 10:00:00.000000",
    "$insert_id": "i-1",
    "event_id": 17,
    "session_id": -1,
    "event_properties": {"plan": "pro"},
    "amplitude_id": 1234,
}
MIXPANEL: Json = {
    "event": "Project Created",
    "properties": {
        "distinct_id": ADA,
        "time": EPOCH_S,
        "$insert_id": "i-1",
        "plan": "pro",
    },
}
POSTHOG: Json = {
    "distinct_id": ADA,
    "event": "Project Created",
    "properties": {"plan": "pro", "$session_id": "s-1"},
    "timestamp": f"{D}T10:00:00+00:00",
    "uuid": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11",
}
SNOWPLOW: Json = {
    "app_id": "web",
    "event": "unstruct",
    "event_name": "Project Created",
    "derived_tstamp": f"{D} 10:00:00.000",
    "collector_tstamp": f"{D} 10:00:05.000",
    "event_id": "0199f7f2-5c00-4a3b-8f10-3a5d0c2b7e11",
    "user_id": ADA,
}
GOOGLE: Json = {
    "event_date": D.replace("-", ""),
    "event_name": "Project Created",
    "event_timestamp": str(EPOCH_S * 1_000_000),
    "user_id": ADA,
    "user_pseudo_id": "1.2",
    "event_params": [
        {"key": "plan", "value": {"string_value": "pro", "int_value": None}},
        {"key": "n", "value": {"string_value": None, "int_value": "7"}},
    ],
}
PLAIN: Json = {"user_id": ADA, "event": "Project Created", "timestamp": f"{D}T10:00:00Z"}


@pytest.mark.fault("R9")
@pytest.mark.parametrize(
    ("record", "product", "metadata"),
    [
        (SEGMENT[0], "Segment", {"plan": "pro"}),
        (AMPLITUDE, "Amplitude", {"plan": "pro"}),
        (MIXPANEL, "Mixpanel", {"plan": "pro"}),
        (
            {**MIXPANEL, "properties": {**MIXPANEL["properties"], "time": EPOCH_S * 1000}},
            "Mixpanel",
            {"plan": "pro"},
        ),
        (POSTHOG, "PostHog", {"plan": "pro"}),
        (SNOWPLOW, "Snowplow", {}),
        (GOOGLE, "Google Analytics 4", {"plan": "pro", "n": 7}),
        (PLAIN, None, {}),
        (
            {"User Email": ADA, "Event Type": "Project Created", "TimeStamp": f"{D} 10:00Z"},
            None,
            {},
        ),
        (
            {"userEmail": ADA, "eventName": "Project Created", "occurredAt": T10.isoformat()},
            None,
            {},
        ),
    ],
)
def test_fields_of_other_products_are_known(
    url: str, record: Json, product: str | None, metadata: Json
) -> None:
    result = command("import", "-", stdin=lines(record))
    assert result.stdout == "1 accepted, 0 duplicates, 0 rejected\n"
    assert stored(url) == [(ADA, "Project Created", T10, metadata)]
    assert ("is an export of" in result.stderr) == (product is not None)
    assert product is None or f"The file is an export of {product}." in result.stderr
    assert imported("-", stdin=lines(record)) == "0 accepted, 1 duplicates, 0 rejected"


@pytest.mark.fault("R9")
def test_what_is_taken_for_what_is_printed(url: str) -> None:
    assert imported("-", "--dry-run", stdin=lines(*SEGMENT)).endswith(
        "0 rejected, 1 skipped (such as identify and group); nothing was written"
    )
    result = command("import", "-", stdin=lines(*SEGMENT))
    assert result.stdout == (
        "2 accepted, 0 duplicates, 0 rejected, 1 skipped (such as identify and group)\n"
    )
    for line in (
        "userId -> user_email",
        "event -> event_type",
        "timestamp -> event_timestamp",
        "messageId -> event_id",
        "properties -> metadata",
        "context -> context_snapshot",
        "hashed_id: 2 times",
    ):
        assert line in result.stderr
    assert [row[1] for row in stored(url)] == ["Project Created", "page_viewed"]


@pytest.mark.fault("R9")
def test_a_counter_of_a_device_is_no_id(url: str) -> None:
    """Amplitude's `event_id` counts each device's events from 1: two phones have the same."""
    first, second = (
        {**AMPLITUDE, "$insert_id": None, "event_time": f"{D} 1{n}:00:00"} for n in (0, 1)
    )
    result = command("import", "-", stdin=lines(first, second))
    assert result.stdout == "2 accepted, 0 duplicates, 0 rejected\n"
    assert "Amplitude's `event_id` is ignored: it is a counter per device." in result.stderr
    assert execute(url, "SELECT DISTINCT session_id FROM activity_event")[0][0] is None


@pytest.mark.fault("R9")
def test_a_csv_of_other_names_and_its_objects(url: str) -> None:
    text = table(
        f'{ADA},Project Created,{D}T10:00:00Z,"{{""plan"": ""pro"", ""id"": ""e-1""}}",x,3',
        header="user_id,event,timestamp,properties,campaign,seats",
    )
    result = command("import", "-", stdin=text)
    assert "campaign (1), seats (1)" in result.stderr
    assert stored(url)[0][3] == {"plan": "pro", "id": "e-1"}
    maps = ["--map", "properties.id=event_id", "--map", "campaign=metadata.from"]
    assert imported("-", *maps, "--rest-to-metadata", stdin=text).startswith("1 accepted")
    rows = execute(
        url,
        f"SELECT event_metadata FROM activity_event WHERE event_id = '{uuid5(NAMESPACE, 'e-1')}'",  # noqa: S608 (ours)
    )
    assert json.loads(rows[0][0]) == {"plan": "pro", "from": "x", "seats": 3}


@pytest.mark.fault("R9")
def test_users_may_come_late_in_the_file(url: str) -> None:
    anonymous = {**SEGMENT[0], "userId": None, "anonymousId": "f0"}
    del anonymous["userId"]
    events = [{**anonymous, "messageId": f"m{n}"} for n in range(1001)]
    late = lines(*events, SEGMENT[0])
    assert "no field for user_email" in refused("-", stdin=late)
    result = command("import", "-", "--map", "userId=user_email", stdin=late, code=1)
    assert result.stdout == "1 accepted, 0 duplicates, 1001 rejected\n"
    assert "userId is missing in the first entries" in result.stderr


@pytest.mark.fault("R9")
def test_users_must_have_addresses(url: str) -> None:
    record = {**SEGMENT[0], "userId": "u_123"}
    message = refused("-", stdin=lines(record))
    assert "in userId, whose values are not email addresses (the first is 'u_123')" in message
    assert "--map traits.email=user_email" in message
    assert imported("-", "--user-domain", "x.example", stdin=lines(record)).startswith("1 accepted")
    assert stored(url)[0][0] == "u_123@x.example"
    # Where an address stands beside the id, it is taken.
    with_traits = {**record, "messageId": "m", "context": {"traits": {"email": ADA}}}
    result = command("import", "-", stdin=lines(with_traits))
    users = "context.traits.email, else traits.email, else userId -> user_email"
    assert users in result.stderr.splitlines()
    assert {row[0] for row in stored(url)} == {ADA, "u_123@x.example"}
    # An address in an event's own properties may be anybody's.
    invited = {**record, "messageId": "n", "properties": {"email": BO}}
    assert "not email addresses" in refused("-", stdin=lines(invited))


@pytest.mark.fault("R9")
@pytest.mark.parametrize(
    ("file", "words", "part"),
    [
        (
            table(header="who,what"),
            (),
            "Its header has who, what. Expected user_email",
        ),
        (table(header="mail,event_typ,ts"), (), "--map event_typ=event_type"),
        (table(header="user_email,event_type"), (), "no field for event_timestamp"),
        (lines({"a": 1}), (), "no field for user_email, event_type, event_timestamp. It has a."),
        (lines({"user_email": ADA, "events": [{}]}), (), "jq -c '.events[]' FILE"),
        (
            lines({"user": ADA, "event": "a", "time": 1, "ts": 2}),
            (),
            "Several fields could be event_timestamp: time, ts. Choose one: --map time=",
        ),
        (table(*ROWS), ("--map", "nobody=user_email"), "the file has no field nobody"),
        (table(*ROWS), ("--map", "event_type=event_typ"), "(did you mean event_type?)"),
        (
            lines(PLAIN),
            ("--map", "event_timestamp=timestamp"),
            "the order is FIELD=EVENT_FIELD; use --map timestamp=event_timestamp",
        ),
        (table(header="user_email,event_type,event_type"), (), "repeats a column: event_type"),
        (b"", ("--format", "csv"), "The file is empty"),
        (b"\x28\xb5\x2f\xfd0000", (), "`zstd -dc FILE | activity-events import -`"),
        (b"PK\x03\x040000", (), "save it as CSV"),
        (b"\x00\x01\x02\x03\x04", (), "The file's name and first line don't show its format"),
        (table(*ROWS), ("--encoding", "utf-16"), "The file is not encoded in utf-16"),
        ("Café,".encode("latin-1"), ("--encoding", "utf-8"), "Set its encoding with --encoding"),
        (table(*ROWS), ("--encoding", "klingon"), "klingon is not a known encoding"),
        (gzip.compress(table(*ROWS), mtime=0)[:-12], (), "The gzip file is damaged or incomplete"),
    ],
)
def test_a_file_that_is_none_says_why(
    url: str, file: bytes, words: tuple[str, ...], part: str
) -> None:
    assert part in refused("-", *words, stdin=file)


@pytest.mark.fault("R9")
def test_many_lines_of_one_error_are_one_error(url: str) -> None:
    bad = [{**PLAIN, "timestamp": f"at {n}"} for n in range(32_283)]
    result = command("import", "-", "--dry-run", stdin=lines(*bad, PLAIN), code=1)
    assert result.stdout == (
        "1 events can be imported (an import suppresses those of users who opted out or were "
        "erased), "
        "32283 rejected; nothing was written\n"
    )
    assert "  invalid_value: 32,283 lines\n    line 1: event_timestamp: " in result.stderr
    assert "    ... and 32,280 more" in result.stderr
    assert len(result.stderr.splitlines()) < 15
    assert stored(url) == []


@pytest.mark.fault("R9")
def test_rejected_entries_are_written_corrected_and_imported(url: str, tmp_path: Path) -> None:
    errors = tmp_path / "rejected.ndjson"
    text = table(
        f"{ADA},a,{D}T10:00:00Z,\\N",
        f"{ADA},b,yesterday,{{}}",
        f"{ADA},c,{D} noon,{{}}",
        header="user,event,time,properties",
    )
    assert imported("-", "--errors", errors, stdin=text, code=1) == (
        "1 accepted, 0 duplicates, 2 rejected"
    )
    found = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [each["rejected"]["at"] for each in found] == [3, 4]
    assert [each["rejected"]["field"] for each in found] == ["event_timestamp"] * 2
    mended = errors.read_text().replace("yesterday", f"{D}T11:00:00Z")
    mended = mended.replace(f"{D} noon", f"{D}T12:00:00Z")
    errors.write_text(mended)
    assert imported(errors) == "2 accepted, 0 duplicates, 0 rejected"
    assert [row[1] for row in stored(url)] == ["a", "b", "c"]
    refused = command("import", errors, "--errors", errors, code=2)
    assert "must not be the file to import" in refused.stderr


def many(broken: dict[int, str], number: int = 2_000) -> bytes:
    """Rows of one user in order, of which some are replaced; the header is line 1."""
    rows = [
        broken.get(n, f"{ADA},e{n},{T10 + timedelta(seconds=n):%Y-%m-%dT%H:%M:%SZ},note {n}")
        for n in range(1, number + 1)
    ]
    return table(*rows, header=f"{HEADER},note")


def of_errors(file: Path) -> list[tuple[int, str, str]]:
    found = [json.loads(line)["rejected"] for line in file.read_text().splitlines()]
    return [(each["at"], each["code"], each["text"]) for each in found]


OPEN_AT_5 = f'{ADA},e5,{D}T10:00:05Z,"note 5'


@pytest.mark.fault("R9")
@pytest.mark.parametrize(
    ("broken", "lines_rejected"),
    [
        ({5: OPEN_AT_5}, [6]),
        ({5: OPEN_AT_5.replace(f"{ADA},", f'"{ADA},').replace(',"note', ",note")}, [6]),
        ({2_000: OPEN_AT_5}, [2_001]),
        # A quote in a later row closes that of the first one.
        ({5: OPEN_AT_5, 9: f'{ADA},"e9",{D}T10:00:09Z,note'}, [6]),
        ({5: OPEN_AT_5, 9: f'{ADA},"",{D}T10:00:09Z,note'}, [6, 10]),
        ({5: OPEN_AT_5, 9: f'{ADA},e9,{D}T10:00:09Z,"note, 9"'}, [6]),
        ({5: OPEN_AT_5, 9: f'{ADA},e9",{D}T10:00:09Z,x'}, [6]),
        ({5: OPEN_AT_5, 9: OPEN_AT_5, 10: OPEN_AT_5}, [6, 10, 11]),
        ({5: f'{ADA},e5,{D}T10:00:05Z,"a"b'}, [6]),
        ({5: f"{ADA},e5,{D}T10:00:05Z,a,b"}, [6]),
    ],
)
def test_an_open_quote_costs_its_row_alone(
    url: str, tmp_path: Path, broken: dict[int, str], lines_rejected: list[int]
) -> None:
    errors = tmp_path / "rejected.ndjson"
    words = ("--rest-to-metadata", "--errors", errors)
    accepted = 2_000 - len(lines_rejected)
    assert imported("-", *words, stdin=many(broken), code=1) == (
        f"{accepted} accepted, 0 duplicates, {len(lines_rejected)} rejected"
    )
    found = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [each["rejected"]["at"] for each in found] == lines_rejected
    assert found[0]["rejected"]["text"] == broken[lines_rejected[0] - 1]
    assert len(stored(url)) == accepted


@pytest.mark.fault("R9")
def test_a_quote_that_opens_before_much_more_than_a_record(url: str, tmp_path: Path) -> None:
    """40,000 rows after it, 2 MB: more than is held for one record."""
    errors = tmp_path / "rejected.ndjson"
    text = many({5: OPEN_AT_5}, 40_000)
    result = command("import", "-", "--dry-run", "--errors", errors, stdin=text, code=1)
    assert result.stdout.startswith("39999 events can be imported (")
    assert result.stdout.endswith(", 1 rejected; nothing was written\n")
    assert of_errors(errors) == [(6, "invalid_csv", OPEN_AT_5)]
    message = "can't be read: a quoted cell is not closed within 1048576"
    assert f"line 6: line: {message}" in result.stderr


@pytest.mark.fault("R9")
def test_cells_of_many_lines_are_kept_whole(url: str, tmp_path: Path) -> None:
    errors = tmp_path / "rejected.ndjson"
    whole = "\n".join(f'line {n}, ""quoted""' for n in range(20_000))  # 440 kB
    text = table(
        f'{ADA},a,{D}T10:00:00Z,"{whole}"',
        f'{ADA},b,{D}T11:00:00Z,"two\r\nlines",more',
        f"{ADA},c,{D}T12:00:00Z,one",
        header=f"{HEADER},note",
    )
    assert imported("-", "--rest-to-metadata", "--errors", errors, stdin=text, code=1) == (
        "2 accepted, 0 duplicates, 1 rejected"
    )
    assert [row[3]["note"] for row in stored(url)] == [whole.replace('""', '"'), "one"]
    assert of_errors(errors) == [
        (20_002, "invalid_csv", f'{ADA},b,{D}T11:00:00Z,"two\r\nlines",more')
    ]


@pytest.mark.fault("R9")
def test_the_text_of_what_is_rejected_is_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.import_files.LINE_MAX_BYTES", 100_000)
    errors = tmp_path / "rejected.ndjson"
    long = json.dumps({**PLAIN, "properties": {"note": "x" * 200_000}})
    text = "\n".join(
        [json.dumps(PLAIN), long, '[1, null, "a"]', "7", '{"cut": ', json.dumps(PLAIN)]
    )
    command("import", "-", "--dry-run", "--errors", errors, stdin=text.encode(), code=1)
    assert of_errors(errors) == [
        (2, "too_long", long[:65_536]),
        (3, "invalid_value", '[1, null, "a"]'),
        (4, "invalid_value", "7"),
        (5, "invalid_json", '{"cut":'),
    ]
    rows = many({3: f"{ADA},e3,{D}T10:00:03Z,{'y' * 200_000}", 4: OPEN_AT_5}, 10)
    result = command("import", "-", "--dry-run", "--errors", errors, stdin=rows, code=1)
    assert result.stdout.startswith("8 events can be imported (")
    assert [(at, text[:60]) for at, _, text in of_errors(errors)] == [
        (4, f"{ADA},e3,{D}T10:00:03Z,{'y' * 100}"[:60]),
        (5, OPEN_AT_5[:60]),
    ]


def unwrapped(stderr: str) -> str:
    """A message that is printed in a box."""
    return " ".join(stderr.replace("│", " ").split())


@pytest.mark.fault("R9")
@pytest.mark.parametrize(
    "domain", ["a b", "@users.example.com", "", "  ", "a@b", "x" * 300, "a\x00b", "a\nb"]
)
def test_a_user_domain_that_is_none_is_refused(url: str, domain: str) -> None:
    result = command("import", "-", "--user-domain", domain, stdin=table(*ROWS), code=2)
    assert "is not a domain" in unwrapped(result.stderr)
    assert stored(url) == []


@pytest.mark.fault("R9")
def test_a_file_for_errors_that_cant_be_written_is_named(url: str, tmp_path: Path) -> None:
    for path, part in (
        (tmp_path / "nope" / "x", f"--errors: the folder {tmp_path}/nope does not exist"),
        (tmp_path, f"--errors: {tmp_path} can't be written: Is a directory"),
    ):
        result = command("import", "-", "--errors", path, stdin=table(*ROWS), code=2)
        assert part.replace(" ", "") in unwrapped(result.stderr).replace(" ", "")
    assert stored(url) == []


def _cr_lf(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


@pytest.mark.fault("N28")
@pytest.mark.fault("R9")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(table(*ROWS), mtime=0)),
        ("a.ndjson.gz", gzip.compress(lines(*[{**PLAIN, "event": n} for n in "abc"]), mtime=0)),
        ("unnamed", gzip.compress(table(*ROWS), mtime=0)),
        ("unnamed.csv", table(*ROWS).replace(b",", b";")),
        ("a.tsv", table(*ROWS).replace(b",", b"\t")),
        ("a.txt", table(*ROWS).replace(b",", b"|")),
        ("excel.csv", b"sep=;\r\n" + _cr_lf(table(*ROWS)).replace(b",", b";")),
        ("bom.csv", b"\xef\xbb\xbf" + _cr_lf(table(*ROWS)) + b"\r\n"),
        ("utf16.csv", table(*ROWS).decode().encode("utf-16")),
        ("utf16be.csv", b"\xfe\xff" + table(*ROWS).decode().encode("utf-16-be")),
        ("utf16le-without.csv", table(*ROWS).decode().encode("utf-16-le")),
        ("array.json", json.dumps([{**PLAIN, "event": n} for n in "abc"]).encode()),
        ("array.ndjson", json.dumps([{**PLAIN, "event": n} for n in "abc"], indent=2).encode()),
        ("jq.json", "\n".join(json.dumps({**PLAIN, "event": n}, indent=2) for n in "abc").encode()),
        ("index.csv", table(*[f"{n},{row}" for n, row in enumerate(ROWS)], header=f",{HEADER}")),
    ],
)
def test_files_as_they_come(url: str, tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert imported(file) == "3 accepted, 0 duplicates, 0 rejected"
    assert imported("-", stdin=content) == "0 accepted, 3 duplicates, 0 rejected"


@pytest.mark.fault("N28")
@pytest.mark.parametrize(
    "text",
    [
        f"{D} 10:00:00+00",
        f"{D} 10:00:00.000000+00",
        f"{D} 12:00:00+02",
        f"{D} 10:00:00 UTC",
        f"{D} 10:00:00",
        f"{D}T10:00:00Z",
        f"{D}T10:00Z",
        f"{D} 10:00:00.000000000",
        f"{D}T15:30:00+0530",
        f" {D}T10:00:00,000Z ",
        f"{D} 12:00:00 +0200",
        f"{D} 10:00:00.000 +0000 UTC",
        f"{D} 10:00:00Z",
        f"{D} 10:00:00-00",
    ],
)
def test_times_of_databases(url: str, text: str) -> None:
    quoted = f'{ADA},a,"{text}"'
    assert imported("-", stdin=table(quoted)) == "1 accepted, 0 duplicates, 0 rejected"
    assert stored(url)[0][2] == T10
    event = {"user_email": ADA, "event_type": "a", "event_timestamp": text, "received_at": text}
    assert imported("-", stdin=lines(event)).endswith("0 rejected")
    assert {row[2] for row in stored(url)} == {T10}


@pytest.mark.fault("R9")
@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (EPOCH_S, "s"),
        (str(EPOCH_S), "s"),
        (EPOCH_S * 1000, "ms"),
        (EPOCH_S * 10**6, "us"),
        (EPOCH_S * 10**9, "ns"),
        (EPOCH_S + 0.0, "s"),
    ],
)
def test_numbers_are_times_of_a_unit_that_is_given(url: str, value: object, unit: str) -> None:
    event = {**PLAIN, "timestamp": value}
    result = command("import", "-", stdin=lines(event), code=1)
    assert "is a number; set its unit with --time-unit s, ms, us or ns" in result.stderr
    assert imported("-", "--time-unit", unit, stdin=lines(event)).startswith("1 accepted")
    assert stored(url)[0][2] == T10


@pytest.mark.fault("N28")
def test_dates_of_mongodb(url: str) -> None:
    for value in (f"{D}T10:00:00Z", EPOCH_S * 1000):
        event = {**PLAIN, "timestamp": {"$date": value}}
        imported("-", stdin=lines(event))
    assert [row[2] for row in stored(url)] == [T10]


@pytest.mark.fault("R9")
@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]"])
def test_nothing_is_imported_of_nothing(url: str, content: bytes) -> None:
    assert imported("-", stdin=content) == "0 accepted, 0 duplicates, 0 rejected"


@pytest.mark.fault("N28")
def test_cells_that_other_tools_leave_empty(url: str) -> None:
    header = f"{HEADER},session_seq,duration_ms,entity_id,session_id,device_type,metadata"
    rows = [
        f"{ADA},{n},{D}T10:00:00Z,{null},{null},{null},{null},{null},{null}"
        for n, null in enumerate([r"\N", "NaN", "NaT", "None", "null", "NULL", "<NA>", ""])
    ]
    rows.append(f"{ADA},z,{D}T10:00:00Z,1.0,12.0,7,s,phone,{{}}")
    assert imported("-", stdin=table(*rows, header=header)) == (
        "9 accepted, 0 duplicates, 0 rejected"
    )
    columns = "session_seq, duration_ms, entity_id, session_id, device_type, event_metadata"
    found = execute(url, f"SELECT {columns} FROM activity_event ORDER BY event_type")  # noqa: S608
    assert [tuple(row) for row in found] == [
        *[(None, None, None, None, None, "{}")] * 8,
        (1, 12, "7", "s", "phone", "{}"),
    ]


@pytest.mark.fault("N28")
def test_words_for_null_are_words_in_our_own_exports(url: str, tmp_path: Path) -> None:
    """In an export, only an empty cell is null: `None` is an id that somebody chose."""
    event = {"user_email": ADA, "event_type": "null", "event_timestamp": f"{D}T10:00:00Z"}
    imported("-", stdin=lines({**event, "entity_id": "None", "session_id": "NaN"}))
    file = tmp_path / "events.csv"
    command("export", "--output", file, "--format", "csv")
    assert imported(file) == "0 accepted, 1 duplicates, 0 rejected"
    execute(url, "TRUNCATE activity_event")
    assert imported(file) == "1 accepted, 0 duplicates, 0 rejected"
    row = execute(url, "SELECT event_type, entity_id, session_id FROM activity_event")[0]
    assert tuple(row) == ("null", "None", "NaN")


@pytest.mark.fault("N28")
def test_latin_1_is_named_and_read(url: str, tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes(table(*ROWS, f"{ADA},Café,{D}T10:00:00Z").decode().encode("cp1252"))
    result = command("import", file, code=1)
    assert result.stdout == "3 accepted, 0 duplicates, 1 rejected\n"
    assert "line 5: line: is not UTF-8; set the file's --encoding" in result.stderr
    assert imported(file, "--encoding", "cp1252") == "1 accepted, 3 duplicates, 0 rejected"
    assert "Café" in {row[1] for row in stored(url)}


@pytest.mark.fault("N28")
def test_pandas_writes_parquet(url: str, tmp_path: Path) -> None:
    """Integers with gaps are floats, times have nanoseconds and no zone."""
    file = tmp_path / "a.parquet"
    columns = {
        "user_email": [ADA] * 2,
        "event_type": ["a", "b"],
        "event_timestamp": pa.array([EPOCH_S * 10**9] * 2, pa.timestamp("ns")),
        "session_seq": [1.0, float("nan")],
        "entity_id": [5.0, float("nan")],
        "metadata": ['{"a": 1}', None],
    }
    parquet.write_table(pa.table(columns), file)
    assert imported(file) == "2 accepted, 0 duplicates, 0 rejected"
    assert imported("-", stdin=gzip.compress(file.read_bytes())) == (
        "0 accepted, 2 duplicates, 0 rejected"
    )
    found = execute(url, "SELECT session_seq, entity_id FROM activity_event ORDER BY event_type")
    assert [tuple(row) for row in found] == [(1, "5"), (None, None)]


@pytest.mark.fault("R9")
def test_what_is_before_a_break_is_kept_and_the_rest_goes_on(url: str) -> None:
    text = json.dumps([{**PLAIN, "event": n} for n in "abc"]).encode()
    assert "its JSON array does not end after entry 2" in refused("-", stdin=text[:-20])
    assert [row[1] for row in stored(url)] == ["a", "b"]
    assert imported("-", stdin=text) == "1 accepted, 2 duplicates, 0 rejected"
    bad = text.replace(b'"b"', b'"b')  # one element is broken, and the array's end is lost
    assert "does not end" in refused("-", stdin=bad)
    bad = text.replace(b'"event": "b"', b'"event": b')
    assert imported("-", stdin=bad, code=1) == "0 accepted, 2 duplicates, 1 rejected"


@pytest.mark.fault("N28")
def test_maps_of_parquet_are_objects(url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    columns = {
        "user_id": pa.array([ADA]),
        "event": pa.array(["a"]),
        "timestamp": pa.array([EPOCH_S * 10**6], pa.timestamp("us", tz="UTC")),
        "properties": pa.array([[("plan", "pro")]], pa.map_(pa.string(), pa.string())),
    }
    parquet.write_table(pa.table(columns), file)
    assert imported(file) == "1 accepted, 0 duplicates, 0 rejected"
    assert stored(url) == [(ADA, "a", T10, {"plan": "pro"})]


@pytest.mark.fault("R9")
def test_what_is_beside_a_moved_field_is_named(url: str) -> None:
    record = {"data": {"kind": "a", "more": 1}, "email": ADA, "time": f"{D}T10:00:00Z"}
    maps = ["--map", "data.kind=event_type"]
    result = command("import", "-", *maps, stdin=lines(record))
    assert "data (1)" in result.stderr or "data -> metadata" in result.stderr
    assert stored(url)[0][1] == "a"


@pytest.mark.fault("R9")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Ten times the lines, none with an id: about the same memory."""

    def peak_of(number: int) -> int:
        file = tmp_path / f"{number}.ndjson"
        with file.open("w") as stream:
            for n in range(number):
                at = (DAY + timedelta(milliseconds=n * 800)).isoformat()
                event = {"user": f"u{n % 50}@x.io", "event": "a", "time": at, "n": "x" * 500}
                stream.write(json.dumps(event) + "\n")
        source = (
            "import resource, sys; from app.cli.main import app;"
            "app(sys.argv[1:], standalone_mode=False);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        words = [sys.executable, "-c", source, "import", str(file), "--dry-run"]
        said = subprocess.check_output(words, cwd=ROOT, text=True, stderr=subprocess.DEVNULL)
        assert said.splitlines()[0].startswith(f"{number} events can be imported")
        return int(said.splitlines()[-1]) * 1024

    # The larger file has 28 MB, and a set of hashes in Python would have 5.
    growth = peak_of(45_000) - peak_of(4_500)
    assert growth < 8 * 1024 * 1024


@pytest.mark.fault("R9")
def test_an_import_that_was_killed_goes_on(url: str) -> None:
    rows = [f"{ADA},a{n % 3},{D}T10:00:00.{n % 900:03}Z" for n in range(4000)]
    text = table(*rows)
    program = str(Path(sys.executable).with_name("activity-events"))
    words = [program, "import", "-", "--format", "csv"]
    environment = {**os.environ, "DATABASE_URL": url}
    with subprocess.Popen(
        words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        # All but the end, which it waits for.
        process.stdin.write(text[: len(text) - 9000])
        process.stdin.flush()
        while not execute(url, "SELECT count(*) FROM activity_event")[0][0]:
            assert process.poll() is None
        process.kill()
    assert 0 < len(stored(url)) < 4000
    said = imported("-", stdin=text)
    assert said.endswith("0 rejected")
    assert len(stored(url)) == len(set(ids(url))) == 4000
    assert imported("-", stdin=text) == "0 accepted, 4000 duplicates, 0 rejected"


@pytest.mark.fault("R9")
def test_the_examples_of_the_documentation_do_what_they_say(url: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "import-export.md").read_text()
    script, shown = re.findall(
        r"```(?:sh|console)\n(.*?)```", page[page.index("## Import") :], re.DOTALL
    )[:2]
    program = str(Path(sys.executable).with_name("activity-events"))
    done = subprocess.run(
        ["/bin/bash", "-euc", script.replace(".venv/bin/activity-events", program)],
        env={**os.environ, "DATABASE_URL": url, "COLUMNS": "200"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    *moves, checked, _, first, _, second = shown.splitlines()
    assert done.stdout.splitlines() == [checked, first, second]
    assert all(move in done.stderr.splitlines() for move in moves)
    assert stored(url)[0][3] == {"priority": "high", "plan": "pro"}


@pytest.mark.fault("R9")
def test_times_of_parquet_that_python_can_not_hold(url: str, tmp_path: Path) -> None:
    """Nanoseconds are cut; a time past the calendar costs its row alone."""
    now = datetime.now(UTC).replace(microsecond=0)
    nanos = int(now.timestamp()) * 1_000_000_000
    columns = {
        "user_email": ["ada@example.com"] * 3,
        "event_type": ["a"] * 3,
        "event_timestamp": pa.array([nanos - 5, nanos - 1_000, nanos], pa.timestamp("ns", "UTC")),
        "received_at": pa.array([None, 2**62, None], pa.timestamp("us", "UTC")),
    }
    file = tmp_path / "events.parquet"
    parquet.write_table(pa.table(columns), file)
    done = command("import", file, code=1)
    assert done.stdout.splitlines()[-1] == "2 accepted, 0 duplicates, 1 rejected"
    assert "row 2: row: can't be read" in done.stderr
    assert len(stored(url)) == 2


def rejections(
    *words: object, stdin: bytes, path: Path, code: int = 1
) -> list[tuple[int, Any, str]]:
    """Line, code and message of each entry that is rejected."""
    command("import", "-", "--errors", path, *words, stdin=stdin, code=code)
    found = [json.loads(line)["rejected"] for line in path.read_text().splitlines()]
    return [(each["at"], each["code"], each["message"]) for each in found]


CLEO, FINN = "cleo@example.com", "finn@example.com"
NO_USER = "is required, but no field of the file holds the user; use --map FIELD=user_email"
ADVICE = (
    " is not an email address; map the field that holds the address with --map FIELD=user_email, "
    "or turn ids into addresses with --user-domain DOMAIN"
)
POSTHOG_SET = {
    **POSTHOG,
    "distinct_id": "0190-device",
    "uuid": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e12",
    "properties": {"$set": {"email": CLEO}},
}
AMPLITUDE_SET = {
    **AMPLITUDE,
    "$insert_id": "i-2",
    "user_id": "u_4",
    "user_properties": {"email": FINN},
}
AMPLITUDE_CLEO = {**AMPLITUDE, "user_id": CLEO}


@pytest.mark.parametrize(
    ("records", "words", "emails", "line"),
    [
        (
            [POSTHOG, POSTHOG_SET],
            (),
            [ADA, CLEO],
            "properties.$set.email, else person.properties.email, else distinct_id -> user_email",
        ),
        (
            [AMPLITUDE_CLEO, AMPLITUDE_SET],
            (),
            [CLEO, FINN],
            "user_properties.email, else user_id -> user_email",
        ),
        ([AMPLITUDE_SET, AMPLITUDE_CLEO], ("--user-domain", "x.example"), [CLEO, FINN], None),
        (
            [AMPLITUDE_SET, {**AMPLITUDE, "user_id": "u_5"}],
            ("--user-domain", "x.example"),
            [FINN, "u_5@x.example"],
            None,
        ),
        # An address that is none is no id, either: the id is.
        (
            [AMPLITUDE_CLEO, {**AMPLITUDE_SET, "user_properties": {"email": "unknown"}}],
            ("--user-domain", "x.example"),
            [CLEO, "u_4@x.example"],
            None,
        ),
        (
            [
                {**MIXPANEL, "properties": {**MIXPANEL["properties"], "$insert_id": "i-2"}},
                {
                    **MIXPANEL,
                    "properties": {
                        **MIXPANEL["properties"],
                        "distinct_id": "d-1",
                        "$user_id": CLEO,
                    },
                },
            ],
            (),
            [ADA, CLEO],
            "properties.$email, else properties.distinct_id, else properties.$user_id"
            " -> user_email",
        ),
        (
            [PLAIN, {**PLAIN, "user_id": 7, "email": BO}, {**PLAIN, "user_id": 8.0}],
            ("--user-domain", "x.example"),
            ["8@x.example", ADA, BO],
            "email, else user_id -> user_email",
        ),
        # Of an own file, its own field comes first.
        (
            [
                {**PLAIN, "user_id": BO, "user_email": ADA},
                {**PLAIN, "user_id": BO},
                {**PLAIN, "user_id": CLEO, "user_email": "u_7"},
            ],
            (),
            [ADA, BO, CLEO],
            "user_email, else user_id -> user_email",
        ),
        # Two spellings of one name.
        (
            [PLAIN, {"userId": BO, "event": "a", "timestamp": f"{D}T10:00:00Z"}],
            (),
            [ADA, BO],
            "user_id, else userId -> user_email",
        ),
        # As the command says, and no other field.
        (
            [
                {**PLAIN, "a": ADA, "b": BO, "user_email": FINN},
                {**PLAIN, "a": "u_1", "b": BO, "user_email": FINN},
            ],
            ("--map", "a=user_email", "--map", "b=user_email"),
            [ADA, BO],
            "a, else b -> user_email",
        ),
        (
            [{**PLAIN, "a": ADA, "b": BO}, {**PLAIN, "a": "u_1", "b": BO}],
            ("--map", "b=user_email", "--map", "a=user_email"),
            [BO, BO],
            "b, else a -> user_email",
        ),
    ],
)
def test_each_line_has_the_first_field_that_holds_an_address(
    url: str, records: list[Json], words: tuple[str, ...], emails: list[str], line: str | None
) -> None:
    result = command("import", "-", *words, stdin=lines(*records))
    assert result.stdout.endswith(" 0 duplicates, 0 rejected\n")
    assert sorted(row[0] for row in stored(url)) == sorted(emails)
    assert line is None or line in result.stderr.splitlines()


def test_an_address_that_comes_late_in_the_file_is_found(url: str) -> None:
    early = [{**AMPLITUDE, "$insert_id": f"i-{n}"} for n in range(1001)]
    assert imported("-", stdin=lines(*early, AMPLITUDE_SET)).startswith("1002 accepted")
    assert {row[0] for row in stored(url)} == {ADA, FINN}


def test_a_field_that_is_not_the_user_is_kept_as_any_other(url: str) -> None:
    records = [{**PLAIN, "email": BO}, {**PLAIN, "email": None, "user_id": CLEO}]
    result = command("import", "-", "--rest-to-metadata", stdin=lines(*records))
    assert result.stdout.startswith("2 accepted")
    metadata = {row[0]: row[3] for row in stored(url)}
    assert metadata[BO].keys() == {"user_id"}
    assert "user_id" not in metadata[CLEO]


def test_a_line_without_an_address_says_what_to_do(url: str, tmp_path: Path) -> None:
    errors = tmp_path / "rejected.ndjson"
    records = [POSTHOG, {**POSTHOG, "distinct_id": "d-1"}, {**POSTHOG, "distinct_id": None}]
    assert rejections(stdin=lines(*records), path=errors) == [
        (2, "invalid_value", f"'d-1'{ADVICE}"),
        (3, "missing_field", NO_USER),
    ]
    own = [
        {"user_email": email, "event_type": "a", "event_timestamp": f"{D}T10:00:00Z"}
        for email in (ADA, "u_1", 7, " ", None, "a@b@c")
    ]
    assert rejections(stdin=lines(*own), path=errors) == [
        (2, "invalid_value", f"'u_1'{ADVICE}"),
        (3, "invalid_value", f"7{ADVICE}"),
        (4, "missing_field", NO_USER),
        (5, "missing_field", NO_USER),
        (6, "invalid_value", "must be an email address, such as ada@example.com"),
    ]
    # Corrected as it says, all is imported.
    assert imported("-", "--user-domain", "x.example", stdin=lines(*records), code=1) == (
        "1 accepted, 1 duplicates, 1 rejected"
    )


EVENT = {"user_email": ADA, "event_type": "a", "event_timestamp": f"{D}T10:00:00Z"}


@pytest.mark.parametrize(
    ("fields", "metadata", "said"),
    [
        ({"metadata": "hi"}, {"value": "hi"}, "metadata is not a JSON object"),
        ({"event_metadata": "{1"}, {"value": "{1"}, "event_metadata is not a JSON object"),
        ({"metadata": '{"a": 1}'}, {"a": 1}, None),
        ({"metadata": "\ud83d"}, {"value": "\ufffd"}, "metadata is not a JSON object"),
        ({"metadata": '{"a": "\ud83d"}'}, {"a": "\ufffd"}, "replaced_text: 1 times"),
        ({"context_snapshot": "home"}, {}, "context_snapshot is not a JSON object"),
        ({"duration_ms": "abc"}, {}, "invalid_value: 1 times, first in line 1: duration_ms "),
        ({"duration_ms": "true"}, {}, "line 1: duration_ms "),
        ({"duration_ms": "{"}, {}, "line 1: duration_ms "),
        ({"duration_ms": -5}, {}, "line 1: duration_ms "),
        ({"session_seq": "first"}, {}, "line 1: session_seq "),
        ({"session_seq": "1.5"}, {}, "line 1: session_seq "),
        ({"entity_id": {"a": 1}}, {}, "line 1: entity_id must not be an object"),
        ({"event_id": [1]}, {}, "line 1: event_id must not be an object"),
        ({"device_type": "x" * 1000}, {}, "line 1: device_type "),
        (
            {"received_at": "soon"},
            {},
            "line 1: received_at must be a date and time, such as 2026-11-20T09:15:00Z; ignored",
        ),
        ({"received_at": 1763634300}, {}, "line 1: received_at is a number; set its unit"),
        ({"received_at": "--5"}, {}, "line 1: received_at must be a date and time"),
        ({"received_at": "9999-01-01T00:00:00Z"}, {}, "received_at is more than a day in"),
        ({"received_at": {"a": 1}}, {}, "line 1: received_at must be a date and time"),
    ],
)
def test_one_bad_field_never_costs_an_event(
    url: str, fields: Json, metadata: Json, said: str | None
) -> None:
    result = command("import", "-", stdin=lines({**EVENT, **fields}))
    assert result.stdout == "1 accepted, 0 duplicates, 0 rejected\n"
    assert stored(url) == [(ADA, "a", T10, metadata)]
    assert said is None or said in result.stderr
    assert imported("-", stdin=lines({**EVENT, **fields})) == "0 accepted, 1 duplicates, 0 rejected"


def test_text_metadata_of_csv_and_its_other_fields_are_kept(url: str) -> None:
    text = table(
        f"{ADA},a,{D}T10:00:00Z,hi,abc,pro",
        f"{ADA},b,{D}T10:00:00Z,{{broken,12,pro",
        header=f"{HEADER},metadata,duration_ms,plan",
    )
    result = command("import", "-", "--rest-to-metadata", stdin=text)
    assert result.stdout == "2 accepted, 0 duplicates, 0 rejected\n"
    assert [row[3] for row in stored(url)] == [
        {"plan": "pro", "value": "hi"},
        {"plan": "pro", "value": "{broken"},
    ]
    columns = "duration_ms FROM activity_event ORDER BY event_type"
    assert [row[0] for row in execute(url, f"SELECT {columns}")] == [None, 12]


@pytest.mark.parametrize("value", ["--5", "9" * 5000, "1.2.3", "1e999", f"{D}", "-", ".", "\ud83d"])
def test_odd_times_and_numbers_are_rejected_alone(url: str, tmp_path: Path, value: str) -> None:
    record = {**GOOGLE, "event_timestamp": value}
    found = rejections(stdin=lines(GOOGLE, record), path=tmp_path / "rejected")
    assert [(at, code) for at, code, _ in found] in (
        [(2, "invalid_value")],
        [(2, "invalid_text")],
    )
    params = [{"key": "n", "value": {"int_value": value}}]
    odd = {**GOOGLE, "user_id": BO, "event_params": params}
    assert imported("-", stdin=lines(odd)) == "1 accepted, 0 duplicates, 0 rejected"


def test_a_bare_date_is_no_time_of_an_event(url: str, tmp_path: Path) -> None:
    found = rejections(stdin=table(f"{ADA},a,{D}"), path=tmp_path / "rejected")
    message = "must be a date and time, such as 2026-11-20T09:15:00Z"
    assert found == [(2, "invalid_value", message)]


def test_what_is_suppressed_is_said(url: str) -> None:
    execute(
        url,
        f"INSERT INTO app_user (email, analytics_opt_out) VALUES ('{BO}', true)",  # noqa: S608
    )
    text = table(*ROWS)
    assert imported("-", "--dry-run", stdin=text) == (
        "3 events can be imported (an import suppresses those of users who opted out or were "
        "erased), "
        "0 rejected; nothing was written"
    )
    result = command("import", "-", stdin=text)
    assert "1 suppressed: their users opted out or were erased" in result.stderr.splitlines()
    assert result.stdout == "2 accepted, 0 duplicates, 0 rejected, 1 suppressed\n"


def test_names_that_mean_something_else_are_named(url: str) -> None:
    record = {**SEGMENT[0], "event_id": "x", "user_email": ADA}
    result = command("import", "-", "--map", "userId=user_email", stdin=lines(record))
    said = result.stderr.splitlines()
    assert "`event_id` of the file is ignored: messageId is used instead." in said
    assert "`user_email` of the file is ignored: userId is used instead." in said


def test_the_help_says_what_options_do() -> None:
    said = " ".join(command("import", "--help").stdout.replace("│", " ").split())
    for part in (
        "Keep unknown fields in metadata.",
        "File format; by default detected from its name and first bytes.",
        "Text encoding, such as `cp1252` or `latin-1`; UTF-8 by default.",
    ):
        assert part in said
    said = " ".join(command("export", "--help").stdout.replace("│", " ").split())
    assert "File format." in said
    assert "Include the erasure secret, so that another database recognizes erased users." in said
