"""What users do after, or before, an event of some type."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Interval,
    Select,
    and_,
    case,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import array

from app.db import ReadSession
from app.models import ActivityEvent
from app.read.answer import NOWHERE, About, Table
from app.read.filters import EventFilter, conditions
from app.read.window import Window

Direction = Literal["after", "before"]

# More than these are not looked at: the rarest are left out.
LINKS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Link:
    """From what happened at `step - 1` to what happened at `step`, and how many times; 0 is the
    anchor. Of before, the target happened earlier. No `target`: the path ends there."""

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
    about: About = field(default=NOWHERE, compare=False)

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
    gap: timedelta = timedelta(minutes=30),
    limit: int = 50,
) -> Paths:
    """What follows, or precedes, each event of type `anchor`, step by step, for a sankey.

    A path goes from an event to the same user's next one of the filter, at most `gap` later, and
    ends where there is none, or at the window's end. Events of one moment go by their ids. Paths
    that run into one another count each.

    Args:
        limit: most links of a step, those with the most events.

    Raises:
        TooExpensive: too many events in the window.
    """
    where = await conditions(session, filter_, window)
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
        occurrences=sum(link.events for link in by_step[1]),
        links=[link for links in by_step.values() for link in links[:limit]],
        about=About(
            "events",
            found[0].rows_read if found else 0,
            truncated=len(found) == LINKS_MAX
            or any(len(links) > limit for links in by_step.values()),
        ),
    )


def _statement(
    where: list[ColumnElement[bool]],
    anchor: str,
    direction: Direction,
    steps: int,
    gap: timedelta,
) -> Select[*tuple[Any, ...]]:
    """A row for each link of each step."""
    event = ActivityEvent
    look = func.lead if direction == "after" else func.lag
    over: dict[str, Any] = {
        "partition_by": event.user_id,
        "order_by": (event.event_timestamp, event.event_id),
    }
    rows: FromClause = (
        select(
            event.event_type.label("type_0"),
            event.event_timestamp.label("at_0"),
            *(
                look(event.event_type, step).over(**over).label(f"type_{step}")
                for step in range(1, steps + 1)
            ),
            *(
                look(event.event_timestamp, step).over(**over).label(f"at_{step}")
                for step in range(1, steps + 1)
            ),
        )
        .where(*where)
        .cte("event_and_next")
    )
    targets: list[ColumnElement[Any]] = []
    near: list[ColumnElement[bool]] = []
    for step in range(1, steps + 1):
        apart = rows.c[f"at_{step}"] - rows.c[f"at_{step - 1}"]
        longest = literal(gap, Interval)
        near.append(and_(apart <= longest, apart >= -longest))
        targets.append(case((and_(*near), rows.c[f"type_{step}"])))
    sources = [rows.c.type_0, *targets[:-1]]
    link = (
        func.unnest(array(sources), array(targets))
        .table_valued("source", "target", with_ordinality="step", name="link")
        .render_derived()
        .lateral()
    )
    events = func.count().label("events")
    return (
        select(
            link.c.step,
            link.c.source,
            link.c.target,
            events,
            select(func.count()).select_from(rows).scalar_subquery().label("rows_read"),
        )
        .select_from(rows.join(link, link.c.source != null()))
        .where(rows.c.type_0 == anchor)
        .group_by(link.c.step, link.c.source, link.c.target)
        .order_by(events.desc())
        .limit(LINKS_MAX)
    )
