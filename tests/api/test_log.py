"""`POST /api/events/log`: one event, its answer, and what is kept of it."""

import gzip
import json
import os

import asyncpg
import httpx
import pytest

from tests.api.conftest import ADA, HOUR_AGO, Json, error_of, event, stored

ID = "0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10"
JSON = {"Content-Type": "application/json"}
OPTIONAL = [
    *("event_category", "event_action", "entity_type", "entity_id", "metadata", "event_metadata"),
    *("session_id", "session_seq", "device_type", "context_snapshot", "duration_ms", "sent_at"),
]


def one(**fields: object) -> Json:
    return {"user_email": ADA, **event(**fields)}


def warned(response: httpx.Response) -> list[str]:
    return [warning["code"] for warning in response.json()["warnings"]]


async def test_a_new_event_is_created_and_its_retry_is_a_duplicate(
    client: httpx.AsyncClient,
) -> None:
    body = one(event_id=ID)
    first = await client.post("/log", json=body)
    assert first.status_code == 201
    assert first.headers["content-type"] == "application/json"
    assert first.json() == {
        "event_id": ID,
        "status": "accepted",
        "server_time": "2026-11-20T12:00:00Z",
        "warnings": [],
    }
    second = await client.post("/log", json=body)
    assert second.status_code == 200
    assert second.json()["status"] == "duplicate"
    assert second.json()["event_id"] == ID
    assert len(await stored(client)) == 1


async def test_everything_of_an_event_is_kept(client: httpx.AsyncClient) -> None:
    body = {
        "user_email": " Ada@Example.COM\n",
        "event_id": ID,
        "event_type": "project_subtask_completed",
        "event_timestamp": "2026-11-20T12:30:00.250001+01:30",
        "event_category": "work",
        "event_action": "done",
        "entity_type": "subtask",
        "entity_id": 42,
        "metadata": {"title": "Füße", "tags": ["a", None, 1.5], "open": False},
        "session_id": 7,
        "session_seq": 3,
        "device_type": " desktop ",
        "context_snapshot": {"route": "/projects/9"},
        "duration_ms": 1250.6,
        "sent_at": "2026-11-20T11:59:30Z",
    }
    assert (await client.post("/log", json=body)).json()["warnings"] == []
    assert await stored(client) == [
        {
            "event_id": ID,
            "user_email": "ada@example.com",
            "event_timestamp": "2026-11-20T11:00:00.250001Z",
            "event_type": "project_subtask_completed",
            "event_category": "work",
            "event_action": "done",
            "entity_type": "subtask",
            "entity_id": "42",
            "metadata": {"title": "Füße", "tags": ["a", None, 1.5], "open": False},
            "session_id": "7",
            "session_seq": 3,
            "device_type": "desktop",
            "context_snapshot": {"route": "/projects/9"},
            "duration_ms": 1251,
            "received_at": "2026-11-20T12:00:00Z",
        }
    ]


async def test_null_is_the_same_as_absent(client: httpx.AsyncClient) -> None:
    response = await client.post("/log", json=one(**dict.fromkeys(OPTIONAL)))
    assert response.status_code == 201
    [kept] = await stored(client)
    assert (kept["event_category"], kept["event_action"]) == ("project", "created")
    assert kept["metadata"] == {}
    assert kept["context_snapshot"] is None
    assert kept["duration_ms"] is None


@pytest.mark.parametrize(
    ("event_type", "category", "action"),
    [
        ("project_created", "project", "created"),
        ("project_subtask_completed", "project", "completed"),
        ("email_categorized", "email", "categorized"),
        ("page_viewed", "navigation", "viewed"),
        ("$pageview", "navigation", "viewed"),
        ("modal_opened", "navigation", "opened"),
        ("invoice_line_item_removed", "invoice", "removed"),
        ("Signed Up", "signed", "up"),
        ("fileUploaded", "file", "uploaded"),
        ("click", "click", "click"),
        ("über_geöffnet", "über", "geöffnet"),
        ("!!!", "!!!", "!!!"),
    ],
)
async def test_the_type_gives_category_and_action(
    client: httpx.AsyncClient, event_type: str, category: str, action: str
) -> None:
    assert (await client.post("/log", json=one(event_type=event_type))).status_code == 201
    [kept] = await stored(client)
    assert (kept["event_category"], kept["event_action"]) == (category, action)


async def test_metadata_goes_by_either_name_or_both(client: httpx.AsyncClient) -> None:
    for name in ("metadata", "event_metadata"):
        response = await client.post("/log", json=one(**{name: {"by": name}}))
        assert response.status_code == 201
    kept = {each["metadata"]["by"] for each in await stored(client)}
    assert kept == {"metadata", "event_metadata"}
    both = one(metadata={"by": 1}, event_metadata={"by": 2, "a": 3}, entity_type="both")
    answer = (await client.post("/log", json=both)).json()
    assert [(each["code"], each["field"]) for each in answer["warnings"]] == [
        ("invalid_value", "event_metadata")
    ]
    [found] = await stored(client, entity_type="both")
    assert found["metadata"] == {"by": 1, "a": 3}


async def test_an_unknown_field_is_warned_of_and_not_kept(client: httpx.AsyncClient) -> None:
    response = await client.post("/log", json=one(event_id=ID, colour="red"))
    assert response.status_code == 201
    assert response.json()["warnings"] == [
        {
            "code": "unknown_field",
            "field": "colour",
            "message": "is not a field of an event; ignored",
        }
    ]
    assert "colour" not in (await stored(client))[0]


