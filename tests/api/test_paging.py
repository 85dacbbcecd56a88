"""Pages of `GET /api/events/`: nothing is skipped and nothing comes twice."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx

from tests.api.conftest import ADA, BOB, Clock, Json, Log, error_of, event, events_at, stored
from tests.conftest import NOW

PAGES_MAX = 100


def numbered(number: int, time: str, **fields: object) -> Json:
    """Ids ascend with the number, so that the order is known where the times are equal."""
    return event(
        event_id=f"00000000-0000-4000-8000-{number:012}",
        event_type=f"e{number:02}",
        event_timestamp=time,
        **fields,
    )


async def page(
    client: httpx.AsyncClient, cursor: str | None, **params: Any
) -> tuple[list[str], str | None]:
    given = {**params, **({} if cursor is None else {"cursor": cursor})}
    response = await client.get("/", params=given)
    assert response.status_code == 200, response.text
    body = response.json()
    return [each["event_type"] for each in body["events"]], body["next_cursor"]


async def pages(client: httpx.AsyncClient, **params: Any) -> list[list[str]]:
    found, cursor = await page(client, None, **params)
    all_found = [found]
    while cursor is not None:
        assert len(all_found) < PAGES_MAX
        found, cursor = await page(client, cursor, **params)
        all_found.append(found)
    return all_found


async def test_pages_in_both_orders(client: httpx.AsyncClient, log: Log) -> None:
    """Five of seven events have one time: they stay as they were sent."""
    same = [numbered(number, "2026-11-20T10:00:00Z") for number in (4, 2, 6, 3, 5)]
    await log(
        numbered(7, "2026-11-20T10:00:00.000001Z"), *same, numbered(1, "2026-11-20T09:59:59Z")
    )
    descending = [["e07", "e05"], ["e03", "e06"], ["e02", "e04"], ["e01"]]
    ascending = [["e01", "e04", "e02"], ["e06", "e03", "e05"], ["e07"]]
    assert await pages(client, limit=2) == descending
    assert await pages(client, limit=2, order="desc", user_email=ADA) == descending
    assert await pages(client, limit=3, order="asc") == ascending
    one_by_one = [[f"e0{number}"] for number in (1, 4, 2, 6, 3, 5, 7)]
    assert await pages(client, limit=1, order="asc") == one_by_one


async def test_one_time_and_one_id_of_several_users(client: httpx.AsyncClient, log: Log) -> None:
    """The user decides then; Ada was known first."""
    time = "2026-11-20T10:00:00Z"
    for user, name in ((ADA, "ada"), (BOB, "bob"), ("eve@example.com", "eve")):
        await log({**numbered(1, time), "event_type": name}, user_email=user)
    assert await pages(client, limit=1, order="asc") == [["ada"], ["bob"], ["eve"]]
    assert await pages(client, limit=1) == [["eve"], ["bob"], ["ada"]]


async def test_a_full_last_page_ends_the_list(client: httpx.AsyncClient, log: Log) -> None:
    await log(*(numbered(number, f"2026-11-20T10:00:0{number}Z") for number in range(4)))
    assert await pages(client, limit=2) == [["e03", "e02"], ["e01", "e00"]]
    assert await pages(client, limit=4) == [["e03", "e02", "e01", "e00"]]


async def test_newest_first_while_events_arrive(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    """What is newer than the page stays out; what is older is seen in its place."""
    await log(*(numbered(number, f"2026-11-20T10:{number}:00Z") for number in (10, 20, 30, 40)))
    first, cursor = await page(client, None, limit=2)
    assert first == ["e40", "e30"]
    clock.now = NOW + timedelta(seconds=1)
    await log(
        numbered(50, "2026-11-20T10:50:00Z"),
        numbered(31, "2026-11-20T10:30:00Z", session_seq=1),
        numbered(29, "2026-11-20T10:30:00Z"),
        numbered(25, "2026-11-20T10:25:00Z"),
        numbered(15, "2026-11-20T10:15:00Z"),
    )
    second, cursor = await page(client, cursor, limit=2)
    third, cursor = await page(client, cursor, limit=2)
    assert (second, third, cursor) == (["e25", "e20"], ["e15", "e10"], None)


async def test_oldest_first_while_events_arrive(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    await log(*(numbered(number, f"2026-11-20T10:{number}:00Z") for number in (10, 20, 30)))
    first, cursor = await page(client, None, limit=2, order="asc")
    assert first == ["e10", "e20"]
    clock.now = NOW + timedelta(seconds=1)
    await log(
        numbered(15, "2026-11-20T10:15:00Z"),
        numbered(19, "2026-11-20T10:20:00Z"),
        numbered(21, "2026-11-20T10:20:00Z"),
        numbered(40, "2026-11-20T10:40:00Z"),
    )
    second, cursor = await page(client, cursor, limit=9, order="asc")
    assert (second, cursor) == (["e19", "e21", "e30", "e40"], None)


async def test_pages_keep_the_window_of_the_first(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    """`days=1` an hour later would begin an hour later, and skip the event that is left."""
    await log(
        numbered(1, "2026-11-19T12:30:00Z"),
        numbered(2, "2026-11-20T09:00:00Z"),
        numbered(3, "2026-11-20T10:00:00Z"),
    )
    first, cursor = await page(client, None, limit=2, days=1)
    clock.now = NOW + timedelta(hours=1)
    assert (first, (await page(client, cursor, limit=2, days=1))[0]) == (["e03", "e02"], ["e01"])
    assert await pages(client, limit=2, days=1) == [["e03", "e02"]]


async def test_pages_across_months_with_filters(client: httpx.AsyncClient, log: Log) -> None:
    """Each month is a partition of its own."""
    months = [f"2026-{month:02}-{day}T00:00:00Z" for month in range(1, 12) for day in ("01", "15")]
    await log(
        *events_at(*months[:-1], device_type="mobile"), *events_at(*months, device_type="desktop")
    )
    cursor: str | None = None
    seen: list[str] = []
    for _ in range(6):
        params = httpx.QueryParams({"device_type": "mobile", "limit": 4, "order": "asc"})
        response = await client.get("/", params=params.merge({"cursor": cursor} if cursor else {}))
        body = response.json()
        seen += [each["event_timestamp"] for each in body["events"]]
        cursor = body["next_cursor"]
    assert seen == months[:-1]
    assert cursor is None


def forged(*fields: object) -> str:
    compact = json.dumps(fields, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(compact).rstrip(b"=").decode()


INSTANT = "2026-11-20T10:00:00+00:00"
ID = "00000000-0000-4000-8000-000000000001"
GOOD: tuple[object, ...] = (2, "desc", INSTANT, INSTANT, INSTANT, -1, INSTANT, ID, 1)


async def test_a_forged_cursor_can_be_good(client: httpx.AsyncClient) -> None:
    """Else the cursors below might all be refused for one and the same fault."""
    assert await page(client, forged(*GOOD)) == ([], None)


BAD_CURSORS = [
    "",
    "x",
    "not a cursor",
    "ähm",
    "\0",
    "=" * 8,
    "A" * 512,
    "9" * 512,
    forged(),
    forged(2),
    forged(1, *GOOD[1:]),
    forged(3, *GOOD[1:]),
    forged(1, *GOOD[1:5], *GOOD[7:]),  # of before batches had an order
    forged(*GOOD[:-1]),
    forged(*GOOD, 1),
    forged(*GOOD[:4], 5, *GOOD[5:]),
    forged(*GOOD[:4], "yesterday", *GOOD[5:]),
    forged(*GOOD[:4], "0001-01-01T00:00:00+14:00", *GOOD[5:]),
    forged(*GOOD[:3], "9999-12-31T23:59:59-14:00", *GOOD[4:]),
    forged(*GOOD[:5], -2, *GOOD[6:]),
    forged(*GOOD[:5], 2**31, *GOOD[6:]),
    forged(*GOOD[:5], None, *GOOD[6:]),
    forged(*GOOD[:6], "9999-12-31T23:59:59-14:00", *GOOD[7:]),
    forged(*GOOD[:6], 0, *GOOD[7:]),
    forged(*GOOD[:7], "not an id", 1),
    forged(*GOOD[:7], 5, 1),
    forged(*GOOD[:7], None, 1),
    forged(*GOOD[:-1], -1),
    forged(*GOOD[:-1], 2**63),
    forged(*GOOD[:-1], "x"),
    forged(*GOOD[:-1], [1]),
    base64.urlsafe_b64encode(b'{"a": 1}').decode(),
    base64.urlsafe_b64encode(b"[" * 300).decode(),
    base64.urlsafe_b64encode(b"17").decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
]


async def test_bad_cursors(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(session_id="s-1"))
    for path in ("/", "/session/s-1"):
        for cursor in BAD_CURSORS:
            error = error_of(await client.get(path, params={"cursor": cursor}), 422)
            assert error["code"] == "bad_cursor", cursor
            assert error["message"].startswith("cursor: ")


async def test_a_cursor_that_is_too_long(client: httpx.AsyncClient) -> None:
    error = error_of(await client.get("/", params={"cursor": "A" * 513}), 422)
    assert [each["field"] for each in error["details"]["fields"]] == ["cursor"]


async def test_a_cursor_of_the_other_order(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(), event())
    for order, other in (("asc", "desc"), ("desc", "asc")):
        _, cursor = await page(client, None, limit=1, order=order)
        response = await client.get("/", params={"order": other, "cursor": cursor})
        error = error_of(response, 422)
        assert error["code"] == "bad_cursor"
        assert "other order" in error["message"]
    assert len(await stored(client)) == 2
