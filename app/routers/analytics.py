"""`GET /api/events/analytics` and below: what happened, summed up."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.deps import NoRepeats, now_of
from app.read.analytics.active_users import active_users
from app.read.analytics.durations import durations
from app.read.analytics.funnel import funnel
from app.read.analytics.heatmap import heatmap
from app.read.analytics.paths import paths
from app.read.analytics.retention import retention
from app.read.analytics.sessions import sessions
from app.read.analytics.summary import summary
from app.read.analytics.timeseries import timeseries
from app.read.analytics.top import top
from app.read.conditions import parse_step
from app.routers.access import GuardedRoute
from app.routers.analytics_answer import TABLES, UNCHANGED, answer
from app.routers.responses import errors
from app.schemas import analytics as answers
from app.schemas import analytics_queries as queries

router = APIRouter(
    prefix="/analytics",
    tags=["analytics"],
    dependencies=[NoRepeats],
    route_class=GuardedRoute,
    responses=errors(422, 503),
)


@router.get(
    "",
    summary="Sum up a user's events, or everybody's",
    response_model=answers.SummaryAnswer,
    responses=UNCHANGED,
)
async def analytics(
    query: Annotated[queries.AnalyticsQuery, Query()], request: Request
) -> Response:
    """By default the last 7 x 24 hours; exact the moment a write is acknowledged.

    Counts descend (equal ones by name). `most_active_day` is the latest of equal days,
    `most_common_action` the first by name; both are null where nothing happened. `events_by_day`
    has every day the window touches, `events_by_hour` the 24 hours of the day, both local to `tz`.
    An event without a device counts as `unknown`. `unique_sessions` are the distinct ones that have
    an event in the window; equal ids of two users are two.
    """
    return await answer(request, query, summary)


@router.get(
    "/timeseries",
    summary="Events over time, whole or split",
    response_model=answers.TimeseriesAnswer,
    responses=TABLES,
)
async def analytics_timeseries(
    request: Request, query: Annotated[queries.TimeseriesQuery, Query()]
) -> Response:
    """Zero where nothing happened; the first and the last bucket have what lies in the window.

    Days, weeks (from `week_start`) and months begin at the first instant of their first local day,
    so that a day may have 23 or 25 hours. Hours go from one full hour of the local clock to the
    next: one that the clock shows twice is two buckets. With `split_by`, a series for each of the
    `limit` most frequent values (equal ones by name), and one, `is_other`, for all others.
    `compare` adds the window before: as long, by the calendar and clock of `tz`.
    """
    return await answer(
        request,
        query,
        timeseries,
        bucket=query.bucket,
        week_start=query.week_start,
        split_by=query.split_by,
        limit=query.limit,
        compare=query.compare,
    )


@router.get(
    "/top",
    summary="What there is most of",
    response_model=answers.TopAnswer,
    responses=TABLES,
)
async def analytics_top(query: Annotated[queries.TopQuery, Query()], request: Request) -> Response:
    """The values with the most events, descending; equal ones by value.

    `by=entity` counts events by entity type and id, `by=user` by email, `by=metadata` by the values
    of one `key` of the metadata. Numbers are one where they are equal (`1`, `1.0`), types are apart
    (`1`, `"1"`, `true`), and null is a value: a filter `metadata` with a row's value finds the
    row's events. Events without a value are not counted. With `elements`, an event counts for each
    element of its list, once, and the shares may come to more than 1.
    """
    return await answer(
        request,
        query,
        top,
        by=query.by,
        key=query.key,
        elements=query.elements,
        limit=query.limit,
    )


@router.get(
    "/active-users",
    summary="Active users by day, week and month",
    response_model=answers.ActiveUsersAnswer,
    responses=TABLES,
)
async def analytics_active_users(
    request: Request, query: Annotated[queries.UsersQuery, Query()]
) -> Response:
    """Of every local day that the window touches, as a whole.

    A user is active on a day with at least one event. `wau` and `mau` count the users of the 7 and
    the 30 local days that end with the day; `stickiness` is `dau / mau`. A user is `new` on the
    first day of all on which they were active, and `returning` on all others.
    """
    return await answer(request, query, active_users)


@router.get(
    "/retention",
    summary="Who comes back, by when they first came",
    response_model=answers.RetentionAnswer,
    responses=TABLES,
)
async def analytics_retention(
    request: Request, query: Annotated[queries.RetentionQuery, Query()]
) -> Response:
    """A cohort for each local day, week or month that the window touches.

    A cohort are the users whose first activity of all lies in its period. `users[n]` of them were
    active in the n-th period after it, `users[0]` in the first; null where that has not begun by
    the window's end. The last period may be going on: its numbers still grow.
    """
    return await answer(
        request,
        query,
        retention,
        period=query.period,
        periods=query.periods,
        week_start=query.week_start,
    )


@router.get(
    "/funnel",
    summary="How far users get through some steps",
    response_model=answers.FunnelAnswer,
    responses=TABLES,
)
async def analytics_funnel(
    request: Request, query: Annotated[queries.FunnelQuery, Query()]
) -> Response:
    """Users by the furthest step that they reached, with what it took them.

    A user reaches a step with an event of it that comes after one by which they reached the step
    before, at most `within_minutes` after an event of the first step; any event of the first step
    may begin. All events lie in the window (with `after_end`, the later steps may come after it)
    and pass the filters. Who began before `complete_before` has had all of `within_minutes`. Of a
    user's chains that reach furthest, the first that got there gives the times and the group; where
    several events could have led to it, the latest did. Events of one moment follow one another by
    `session_seq`, then in the order in which they were sent.
    """
    return await answer(
        request,
        query,
        funnel,
        [parse_step(step) for step in query.step],
        within=timedelta(minutes=query.within_minutes),
        after_end=query.after_end,
        now=now_of(request),
        order=query.order,
        split_by=query.split_by,
        key=query.key,
        users_at=query.users_at,
        users_who=query.users,
        users_limit=query.users_limit,
    )


@router.get(
    "/paths",
    summary="What users do after, or before, something",
    response_model=answers.PathsAnswer,
    responses=TABLES,
)
async def analytics_paths(
    request: Request, query: Annotated[queries.PathsQuery, Query()]
) -> Response:
    """What follows, or precedes, each event of the type `anchor`, step by step, for a sankey.

    A path goes from an event to the same user's next one that passes the filters, at most
    `gap_minutes` later, and ends (`target` null) where there is none, or at the window's end.
    Events of one moment go by `session_seq`, then in the order in which they were sent. Paths that
    run into one another count each.
    """
    return await answer(
        request,
        query,
        paths,
        query.anchor,
        direction=query.direction,
        steps=query.steps,
        gap=timedelta(minutes=query.gap_minutes),
        limit=query.limit,
    )


@router.get(
    "/durations",
    summary="How long things took, by type",
    response_model=answers.DurationsAnswer,
    responses=TABLES,
)
async def analytics_durations(
    request: Request, query: Annotated[queries.DurationsQuery, Query()]
) -> Response:
    """Of the events that have a `duration_ms`. Types descend by events, then go by name.

    Percentiles are interpolated between the two nearest durations.
    """
    return await answer(request, query, durations, limit=query.limit)


@router.get(
    "/heatmap",
    summary="Events by weekday and hour",
    response_model=answers.HeatmapAnswer,
    responses=TABLES,
)
async def analytics_heatmap(
    request: Request, query: Annotated[queries.HeatmapQuery, Query()]
) -> Response:
    """By the clock of `tz`: an hour shown twice counts in one cell, a skipped one in none."""
    return await answer(request, query, heatmap, week_start=query.week_start)


@router.get(
    "/sessions",
    summary="How many sessions, how long, how busy",
    response_model=answers.SessionsAnswer,
    responses=TABLES,
)
async def analytics_sessions(
    request: Request, query: Annotated[queries.UsersQuery, Query()]
) -> Response:
    """The sessions that began in the window, whole ones, by the local day on which they began.

    Events without a session id make sessions by their times: one goes on while the user's next such
    event comes within 30 minutes; it is cut at the window's end. A bounce is a session of a single
    event. A length is from the first event to the last.
    """
    return await answer(request, query, sessions)
