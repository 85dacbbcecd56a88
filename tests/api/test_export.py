"""Exports over HTTP: three formats, going on after a break, refusals before the first byte."""

import asyncio
import csv
import io
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from pyarrow import parquet

from app.dependencies import Service
from tests.api.conftest import ADA, BOB, Json, Log, error_of, event, events_at, refused, stored
from tests.conftest import LiveServer

PRIVACY = "http://localhost/api/privacy/export"
COLUMNS = [
    *("event_id", "user_email", "event_timestamp", "event_type", "event_category", "event_action"),
    *("entity_type", "entity_id", "metadata", "session_id", "session_seq", "device_type"),
    *("context_snapshot", "duration_ms", "received_at"),
]
# Each would break some reader of one of the formats.
HOSTILE: Json = {
    "lines": "a\nb\r\nc\u2028d\x85e",
    "quotes": "\"'`,;\t\\",
    "unicode": "snow ☃ 🤦🏽 e\u0301 \u202e",
    "null": None,
    "empty": "",
    "objects": {"": [], "a": {"b": [1, [True, {}]]}},
    "big": 2**80,
    "double": 1.7e308,
    "tiny": 5e-324,
    "formula": '=HYPERLINK("http://example.com")',
}


async def export(client: httpx.AsyncClient, **params: Any) -> bytes:
    response = await client.get("/export", params=params)
    assert response.status_code == 200, response.text
    return response.content


def lines(content: bytes) -> list[Json]:
    assert content == b"" or content.endswith(b"\n")
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def ids(events: list[Json]) -> list[str]:
    return [each["event_id"] for each in events]


def after(line: Json) -> str:
    return f"{line['event_timestamp']},{line['event_id']},{line['user_email']}"


async def test_lines_are_the_events_of_the_query_oldest_first(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event(metadata=HOSTILE, context_snapshot={"=": "+1"}, duration_ms=5, session_id="s"))
    await log(*events_at("2026-11-19T10:00:00.000001Z", "2026-11-20T09:00:00Z", entity_id="=1+1"))
    response = await client.get("/export")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["content-disposition"] == (
        'attachment; filename="activity-events-20261120T120000Z.ndjson"'
    )
    assert "content-length" not in response.headers
    assert lines(response.content) == (await stored(client))[::-1]
    assert list(lines(response.content)[0]) == COLUMNS


