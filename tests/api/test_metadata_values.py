"""Values of the metadata: what is one value, what a key leads to, and that a filter agrees."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Json, Log, event, refused

DAY = {"start": "2026-11-20", "end": "2026-11-21"}


async def top(client: httpx.AsyncClient, key: str = "plan", **params: Any) -> Json:
    asked = {"by": "metadata", "key": key, "limit": 100, **DAY, **params}
    response = await client.get("/analytics/top", params=asked)
    assert response.status_code == 200, response.text
    body: Json = json.loads(response.text, parse_float=Decimal)
    return body


def counts(body: Json) -> list[tuple[Any, int]]:
    return [(row["value"], row["events"]) for row in body["rows"]]


async def matching(client: httpx.AsyncClient, filter_: str) -> int:
    response = await client.get("/", params={"metadata": filter_, **DAY})
    return len(response.json()["events"])


async def log_raw(client: httpx.AsyncClient, *values: str, key: str = "plan") -> None:
    """One event for each value, as the text of JSON that it is."""
    for place, value in enumerate(values):
        body = (
            f'{{"user_email": "{ADA}", "event_type": "x", "event_timestamp":'
            f' "2026-11-20T11:{place:02d}:00Z", "metadata": {{"{key}": {value}}}}}'
        )
        response = await client.post(
            "/log", content=body, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 201, response.text


@pytest.mark.fault("B3")
async def test_each_row_is_what_its_filter_finds(client: httpx.AsyncClient) -> None:
    given = ("1", "1.0", "1e0", '"1"', '"1.0"', "true", '"true"', "false", "0", "0.0", "-0", "-0.0",
             "0.5", "null", '"null"', '""', "12345678901234567890123", "12345678901234567890124",
             "-3", "1e22", '"a"')  # fmt: skip
    await log_raw(client, *given)
    body = await top(client)
    assert counts(body)[:2] == [(0, 4), (1, 3)]
    shown = [
        str(value) if isinstance(value, Decimal) else json.dumps(value) for value, _ in counts(body)
    ]
    assert sorted(shown[2:]) == sorted(
        ['"1"', '"1.0"', "true", '"true"', "false", "0.5", "null", '"null"', '""', "-3", '"a"',
         "12345678901234567890123", "12345678901234567890124", "1" + "0" * 22]
    )  # fmt: skip
    assert (body["total_events"], body["distinct_values"]) == (21, 16)
    for row in body["rows"]:
        value = row["value"]
        text = str(value) if isinstance(value, Decimal) else json.dumps(value)
        assert await matching(client, f'{{"plan": {text}}}') == row["events"], text


@pytest.mark.fault("B3")
async def test_lists_and_objects_are_values_too(client: httpx.AsyncClient) -> None:
    await log_raw(client, "[1, 2]", "[1.0, 2]", "[2, 1]", '{"a": 1, "b": 2}', '{"b": 2.0, "a": 1}')
    assert counts(await top(client)) == [([1, 2], 2), ({"a": 1, "b": 2}, 2), ([2, 1], 1)]


@pytest.mark.fault("B3")
async def test_a_table_says_which_type_a_value_has(client: httpx.AsyncClient) -> None:
    await log_raw(client, "1", '"1"', '"1"', "true", "null", "[1]", "-5", '"-5"')
    params = {"by": "metadata", "key": "plan", "format": "csv", **DAY}
    response = await client.get("/analytics/top", params=params)
    head, *rows = csv.reader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert head == ["value", "entity_type", "events", "share", "value_type"]
    assert [(row[0], row[2], row[4]) for row in rows] == [
        ("1", "2", "string"),
        ("'-5", "1", "string"),
        ("-5", "1", "number"),
        ("1", "1", "number"),
        ("[1]", "1", "array"),
        ("null", "1", "null"),
        ("true", "1", "boolean"),
    ]


@pytest.mark.fault("B4")
async def test_the_elements_of_lists(client: httpx.AsyncClient) -> None:
    await log_raw(
        client, '["a", "b"]', '["b", "a"]', '["a"]', '["c", "c"]', '"a"', "[]", "[null, 1, 1.0]",
        "null", '[["a"]]', key="tags",
    )  # fmt: skip
    whole = await top(client, "tags")
    assert (whole["total_events"], whole["distinct_values"]) == (9, 9)
    each = await top(client, "tags", elements=True)
    assert {json.dumps(value): events for value, events in counts(each)} == {
        '"a"': 4,
        '"b"': 2,
        "null": 2,
        "1": 1,
        '"c"': 1,
        '["a"]': 1,
    }
    # An empty list has no element.
    assert (each["total_events"], each["distinct_values"]) == (8, 6)
    assert each["rows"][0]["share"] == Decimal("0.5")


@pytest.mark.fault("B4")
async def test_a_key_may_be_a_path(client: httpx.AsyncClient, log: Log) -> None:
    await log(
        event(metadata={"cart": {"total": 5}}),
        event(metadata={"cart": {"total": 5.0, "items": [{"sku": "x"}, {"sku": "y"}]}}),
        event(metadata={"cart": {"total": "5"}}),
        event(metadata={"cart.total": 7, "cart": {"total": 5}}),
        event(metadata={"cart.total": None, "cart": {"total": 5}}),
        event(metadata={"cart": 5}),
        event(metadata={"cart": [5]}),
        event(metadata={"other": {"cart": {"total": 5}}}),
    )
    body = await top(client, "cart.total")
    assert counts(body) == [(5, 2), ("5", 1), (7, 1), (None, 1)]
    assert body["note"] is None
    assert counts(await top(client, "cart.items.1.sku")) == [("y", 1)]
    assert counts(await top(client, "other.cart.total")) == [(5, 1)]
    assert counts(await top(client, "cart.0")) == [(5, 1)]


@pytest.mark.fault("B4")
async def test_a_key_that_no_event_has_says_so(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(metadata={"cart": {"total": 5}}))
    nowhere = (
        "carts",
        "cart.totals",
        "cart..total",
        ".",
        "cart.total.",
        "'",
        "a\\",
        "é",
        "." * 128,
    )
    for key in nowhere:
        body = await top(client, key)
        assert (body["rows"], body["total_events"]) == ([], 0)
        assert body["note"] == f"No event in this window and filter has {key} in its metadata."
    response = await client.get("/analytics/top", params={"by": "event_type"})
    assert response.json()["note"] is None
    for params, field in (
        ({"by": "metadata", "key": ""}, "key"),
        ({"by": "metadata"}, "key"),
        ({"by": "user", "elements": "true"}, "elements"),
    ):
        refused(await client.get("/analytics/top", params=params), 422, "invalid_request", field)


@pytest.mark.fault("B4")
async def test_what_goes_with_metadata_says_so(client: httpx.AsyncClient) -> None:
    steps: Json = {"step": ["a", "b"]}
    for route, params, message in (
        ("top", {"by": "metadata"}, "`key` is required with `by=metadata`"),
        ("top", {"key": "plan"}, "`key` is only allowed with `by=metadata`"),
        ("top", {"by": "user", "key": "plan"}, "`key` is only allowed with `by=metadata`"),
        ("top", {"elements": "true"}, "`elements` is only allowed with `by=metadata`"),
        (
            "funnel",
            {**steps, "split_by": "metadata"},
            "`key` is required with `split_by=metadata`",
        ),
        ("funnel", {**steps, "key": "plan"}, "`key` is only allowed with `split_by=metadata`"),
    ):
        response = await client.get(f"/analytics/{route}", params=params)
        assert response.status_code == 422
        error = response.json()["error"]
        assert error["message"] == message
        (field,) = error["details"]["fields"]
        assert message == f"`{field['field']}` {field['message']}"


@pytest.mark.fault("B3")
async def test_a_filter_of_a_list_or_an_object_is_containment(client: httpx.AsyncClient) -> None:
    await log_raw(client, "[1, 2]", "[2, 1]", "[1]", "1", '{"a": 1}', '{"a": 1, "b": 2}')
    listed = {json.dumps(value): events for value, events in counts(await top(client))}
    for value, events, matches in (
        ("1", 1, 1),
        ("[1]", 1, 3),
        ("[1, 2]", 1, 2),
        ('{"a": 1}', 1, 2),
    ):
        assert listed[value] == events
        assert await matching(client, f'{{"plan": {value}}}') == matches


@pytest.mark.fault("B3")
@pytest.mark.fault("B4")
async def test_a_funnel_is_split_by_the_same_values(client: httpx.AsyncClient) -> None:
    plans = ["1", "1.0", '"1"', "null", "true", None]
    for place, plan in enumerate(plans):
        cart = "{}" if plan is None else f'{{"plan": {plan}}}'
        for minute, name in enumerate("ab"):
            body = (
                f'{{"user_email": "user-{place}@example.com", "event_type": "{name}",'
                f' "event_timestamp": "2026-11-20T11:0{minute}:00Z",'
                f' "metadata": {{"cart": {cart}}}}}'
            )
            headers = {"Content-Type": "application/json"}
            assert (await client.post("/log", content=body, headers=headers)).status_code == 201
    params: Json = {
        "step": ["a", "b"], "split_by": "metadata", "key": "cart.plan", **DAY,
    }  # fmt: skip
    body = (await client.get("/analytics/funnel", params=params)).json()
    groups = [
        (group["value"], group["has_value"], group["steps"][1]["users"]) for group in body["groups"]
    ]
    # Null is a value, no such key is none.
    assert groups == [
        (1, True, 2),
        ("1", True, 1),
        (None, True, 1),
        (True, True, 1),
        (None, False, 1),
    ]
    assert [step["dropped"] for step in body["groups"][0]["steps"]] == [0, None]
    table = await client.get("/analytics/funnel", params={**params, "format": "csv"})
    rows = list(csv.reader(io.StringIO(table.text.removeprefix("\ufeff"))))[1:]
    assert [row[0] for row in rows[::2]] == ["(all)", "1", "1", "null", "true", ""]
    assert [row[6] for row in rows[:2]] == ["0", ""]


@pytest.mark.fault("B7")
async def test_a_step_may_name_a_number_beyond_a_double(client: httpx.AsyncClient) -> None:
    await log_raw(client, "12345678901234567890123", key="n")
    for last, users in (("3", 1), ("4", 0)):
        step = f'{{"event_type": "x", "metadata": {{"n": 1234567890123456789012{last}}}}}'
        params: Json = {"step": [step, "y"], **DAY}
        body = (await client.get("/analytics/funnel", params=params)).json()
        assert body["users"] == users


@pytest.mark.fault("B8")
async def test_a_table_is_safe_to_open(client: httpx.AsyncClient, log: Log) -> None:
    hostile = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "=1+1,2", "plain", "Ünï"]
    await log(*(event(event_type=name) for name in hostile))
    await log(event(event_type="plain", metadata={"k": "\t=1"}), user_email=BOB)
    response = await client.get("/analytics/top", params={"format": "csv", **DAY})
    assert response.content.startswith(b"\xef\xbb\xbfvalue,entity_type,events,share\r\n")
    rows = list(csv.reader(io.StringIO(response.text.removeprefix("\ufeff"))))[1:]
    assert rows[0][0] == "plain"
    assert sorted(row[0] for row in rows) == sorted(
        ["'=cmd|' /C calc'!A0", "'+1", "'-1", "'@x", "'=1+1,2", "plain", "Ünï"]
    )
    assert {row[2] for row in rows} == {"1", "2"}
    metadata = {"by": "metadata", "key": "k", "format": "csv", **DAY}
    response = await client.get("/analytics/top", params=metadata)
    assert "'\t'=1,,1,1.0,string\r\n" in response.text
    # An export is data: it goes in again as it came out (decision 0008).
    export = await client.get("/export", params={"format": "csv"})
    assert "\ufeff" not in export.text
    assert ",=cmd|' /C calc'!A0," in export.text
