"""`GET /api/events/`: the filters and the shape of the answer."""

import json

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Json, Log, error_of, event, refused, stored

# Names stand in the metadata, so that an answer is told by them.
EVENTS = {
    "created": event(
        event_type="project_created",
        entity_type="project",
        entity_id="9",
        session_id="s-1",
        device_type="desktop",
        metadata={"label": "created", "priority": "high", "tags": ["a", "b"], "size": 1},
    ),
    "completed": event(
        event_type="project_subtask_completed",
        entity_type="subtask",
        entity_id="9",
        session_id="s-1",
        device_type="mobile",
        metadata={"label": "completed", "priority": "low", "tags": ["b"], "owner": {"id": 5}},
    ),
    "opened": event(
        event_type="email_opened",
        entity_type="email",
        entity_id="m/1",
        session_id="s-2",
        device_type="desktop",
        metadata={"label": "opened", "priority": None, "size": "1"},
    ),
    "viewed": event(
        event_type="page_viewed",
        session_id="s 3",
        user_email=BOB,
        metadata={"label": "viewed", "owner": {"id": 5, "team": "core"}, "size": 1.5},
    ),
}


async def names(client: httpx.AsyncClient, *params: tuple[str, str]) -> set[str]:
    response = await client.get("/", params=httpx.QueryParams(params))
    assert response.status_code == 200, response.text
    return {each["metadata"]["label"] for each in response.json()["events"]}


FILTERS: list[tuple[list[tuple[str, str]], set[str]]] = [
    ([], {"created", "completed", "opened", "viewed"}),
    ([("user_email", "ada@example.com")], {"created", "completed", "opened"}),
    ([("user_email", " BOB@Example.com ")], {"viewed"}),
    ([("user_email", "eve@example.com")], set()),
    ([("user_email", BOB), ("user_email", ADA)], {"created", "completed", "opened", "viewed"}),
    ([("user_email", BOB), ("user_email", "eve@example.com")], {"viewed"}),
    ([("event_category", "project")], {"created", "completed"}),
    (
        [("event_category", "project"), ("event_category", "navigation")],
        {"created", "completed", "viewed"},
    ),
    ([("event_category", "Project")], set()),
    ([("event_type", "email_opened")], {"opened"}),
    ([("event_type", "email_opened"), ("event_type", "page_viewed")], {"opened", "viewed"}),
    ([("event_action", "completed")], {"completed"}),
    ([("event_action", "created"), ("event_action", "viewed")], {"created", "viewed"}),
    ([("entity_type", "email")], {"opened"}),
    ([("entity_id", "9")], {"created", "completed"}),
    ([("entity_id", "9"), ("entity_type", "project")], {"created"}),
    ([("entity_id", "m/1")], {"opened"}),
    ([("session_id", "s-1")], {"created", "completed"}),
    ([("session_id", "s-2"), ("session_id", "s 3")], {"opened", "viewed"}),
    ([("device_type", "desktop")], {"created", "opened"}),
    ([("device_type", "desktop"), ("session_id", "s-1")], {"created"}),
    ([("event_category", "project"), ("user_email", BOB)], set()),
    ([("event_type", "' OR 1=1 --")], set()),
    ([("event_type", "%")], set()),
]


async def test_filters(client: httpx.AsyncClient, log: Log) -> None:
    await log(*EVENTS.values())
    for params, expected in FILTERS:
        assert await names(client, *params) == expected, params


CONTAINED: list[tuple[Json, set[str]]] = [
    ({}, {"created", "completed", "opened", "viewed"}),
    ({"priority": "high"}, {"created"}),
    ({"priority": None}, {"opened"}),
    ({"tags": ["b"]}, {"created", "completed"}),
    ({"tags": ["b", "a"]}, {"created"}),
    ({"owner": {"id": 5}}, {"completed", "viewed"}),
    ({"owner": {"id": 5, "team": "core"}}, {"viewed"}),
    ({"owner": {}}, {"completed", "viewed"}),
    ({"size": 1}, {"created"}),
    ({"size": 1.0}, {"created"}),
    ({"size": "1"}, {"opened"}),
    ({"size": 1.5, "label": "viewed"}, {"viewed"}),
    ({"tags": "b"}, set()),
    ({"size": 10**300}, set()),
]


async def test_metadata_that_must_be_contained(client: httpx.AsyncClient, log: Log) -> None:
    await log(*EVENTS.values())
    for contained, expected in CONTAINED:
        found = await names(client, ("metadata", json.dumps(contained)))
        assert found == expected, contained