async def test_csv_has_what_ndjson_has(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(metadata=HOSTILE, context_snapshot={"a": "\n"}, session_seq=3, duration_ms=0))
    await log(event(entity_type="-1", entity_id='a,"b"', device_type="@sum", session_id="+1"))
    response = await client.get("/export", params={"format": "csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].endswith('.csv"')
    records = list(csv.reader(io.StringIO(response.content.decode(), newline=""), strict=True))
    assert records[0] == COLUMNS
    found = [dict(zip(COLUMNS, record, strict=True)) for record in records[1:]]
    expected = lines(await export(client))
    for cells, wanted in zip(found, expected, strict=True):
        for name in COLUMNS:
            if name in {"metadata", "context_snapshot"}:
                value = json.loads(cells[name]) if cells[name] else None
                assert value == wanted[name]
            else:
                assert cells[name] == ("" if wanted[name] is None else str(wanted[name]))
    # No line but that of a record ends in it, so that the last whole line is one.
    assert response.content.count(b"\n") == 3


async def test_parquet_has_what_ndjson_has(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(metadata=HOSTILE, context_snapshot={"a": 1}, session_seq=3, duration_ms=7))
    await log(event())
    response = await client.get("/export", params={"format": "parquet"})
    assert response.headers["content-type"] == "application/vnd.apache.parquet"
    table = parquet.read_table(io.BytesIO(response.content))
    assert {field.name: str(field.type) for field in table.schema} == {
        **dict.fromkeys(COLUMNS, "string"),
        "event_timestamp": "timestamp[us, tz=UTC]",
        "received_at": "timestamp[us, tz=UTC]",
        "session_seq": "int32",
        "duration_ms": "int64",
    }
    expected = lines(await export(client))
    for found, wanted in zip(table.to_pylist(), expected, strict=True):
        found["metadata"] = json.loads(found["metadata"])
        found["context_snapshot"] = json.loads(found["context_snapshot"] or "null")
        for name in ("event_timestamp", "received_at"):
            found[name] = found[name].isoformat().replace("+00:00", "Z")
        assert found == wanted


@pytest.mark.fault("R6")
async def test_it_says_what_it_does_not_have(client: httpx.AsyncClient) -> None:
    response = await client.get("/export")
    assert response.headers["x-export-excludes"] == (
        "opt-outs, erasures, events of users who opted out of analytics"
    )


async def test_nothing_to_export_is_a_whole_file(client: httpx.AsyncClient) -> None:
    assert await export(client) == b""
    assert await export(client, format="csv") == (",".join(COLUMNS) + "\r\n").encode()
    content = await export(client, format="parquet")
    assert parquet.read_table(io.BytesIO(content)).num_rows == 0


async def test_filters_and_windows_are_those_of_the_query(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event(event_type="email_opened", metadata={"a": 1}), event(), event(session_id="s"))
    await log(event(event_type="email_opened"), event(), user_email=BOB)
    await log(*events_at("2026-11-10T10:00:00Z"))
    for filters in (
        {"user_email": BOB},
        {"user_email": [ADA, BOB], "event_type": "email_opened"},
        {"metadata": '{"a": 1}'},
        {"session_id": "s"},
        {"days": 7},
        {"start": "2026-11-10", "end": "2026-11-11"},
        {"user_email": "nobody@example.com"},
    ):
        expected = await stored(client, **filters)
        assert lines(await export(client, **filters)) == expected[::-1], filters
        assert (len(expected) == 0) == (filters.get("user_email") == "nobody@example.com")


@pytest.mark.parametrize("format_", ["ndjson", "csv"])
async def test_a_download_cut_at_any_byte_goes_on_without_gap_or_repeat(
    client: httpx.AsyncClient, log: Log, format_: str
) -> None:
    same = "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11"
    await log(event(event_id=same, metadata={"a": "\n"}), *events_at("2026-11-20T10:00:00Z"))
    await log(event(event_id=same), user_email="o'hara+a,b@example.com")
    await log(*events_at("2026-11-20T10:00:00.000001Z", "2026-11-20T11:00:00.5Z"), user_email=BOB)
    whole = await export(client, format=format_)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    assert len(ends) == 5 + (format_ == "csv")
    for cut in range(ends[0] if format_ == "ndjson" else ends[1], len(whole) + 1, 7):
        kept = whole[: whole[:cut].rindex(b"\n") + 1]
        last = kept.decode().splitlines(keepends=True)[-1] if format_ == "ndjson" else ""
        if format_ == "ndjson":
            line = json.loads(last)
        else:
            *_, record = csv.reader(io.StringIO(kept.decode(), newline=""))
            line = dict(zip(COLUMNS, record, strict=True))
        rest = await export(client, format=format_, after=after(line))
        assert kept + rest == whole


async def test_parts_by_limit_make_up_the_whole(client: httpx.AsyncClient, log: Log) -> None:
    await log(*events_at(*["2026-11-20T10:00:00Z"] * 5))
    whole = lines(await export(client))
    first = lines(await export(client, limit=2))
    second = lines(await export(client, limit=2, after=after(first[-1])))
    third = lines(await export(client, limit=2, after=after(second[-1])))
    assert [len(part) for part in (first, second, third)] == [2, 2, 1]
    assert first + second + third == whole


async def test_after_a_user_who_is_gone_nothing_is_left_out(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event(), *events_at("2026-11-20T11:30:00Z"))
    await log(*events_at("2026-11-20T11:00:00Z"), user_email=BOB)
    first = lines(await export(client, user_email=BOB))[0]
    gone = after({**first, "user_email": "gone@example.com"})
    rest = lines(await export(client, after=gone))
    assert ids(rest)[-1] == ids(await stored(client))[0]
    assert first["event_id"] in ids(rest)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "2026-11-20T10:00:00Z",
        f"2026-11-20T10:00:00Z,none,{ADA}",
        f"yesterday,0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11,{ADA}",
        f"9999-12-31T23:59:59-23:59,0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11,{ADA}",
        "2026-11-20T10:00:00Z,0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11,",
        "2026-11-20T10:00:00Z,0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11,lost plus@example.com",
    ],
)
async def test_what_is_no_line_is_refused_before_the_first_byte(
    client: httpx.AsyncClient, given: str
) -> None:
    response = await client.get("/export", params={"after": given})
    assert error_of(response, 422)["code"] == "bad_cursor"


