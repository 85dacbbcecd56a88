"""Filters are bounded on all routes, before any work is done for them."""

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import Json

ROUTES = [
    "/",
    "/stream",
    "/export",
    "/analytics",
    "/analytics/timeseries",
    "/analytics/top",
    "/analytics/durations",
    "/analytics/heatmap",
    "/analytics/paths?anchor=a",
    "/analytics/funnel?step=a&step=b",
]
LISTS = [
    "user_email", "event_category", "event_type", "event_action", "entity_type", "entity_id",
    "session_id", "device_type",
]  # fmt: skip


async def refused(client: httpx.AsyncClient, route: str, params: list[tuple[str, Any]]) -> Json:
    path, _, query = route.partition("?")
    own = httpx.QueryParams(query).multi_items()
    answer = await client.get(path, params=[*own, *params])
    assert answer.status_code == 422, answer.text
    assert len(answer.content) < 10_000
    error: Json = answer.json()["error"]
    assert error["code"] == "invalid_request"
    return error


@pytest.mark.fault("S5")
@pytest.mark.parametrize("route", ROUTES)
async def test_a_metadata_filter_has_at_most_fifty_values(
    client: httpx.AsyncClient, route: str
) -> None:
    too_many = json.dumps({"a": [1] * 1_500})
    error = await refused(client, route, [("metadata", too_many)])
    assert error["message"] == (
        "metadata: must have at most 50 values, on all levels together (got 1500)"
    )


@pytest.mark.fault("S5")
@pytest.mark.parametrize("route", ROUTES)
async def test_a_list_has_at_most_fifty_values(client: httpx.AsyncClient, route: str) -> None:
    for name in LISTS:
        error = await refused(client, route, [(name, f"a{n}@x.io") for n in range(51)])
        assert error["message"] == f"{name}: must have at most 50 values (got 51)"


@pytest.mark.fault("S5")
@pytest.mark.parametrize("route", ROUTES)
async def test_thousands_of_parameters_are_refused_at_once(
    client: httpx.AsyncClient, route: str
) -> None:
    error = await refused(client, route, [(f"p{n}", "1") for n in range(3_000)])
    assert error["message"].startswith("A query can have at most 1000 parameters (got 300")
    error = await refused(client, route, [(f"p{n}", "1") for n in range(800)])
    assert error["message"].startswith("The request can have at most 100 parameters (got 80")
    error = await refused(client, route, [(f"p{n}", "1") for n in range(60)])
    assert len(error["details"]["fields"]) == 20


@pytest.mark.fault("S5")
async def test_a_step_is_bounded_as_a_filter_is(client: httpx.AsyncClient) -> None:
    step = json.dumps({"event_type": "a", "metadata": {"a": [1] * 60}})
    error = await refused(client, "/analytics/funnel?step=b", [("step", step)])
    assert "at most 50 values" in error["message"]