async def test_without_an_id_a_retry_counts_twice_and_says_so(client: httpx.AsyncClient) -> None:
    body = {"user_email": ADA, "event_type": "email_opened", "event_timestamp": HOUR_AGO}
    answers = [await client.post("/log", json=body) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert [warned(each) for each in answers] == [["not_retry_safe"], ["not_retry_safe"]]
    given = {each.json()["event_id"] for each in answers}
    assert {each["event_id"] for each in await stored(client)} == given
    assert len(given) == 2


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json", None),
        ("Application/JSON; charset=UTF-8", "identity"),
        ("text/plain", None),
        ("text/plain;charset=utf-8", None),
        ("application/json", "gzip"),
        ("text/plain", "GZIP"),
    ],
)
async def test_content_types(
    client: httpx.AsyncClient, content_type: str, encoding: str | None
) -> None:
    body = json.dumps(one(metadata={"label": "Zoë"}), ensure_ascii=False).encode()
    zipped = encoding is not None and encoding.lower() == "gzip"
    headers = {"Content-Type": content_type}
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    response = await client.post(
        "/log", content=gzip.compress(body) if zipped else body, headers=headers
    )
    assert response.status_code == 201, response.text
    assert (await stored(client))[0]["metadata"] == {"label": "Zoë"}


@pytest.mark.fault("A5")
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/cloudevents+json",
        "application/reports+json",
        "text/json",
        "text/plain;charset=iso-8859-1",
        "application/json; charset=windows-1252",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ],
)
async def test_json_by_another_name_or_none(
    client: httpx.AsyncClient, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    content = json.dumps(one(metadata={"label": "Zoë"}), ensure_ascii=False).encode()
    response = await client.post("/log", content=content, headers=headers)
    assert response.status_code == 201, response.text
    assert (await stored(client))[0]["metadata"] == {"label": "Zoë"}


@pytest.mark.fault("A5")
async def test_latin_1_where_it_says_so(client: httpx.AsyncClient) -> None:
    content = json.dumps(one(metadata={"label": "Zoë"}), ensure_ascii=False).encode("latin-1")
    headers = {"Content-Type": "text/plain;charset=iso-8859-1"}
    assert (await client.post("/log", content=content, headers=headers)).status_code == 201
    assert (await stored(client))[0]["metadata"] == {"label": "Zoë"}


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"event_type=a"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"{}"),
        ({"Content-Type": "application/jsonp"}, b"{}"),
        ({"Content-Type": "text/html"}, b"{}"),
        ({**JSON, "Content-Encoding": "br"}, b"\x8b\x01\x80{}\x03"),
        ({**JSON, "Content-Encoding": "deflate"}, b"x\x9c\xab\xae\x05\x00\x01u\x00\xf9"),
    ],
)
async def test_other_content_types(
    client: httpx.AsyncClient, headers: dict[str, str], content: bytes
) -> None:
    response = await client.post("/log", content=content, headers=headers)
    assert error_of(response, 415)["code"] == "unsupported_media_type"


@pytest.mark.fault("R7")
async def test_the_deepest_event_comes_back_whole(client: httpx.AsyncClient) -> None:
    """Read, exported and streamed are the same bytes of jsonb."""
    deepest: Json = {"k": [1, "x"]}
    for _ in range(30):
        deepest = {"a": deepest}
    body = one(metadata=deepest, context_snapshot=deepest)
    response = await client.post("/log", json=body)
    assert (response.status_code, response.json()["warnings"]) == (201, [])
    [found] = await stored(client)
    assert (found["metadata"], found["context_snapshot"]) == (deepest, deepest)
    lines = (await client.get("/export", params={"format": "ndjson"})).text.splitlines()
    assert json.loads(lines[0])["metadata"] == deepest
    csv = (await client.get("/export", params={"format": "csv"})).text
    assert '""k"": [1, ""x""]' in csv or '""k"":[1,""x""]' in csv
    asked = await client.get("/", params={"metadata": json.dumps(deepest)})
    assert len(asked.json()["events"]) == 1


async def test_an_acknowledged_event_is_committed(
    client: httpx.AsyncClient, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert (await client.post("/log", json=one(event_id=ID))).status_code == 201
        found = await connection.fetchval("SELECT event_id::text FROM activity_event")
    finally:
        await connection.close()
    assert found == ID


@pytest.mark.skipif("CITUS_URL" in os.environ, reason="Citus takes no trigger on this table")
async def test_a_commit_that_fails_is_not_acknowledged(
    client: httpx.AsyncClient, database_url: str
) -> None:
    """Every statement succeeds, and then the commit does not."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE 'not today'; END $$;"
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON app_user"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        response = await client.post("/log", json=one())
    finally:
        await connection.execute("DROP FUNCTION IF EXISTS refuse CASCADE")
        await connection.close()
    assert error_of(response, 503)["code"] == "database_unavailable"
    assert int(response.headers["retry-after"]) > 0
    assert await stored(client) == []


@pytest.mark.fault("S22")
@pytest.mark.parametrize("control", ["\x1b", "\x80", "\x9b", "\x9f", "\x85", "\x7f"])
async def test_control_characters_in_names(client: httpx.AsyncClient, control: str) -> None:
    """C0 and C1 alike: a type has a space there, an id is left out, and the result says so."""
    names = {"event_type": f"a{control}b", "device_type": f"c{control}d"}
    body = {"user_email": ADA, **names, "session_id": f"s{control}1", "entity_id": f"e{control}1"}
    answer = (await client.post("/log", json=body)).json()
    (kept,) = await stored(client)
    assert (kept["event_type"], kept["device_type"]) == ("a b", "c d")
    assert (kept["session_id"], kept["entity_id"]) == (None, None)
    assert {"event_type", "device_type", "session_id", "entity_id"} <= {
        each["field"] for each in answer["warnings"]
    }
    filtered = await client.get("/", params={"event_type": f"a{control}b"})
    assert filtered.status_code == 422
