"""Personal data in an event does not reach the database."""

from contextlib import closing

import asyncpg
import httpx
import orjson
import pytest

from app.ingest.content_ids import ContentIds
from app.ingest.import_files import Entry
from app.ingest.import_prepare import prepare_entry
from app.ingest.rows import EventRow
from app.observability.metrics import REGISTRY
from app.settings import Settings
from tests.api.conftest import ADA, BOB, Log, event, stored
from tests.conftest import NOW


async def test_what_is_stored_has_no_address(client: httpx.AsyncClient, log: Log) -> None:
    given = event(metadata={"to": "carl@example.com", "note": "hi"})
    body = {"user_email": ADA, "events": [given]}
    answer = (await client.post("/log/batch", json=body)).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 0)
    (result,) = answer["results"]
    assert (result["status"], result["warnings"][0]["code"]) == ("accepted", "pii_redacted")
    assert result["warnings"][0]["field"] == "metadata.to"
    assert "carl" not in (await client.get("/")).text
    assert (await stored(client))[0]["metadata"] == {"to": "[redacted:email]", "note": "hi"}
    # A retry is the same event, and says nothing else.
    again = (await client.post("/log/batch", json=body)).json()
    assert again["duplicates"] == 1
    assert "payload_mismatch" not in str(again)


@pytest.mark.fault("F3")
async def test_nothing_names_an_erased_user(
    client: httpx.AsyncClient, log: Log, settings: Settings
) -> None:
    about = {"entity_type": "user", "entity_id": BOB, "session_id": f"{BOB}-1"}
    answer = await log(
        event(**about),
        event(event_type=f"told_{BOB}", metadata={"page": "/u/bob%40example.com", BOB: 1}),
        event(user_email=BOB),
    )
    assert answer["accepted"] == 3
    fields = [warning["field"] for result in answer["results"] for warning in result["warnings"]]
    assert fields == [
        "entity_id",
        "session_id",
        "metadata.page",
        "metadata.[redacted:email]",
        "event_type",
    ]
    assert await _lines_with(BOB, client, settings) > 0
    await client.delete("http://localhost/api/privacy/user", params={"user_email": BOB})
    assert await _lines_with(BOB, client, settings) == 0
    assert await _lines_with("bob%40", client, settings) == 0


async def _lines_with(text: str, client: httpx.AsyncClient, settings: Settings) -> int:
    """Lines of the export, and rows of events and users, that have a text in them."""
    exported = (await client.get("/export")).text
    connection = await asyncpg.connect(settings.database_url)
    try:
        rows = await connection.fetch(
            "SELECT row_to_json(e)::text FROM activity_event e "
            "UNION ALL SELECT row_to_json(u)::text FROM app_user u"
        )
    finally:
        await connection.close()
    return sum(text in line for line in [*exported.splitlines(), *(row[0] for row in rows)])


@pytest.mark.fault("R4")
async def test_what_was_redacted_is_exported_and_imported_as_it_is(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event(metadata={"to": "carl@example.com", "u": "?token=abc123"}, entity_id=BOB))
    (line,) = [
        line for line in (await client.get("/export")).text.splitlines() if "carl" not in line
    ]
    exported = orjson.loads(line)
    assert exported["metadata"] == {"to": "[redacted:email]", "u": "?token=[redacted:key]"}
    for mode in ("redact", "reject"):
        with closing(ContentIds()) as ids:
            kept = prepare_entry(Entry(1, exported, 1), Settings(pii_mode=mode), NOW, ids)
        assert isinstance(kept, EventRow)
        assert orjson.loads(kept.event_metadata) == exported["metadata"]
        assert (kept.entity_id, kept.warnings) == ("[redacted:email]", ())


@pytest.mark.fault("R2")
async def test_what_is_redacted_is_counted(client: httpx.AsyncClient, log: Log) -> None:
    def counted(field: str) -> float:
        name = "activity_pii_redacted_events_total"
        return REGISTRY.get_sample_value(name, {"field": field}) or 0

    before = counted("metadata"), counted("entity_id")
    await log(
        event(metadata={"a": "carl@example.com", "b": "dora@example.com"}),
        event(entity_id=BOB),
        event(metadata={"email": {"id": "m-7"}, "name": "Roadmap"}),
    )
    assert (counted("metadata"), counted("entity_id")) == (before[0] + 1, before[1] + 1)
