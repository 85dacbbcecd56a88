"""Whatever a program puts into an event, the event is kept, and a change of a value logged once."""

import collections
import dataclasses
import itertools
import json
import logging
import math
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, Field, RootModel, SecretStr, computed_field

from activity_events import json_values, log
from activity_events.events import encode
from tests.client.conftest import Connect, Service
from tests.conftest import NOW

pytestmark = pytest.mark.fault("G4")

ADA = "ada@example.com"
BASE = {"user_email": ADA, "event_type": "page_viewed"}


@pytest.fixture(autouse=True)
def nothing_was_logged_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_logged", set())


@dataclasses.dataclass
class Order:
    number: int
    placed_on: date
    token: str = dataclasses.field(default="planted", repr=False)


@dataclasses.dataclass(slots=True)
class Line:
    order: Order
    price: Decimal


class Customer(BaseModel):
    name: str
    password: SecretStr = SecretStr("planted")
    key: str = Field(default="planted", repr=False)
    seen: datetime = NOW


class Colour(Enum):
    RED = "red"


class Place(Enum):
    HOME = ("home", 1)


class Level(IntEnum):
    HIGH = 3


class Plain:
    def __init__(self) -> None:
        self.secret = "planted"


class WithText:
    def __str__(self) -> str:
        return "a text"


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("planted")


class Proxy(collections.UserDict[str, int]):
    """A mapping that is no dict."""


class Nested(BaseModel):
    inner: Customer
    order: Order
    keys: list[Customer]

    @computed_field(repr=False)  # type: ignore[prop-decorator]
    @property
    def copy_of_key(self) -> str:
        return self.inner.key


class Customers(RootModel[list[Customer]]):
    pass


