"""Filters without the database: what `contains` says is what PostgreSQL says of `@>`."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.read.filters import EventFilter
from app.read.matching import contains, matches

EVENT = {
    "user_email": "ada@example.com",
    "event_category": "project",
    "event_type": "project_created",
    "event_action": "created",
    "entity_type": "project",
    "entity_id": "42",
    "session_id": None,
    "device_type": "desktop",
}

small = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.5, 1.0])
    | st.sampled_from("ab"),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.sampled_from("xy"), each, max_size=2)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from("xy"), small, max_size=2)


@pytest.mark.parametrize(
    ("filter_", "passes"),
    [
        (EventFilter(), True),
        (EventFilter(user_email=("bob@example.com", "ada@example.com")), True),
        (EventFilter(user_email=("bob@example.com",)), False),
        (EventFilter(event_type=("project_created",), entity_id=("42", "43")), True),
        (EventFilter(event_type=("project_created",), entity_id=("43",)), False),
        (EventFilter(session_id=("s",)), False),
        (EventFilter(device_type=("desktop",), metadata='{"a": 1}'), True),
        (EventFilter(metadata='{"a": 2}'), False),
        (EventFilter(metadata='{"a": 1, "c": null}'), False),
    ],
)
def test_filters(filter_: EventFilter, passes: bool) -> None:
    assert matches(filter_, EVENT, '{"a": 1, "b": [2]}') is passes


def test_contains_is_what_postgresql_says(server_url: str) -> None:
    async def compare(pairs: list[tuple[Any, Any]]) -> None:
        connection = await asyncpg.connect(server_url)
        for value, wanted in pairs:
            found = await connection.fetchval(
                "SELECT $1::jsonb @> $2::jsonb", json.dumps(value), json.dumps(wanted)
            )
            assert contains(value, wanted) is found, (value, wanted)
        await connection.close()

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.lists(st.tuples(objects, objects), min_size=20, max_size=20))
    def check(pairs: list[tuple[Any, Any]]) -> None:
        asyncio.run(compare([*pairs, *((value, value) for value, _ in pairs)]))

    check()
