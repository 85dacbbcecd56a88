"""How many users go through some steps, where the others stop, and how long it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Float,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import array

from app.db import ReadSession
from app.errors import InvalidRequest
from app.models import ActivityEvent, AppUser
from app.read.answer import NOWHERE, About, Table
from app.read.conditions import Step, is_step
from app.read.filters import EventFilter, conditions
from app.read.window import Window

Order = Literal["loose", "strict"]
FunnelSplit = Literal["device_type", "entity_type", "metadata"]
UsersWho = Literal["stopped", "reached"]

STEPS_MIN, STEPS_MAX = 2, 10
GROUPS_MAX = 10
SHARES = (0.5, 0.9)
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """`users` reached the step; the shares are of those who reached the first step, and the one
    before. `dropped` reached it and no further one. The times are from the step before, in
    milliseconds, interpolated between the two nearest; None for the first step and for nobody."""

    step: int
    event_type: str
    users: int
    share_of_first: float
    share_of_previous: float
    dropped: int
    median_ms: float | None
    p90_ms: float | None


@dataclass(frozen=True, slots=True)
class FunnelGroup:
    """The users whose first step has this value; None is for those without one."""

    value: str | None
    steps: list[FunnelStep]


@dataclass(frozen=True, slots=True)
class Funnel:
    """`groups` descend by the users of their first step. `user_emails` are in order."""

    order: Order
    within_minutes: int
    users: int
    converted: int
    conversion: float
    steps: list[FunnelStep]
    groups: list[FunnelGroup]
    user_emails: list[str] | None
    about: About = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        names = (
            "step", "event_type", "users", "share_of_first", "share_of_previous", "dropped",
            "median_ms", "p90_ms",
        )  # fmt: skip
        whole: list[tuple[str | None, list[FunnelStep]]] = [("(all)", self.steps)]
        groups = whole + [(group.value, group.steps) for group in self.groups]
        rows = [
            (value, *(getattr(step, name) for name in names))
            for value, steps in groups
            for step in steps
        ]
        return Table(("group", *names), rows)


async def funnel(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    steps: Sequence[Step],
    *,
    within: timedelta = timedelta(days=7),
    order: Order = "loose",
    split_by: FunnelSplit | None = None,
    key: str | None = None,
    users_at: int | None = None,
    users_who: UsersWho = "stopped",
    users_limit: int = 100,
) -> Funnel:
    """Users by the furthest step that they reached.

    A user reaches a step with an event of it that comes after one by which they reached the step
    before, at most `within` after an event of the first step; any event of the first step may
    begin. All events lie in the window. Events of one moment follow one another by their ids. Each
    event goes with the latest chain that leads to it: of a user's chains that reach furthest, the
    first that got there gives the times and the group.

    Args:
        order: `strict`: nothing else of the filter lies between the steps of a chain.
        split_by: groups by a value of the chain's first event, the `GROUPS_MAX` most frequent.
        users_at: also the emails of users at this step, from 1: who `stopped` there, or `reached`
            it.

    Raises:
        InvalidRequest: too few or too many steps, a step that is none of them.
        TooExpensive: too many events in the window.
    """
    if not STEPS_MIN <= len(steps) <= STEPS_MAX:
        raise InvalidRequest.of("step", f"give {STEPS_MIN} to {STEPS_MAX} of them, in order")
    if users_at is not None and not 1 <= users_at <= len(steps):
        raise InvalidRequest.of("users_at", "is the number of a step, from 1")
    if (key is not None) != (split_by == "metadata"):
        raise InvalidRequest.of("key", "goes with split_by=metadata, which needs it")
    where = await conditions(session, filter_, window)
    if order == "loose":
        where.append(or_(*(is_step(step) for step in steps)))
    chains = _chains(where, steps, within, order, _value(split_by, key))
    found = {row.step: row for row in await session.execute(_by_step(chains, len(steps)))}
    whole = _steps(steps, found)
    groups: dict[str | None, dict[int, Any]] = {}
    if split_by is not None:
        for row in await session.execute(_by_step(chains, len(steps), split=True)):
            groups.setdefault(row.value, {})[row.step] = row
    made = [FunnelGroup(value, _steps(steps, rows)) for value, rows in groups.items()]
    made.sort(key=lambda group: (-group.steps[0].users, group.value is None, group.value or ""))
    emails = None
    if users_at is not None:
        emails = await _emails(session, chains, users_at, users_who, users_limit)
    read = found[1].rows_read if found else 0
    return Funnel(
        order=order,
        within_minutes=int(within.total_seconds() // 60),
        users=whole[0].users,
        converted=whole[-1].users,
        conversion=whole[-1].share_of_first,
        steps=whole,
        groups=made[:GROUPS_MAX],
        user_emails=emails,
        about=About("events", read, truncated=len(made) > GROUPS_MAX),
    )


def _value(split_by: FunnelSplit | None, key: str | None) -> ColumnElement[Any]:
    event = ActivityEvent
    if split_by == "device_type":
        return event.device_type.expression
    if split_by == "entity_type":
        return event.entity_type.expression
    if split_by == "metadata":
        return cast(event.event_metadata[key].astext, Text)
    return cast(null(), Text)


@dataclass(frozen=True, slots=True)
class _Chains:
    """`matched` are the events that take part; `best` has a row a user: `depth`, how far they got,
    `chain`, the number of its first event among the user's and then each step's microseconds, and
    `value`, of the first event."""

    matched: CTE
    best: CTE


def _chains(
    where: list[ColumnElement[bool]],
    steps: Sequence[Step],
    within: timedelta,
    order: Order,
    value: ColumnElement[Any],
) -> _Chains:
    """A chain is carried from event to event as an array: the greatest is the latest to have begun.

    Each step is one pass over the events in the order of each user, sorted once.
    """
    event = ActivityEvent
    sequence = (event.event_timestamp, event.event_id)
    at = cast(func.extract("epoch", event.event_timestamp) * MICROSECONDS, BigInteger)
    matched = (
        select(
            event.user_id,
            func.row_number().over(partition_by=event.user_id, order_by=sequence).label("n"),
            at.label("at"),
            value.label("value"),
            *(is_step(step).label(f"is_{number}") for number, step in enumerate(steps, 1)),
        )
        .where(*where)
        .cte("matched")
    )
    rows: FromClause = matched
    longest = round(within.total_seconds() * MICROSECONDS)
    for number in range(1, len(steps) + 1):
        if number == 1:
            chain: ColumnElement[Any] = case((rows.c.is_1, array([rows.c.n, rows.c.at])))
        else:
            latest = _latest(rows, rows.c[f"chain_{number - 1}"], order).label(f"latest_{number}")
            rows = select(rows, latest).subquery(f"before_{number}")
            before = rows.c[f"latest_{number}"]
            in_time = rows.c.at - before[2] <= longest
            chain = case(
                (and_(rows.c[f"is_{number}"], in_time), func.array_append(before, rows.c.at))
            )
        typed = cast(chain, ARRAY(BigInteger))
        rows = select(rows, typed.label(f"chain_{number}")).subquery(f"step_{number}")
    deepest = range(len(steps), 0, -1)
    chain = func.coalesce(*(rows.c[f"chain_{number}"] for number in deepest))
    depth = func.cardinality(chain) - 1
    best = (
        select(rows.c.user_id, depth.label("depth"), chain.label("chain"))
        .where(depth > 0)
        .distinct(rows.c.user_id)
        .order_by(rows.c.user_id, depth.desc(), rows.c.n)
        .subquery("best")
    )
    first = and_(matched.c.user_id == best.c.user_id, matched.c.n == best.c.chain[1])
    valued = select(best, matched.c.value).select_from(best.join(matched, first))
    return _Chains(matched, valued.cte("chains"))


def _latest(rows: FromClause, chain: ColumnElement[Any], order: Order) -> ColumnElement[Any]:
    """The chain that an event may go on with: the latest one, or that of the event before it."""
    over: dict[str, Any] = {"partition_by": rows.c.user_id, "order_by": rows.c.n}
    if order == "strict":
        found: ColumnElement[Any] = func.lag(chain).over(**over)
    else:
        found = func.max(chain).over(**over, rows=(None, -1))
    return type_coerce(found, ARRAY(BigInteger))


def _by_step(chains: _Chains, steps: int, *, split: bool = False) -> Select[*tuple[Any, ...]]:
    """A row for each step, or for each step of the groups with the most users."""
    best = chains.best
    series = func.generate_series(1, steps).table_valued("step").render_derived("series")
    took = best.c.chain[series.c.step + 1] - best.c.chain[series.c.step]
    shares = bindparam(None, SHARES, type_=ARRAY(Float))
    users = func.count()
    largest = (
        select(best.c.value.label("value"))
        .group_by(best.c.value)
        .order_by(users.desc(), best.c.value.collate("C").asc().nulls_last())
        .limit(GROUPS_MAX + 1)
        .subquery("largest")
    )
    rows = best.join(series, best.c.depth >= series.c.step)
    if split:
        rows = rows.join(largest, best.c.value.is_not_distinct_from(largest.c.value))
    group = (best.c.value, series.c.step) if split else (series.c.step,)
    return (
        select(
            *group,
            users.label("users"),
            func.percentile_cont(shares).within_group(took).label("took"),
            select(func.count()).select_from(chains.matched).scalar_subquery().label("rows_read"),
        )
        .select_from(rows)
        .group_by(*group)
    )


async def _emails(
    session: ReadSession, chains: _Chains, at: int, who: UsersWho, limit: int
) -> list[str]:
    best = chains.best
    is_there = best.c.depth == at if who == "stopped" else best.c.depth >= at
    statement = (
        select(AppUser.email)
        .join(best, AppUser.id == best.c.user_id)
        .where(is_there)
        .order_by(AppUser.email.collate("C"))
        .limit(limit)
    )
    return [email for email in await session.scalars(statement) if email is not None]


def _steps(steps: Sequence[Step], rows: dict[int, Any]) -> list[FunnelStep]:
    users = [rows[number].users if number in rows else 0 for number in range(1, len(steps) + 1)]
    made = []
    for place, (step, count) in enumerate(zip(steps, users, strict=True)):
        further = users[place + 1] if place + 1 < len(users) else 0
        took = rows[place + 1].took if place and count else (None, None)
        median, p90 = (None if each is None else round(each / 1000, 1) for each in took)
        made.append(
            FunnelStep(
                step=place + 1,
                event_type=step.event_type,
                users=count,
                share_of_first=_share(count, users[0]),
                share_of_previous=_share(count, users[place - 1] if place else count),
                dropped=count - further,
                median_ms=median,
                p90_ms=p90,
            )
        )
    return made


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
