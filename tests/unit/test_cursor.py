"""A cursor comes back as it went out, or it is refused."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadCursor
from app.read.cursor import Cursor, Order, decode_cursor
from app.read.window import EARLIEST, LATEST

INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)
ORDERS: st.SearchStrategy[Order] = st.sampled_from(("asc", "desc"))
CURSORS = st.builds(
    Cursor,
    order=ORDERS,
    start=INSTANTS,
    end=INSTANTS,
    event_timestamp=INSTANTS,
    session_seq=st.integers(-1, 2**31 - 1),
    received_at=INSTANTS,
    event_id=st.uuids(),
    user_id=st.integers(0, 2**63 - 1),
)

FIELDS: list[object] = [
    2,
    "desc",
    "2026-11-13T12:00:00+00:00",
    "2026-11-20T12:00:00+00:00",
    "2026-11-20T11:30:00+00:00",
    -1,
    "2026-11-20T11:30:00.250001+00:00",
    "01a1f8b8-73ba-7abc-8def-0123456789ab",
    7,
]


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def changed(place: int, value: object) -> str:
    return packed([*FIELDS[:place], value, *FIELDS[place + 1 :]])


def refused(text: str, order: Order = "desc") -> str:
    with pytest.raises(BadCursor) as caught:
        decode_cursor(text, order)
    assert caught.value.status == 422
    return caught.value.message


def test_what_a_cursor_holds() -> None:
    cursor = decode_cursor(packed(FIELDS), "desc")
    assert cursor == Cursor(
        order="desc",
        start=datetime(2026, 11, 13, 12, tzinfo=UTC),
        end=datetime(2026, 11, 20, 12, tzinfo=UTC),
        event_timestamp=datetime(2026, 11, 20, 11, 30, tzinfo=UTC),
        session_seq=-1,
        received_at=datetime(2026, 11, 20, 11, 30, 0, 250_001, tzinfo=UTC),
        event_id=UUID("01a1f8b8-73ba-7abc-8def-0123456789ab"),
        user_id=7,
    )
    assert cursor.encode() == packed(FIELDS)


@given(CURSORS)
def test_round_trip(cursor: Cursor) -> None:
    text = cursor.encode()
    assert decode_cursor(text, cursor.order) == cursor
    assert len(text) <= 512
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(CURSORS)
def test_the_other_order_is_another_list(cursor: Cursor) -> None:
    other: Order = "asc" if cursor.order == "desc" else "desc"
    assert refused(cursor.encode(), other) == "cursor: it belongs to a list in the other order."


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 1),
        (0, 3),
        (0, "1"),
        (0, True),
        (0, 1.0),
        (1, "sideways"),
        (1, None),
        (2, "2026-11-13T12:00:00"),  # no offset
        (2, "2026-11-13T12:00:00Z"),  # the same instant, but not as we write it
        (2, "2026-11-13"),
        (2, "1969-12-31T23:59:59+00:00"),
        (3, "2200-01-01T00:00:00.000001+00:00"),
        (3, 1795174200),
        (4, None),
        (4, "0001-01-01T00:00:00+14:00"),
        (4, "later"),
        (5, -2),
        (5, 2**31),
        (5, 1.0),
        (5, None),
        (6, "2026-11-20T11:30:00.250001Z"),
        (6, "2026-11-20T11:30:00.250001"),
        (6, 0),
        (6, None),
        (7, "7"),
        (7, 7),
        (7, None),
        (7, "{01a1f8b8-73ba-7abc-8def-0123456789ab}"),
        (7, "01A1F8B8-73BA-7ABC-8DEF-0123456789AB"),
        (8, -1),
        (8, 2**63),
        (8, 7.5),
        (8, "7"),
        (8, True),
        (8, None),
        (8, [7]),
    ],
)
def test_a_field_that_we_would_not_have_written(place: int, value: object) -> None:
    assert refused(changed(place, value)).startswith("cursor: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "=",
        "cursor",
        "é",
        "\ud800",
        "\x00",
        "A" * 511,
        packed({}),
        packed([]),
        packed([1, *FIELDS[1:5], *FIELDS[7:]]),  # of before batches had an order
        packed(FIELDS[:-1]),
        packed([*FIELDS, 0]),
        packed(None),
        packed("123456789"),
        packed(dict.fromkeys("abcdefghi", 1)),
        packed(FIELDS) + "=",
        packed(FIELDS) + "A",
        packed(FIELDS) + "\n",
        " " + packed(FIELDS),
        packed(FIELDS)[:-1],
        packed(FIELDS).swapcase(),
        base64.urlsafe_b64encode(b"[" * 300).decode().rstrip("="),
        base64.urlsafe_b64encode(orjson.dumps(FIELDS) + b" ").decode().rstrip("="),
        base64.urlsafe_b64encode(b"\xff" * 30).decode(),
    ],
)
def test_a_text_that_is_none_of_ours(text: str) -> None:
    assert refused(text) == "cursor: set next_cursor of the previous page, unchanged."


@given(
    st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())
)
def test_any_other_text(text: str) -> None:
    refused(text)


@given(CURSORS, st.data())
def test_one_character_less_or_other_is_refused_or_reads_as_it_stands(
    cursor: Cursor, data: st.DataObject
) -> None:
    """There is no seal: another valid keyset is answered. But it is never an error of ours."""
    text = cursor.encode()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCdef012-_=+/ "))
    tampered = text[:place] + other + text[place + 1 :]
    try:
        found = decode_cursor(tampered, cursor.order)
    except BadCursor:
        return
    assert found.encode() == tampered
    assert EARLIEST <= found.event_timestamp <= LATEST
