"""How many users go through some steps, where the others stop, and how long it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import or_

from app.db import ReadSession
from app.errors import InvalidRequest
from app.read.analytics.funnel_chains import (
    GROUPS_MAX,
    FunnelSplit,
    Order,
    UsersWho,
    by_step,
    chains,
    emails_at,
    split_value,
)
from app.read.answer import NOWHERE, About, Table
from app.read.conditions import Step, is_step
from app.read.filters import EventFilter, conditions
from app.read.window import Window

STEPS_MIN, STEPS_MAX = 2, 10


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
    found_chains = chains(where, steps, within, order, split_value(split_by, key))
    found = {row.step: row for row in await session.execute(by_step(found_chains, len(steps)))}
    whole = _steps(steps, found)
    groups: dict[str | None, dict[int, Any]] = {}
    if split_by is not None:
        for row in await session.execute(by_step(found_chains, len(steps), split=True)):
            groups.setdefault(row.value, {})[row.step] = row
    made = [FunnelGroup(value, _steps(steps, rows)) for value, rows in groups.items()]
    made.sort(key=lambda group: (-group.steps[0].users, group.value is None, group.value or ""))
    emails = None
    if users_at is not None:
        emails = await emails_at(session, found_chains, users_at, users_who, users_limit)
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
