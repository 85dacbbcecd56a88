"""`POST /api/insights/standup` and others: text generated from a user's context, with citations.

These routes change nothing. No database connection is held while a model generates.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from app.auth.principal import Principal
from app.auth.principal import Scope as KeyScope
from app.database.sessions import Reads
from app.dependencies import GeneratorDep, NoRepeats, NowDep, PrincipalDep, ReadsDep
from app.insights.generation.grounding import citations
from app.insights.generation.hints import Hints
from app.insights.generation.standup import Standup
from app.insights.generation.writer import (
    Written,
    write_email_hints,
    write_project_hints,
    write_standup,
)
from app.read.user_history import Past, read_past
from app.read.window import Window, window_of
from app.routers.access import GuardedRoute, access
from app.routers.responses import JsonResponse, errors
from app.schemas.generate import (
    EmailCategorizationIn,
    GenerateIn,
    HintsResponse,
    ProjectWizardIn,
    StandupIn,
    StandupResponse,
)

STANDUP_DAYS = 14
HINTS_DAYS = 60
# The latest events of the window.
EVENTS_MAX = 2_000

router = APIRouter(
    prefix="/api/insights", tags=["insights"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.post(
    "/standup",
    summary="Generate a standup",
    response_description="The standup with its citations",
    response_model=StandupResponse,
    responses=errors(400, 408, 413, 415, 422, 503),
)
@access(KeyScope.READ, users=True)
async def generate_standup(
    body: StandupIn,
    reads: ReadsDep,
    now: NowDep,
    generator: GeneratorDep,
    principal: PrincipalDep,
) -> Response:
    """Generate a standup with the configured language model, or with rules. Each sentence cites
    lines of the context.

    Sentences of the model without a valid citation, with links or markup, or with names that the
    cited lines do not contain are removed and counted in `rejected`. If the model fails, or all of
    its sentences are removed, the rule-based generator answers in the same form, and `note` gives
    the reason. The response is empty for users who opted out of `ai_context`.
    """
    email, past, window = await _past_of(body, STANDUP_DAYS, reads, now, principal)
    days, written = await write_standup(generator, past, window, body.max_tokens)
    about = {"user_email": email, "day": days.today, "last_active_day": days.yesterday}
    standup = asdict(written.answer)
    return JsonResponse({**about, **standup, **_behind(written, window)})


@router.post(
    "/project-wizard",
    summary="Generate hints for a new project",
    response_description="The hints with their citations",
    response_model=HintsResponse,
    responses=errors(400, 408, 413, 415, 422, 503),
)
@access(KeyScope.READ, users=True)
async def generate_project_hints(
    body: ProjectWizardIn,
    reads: ReadsDep,
    now: NowDep,
    generator: GeneratorDep,
    principal: PrincipalDep,
) -> Response:
    """Generate hints from the user's earlier projects, and suggest a priority.

    As for the standup, each hint cites lines of the context, and unsupported hints are removed.
    """
    email, past, window = await _past_of(body, HINTS_DAYS, reads, now, principal)
    written = await write_project_hints(
        generator, past, window, body.max_tokens, title=body.title, description=body.description
    )
    return _hints(email, written, window)


@router.post(
    "/email-categorization",
    summary="Generate hints for labelling an email",
    response_description="The hints with their citations",
    response_model=HintsResponse,
    responses=errors(400, 408, 413, 415, 422, 503),
)
@access(KeyScope.READ, users=True)
async def generate_email_hints(
    body: EmailCategorizationIn,
    reads: ReadsDep,
    now: NowDep,
    generator: GeneratorDep,
    principal: PrincipalDep,
) -> Response:
    """Generate hints from how the user handles the emails of each label, and suggest a label.

    As for the standup, each hint cites lines of the context, and unsupported hints are removed.
    """
    email, past, window = await _past_of(body, HINTS_DAYS, reads, now, principal)
    written = await write_email_hints(
        generator, past, window, body.max_tokens, subject=body.subject
    )
    return _hints(email, written, window)


async def _past_of(
    body: GenerateIn, default_days: int, reads: Reads, now: datetime, principal: Principal
) -> tuple[str, Past, Window]:
    """Return the user, their history and the window."""
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
    """Return the fields that all generated responses share."""
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