NOT_CONTAINED = [
    ("", "metadata"),
    ("high", "metadata"),
    ('{"a": 1', "metadata"),
    ("[]", "metadata"),
    ('"text"', "metadata"),
    ("null", "metadata"),
    ('{"a": NaN}', "metadata.a"),
    ('{"a": 1e999}', "metadata.a"),
    ('{"a": "\\u0000"}', "metadata.a"),
    ('{"a": ["\\ud800"]}', "metadata.a[0]"),
    ('{"a": 1, "a": 2}', "metadata"),
    ('{"a":' * 101 + "1" + "}" * 101, ("metadata" + ".a" * 100)[:200]),
    ('{"a":' * 1300 + "1" + "}" * 1300, ("metadata" + ".a" * 100)[:200]),
    ('{"a": "' + "x" * 8192 + '"}', "metadata"),
]


async def test_metadata_that_no_event_could_hold(client: httpx.AsyncClient) -> None:
    for given, field in NOT_CONTAINED:
        refused(await client.get("/", params={"metadata": given}), 422, "invalid_request", field)


async def test_the_answer_without_events(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert response.json() == {"events": [], "next_cursor": None}


async def test_the_path_goes_with_and_without_its_slash(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event())
    for path in ("http://localhost/api/events/", "http://localhost/api/events"):
        response = await client.get(path)
        assert response.status_code == 200
        assert len(response.json()["events"]) == 1


async def test_a_hundred_events_by_default_and_a_thousand_at_most(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(*(event() for _ in range(101)))
    response = await client.get("/")
    assert len(response.json()["events"]) == 100
    assert response.json()["next_cursor"] is not None
    assert len(await stored(client, limit=1000)) == 101
    refused(await client.get("/", params={"limit": 1001}), 422, "invalid_request", "limit")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "event_typ"),
        ("/", "email"),
        ("/", "offset"),
        ("/analytics", "event_typ"),
        ("/analytics", "limit"),
        ("/session/s-1", "days"),
        ("/session/s-1", "order"),
    ],
)
async def test_unknown_parameters_are_refused(
    client: httpx.AsyncClient, log: Log, path: str, name: str
) -> None:
    """A filter with a typo would answer for everybody."""
    await log(event(session_id="s-1"))
    response = await client.get(path, params={name: "7"})
    refused(response, 422, "invalid_request", name)
    assert "is not a parameter" in error_of(response, 422)["message"]


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/", "limit", "5"),
        ("/", "order", "asc"),
        ("/", "cursor", "x"),
        ("/", "metadata", "{}"),
        ("/", "days", "7"),
        ("/", "start", "2026-11-01"),
        ("/", "tz", "UTC"),
        ("/analytics", "days", "7"),
        ("/analytics", "end", "2026-11-01"),
        ("/session/s-1", "limit", "5"),
        ("/session/s-1", "user_email", ADA),
    ],
)
async def test_a_parameter_given_twice_is_refused(
    client: httpx.AsyncClient, log: Log, path: str, name: str, value: str
) -> None:
    """All but one of them would be lost."""
    await log(event(session_id="s-1"))
    refused(await client.get(path, params=[(name, value)] * 2), 422, "invalid_request", name)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "abc"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"order": "newest"}, "order"),
        ({"user_email": "ada"}, "user_email.0"),
        ({"user_email": ""}, "user_email.0"),
        ({"user_email": "a@b\0"}, "user_email.0"),
        ({"event_type": ""}, "event_type.0"),
        ({"event_type": "a\0b"}, "event_type.0"),
        ({"event_type": "x" * 129}, "event_type.0"),
        ({"session_id": [str(number) for number in range(101)]}, "session_id"),
    ],
)
async def test_values_that_are_refused(
    client: httpx.AsyncClient, params: dict[str, str | list[str]], field: str
) -> None:
    refused(await client.get("/", params=params), 422, "invalid_request", field)


async def test_values_of_other_scripts_are_found(client: httpx.AsyncClient, log: Log) -> None:
    given = event(event_type="проект_создан", session_id="セッション 1", entity_id="🦊/?#&=%")
    await log(given, event())
    for name in ("event_type", "session_id", "entity_id"):
        [found] = await stored(client, **{name: given[name]})
        assert found["event_id"] == given["event_id"]
