"""Analytics counted once more by DuckDB, off nothing but the events."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import duckdb
import orjson
import pyarrow as pa

from app.read.filters import EventFilter
from app.read.window import Window
from tests.db.random_log import HIDDEN, Made

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class StepEvent(NamedTuple):
    """What funnels and paths need of an event, beginning with what it sorts by; `us` are
    microseconds since 1970."""

    us: int
    seq: int
    received_us: int
    id: str
    type: str
    device: str | None
    entity_type: str | None
    priority: str | None
    n: str | None


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a user's best chain got, when it was where, and its first event."""

    email: str
    times: tuple[int, ...]
    first: StepEvent


def microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


class Recount:
    """The events in a table of DuckDB, and the picked ones of them in tables of their own."""

    def __init__(self, events: Iterable[Made]) -> None:
        self._duck = duckdb.connect(config={"threads": 2})
        self._duck.execute("SET TimeZone = 'UTC'")
        made = list(events)
        columns = {
            name: [getattr(event, name) for event in made]
            for name in Made._fields
            if name not in ("at", "id", "received_at")
        }
        columns["us"] = [microseconds(event.at) for event in made]
        columns["received_us"] = [microseconds(event.received_at) for event in made]
        columns["id"] = [str(event.id) for event in made]
        self._duck.register("given", pa.table(columns))
        self._duck.execute(
            "CREATE TABLE event AS SELECT *, make_timestamptz(us) AS moment,"
            " list_contains($hidden, email) AS is_hidden FROM given",
            {"hidden": HIDDEN},
        )

    def rows(self, statement: str, **given: Any) -> list[tuple[Any, ...]]:
        self._duck.execute(statement, given or None)
        return self._duck.fetchall()

    def column(self, statement: str, **given: Any) -> list[Any]:
        return [value for (value,) in self.rows(statement, **given)]

    def one(self, statement: str, **given: Any) -> Any:
        (value,) = self.column(statement, **given)
        return value

    def pick(self, filter_: EventFilter, window: Window) -> None:
        """`theirs` are all events of the filter's users, whenever; `picked` those of the filter and
        the window; `day` the local days that the window touches."""
        self.rows(
            """
            CREATE OR REPLACE TEMP TABLE theirs AS
            SELECT *, timezone($zone, moment) AS local FROM event
            WHERE ($everybody OR list_contains($emails, email)) AND ($own OR NOT is_hidden)
            """,
            zone=window.timezone,
            everybody=not filter_.user_email,
            emails=list(filter_.user_email),
            own=filter_.own,
        )
        wanted: dict[str, Sequence[str]] = {
            "category": filter_.event_category,
            "type": filter_.event_type,
            "action": filter_.event_action,
            "entity_type": filter_.entity_type,
            "entity_id": filter_.entity_id,
            "session_id": filter_.session_id,
            "device": filter_.device_type,
        }
        metadata = orjson.loads(filter_.metadata or "{}")
        wanted |= {key: [str(value)] for key, value in metadata.items()}
        wanted = {name: values for name, values in wanted.items() if values}
        conditions = "".join(
            f" AND coalesce(list_contains(${name}, CAST({name} AS VARCHAR)), false)"
            for name in wanted
        )
        self.rows(
            "CREATE OR REPLACE TEMP TABLE picked AS SELECT * FROM theirs"  # noqa: S608 (ours)
            f" WHERE us >= $start AND us < $end {conditions}",
            start=microseconds(window.start),
            end=microseconds(window.end),
            **{name: list(values) for name, values in wanted.items()},
        )
        self.rows(
            """
            CREATE OR REPLACE TEMP TABLE day AS
            SELECT CAST(unnest(generate_series(
              date_trunc('day', timezone($zone, make_timestamptz($start))),
              date_trunc('day', timezone($zone, make_timestamptz($end - 1))),
              INTERVAL 1 day)) AS DATE) AS day
            WHERE $start < $end
            """,
            zone=window.timezone,
            start=microseconds(window.start),
            end=microseconds(window.end),
        )

    def counts(self, value: str) -> dict[str, int]:
        """Picked events by a value that is not null, descending, then by value."""
        return dict(
            self.rows(
                f"SELECT {value} AS value, count(*) AS n FROM picked"  # noqa: S608 (ours)
                " WHERE value IS NOT NULL GROUP BY value ORDER BY n DESC, value"
            )
        )

    def full_hours(self, window: Window, unit: str) -> list[datetime]:
        """The instants of a window at which the zone's clock shows a full hour or minute, and the
        last one before it."""
        step = 60 if unit == "minute" else 15 * 60
        start = int(window.start.timestamp()) // step * step - 6 * 3600
        found = self.column(
            """
            SELECT us FROM (
              SELECT us, timezone($zone, make_timestamptz(us)) AS local
              FROM range($first, $end, $step) AS instant (us)
            ) WHERE date_trunc($unit, local) = local ORDER BY us
            """,
            zone=window.timezone,
            first=start * 1_000_000,
            end=microseconds(window.end),
            step=step * 1_000_000,
            unit=unit,
        )
        instants = [EPOCH + each * MICROSECOND for each in found]
        before = [each for each in instants if each <= window.start]
        return [before[-1], *instants[len(before) :]]

    def periods(self, unit: str) -> list[date]:
        """The first days of the local days', weeks or months that the window touches."""
        return self.column(
            "SELECT DISTINCT CAST(date_trunc($unit, day) AS DATE) FROM day ORDER BY 1", unit=unit
        )

    def by_user(self) -> dict[str, list[StepEvent]]:
        """Each user's picked events: by time, number in the session, receipt, and id."""
        found: dict[str, list[StepEvent]] = {}
        for email, *rest in self.rows(
            "SELECT email, us, coalesce(seq, -1), received_us, id, type, device,"
            " entity_type, priority, CAST(n AS VARCHAR) FROM picked"
        ):
            found.setdefault(email, []).append(StepEvent(*rest))
        return {email: sorted(events) for email, events in found.items()}

    def percentiles(self, values: Sequence[float], *shares: float) -> list[float | None]:
        return [
            self.one(
                f"SELECT quantile_cont(v, {share}) FROM (SELECT unnest($values::DOUBLE[]) AS v)",  # noqa: S608
                values=list(values),
            )
            for share in shares
        ]


