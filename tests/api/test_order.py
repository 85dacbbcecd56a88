"""Events of one moment: by their number in the session, then as they were sent; never by an id."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from tests.api.conftest import ADA, BOB, Clock, Json, Log, event
from tests.conftest import NOW

pytestmark = pytest.mark.fault("B1")

AT = "2026-11-20T11:00:00.250Z"
USERS = 200
MICROSECOND = timedelta(microseconds=1)
WINDOW = {"start": "2026-11-20", "end": "2026-11-21"}
ORDERS = pytest.mark.parametrize("order", ["asc", "desc"])


def v4(_: int) -> str:
    return str(uuid4())


def v7(_: int) -> str:
    """Of one millisecond, so that the rest is random, as a browser makes them."""
    return f"01a1f8b8-733b-7{random.getrandbits(12):03x}-8def-{random.getrandbits(48):012x}"


def descending(number: int) -> str:
    """Ids that say the opposite of every order they are sent in."""
    return str(UUID(int=(1 << 127) - number, version=4))


IDS = pytest.mark.parametrize("id_of", [v4, v7, descending, None])


def users() -> list[str]:
    return [f"u{number:03}@example.com" for number in range(USERS)]


def ids() -> Iterator[int]:
    yield from range(1_000_000)


async def send(client: httpx.AsyncClient, events: Sequence[Json]) -> None:
    response = await client.post("/log/batch", json={"events": list(events)})
    assert response.status_code == 200, response.text
    assert response.json()["accepted"] == len(events), response.text


def step(
    email: str, event_type: str, id_of: Callable[[int], str] | None, number: int, **fields: Any
) -> Json:
    given = {"user_email": email, "event_type": event_type, "event_timestamp": AT}
    if id_of is not None:
        given["event_id"] = id_of(number)
    return {**given, "session_id": f"s-{email[:4]}", **fields}


async def funnel(client: httpx.AsyncClient, order: str) -> int:
    params: dict[str, Any] = {**WINDOW, "step": ["start", "done"], "order": order}
    response = await client.get("/analytics/funnel", params=params)
    assert response.status_code == 200, response.text
    converted: int = response.json()["converted"]
    return converted


async def links(client: httpx.AsyncClient, anchor: str, **params: str) -> dict[str | None, int]:
    given = {**WINDOW, "anchor": anchor, "steps": "1", **params}
    response = await client.get("/analytics/paths", params=given)
    assert response.status_code == 200, response.text
    return {each["target"]: each["events"] for each in response.json()["links"]}


async def timeline(client: httpx.AsyncClient, session_id: str) -> list[str]:
    response = await client.get(f"/session/{session_id}")
    assert response.status_code == 200, response.text
    return [each["event_type"] for each in response.json()["events"]]


async def every_start_is_before_its_done(client: httpx.AsyncClient) -> None:
    assert await funnel(client, "loose") == USERS
    assert await funnel(client, "strict") == USERS
    assert await links(client, "start") == {"done": USERS}
    assert await links(client, "done") == {None: USERS}
    assert await links(client, "done", direction="before") == {"start": USERS}
    assert await links(client, "start", direction="before") == {None: USERS}
    for email in users()[::20]:
        assert await timeline(client, f"s-{email[:4]}") == ["start", "done"]


@IDS
async def test_the_order_of_a_batch(
    client: httpx.AsyncClient, id_of: Callable[[int], str] | None
) -> None:
    number = ids()
    pairs = [
        step(email, name, id_of, next(number)) for email in users() for name in ("start", "done")
    ]
    await send(client, pairs)
    await every_start_is_before_its_done(client)


@IDS
async def test_the_order_of_a_batch_that_takes_care(
    client: httpx.AsyncClient, id_of: Callable[[int], str] | None
) -> None:
    """One odd event sends all of the batch to the careful parser, which keeps the order, too."""
    number = ids()
    pairs = [
        step(email, name, id_of, next(number)) for email in users() for name in ("start", "done")
    ]
    pairs[0]["event_timestamp"] = "2026-11-20 11:00:00.250+00"
    await send(client, pairs)
    await every_start_is_before_its_done(client)


@IDS
@pytest.mark.parametrize("numbered", [False, True])
async def test_the_order_of_two_batches(
    client: httpx.AsyncClient, clock: Clock, id_of: Callable[[int], str] | None, numbered: bool
) -> None:
    number = ids()
    for place, name in enumerate(("start", "done"), 1):
        seq = {"session_seq": place} if numbered else {}
        await send(client, [step(email, name, id_of, next(number), **seq) for email in users()])
        clock.now += timedelta(milliseconds=1)
    await every_start_is_before_its_done(client)


@IDS
@pytest.mark.parametrize("apart", [False, True])
async def test_the_number_in_the_session_goes_before_the_order_of_arrival(
    client: httpx.AsyncClient, clock: Clock, id_of: Callable[[int], str] | None, apart: bool
) -> None:
    """As after a retry: what was second comes first."""
    number = ids()
    later = [step(each, "done", id_of, next(number), session_seq=2) for each in users()]
    earlier = [step(each, "start", id_of, next(number), session_seq=1) for each in users()]
    if apart:
        await send(client, later)
        clock.now += timedelta(seconds=1)
        await send(client, earlier)
    else:
        await send(client, [*later, *earlier])
    await every_start_is_before_its_done(client)


@pytest.mark.parametrize("id_of", [v4, descending, None])
async def test_single_events_one_after_another(
    client: httpx.AsyncClient, clock: Clock, id_of: Callable[[int], str] | None
) -> None:
    names = [f"n{number}" for number in range(30)]
    for number, name in enumerate(names):
        clock.now += MICROSECOND
        one = {**step(ADA, name, id_of, number), "session_id": "s"}
        assert (await client.post("/log", json=one)).status_code == 201
    assert await timeline(client, "s") == names


async def test_events_without_a_time_are_in_the_order_of_their_batch(
    client: httpx.AsyncClient,
) -> None:
    names = [f"n{number}" for number in range(100)]
    await send(
        client, [{"user_email": ADA, "event_type": each, "session_id": "s"} for each in names]
    )
    assert await timeline(client, "s") == names


async def test_what_has_no_number_comes_before_what_has_one(
    client: httpx.AsyncClient, log: Log
) -> None:
    """So that the order is one, whatever is compared with what."""
    numbers = {"d": 1, "a": None, "e": 7, "b": None, "c": 0}
    await log(
        *(event(event_type=name, session_seq=seq) for name, seq in numbers.items()), session_id="s"
    )
    assert await timeline(client, "s") == ["a", "b", "c", "d", "e"]


async def test_the_first_and_the_last_page_of_a_session(
    client: httpx.AsyncClient, log: Log
) -> None:
    views = [
        event(event_type="page_viewed", metadata={"page": f"/{n}"}, device_type=f"d{n}")
        for n in range(50)
    ]
    await log(*views, session_id="s")
    summary = (await client.get("/session/s")).json()["summary"]
    assert (summary["first_page"], summary["last_page"], summary["device_type"]) == (
        "/0",
        "/49",
        "d49",
    )


async def test_strict_steps_are_not_parted_by_what_came_after(
    client: httpx.AsyncClient,
) -> None:
    names = ["start", "done", "other"]
    await send(client, [step(each, name, v4, 0) for each in users() for name in names])
    assert await funnel(client, "strict") == USERS
    assert await links(client, "done") == {"other": USERS}


async def tied(client: httpx.AsyncClient, clock: Clock) -> list[str]:
    """301 events of two users at one moment, and one on each side of it; their names in order."""
    rng = random.Random(7)
    made: list[tuple[tuple[int, int], Json]] = []
    for batch in range(3):
        events = []
        for place in range(100):
            seq = rng.choice((None, None, 0, 1, 2))
            name = f"b{batch}_{place}"
            email = rng.choice((ADA, BOB))
            events.append(step(email, name, v4, 0, session_seq=seq))
            made.append(((-1 if seq is None else seq, 100 * batch + place), events[-1]))
        await send(client, events)
        clock.now += timedelta(milliseconds=1)
    ends = {"before": "2026-11-20T11:00:00.249999Z", "after": "2026-11-20T11:00:00.250001Z"}
    await send(
        client,
        [
            step(ADA, name, v4, 0, session_seq=1) | {"event_timestamp": at}
            for name, at in ends.items()
        ],
    )
    inner = [each["event_type"] for _, each in sorted(made, key=lambda pair: pair[0])]
    return ["before", *inner, "after"]


@ORDERS
@pytest.mark.parametrize("limit", [1, 7, 100, 301])
async def test_pages_over_ties_leave_nothing_out_and_bring_nothing_twice(
    client: httpx.AsyncClient, clock: Clock, order: str, limit: int
) -> None:
    expected = await tied(client, clock)
    found: list[str] = []
    params: dict[str, Any] = {"limit": limit, "order": order}
    while True:
        page = (await client.get("/", params=params)).json()
        found += [each["event_type"] for each in page["events"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert found == (expected if order == "asc" else expected[::-1])


async def test_a_page_of_one_user_is_in_the_same_order(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    expected = await tied(client, clock)
    whole = (await client.get("/", params={"limit": 1000, "order": "asc"})).json()["events"]
    of_bob = [each["event_type"] for each in whole if each["user_email"] == BOB]
    assert [each["event_type"] for each in whole] == expected
    found: list[str] = []
    params: dict[str, Any] = {"limit": 9, "order": "asc", "user_email": BOB}
    while True:
        page = (await client.get("/", params=params)).json()
        found += [each["event_type"] for each in page["events"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert found == of_bob


@pytest.mark.fault("R8")
async def test_an_export_is_in_that_order_and_goes_on_after_each_of_its_lines(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    expected = await tied(client, clock)
    lines = [orjson.loads(line) for line in (await client.get("/export")).content.splitlines()]
    assert [each["event_type"] for each in lines] == expected
    for place in (*range(0, 302, 13), 300, 301):
        last = lines[place]
        after = ",".join(last[name] for name in ("event_timestamp", "event_id", "user_email"))
        rest = (await client.get("/export", params={"after": after})).content.splitlines()
        assert [orjson.loads(line)["event_type"] for line in rest] == expected[place + 1 :]


@pytest.mark.fault("R8")
async def test_after_an_event_that_is_gone_its_whole_moment_comes_again(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    """Better twice than not at all."""
    expected = await tied(client, clock)
    gone = f"2026-11-20T11:00:00.250Z,{uuid4()},{ADA}"
    rest = (await client.get("/export", params={"after": gone})).content.splitlines()
    assert [orjson.loads(line)["event_type"] for line in rest] == expected[1:]


async def test_a_context_is_told_in_that_order(client: httpx.AsyncClient, log: Log) -> None:
    """A sub-task that is created and completed in one millisecond is not open."""
    names = ("project_subtask_created", "project_subtask_completed")
    on = {"entity_type": "subtask", "session_id": "s"}
    events = [
        event(event_type=name, entity_id=str(number), **on)
        for number in range(40)
        for name in names
    ]
    await log(*events)
    params = {**WINDOW, "user_email": ADA}
    answer = (await client.get("http://localhost/api/insights/context", params=params)).json()
    assert not [line for line in answer["lines"] if line["section"] == "open"]
    pairs = [line["text"] for line in answer["lines"] if line["section"] == "patterns"]
    assert "after project subtask created: project subtask completed, 100% of 40" in pairs


async def test_the_ids_that_a_context_cites_are_the_latest(
    client: httpx.AsyncClient, log: Log
) -> None:
    events = [event(event_type="task_completed", entity_id=str(n)) for n in range(30)]
    await log(*events)
    params = {**WINDOW, "user_email": ADA}
    answer = (await client.get("http://localhost/api/insights/context", params=params)).json()
    summary = answer["lines"][0]["event_ids"]
    latest = [each["event_id"] for each in reversed(events)]
    assert summary == latest[: len(summary)]
    completed = [line["event_ids"][0] for line in answer["lines"] if line["section"] == "completed"]
    assert completed == latest[: len(completed)]
    assert completed


async def test_receipt_is_a_microsecond_apart_in_a_batch_and_at_the_request_for_one(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(*(event(event_type=f"n{n}") for n in range(3)))
    found = (await client.get("/", params={"order": "asc"})).json()["events"]
    assert [each["received_at"] for each in found] == [
        "2026-11-20T12:00:00Z",
        "2026-11-20T12:00:00.000001Z",
        "2026-11-20T12:00:00.000002Z",
    ]
    assert NOW.isoformat() == "2026-11-20T12:00:00+00:00"


async def test_a_cursor_of_before_batches_had_an_order_is_refused(
    client: httpx.AsyncClient,
) -> None:
    old = (
        "WzEsImRlc2MiLCIyMDI2LTExLTEzVDEyOjAwOjAwKzAwOjAwIiwiMjAyNi0xMS0yMFQxMjowMDowMCswMDowMCIs"
        "IjIwMjYtMTEtMjBUMTE6MzA6MDArMDA6MDAiLCIwMWExZjhiOC03M2JhLTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiLDdd"
    )
    response = await client.get("/", params={"cursor": old})
    assert response.status_code == 422
    assert response.json()["error"]["message"] == (
        "cursor: set next_cursor of the previous page, unchanged."
    )
