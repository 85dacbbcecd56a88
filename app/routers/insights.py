"""`GET /api/insights/...`: what AI features read of one user, and learn from it."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from app.deps import DatabaseDep, NoRepeats, NowDep, PrincipalDep, ReadsDep, ServiceDep
from app.insights.context import distil
from app.insights.foretell import foretell, how_foretold
from app.insights.patterns import learn
from app.read.past import read_past
from app.read.window import Window, check_zone, window_of
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.insights import ContextAnswer, ContextQuery, PatternsAnswer, PatternsQuery
from app.schemas.next_actions import (
    CalibrationAnswer,
    CalibrationQuery,
    NextActionsAnswer,
    NextActionsQuery,
)

CONTEXT_DAYS = 7
PATTERNS_DAYS = 30
# The latest ones of the window.
CONTEXT_EVENTS_MAX = 2_000
PATTERNS_EVENTS_MAX = 20_000
CALIBRATION_DAYS = 30

router = APIRouter(
    prefix="/api/insights", tags=["insights"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.get(
    "/context",
    summary="A user's recent activity, for a prompt",
    response_model=ContextAnswer,
    responses={
        **errors(422, 503),
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
async def insights_context(
    query: Annotated[ContextQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """The most useful first, within a budget of tokens; every line has the ids of its events.

    What users wrote stands in double quotes, short and escaped, and the text says so. The same
    events give the same text and hash. Of who has opted out of `ai_context` there is nothing.
    """
    email = principal.user(query.user_email)
    window = window_of(query, now, default_days=CONTEXT_DAYS)
    past = await reads.ask(
        lambda session: read_past(
            session, email, window, purpose="ai_context", at_most=CONTEXT_EVENTS_MAX
        )
    )
    found = await asyncio.to_thread(distil, past, window, query.purpose, query.max_tokens)
    if query.format == "text":
        return PlainTextResponse(found.text)
    return JsonResponse({"purpose": query.purpose, **_about(email, window), **asdict(found)})


@router.get(
    "/patterns",
    summary="How a user works",
    response_model=PatternsAnswer,
    responses=errors(422, 503),
)
async def insights_patterns(
    query: Annotated[PatternsQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Learnt from the user's events of the window, each finding with its sample, spread and
    confidence: `not enough data` rather than a guess. Of who has opted out of `learning` there is
    nothing."""
    email = principal.user(query.user_email)
    window = window_of(query, now, default_days=PATTERNS_DAYS)
    past = await reads.ask(
        lambda session: read_past(
            session, email, window, purpose="learning", at_most=PATTERNS_EVENTS_MAX
        )
    )
    found = await asyncio.to_thread(learn, past, window)
    return JsonResponse({**_about(email, window), **asdict(found)})


@router.get(
    "/next-actions",
    summary="What a user is likely to do next",
    response_model=NextActionsAnswer,
    responses=errors(422, 503),
)
async def insights_next_actions(
    query: Annotated[NextActionsQuery, Query()],
    service: ServiceDep,
    database: DatabaseDep,
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Probabilities of the next types of events, learnt from the user's own on top of everybody's,
    each answer scored when the user's next event comes; and what could be done with less effort,
    each suggestion with its evidence and the threshold that it passed. Of who has opted out of
    `learning` there is nothing."""
    email = principal.user(query.user_email)
    zone = ZoneInfo(check_zone(query.tz))
    found = await foretell(database, reads, service.everybody, email, now, query.limit, zone)
    return JsonResponse({"user_email": email, **asdict(found)})


@router.get(
    "/next-actions/calibration",
    summary="How the predictions came out",
    response_model=CalibrationAnswer,
    responses=errors(422, 503),
)
async def insights_calibration(
    query: Annotated[CalibrationQuery, Query()],
    database: DatabaseDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Of the answers of `next-actions`, as far as the next event has come: a user's, or all."""
    email = next(iter(principal.users(query.user_email)), None)
    window = window_of(query, now, default_days=CALIBRATION_DAYS)
    found = await how_foretold(database, email, window, now)
    return JsonResponse({"start": window.start, "end": window.end, **asdict(found)})


def _about(email: str, window: Window) -> dict[str, Any]:
    """Whose, and of when."""
    return {
        "user_email": email,
        "start": window.start,
        "end": window.end,
        "timezone": window.timezone,
    }
