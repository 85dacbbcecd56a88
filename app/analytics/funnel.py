"""Funnels: how many users complete a sequence of steps, where the others drop out, and the time to
convert."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_

from app.analytics.funnel_chains import (
    GROUPS_MAX,
    FunnelSplit,
    Order,
    UsersWho,
    by_step,
    chains,
    emails_at,
    split_value,
)
from app.analytics.result import NOWHERE, Provenance, Table
from app.database.sessions import ReadSession
from app.errors import InvalidRequest
from app.read.conditions import Step, is_step
from app.read.filters import EventFilter, compile_filter
from app.read.metadata_values import FOR_FUNNEL, canonical, check_key, json_value, text_of
from app.read.window import Window

STEPS_MIN, STEPS_MAX = 2, 10


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step: `users` reached it; the shares relate to those who reached the first step, and the
    step before. `dropped` reached it and no later step; None for the last step. Times run from the
    step before, in milliseconds, interpolated between the two nearest; None for the first step, and
    if no user reached it."""

    step: int
    event_type: str
    users: int
    share_of_first: float
    share_of_previous: float
    dropped: int | None
    median_ms: float | None
    p90_ms: float | None


@dataclass(frozen=True, slots=True)
class FunnelGroup:
    """The users whose first step has this value (of the metadata, any JSON, null too); without
    `has_value`, those whose first step has none."""

    value: Any
    has_value: bool
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
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        names = (
            "step", "event_type", "users", "share_of_first", "share_of_previous", "dropped",
            "median_ms", "p90_ms",
        )  # fmt: skip
        whole: list[tuple[Any, list[FunnelStep]]] = [("(all)", self.steps)]
        groups = whole + [
            (text_of(group.value) if group.has_value else None, group.steps)
            for group in self.groups
        ]
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
    after_end: bool = False,
    now: datetime | None = None,
    order: Order = "loose",
    split_by: FunnelSplit | None = None,
    key: str | None = None,
    users_at: int | None = None,
    users_who: UsersWho = "stopped",
    users_limit: int = 100,
) -> Funnel:
    """Count users by the furthest step that they reached.

    A user reaches a step with an event that follows one with which they reached the step before, at
    most `within` after an event of the first step; any event of the first step can begin. All
    events are in the window (but see `after_end`). Each event belongs to the latest chain that
    leads to it: of a user's furthest chains, the first to complete sets the times and the group.

    Args:
        after_end: later steps count after the window's end, too: a user who began in the window has
            all the time that is given `within`.
        now: the present, which says who has had that time; by default the window's end.
        order: `strict`: nothing else of the filter lies between the steps of a chain.
        split_by: groups by a value of the chain's first event, the `GROUPS_MAX` most frequent.
        users_at: also the emails of users at this step, from 1: who `stopped` there, or `reached`
            it.

    Raises:
        InvalidRequest: too few or too many steps, a step that is none of them.
        TooExpensive: too many events in the window.
    """
    if not STEPS_MIN <= len(steps) <= STEPS_MAX:
        raise InvalidRequest.of("step", f"set {STEPS_MIN} to {STEPS_MAX} steps, in order")
    if users_at is not None and not 1 <= users_at <= len(steps):
        raise InvalidRequest.of("users_at", "must be the number of a step, starting at 1")
    check_key(key, needed=split_by == "metadata", option=FOR_FUNNEL)
    until = window.end + within if after_end else window.end
    read_until = min(until, now or until)
    where = (await compile_filter(session, filter_, replace(window, end=until))).where()
    if order == "loose":
        where.append(or_(*(is_step(step) for step in steps)))
    value_of = split_value(split_by, key)
    found_chains = chains(where, steps, within, order, value_of, window.end)
    found = {row.step: row for row in await session.execute(by_step(found_chains, len(steps)))}
    whole = _steps(steps, found)
    groups: dict[str | None, dict[int, Any]] = {}
    # Equal numbers may be written in two ways.
    same = canonical if split_by == "metadata" else str
    if split_by is not None:
        for row in await session.execute(by_step(found_chains, len(steps), split=True)):
            text = None if row.value is None else same(row.value)
            groups.setdefault(text, {})[row.step] = row
    made = [(text, _steps(steps, rows)) for text, rows in groups.items()]
    made.sort(key=lambda group: (-group[1][0].users, group[0] is None, group[0] or ""))
    value = json_value if split_by == "metadata" else str
    listed = [
        FunnelGroup(None if text is None else value(text), text is not None, rows)
        for text, rows in made[:GROUPS_MAX]
    ]
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
        groups=listed,
        user_emails=emails,
        about=Provenance(
            "events",
            read,
            truncated=len(made) > GROUPS_MAX,
            complete_before=min(window.end, read_until - within),
        ),
    )


def _steps(steps: Sequence[Step], rows: dict[int, Any]) -> list[FunnelStep]:
    users = [rows[number].users if number in rows else 0 for number in range(1, len(steps) + 1)]
    made = []
    for place, (step, count) in enumerate(zip(steps, users, strict=True)):
        took = rows[place + 1].took if place and count else (None, None)
        median, p90 = (None if each is None else round(each / 1000, 1) for each in took)
        made.append(
            FunnelStep(
                step=place + 1,
                event_type=step.event_type,
                users=count,
                share_of_first=_share(count, users[0]),
                share_of_previous=_share(count, users[place - 1] if place else count),
                dropped=count - users[place + 1] if place + 1 < len(users) else None,
                median_ms=median,
                p90_ms=p90,
            )
        )
    return made


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