def best_chains(
    by_user: dict[str, list[StepEvent]],
    steps: Sequence[tuple[str, str | None]],
    within: timedelta,
    *,
    strict: bool,
) -> list[Reached]:
    """Each user's chain that gets furthest, of steps that are a type and maybe a priority.

    For every event and step, of all chains that end there, the one whose events are the latest.
    """
    limit = within // MICROSECOND
    found = []
    for email, given in by_user.items():
        events = [each for each in given if strict or any(_is(each, step) for step in steps)]
        # ending[step]: the events at which a chain of so many steps ends, with that chain's places.
        best: tuple[int, ...] = ()
        latest: list[tuple[int, ...] | None] = [None] * len(steps)
        for place, event in enumerate(events):
            ending: list[tuple[int, ...] | None] = [None] * len(steps)
            for number, step in enumerate(steps):
                if not _is(event, step):
                    continue
                if number == 0:
                    ending[0] = (place,)
                    continue
                before = latest[number - 1]
                if before is not None and event.us - events[before[0]].us <= limit:
                    ending[number] = (*before, place)
            for chain in ending:
                if chain is not None and len(chain) > len(best):
                    best = chain
            if strict:
                latest = ending
            else:
                latest = [_later(events, *pair) for pair in zip(latest, ending, strict=True)]
        if best:
            times = tuple(events[place].us for place in best)
            found.append(Reached(email, times, events[best[0]]))
    return found


def _is(event: StepEvent, step: tuple[str, str | None]) -> bool:
    return event.type == step[0] and step[1] in (None, event.priority)


def _later(
    events: list[StepEvent], one: tuple[int, ...] | None, other: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """The chain that begins later; of one beginning, the one whose further steps are later."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda chain: (chain[0], [events[place].us for place in chain]))


def links(
    by_user: dict[str, list[StepEvent]], anchor: str, steps: int, gap: timedelta, *, before: bool
) -> Counter[tuple[int, str, str | None]]:
    """How often which type of event followed which, by step."""
    found: Counter[tuple[int, str, str | None]] = Counter()
    limit = gap // MICROSECOND
    for events in by_user.values():
        ordered = events[::-1] if before else events
        for place, event in enumerate(ordered):
            if event.type != anchor:
                continue
            path = ordered[place : place + steps + 1]
            for step, (source, target) in enumerate(pairwise([*path, None]), 1):
                assert source is not None
                if step > steps:
                    break
                if target is None or abs(target.us - source.us) > limit:
                    found[step, source.type, None] += 1
                    break
                found[step, source.type, target.type] += 1
    return found
