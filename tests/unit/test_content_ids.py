"""Ids of content: the same wherever an event stands, and counted in bounded memory."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import RFC_4122

import pytest

from activity_events.uuid7 import time_of_uuid7
from app.ingest.content_ids import ContentIds, canonical_json

pytestmark = pytest.mark.fault("R5")

AT = datetime(2026, 11, 20, 9, 15, 0, 250_000, UTC)


@pytest.fixture
def ids() -> Iterator[ContentIds]:
    ids = ContentIds()
    yield ids
    ids.close()


def test_an_id_is_of_the_content_and_its_occurrence(ids: ContentIds) -> None:
    first = [ids.next_id({"a": 1}, AT) for _ in range(3)]
    assert len(set(first)) == 3
    other = ContentIds()
    other.next_id({"a": 2}, AT)
    assert [other.next_id({"a": 1.0}, AT) for _ in range(3)] == first
    other.close()


def test_it_is_a_uuid_of_the_events_own_time(ids: ContentIds) -> None:
    event_id = ids.next_id({}, AT)
    assert (event_id.version, event_id.variant, time_of_uuid7(event_id)) == (7, RFC_4122, AT)
    # The layout is part of the contract: files that were imported once must be known for ever.
    assert str(event_id) == "01a1f83c-db1a-7f7c-8af9-7c96ae94e505"
    before_1970 = ids.next_id({}, datetime(1969, 12, 31, tzinfo=UTC))
    assert (before_1970.version, before_1970.variant) == (8, RFC_4122)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": [1.0, {"c": 1e3, "b": 0}]}, {"a": [1, {"b": -0.0, "c": 1000}]}),
        ({"a": 2**80, "b": 1}, {"b": 1.0, "a": 2**80}),
        ({"a": "e\u0301"}, {"a": "e\u0301"}),
    ],
)
def test_equal_content_has_one_spelling(one: object, other: object) -> None:
    assert canonical_json(one) == canonical_json(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({}, {"a": 0}),
    ],
)
def test_other_content_has_another(one: object, other: object) -> None:
    assert canonical_json(one) != canonical_json(other)
