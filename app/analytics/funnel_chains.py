"""The SQL of funnels: chains of events, the furthest of each user, counted by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import array, distinct_on

from app.database.sessions import ReadSession
from app.models import ActivityEvent, AppUser
from app.read.conditions import Step, begins, is_step
from app.read.metadata_values import as_text, value_at
from app.read.order import EVENT_ORDER

Order = Literal["loose", "strict"]
FunnelSplit = Literal["device_type", "entity_type", "metadata"]
UsersWho = Literal["stopped", "reached"]

GROUPS_MAX = 10
SHARES = (0.5, 0.9)
MICROSECONDS = 1_000_000


def split_value(split_by: FunnelSplit | None, key: str | None) -> ColumnElement[Any]:
    event = ActivityEvent
    if split_by == "device_type":
        return event.device_type.expression
    if split_by == "entity_type":
        return event.entity_type.expression
    if split_by == "metadata":
        return value_at(key or "")
    return cast(null(), Text)


@dataclass(frozen=True, slots=True)
class Chains:
    """`matched` are the events that take part; `best` has a row a user: `depth`, how far they got,
    `chain`, the number of its first event among the user's and then each step's microseconds, and
    `value`, of the first event."""

    matched: CTE
    best: CTE


def chains(
    where: list[ColumnElement[bool]],
    steps: Sequence[Step],
    within: timedelta,
    order: Order,
    value: ColumnElement[Any],
    begins_before: datetime,
) -> Chains:
    """A chain is carried from event to event as an array: the greatest is the latest to have begun.

    Args:
        begins_before: no chain begins with an event of then or later.

    Each step is one pass over the events in the order of each user, sorted once.
    """
    event = ActivityEvent
    at = cast(func.extract("epoch", event.event_timestamp) * MICROSECONDS, BigInteger)
    matched = (
        select(
            event.user_id,
            func.row_number().over(partition_by=event.user_id, order_by=EVENT_ORDER).label("n"),
            at.label("at"),
            value.label("value"),
            begins(steps[0], begins_before).label("is_1"),
            *(is_step(step).label(f"is_{number}") for number, step in enumerate(steps[1:], 2)),
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
        .ext(distinct_on(rows.c.user_id))
        .order_by(rows.c.user_id, depth.desc(), rows.c.n)
        .subquery("best")
    )
    first = and_(matched.c.user_id == best.c.user_id, matched.c.n == best.c.chain[1])
    valued = select(best, matched.c.value).select_from(best.join(matched, first))
    return Chains(matched, valued.cte("chains"))


def _latest(rows: FromClause, chain: ColumnElement[Any], order: Order) -> ColumnElement[Any]:
    """Return the chain that an event can continue: the latest one, or that of the event
    before it."""
    over: dict[str, Any] = {"partition_by": rows.c.user_id, "order_by": rows.c.n}
    if order == "strict":
        found: ColumnElement[Any] = func.lag(chain).over(**over)
    else:
        found = func.max(chain).over(**over, rows=(None, -1))
    return type_coerce(found, ARRAY(BigInteger))


def by_step(chains: Chains, steps: int, *, split: bool = False) -> Select[*tuple[Any, ...]]:
    """A row for each step, or for each step of the groups with the most users."""
    best = chains.best
    series = func.generate_series(1, steps).table_valued("step").render_derived("series")
    took = best.c.chain[series.c.step + 1] - best.c.chain[series.c.step]
    shares = bindparam(None, SHARES, type_=ARRAY(Float))
    users = func.count()
    largest = (
        select(best.c.value.label("value"))
        .group_by(best.c.value)
        .order_by(users.desc(), as_text(best.c.value).collate("C").asc().nulls_last())
        .limit(GROUPS_MAX + 1)
        .subquery("largest")
    )
    rows = best.join(series, best.c.depth >= series.c.step)
    if split:
        rows = rows.join(largest, best.c.value.is_not_distinct_from(largest.c.value))
    group = (best.c.value, series.c.step) if split else (series.c.step,)
    shown = (as_text(best.c.value).label("value"),) if split else ()
    return (
        select(
            *shown,
            series.c.step,
            users.label("users"),
            func.percentile_cont(shares).within_group(took).label("took"),
            select(func.count()).select_from(chains.matched).scalar_subquery().label("rows_read"),
        )
        .select_from(rows)
        .group_by(*group)
    )


async def emails_at(
    session: ReadSession, chains: Chains, at: int, who: UsersWho, limit: int
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