async def test_other_wrong_parameters_are_refused(client: httpx.AsyncClient) -> None:
    wrong: list[tuple[Json, str]] = [
        ({"format": "xml"}, "format"),
        ({"limit": 0}, "limit"),
        ({"limit": 1_000_001}, "limit"),
        ({"order": "desc"}, "order"),
        ({"days": 7, "start": "2026-11-01"}, "days"),
        ({"format": ["csv", "csv"]}, "format"),
    ]
    for params, field in wrong:
        refused(await client.get("/export", params=params), 422, "invalid_request", field)
    refused(await client.get(PRIVACY), 422, "invalid_request", "user_email")
    several = await client.get(PRIVACY, params={"user_email": [ADA, BOB]})
    refused(several, 422, "invalid_request", "user_email")


async def test_no_more_exports_than_slots_and_each_is_given_back(
    app: FastAPI, client: httpx.AsyncClient, log: Log
) -> None:
    await log(event())
    service: Service = app.state.service
    service.exports.take(None)
    service.exports.take(None)
    response = await client.get("/export")
    assert error_of(response, 503)["code"] == "overloaded"
    assert response.headers["retry-after"] == "1"
    service.exports.give_back(None)
    for _ in range(3):
        assert len(lines(await export(client))) == 1
        assert (await client.get("/export", params={"after": "?"})).status_code == 422


async def test_without_a_database_it_is_an_ordinary_error(stranded: httpx.AsyncClient) -> None:
    for _ in range(3):
        error = error_of(await stranded.get("/export"), 503)
        assert error["code"] == "database_unavailable"


async def test_everything_of_one_user(client: httpx.AsyncClient, log: Log) -> None:
    await log(*events_at("2026-11-19T10:00:00Z", "2026-11-20T10:00:00Z"))
    await log(event(), user_email=BOB)
    response = await client.get(PRIVACY, params={"user_email": " Ada@Example.com"})
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"] == (
        'attachment; filename="activity-events-user-20261120T120000Z.ndjson"'
    )
    user, *events = lines(response.content)
    created_at = user.pop("created_at")
    assert created_at.endswith("Z")
    assert user == {
        "kind": "user",
        "user_email": ADA,
        "analytics_opt_out": False,
        "ai_context_opt_out": False,
        "learning_opt_out": False,
        "first_seen_at": None,
    }
    own = (await stored(client, user_email=ADA))[::-1]
    assert events == [{"kind": "event", **each} for each in own]

    rest = await client.get(PRIVACY, params={"user_email": ADA, "after": after(events[0])})
    assert lines(rest.content) == events[1:]
    table = await client.get(PRIVACY, params={"user_email": ADA, "format": "csv"})
    assert table.content == await export(client, user_email=ADA, format="csv")


@pytest.mark.fault("B6")
async def test_what_is_kept_of_removed_events_is_exported(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(*events_at("2026-11-09T10:07:00Z", "2026-11-20T10:00:00Z"))
    assert (await client.delete("/cleanup", params={"days": 10})).json()["events_deleted"] == 1
    response = await client.get(PRIVACY, params={"user_email": ADA})
    user, _ = lines(response.content)
    assert user["first_seen_at"] == "2026-11-09T10:07:00Z"


async def test_of_somebody_unknown_there_is_nothing(client: httpx.AsyncClient) -> None:
    response = await client.get(PRIVACY, params={"user_email": "nobody@example.com"})
    assert error_of(response, 404)["code"] == "not_found"


async def test_a_plus_in_an_address_is_to_be_encoded(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(), event(), user_email="a+b@example.com")
    first, second = lines(await export(client))
    rest = await client.get(f"/export?after={quote(after(first))}")
    assert lines(rest.content) == [second]


def test_a_client_that_goes_away_gives_its_slot_back(
    live: LiveServer, live_client: httpx.Client
) -> None:
    """Twice as many as there are slots, each leaving after the first bytes of a longer file."""
    user, big = "leaves@example.com", {"text": "x" * 20_000}
    body = {"user_email": user, "context_snapshot": big, "events": [{"event_type": "a"}] * 1000}
    assert live_client.post("/log/batch", json=body).status_code == 200
    for _ in range(4):
        with live_client.stream("GET", "/export", params={"user_email": user}) as response:
            assert response.status_code in {200, 503}
            next(response.iter_raw())

    async def until_free() -> int:
        async with asyncio.timeout(20), httpx.AsyncClient(base_url=live.url, timeout=20) as client:
            while True:
                response = await client.get("/api/events/export", params={"user_email": user})
                if response.status_code == 200:
                    return len(response.content.splitlines())

    assert asyncio.run(until_free()) == 1000
