"""`GET /api/events/analytics` and below: aggregations of events."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.analytics.active_users import active_users
from app.analytics.durations import durations
from app.analytics.funnel import funnel
from app.analytics.heatmap import heatmap
from app.analytics.paths import paths
from app.analytics.retention import retention
from app.analytics.sessions import sessions
from app.analytics.summary import summary
from app.analytics.timeseries import timeseries
from app.analytics.top import top
from app.auth.principal import Scope as KeyScope
from app.dependencies import NoRepeats, now_of
from app.read.conditions import parse_step
from app.routers.access import GuardedRoute, access
from app.routers.analytics_answer import TABLES, UNCHANGED, answer
from app.routers.responses import errors
from app.schemas import analytics_queries as queries
from app.schemas.analytics import (
    DurationsResponse,
    HeatmapResponse,
    SummaryResponse,
    TimeseriesResponse,
    TopResponse,
)
from app.schemas.analytics_users import (
    ActiveUsersResponse,
    FunnelResponse,
    PathsResponse,
    RetentionResponse,
    SessionsResponse,
)

router = APIRouter(
    tags=["analytics"],
    dependencies=[NoRepeats],
    route_class=GuardedRoute,
    responses=errors(422, 503),
)


@router.get(
    "",
    summary="Get a summary of events",
    response_model=SummaryResponse,
    responses=UNCHANGED,
)
@access(KeyScope.READ, users=True)
async def get_summary(
    query: Annotated[queries.AnalyticsQuery, Query()], request: Request
) -> Response:
    """Return counts of the events of a user or of all users; the default window is the last 7 x 24
    hours. Events are included as soon as their write is acknowledged.

    Counts are in descending order, then by name. Ties: `most_active_day` is the latest day,
    `most_common_action` the first by name; both are null without events. `events_by_day` includes
    every day that overlaps the window and `events_by_hour` the 24 hours of the day, local to `tz`.
    Events without a device count as `unknown`. Two users' sessions with the same id count twice.
    """
    return await answer(request, query, summary)


@router.get(
    "/timeseries",
    summary="Get events over time",
    response_model=TimeseriesResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_timeseries(
    request: Request, query: Annotated[queries.TimeseriesQuery, Query()]
) -> Response:
    """Return the number of events in each time bucket; buckets without events are 0.

    The first and last buckets only count events inside the window. Days, weeks (from `week_start`)
    and months begin at the start of their first local day, so a day may have 23 or 25 hours. An
    hour that the local clock repeats forms two buckets. `split_by` returns a series for each of the
    `limit` most frequent values (ties by name), and one for all others (`is_other`). `compare` adds
    the preceding window, which has the same length by the calendar and clock of `tz`.
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
    summary="Get the top values",
    response_model=TopResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_top_values(query: Annotated[queries.TopQuery, Query()], request: Request) -> Response:
    """Return the values with the most events, in descending order, then by value.

    `by=entity` counts events by entity type and id, `by=user` by email address, `by=metadata` by
    the values of the metadata's `key`. Equal numbers are one value (`1`, `1.0`), different types
    are different values (`1`, `"1"`, `true`), and null is a value: the filter `metadata` with a
    row's value finds the row's events. Events without a value are not counted. With `elements`, an
    event counts once for each distinct element of its list, so shares may add up to more than 1.
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
    summary="Get active users",
    response_model=ActiveUsersResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_active_users(
    request: Request, query: Annotated[queries.UsersQuery, Query()]
) -> Response:
    """Return daily, weekly and monthly active users for every local day that overlaps the window.
    Days are counted as a whole.

    A user is active on a day with at least one event. `wau` and `mau` count the active users of the
    7 and 30 local days that end with the day; `stickiness` is `dau / mau`. A user is `new` on the
    first active day ever, and `returning` on all later ones.
    """
    return await answer(request, query, active_users)


@router.get(
    "/retention",
    summary="Get retention by cohort",
    response_model=RetentionResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_retention(
    request: Request, query: Annotated[queries.RetentionQuery, Query()]
) -> Response:
    """Return a cohort for each local day, week or month that overlaps the window.

    A cohort consists of the users whose first activity ever lies in its period. `users[n]` of them
    were active in the n-th period after it, `users[0]` in the period itself; null for periods that
    begin after the end of the window. The numbers of a current period may still grow.
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
    summary="Get a conversion funnel",
    response_model=FunnelResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_funnel(request: Request, query: Annotated[queries.FunnelQuery, Query()]) -> Response:
    """Return the number of users who reached each step, and the time it took them.

    A user reaches a step with a matching event after the event that reached the previous step, at
    most `within_minutes` after an event of the first step; any event of the first step may start
    the funnel. All events must lie in the window (later steps may come after it with `after_end`)
    and pass the filters. Users who started before `complete_before` have had the full conversion
    window. If a user went through the funnel several times, the attempt that got furthest counts,
    and the earliest of these to get there; it starts with the latest events that lead to it. Events
    with the same timestamp are ordered by `session_seq`, then in the order they were sent.
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
    summary="Get paths after or before an event",
    response_model=PathsResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_paths(request: Request, query: Annotated[queries.PathsQuery, Query()]) -> Response:
    """Return the events that follow or precede each event of the type `anchor`, step by step, as
    the links of a Sankey diagram.

    A path leads from an event to the same user's next event that passes the filters, at most
    `gap_minutes` later. It ends (`target` is null) if there is none, or at the end of the window.
    Events with the same timestamp are ordered by `session_seq`, then in the order they were sent.
    Overlapping paths are counted separately.
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
    summary="Get event durations",
    response_model=DurationsResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_durations(
    request: Request, query: Annotated[queries.DurationsQuery, Query()]
) -> Response:
    """Return statistics of `duration_ms` by event type, most frequent type first, then by name.

    Only events with a duration are counted. Percentiles are interpolated linearly.
    """
    return await answer(request, query, durations, limit=query.limit)


@router.get(
    "/heatmap",
    summary="Get events by weekday and hour",
    response_model=HeatmapResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_heatmap(
    request: Request, query: Annotated[queries.HeatmapQuery, Query()]
) -> Response:
    """Return the number of events in each hour of the week, by the local clock of `tz`.

    Both occurrences of an hour that the clock repeats count in one cell.
    """
    return await answer(request, query, heatmap, week_start=query.week_start)


@router.get(
    "/sessions",
    summary="Get session statistics",
    response_model=SessionsResponse,
    responses=TABLES,
)
@access(KeyScope.READ, users=True)
async def get_session_stats(
    request: Request, query: Annotated[queries.UsersQuery, Query()]
) -> Response:
    """Return statistics of the sessions that started in the window, by local day of their start.

    Sessions are counted as a whole. Events without a session id are grouped into sessions by time:
    a session ends when the user's next such event is more than 30 minutes away, or at the end of
    the window. A bounce is a session with a single event. The length is the time from the first to
    the last event.
    """
    return await answer(request, query, sessions)
