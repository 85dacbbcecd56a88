"""Paths: what users do after, or before, an event of some type."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Interval,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, aggregate_order_by, array

from app.analytics.result import NOWHERE, Provenance, Table
from app.database.sessions import ReadSession
from app.models import ActivityEvent
from app.read.conditions import Direction, Step, is_beside, is_step
from app.read.filters import Conditions, EventFilter, compile_filter
from app.read.order import EVENT_ORDER, order_of, ordered
from app.read.sessions import SESSION_GAP
from app.read.window import Window

# More than these are not looked at: the rarest are left out.
LINKS_MAX = 11_000


@dataclass(frozen=True, slots=True)
class Link:
    """A link from what happened at `step - 1` to what happened at `step`, with its count; step 0 is
    the anchor. For paths before the anchor, the target happened earlier. Without a `target`, the
    path ends."""

    step: int
    source: str
    target: str | None
    events: int


@dataclass(frozen=True, slots=True)
class Paths:
    """`links` go by step, then descend by events, then by names. `occurrences` of the anchor each
    begin a path."""

    anchor: str
    direction: Direction
    steps: int
    occurrences: int
    links: list[Link]
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        rows = [(link.step, link.source, link.target, link.events) for link in self.links]
        return Table(("step", "source", "target", "events"), rows)


async def paths(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    anchor: str,
    *,
    direction: Direction = "after",
    steps: int = 3,
    gap: timedelta = SESSION_GAP,
    limit: int = 50,
) -> Paths:
    """Return what follows, or precedes, each event of type `anchor`, step by step, for a Sankey
    diagram.

    A path leads from an event to the same user's next one in the filter, at most `gap` later, and
    ends if there is none, or at the end of the window. Paths that overlap are all counted.

    Args:
        limit: most links of a step, those with the most events.

    Raises:
        TooExpensive: too many events in the window.
    """
    where = (await compile_filter(session, filter_, window)).where()
    statement = _statement(where, anchor, direction, steps, gap)
    found = (await session.execute(statement)).all()
    by_step: dict[int, list[Link]] = {step: [] for step in range(1, steps + 1)}
    for row in found:
        by_step[row.step].append(Link(row.step, row.source, row.target, row.events))
    for links in by_step.values():
        links.sort(key=lambda link: (-link.events, link.source, link.target or ""))
    return Paths(
        anchor=anchor,
        direction=direction,
        steps=steps,
        occurrences=next((row.of_step for row in found if row.step == 1), 0),
        links=[link for links in by_step.values() for link in links[:limit]],
        about=Provenance(
            "events",
            sum(link.events for link in found),
            truncated=len(found) == LINKS_MAX
            or any(len(links) > limit for links in by_step.values()),
        ),
    )


def _statement(
    where: Conditions, anchor: str, direction: Direction, steps: int, gap: timedelta
) -> Select[*tuple[Any, ...]]:
    """A row for each link of each step: from each anchor, one search in its user's events."""
    event = ActivityEvent
    key = (event.event_timestamp, event.session_seq, event.received_at, event.event_id)
    start = select(event.user_id, *key).where(*where, is_step(Step(anchor))).subquery("start")
    backwards = direction == "before"
    near = (
        select(event.event_type, *key)
        .where(*where, *is_beside(start, direction, gap * steps))
        .order_by(*ordered(EVENT_ORDER, descending=backwards))
        .limit(steps)
        .correlate(start)
        .lateral("near")
    )
    in_order = ordered(order_of(near.c), descending=backwards)
    following = (
        select(
            func.array_agg(aggregate_order_by(near.c.event_type, *in_order)).label("types"),
            func.array_agg(aggregate_order_by(near.c.event_timestamp, *in_order)).label("times"),
        )
        .select_from(near)
        .lateral("following")
    )
    types = type_coerce(following.c.types, ARRAY(Text))
    times = type_coerce(following.c.times, ARRAY(TIMESTAMP(timezone=True)))
    targets: list[ColumnElement[Any]] = []
    close: list[ColumnElement[bool]] = []
    longest = literal(gap, Interval)
    for step in range(1, steps + 1):
        apart = times[step] - (times[step - 1] if step > 1 else start.c.event_timestamp)
        close.append(and_(apart <= longest, apart >= literal(-gap, Interval)))
        targets.append(case((and_(*close), types[step])))
    link = (
        func.unnest(array([literal(anchor), *targets[:-1]]), array(targets))
        .table_valued("source", "target", with_ordinality="step", name="link")
        .render_derived()
        .lateral()
    )
    events = func.count().label("events")
    of_step = cast(func.sum(func.count()).over(partition_by=link.c.step), BigInteger)
    return (
        select(link.c.step, link.c.source, link.c.target, events, of_step.label("of_step"))
        .select_from(start.join(following, true()).join(link, link.c.source != null()))
        .group_by(link.c.step, link.c.source, link.c.target)
        .order_by(events.desc(), link.c.step)
        .limit(LINKS_MAX)
    )