class NoClass:
    """Even its class can't be asked for."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError("planted")


class NoText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("planted")


class NoZone(tzinfo):
    def utcoffset(self, _: object) -> timedelta:
        raise RuntimeError("planted")

    dst = utcoffset

    def tzname(self, _: object) -> str:
        return "none"


class EndlessMapping(collections.UserDict[str, int]):
    def __iter__(self) -> Iterator[str]:
        return map(str, itertools.count())

    def __getitem__(self, key: str) -> int:
        return 1


class EndlessList(list[int]):
    def __iter__(self) -> Iterator[int]:
        return itertools.count()


class Endless(BaseModel):
    def model_dump(self, **_: Any) -> dict[str, Any]:
        return {"left": Endless(), "right": Endless()}


def circular() -> dict[str, Any]:
    value: dict[str, Any] = {"name": "a"}
    value["self"] = value
    return value


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def generator() -> Iterator[int]:
    yield from (1, 2)


def ever_on() -> Iterator[int]:
    while True:
        yield 1


def sent(value: object) -> Any:
    """The value as it is sent."""
    return json.loads(encode({**BASE, "metadata": {"x": value}}, NOW).body)["metadata"]["x"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Place.HOME, ["home", 1]),
        ({uuid.UUID(int=1): 1}, {"00000000-0000-0000-0000-000000000001": 1}),
        (Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 11, 30, 9, tzinfo=UTC), "2026-11-30T09:00:00+00:00"),
        (date(2026, 11, 30), "2026-11-30"),
        ({1}, [1]),
        ((1, (2,)), [1, [2]]),
        (Proxy(a=1), {"a": 1}),
        ({1: "a", False: "b", None: "c"}, {"1": "a", "false": "b", "null": "c"}),
        (np.float64(1.5), 1.5),
        (np.str_("text"), "text"),
    ],
)
def test_usual_values_have_their_usual_form_unsaid(
    value: object, expected: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert sent(value) == expected
    assert caplog.records == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.longdouble(2), 2.0),
        (np.complex128(1 + 2j), "(1+2j)"),
        (np.datetime64("2026-11-30"), "2026-11-30"),
        (np.datetime64("2026-11-30T10:00:00.000000001"), "2026-11-30T10:00:00"),
        (np.timedelta64(1_500_000_000, "ns"), 1.5),
        (np.array(["2026-11-30T10:00:00.5"], "datetime64[ns]"), ["2026-11-30T10:00:00.500000"]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(7), 7),
        (np.array([np.nan, 1.0]), [None, 1.0]),
        (math.nan, None),
        (math.inf, None),
        (np.float64("nan"), None),
        (b"text", "text"),
        (bytearray("grün".encode()), "grün"),
        (memoryview(b"\xff\xfe"), "//4="),
        (PurePosixPath("/tmp/a"), "/tmp/a"),  # noqa: S108
        (timedelta(minutes=1.5), 90.0),
        (Order(7, date(2026, 11, 30)), {"number": 7, "placed_on": "2026-11-30"}),
        (
            Line(Order(7, date(2026, 11, 30)), Decimal("1.5")),
            {"order": {"number": 7, "placed_on": "2026-11-30"}, "price": "1.5"},
        ),
        (
            Customer(name="Ada"),
            {"name": "Ada", "password": "**********", "seen": NOW.isoformat()},
        ),
        (
            Nested(
                inner=Customer(name="Ada"),
                order=Order(7, date(2026, 11, 30)),
                keys=[Customer(name="Bob")],
            ),
            {
                "inner": {"name": "Ada", "password": "**********", "seen": NOW.isoformat()},
                "order": {"number": 7, "placed_on": "2026-11-30"},
                "keys": [{"name": "Bob", "password": "**********", "seen": NOW.isoformat()}],
            },
        ),
        (
            Customers([Customer(name="Ada")]),
            [{"name": "Ada", "password": "**********", "seen": NOW.isoformat()}],
        ),
        ({(1, "a"): 1}, {"(1, 'a')": 1}),
        ({Colour.RED: 1, b"key": 2, math.nan: 3}, {"red": 1, "key": 2, "nan": 3}),
        (generator(), [1, 2]),
        (ever_on(), [1] * json_values.ITEMS_MAX),
        (range(3), [0, 1, 2]),
        (collections.deque([1, 2]), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (map(str, [1]), ["1"]),
        (iter([1, 2]), [1, 2]),
        (itertools.count(), list(range(json_values.ITEMS_MAX))),
        (1 + 2j, "(1+2j)"),
        (Fraction(1, 3), "1/3"),
        (ValueError("no number"), "ValueError: no number"),
        (WithText(), "a text"),
        (Plain(), "Plain"),
        (Raising(), "[Raising]"),
        (Plain, "Plain"),
        (Colour, "Colour"),
        (generator, "generator"),
        (object(), "object"),
        (circular(), {"name": "a", "self": "[circular]"}),
        (10**5000, hex(10**5000)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_json_can_not_hold_costs_itself_alone(
    value: object, expected: object, caplog: pytest.LogCaptureFixture
) -> None:
    found = sent(value)
    assert found == expected
    assert "planted" not in json.dumps(found) + caplog.text
    assert "'metadata.x" in caplog.text


def test_what_is_too_deep_or_has_no_end_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    found = sent(nested(5000))
    depth = 0
    while isinstance(found, list):
        found, depth = found[0], depth + 1
    assert (found, depth > 90) == ("[too large]", True)
    assert len(json.dumps(sent(Endless()))) < 10_000_000
    assert "is sent as the mark [too large]" in caplog.text


def test_what_is_shared_is_not_written_without_a_bound() -> None:
    """Each level doubles it; or a long text is repeated."""
    value: list[Any] = [0]
    for _ in range(60):
        value = [value, value]
    assert len(json.dumps(sent(value))) < 10_000_000
    assert len(json.dumps(sent(["x" * 100_000] * 10_000))) < 5_000_000
    assert len(sent(EndlessMapping())) <= json_values.VALUES_MAX
    assert len(sent(EndlessList([1]))) <= json_values.VALUES_MAX


def test_a_log_that_fails_costs_its_line() -> None:
    class Broken(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            raise RuntimeError

    handler = Broken()
    logging.getLogger("activity_events.client").addHandler(handler)
    try:
        assert sent(np.int64(3)) == 3
    finally:
        logging.getLogger("activity_events.client").removeHandler(handler)


def test_each_kind_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(3):
        sent(np.int64(number))
        sent(math.nan)
    told = [each.getMessage() for each in caplog.records]
    assert [each.split(")")[0] for each in told] == [
        "'metadata.x' of an activity event (a numpy.int64",
        "'metadata.x' of an activity event (a float",
    ]
    assert all(each.levelno == logging.WARNING for each in caplog.records)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"entity_id": np.int64(5)}, {"entity_id": 5}),
        ({"entity_id": uuid.UUID(int=1)}, {"entity_id": "00000000-0000-0000-0000-000000000001"}),
        ({"entity_id": Path("a/b")}, {"entity_id": "a/b"}),
        ({"session_id": b"abc"}, {"session_id": "abc"}),
        ({"duration_ms": np.float32(3)}, {"duration_ms": 3.0}),
        ({"duration_ms": timedelta(seconds=1.5)}, {"duration_ms": 1500.0}),
        ({"duration_ms": Decimal("2.5")}, {"duration_ms": 2.5}),
        ({"duration_ms": math.nan}, {"duration_ms": None}),
        ({"session_seq": np.int32(4)}, {"session_seq": 4}),
        ({"event_category": Colour.RED}, {"event_category": "red"}),
        ({"metadata": Order(1, date(2026, 1, 1))},
         {"metadata": {"number": 1, "placed_on": "2026-01-01"}}),
        ({"context_snapshot": Customer(name="Ada", seen=NOW)},
         {"context_snapshot":
             {"name": "Ada", "password": "**********", "seen": NOW.isoformat()}}),
        ({"duration_ms": Fraction(1, 2)}, {"duration_ms": 0.5}),
        ({"event_timestamp": date(2026, 11, 29)},
         {"event_timestamp": "2026-11-29T00:00:00+00:00"}),
        ({"event_timestamp": 1796073543.0}, {"event_timestamp": "2026-11-30T21:19:03+00:00"}),
        ({"event_timestamp": 1796073543000}, {"event_timestamp": "2026-11-30T21:19:03+00:00"}),
        ({"event_timestamp": np.int64(1796073543)},
         {"event_timestamp": "2026-11-30T21:19:03+00:00"}),
        ({"event_timestamp": 10**400}, {"event_timestamp": NOW.isoformat()}),
        ({"event_timestamp": np.array([1, 2])}, {"event_timestamp": NOW.isoformat()}),
        ({"event_timestamp": np.datetime64("2026-11-30T10:00:00.000000001")},
         {"event_timestamp": "2026-11-30T10:00:00"}),
        ({"event_timestamp": time.gmtime(1796073543)},
         {"event_timestamp": "2026-11-30T21:19:03+00:00"}),
        ({"event_timestamp": datetime(2026, 11, 30, tzinfo=NoZone())},
         {"event_timestamp": NOW.isoformat()}),
        ({"event_timestamp": Raising()}, {"event_timestamp": NOW.isoformat()}),
        ({"event_timestamp": NoClass()}, {"event_timestamp": NOW.isoformat()}),
        ({"event_id": NoClass()}, {"event_id": "[NoClass]"}),
        ({"metadata": NoClass(), "entity_id": 1}, {"metadata": "[NoClass]", "entity_id": 1}),
        ({"metadata": {"x": NoClass(), NoText("k"): 1, "n": 1}},
         {"metadata": {"x": "[NoClass]", "k": 1, "n": 1}}),
        ({"metadata": np.zeros(150_000), "entity_id": "a"}, {"entity_id": "a"}),
        ({"event_id": np.int64(5)}, {"event_id": "5"}),
        ({"event_id": Raising()}, {"event_id": "[Raising]"}),
        ({"duration_ms": Decimal("sNaN")}, {"duration_ms": "sNaN"}),
        ({"event_timestamp": math.nan}, {"event_timestamp": NOW.isoformat()}),
    ],
)  # fmt: skip
def test_fields_are_alike(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    event = json.loads(encode({**BASE, **fields}, NOW).body)
    assert {name: event[name] for name in expected} == expected


def test_a_dict_that_another_thread_changes() -> None:
    class Changing(dict[str, int]):
        def items(self) -> Any:
            super().__setitem__(f"key {len(self)}", 1)
            return super().items()

    assert sent({"x": Changing(a=1)})["x"]["a"] == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.int64(3),
        lambda: Order(1, date(2026, 1, 1)),
        lambda: Customer(name="Ada"),
        lambda: math.nan,
        lambda: b"\xff",
        lambda: timedelta(1),
        lambda: {(1, 2): 3},
        generator,
        circular,
        lambda: ValueError("x"),
        lambda: 1j,
        lambda: collections.deque([1]),
        lambda: range(2),
        lambda: "half \ud83d",
        lambda: nested(3000),
    ],
)
async def test_the_service_stores_it(
    service: Service, connect: Connect, make: Callable[[], object]
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    drops: list[object] = []
    client = connect(service.url, on_drop=lambda events, _: drops.extend(events))
    tracked = client.track("page_viewed", user_email=email, metadata={"x": make(), "n": 1})
    assert await client("flush") is True
    logged = await client("log", "page_viewed", user_email=email, metadata={"x": make(), "n": 1})
    (one,) = await client(
        "log_batch",
        [{"event_type": "page_viewed", "user_email": email, "metadata": {"x": make(), "n": 1}}],
    )
    assert drops == []
    assert await service.stored(email) == sorted([tracked, logged.event_id, one.event_id])
    assert [each["metadata"]["n"] for each in await client("recent", email)] == [1, 1, 1]


async def test_a_change_by_the_service_is_logged_once(
    service: Service, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(service.url)
    for _ in range(3):
        client.track("page_viewed", user_email=ADA, metadata={"x": "half \ud83d"})
    assert await client("flush") is True
    told = [each.getMessage() for each in caplog.records if "stored with" in each.getMessage()]
    assert len(told) == 1
    assert "metadata.x" in told[0]
