"""Filters without the database: what `contains` says is what PostgreSQL says of `@>`."""

import asyncio
import itertools
import json
import time
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.database.sessions import Database
from app.errors import InvalidRequest
from app.read.filters import EventFilter
from app.read.metadata_filter import json_object
from app.settings import Settings
from app.stream.match import Matcher, contains

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
    assert Matcher(filter_).decide(EVENT, '{"a": 1, "b": [2]}') is passes


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


NUMBERS = (
    "12345678901234567890123",
    "12345678901234567890124",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.0",
    "9.007199254740993e15",
    "0.1",
    "0.10",
    "0.1000000000000000055511151231257827",
    "1",
    "1.0",
    "1e0",
    "10e-1",
    "0",
    "-0",
    "-0.0",
    "1e300",
    "1" + "0" * 300,
    "1e-300",
    "true",
    "false",
    '"1"',
    "null",
)


@pytest.mark.fault("B7")
async def test_numbers_are_equal_where_postgresql_says_so(server_url: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        for value, wanted in itertools.product(NUMBERS, NUMBERS):
            for form in ('{"n": %s}', '{"n": {"a": [0.5, %s]}}'):
                metadata, filter_ = form % value, form % wanted
                found = await connection.fetchval(
                    "SELECT $1::jsonb @> $2::jsonb", metadata, filter_
                )
                matcher = Matcher(EventFilter(metadata=filter_))
                assert matcher.decide(EVENT, metadata) is found, (
                    metadata,
                    filter_,
                )
    finally:
        await connection.close()


@pytest.mark.fault("B7")
def test_neighbours_beyond_a_double_are_two() -> None:
    stored = '{"n": 12345678901234567890123}'
    assert Matcher(EventFilter(metadata=stored)).decide(EVENT, stored)
    other = EventFilter(metadata='{"n": 12345678901234567890124}')
    assert not Matcher(other).decide(EVENT, stored)


# Filters of as many values as are allowed, and metadata of as many bytes.
COSTLY = [
    ([1] * 50, [2] * 30_000 + [1], True),
    ([1, True], [2] * 20_000 + [1], False),
    (list(range(50)), [*range(49), *range(50, 9_000)], False),
    ([{"a": n} for n in range(50)], [{"a": n} for n in range(50, 6_000)], False),
    ([{"a": n} for n in range(50)], [{"a": n} for n in range(6_000, -1, -1)], True),
    ([[n] for n in range(50)], [[n, n + 1] for n in range(-5_000, 50)], True),
    ([[] for _ in range(50)], [{}] * 20_000, False),
    ([[[n]] for n in range(50)], [[list(range(49))] * 10] * 40, False),
]


@pytest.mark.fault("S5")
@pytest.mark.parametrize(("wanted", "value", "passes"), COSTLY)
async def test_a_costly_comparison_is_bounded_and_as_postgresql_has_it(
    wanted: list[Any], value: list[Any], passes: bool, server_url: str
) -> None:
    metadata = json.dumps({"a": value})
    filter_ = json.dumps({"a": wanted})
    assert json_object(filter_, "metadata") == {"a": wanted}
    matcher = Matcher(EventFilter(metadata=filter_))
    matcher.decide(EVENT, metadata)  # parses it
    start = time.process_time()
    decision = matcher.decide(EVENT, metadata)
    assert time.process_time() - start < 0.1
    assert decision in {passes, None}
    database = Database(server_url, Settings(database_url=server_url))
    try:
        async with database.read() as session:
            assert await matcher.ask(session, metadata) is passes
    finally:
        await database.dispose()


@pytest.mark.fault("S5")
@pytest.mark.parametrize("value", [[1] * 51, {str(n): n for n in range(51)}, [[{}]] * 51])
def test_a_filter_of_too_many_values_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"at most 50 values, .* \(got 51\)"):
        json_object(json.dumps({"a": value}), "metadata")
