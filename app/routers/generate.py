"""`POST /api/insights/standup` and its like: what is written from a user's context, with citations.

They change nothing. No connection to the database is held while a model thinks.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from app.auth.principal import Principal
from app.db import Reads
from app.deps import GeneratorDep, NoRepeats, NowDep, PrincipalDep, ReadsDep
from app.insights.claims import citations
from app.insights.hints import Hints
from app.insights.standup import Standup
from app.insights.writing import Written, write_email_hints, write_project_hints, write_standup
from app.read.past import Past, read_past
from app.read.window import Window, window_of
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.generate import (
    EmailCategorizationIn,
    GenerateIn,
    HintsAnswer,
    ProjectWizardIn,
    StandupAnswer,
    StandupIn,
)

STANDUP_DAYS = 14
HINTS_DAYS = 60
# The latest ones of the window.
EVENTS_MAX = 2_000

router = APIRouter(
    prefix="/api/insights", tags=["insights"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.post(
    "/standup",
    summary="Write a user's standup",
    response_model=StandupAnswer,
    responses=errors(400, 408, 413, 415, 422, 503),
)
async def insights_standup(
    body: StandupIn,
    reads: ReadsDep,
    now: NowDep,
    generator: GeneratorDep,
    principal: PrincipalDep,
) -> Response:
    """By the model that is configured, or by rules; each sentence cites lines of the context.

    What a model says without a citation that is there, with a link, with markup or with the name of
    something that its lines don't name is left out, and counted in `rejected`. Where a model fails,
    or nothing of it holds, the rules answer in the same shape, and `note` says why. Of who has
    opted out of `ai_context` there is nothing.
    """
    email, past, window = await _past_of(body, STANDUP_DAYS, reads, now, principal)
    days, written = await write_standup(generator, past, window, body.max_tokens)
    about = {"user_email": email, "day": days.today, "last_active_day": days.yesterday}
    standup = asdict(written.answer)
    return JsonResponse({**about, **standup, **_behind(written, window)})


@router.post(
    "/project-wizard",
    summary="Hints for a project that is being set up",
    response_model=HintsAnswer,
    responses=errors(400, 408, 413, 415, 422, 503),
)
async def insights_project_wizard(
    body: ProjectWizardIn,
    reads: ReadsDep,
    now: NowDep,
    generator: GeneratorDep,
    principal: PrincipalDep,
) -> Response:
    """What the user's own projects say about a new one, and the priority that it would have.

    As for the standup: each hint cites lines of the context, and what doesn't hold is left out.
    """
    email, past, window = await _past_of(body, HINTS_DAYS, reads, now, principal)
    written = await write_project_hints(
        generator, past, window, body.max_tokens, title=body.title, description=body.description
    )
    return _hints(email, written, window)


@router.post(
    "/email-categorization",
    summary="Hints for labelling an email",
    response_model=HintsAnswer,
    responses=errors(400, 408, 413, 415, 422, 503),
)
async def insights_email_categorization(
    body: EmailCategorizationIn,
    reads: ReadsDep,
    now: NowDep,
    generator: GeneratorDep,
    principal: PrincipalDep,
) -> Response:
    """How the user treats emails of each label, and the label that this one would have.

    As for the standup: each hint cites lines of the context, and what doesn't hold is left out.
    """
    email, past, window = await _past_of(body, HINTS_DAYS, reads, now, principal)
    written = await write_email_hints(
        generator, past, window, body.max_tokens, subject=body.subject
    )
    return _hints(email, written, window)


async def _past_of(
    body: GenerateIn, default_days: int, reads: Reads, now: datetime, principal: Principal
) -> tuple[str, Past, Window]:
    """Whose, what they did, and in which window."""
    email = principal.user(() if body.user_email is None else (body.user_email,))
    window = window_of(body, now, default_days=default_days)
    past = await reads.ask(
        lambda session: read_past(session, email, window, purpose="ai_context", at_most=EVENTS_MAX)
    )
    return email, past, window


def _hints(email: str, written: Written[Hints], window: Window) -> Response:
    found = written.answer.suggestion
    suggestion = None if found is None else {"value": found.value, **asdict(found.because)}
    hints = [asdict(each) for each in written.answer.hints]
    about = {"user_email": email, "hints": hints, "suggestion": suggestion}
    return JsonResponse({**about, **_behind(written, window)})


def _behind(written: Written[Standup] | Written[Hints], window: Window) -> dict[str, Any]:
    """What an answer rests on, and whose it is."""
    context, claims = written.context, written.answer.claims()
    return {
        "citations": [asdict(each) for each in citations(context, claims)],
        "generated_by": written.generated_by,
        "note": written.note,
        "rejected": written.rejected,
        "start": window.start,
        "end": window.end,
        "timezone": window.timezone,
        "context_hash": context.context_hash,
        "events_read": context.events_read,
        "truncated": context.truncated,
        "opted_out": context.opted_out,
    }
