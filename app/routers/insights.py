"""`GET /api/insights/...`: context, work patterns and predictions for AI features."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import DatabaseDep, NoRepeats, NowDep, PrincipalDep, ReadsDep, ServiceDep
from app.insights.generation.context import distil
from app.insights.patterns.work_patterns import learn
from app.insights.prediction.service import predict_next_actions, prediction_quality
from app.read.user_history import read_past
from app.read.window import Window, check_zone, window_of
from app.routers.access import GuardedRoute, access
from app.routers.responses import JsonResponse, also, errors
from app.schemas.insights import ContextQuery, ContextResponse, PatternsQuery, PatternsResponse
from app.schemas.next_actions import (
    CalibrationQuery,
    CalibrationResponse,
    NextActionsQuery,
    NextActionsResponse,
)

CONTEXT_DAYS = 7
PATTERNS_DAYS = 30
# The latest events of the window.
CONTEXT_EVENTS_MAX = 2_000
PATTERNS_EVENTS_MAX = 20_000
CALIBRATION_DAYS = 30

router = APIRouter(
    prefix="/api/insights", tags=["insights"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.get(
    "/context",
    summary="Get the AI context of a user",
    response_model=ContextResponse,
    responses={
        **errors(422, 503),
        200: {"description": "The context", **also("text/plain", "`format=text`")},
    },
)
@access(KeyScope.READ, users=True)
async def get_context(
    query: Annotated[ContextQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Return a user's recent activity as text for a prompt, within a budget of tokens.

    The most useful lines come first, and every line has the ids of its events.

    Text written by users is shortened, escaped and put in double quotes, and the context says so.
    Equal events give equal text and an equal hash. The response is empty for users who opted out of
    `ai_context`.
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
    summary="Get the work patterns of a user",
    response_description="The work patterns",
    response_model=PatternsResponse,
    responses=errors(422, 503),
)
@access(KeyScope.READ, users=True)
async def get_work_patterns(
    query: Annotated[PatternsQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Return patterns learned from the user's events in the window, each with its sample size,
    spread and confidence. A pattern without enough data is reported as `not enough data`. The
    response is empty for users who opted out of `learning`."""
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
    summary="Predict the next actions of a user",
    response_description="The predictions and suggestions",
    response_model=NextActionsResponse,
    responses=errors(422, 503),
)
@access(KeyScope.READ, users=True)
async def get_next_actions(
    query: Annotated[NextActionsQuery, Query()],
    service: ServiceDep,
    database: DatabaseDep,
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Return the probabilities of the user's next event types, and suggestions to save effort.

    Predictions are learned from the user's events, on top of those of all users, and scored when
    the user's next event arrives. Each suggestion has its evidence and the threshold that it
    passed. The response is empty for users who opted out of `learning`."""
    email = principal.user(query.user_email)
    zone = ZoneInfo(check_zone(query.tz))
    found = await predict_next_actions(
        database, reads, service.population, email, now, query.limit, zone
    )
    return JsonResponse({"user_email": email, **asdict(found)})


@router.get(
    "/next-actions/calibration",
    summary="Get the accuracy of predictions",
    response_description="The accuracy of the predictions",
    response_model=CalibrationResponse,
    responses=errors(422, 503),
)
@access(KeyScope.READ, users=True)
async def get_prediction_calibration(
    query: Annotated[CalibrationQuery, Query()],
    database: DatabaseDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Return the accuracy and calibration of the scored predictions of `next-actions`, for one user
    or for all users."""
    email = next(iter(principal.users(query.user_email)), None)
    window = window_of(query, now, default_days=CALIBRATION_DAYS)
    found = await prediction_quality(database, email, window, now)
    return JsonResponse({"start": window.start, "end": window.end, **asdict(found)})


def _about(email: str, window: Window) -> dict[str, Any]:
    """Return the user and the window as fields of a response."""
    return {
        "user_email": email,
        "start": window.start,
        "end": window.end,
        "timezone": window.timezone,
    }
