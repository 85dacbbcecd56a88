"""`/api/privacy/...`: opt-outs, erasure and receipts."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import DatabaseDep, NoRepeats, NowDep, PrincipalDep, SettingsDep
from app.privacy.erase import erase_user as erase
from app.privacy.opt_out import Change
from app.privacy.opt_out import get_opt_out as read_opt_out
from app.privacy.opt_out import set_opt_out as change_opt_out
from app.privacy.receipts import is_genuine, signed
from app.routers.access import GuardedRoute, access
from app.routers.responses import JsonResponse, errors
from app.schemas.privacy import (
    OptOutIn,
    OptOutResponse,
    ReceiptCheckResponse,
    ReceiptIn,
    ReceiptResponse,
)
from app.schemas.queries import UserQuery

router = APIRouter(
    prefix="/api/privacy", tags=["privacy"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.get(
    "/opt-out",
    summary="Get the opt-outs of a user",
    response_description="The opt-outs of the user",
    response_model=OptOutResponse,
    responses=errors(422, 503),
)
@access(KeyScope.ADMIN, users=True)
async def get_opt_out(
    query: Annotated[UserQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    principal: PrincipalDep,
) -> Response:
    """Return the purposes that a user has opted out of."""
    return JsonResponse(await read_opt_out(database, settings, principal.user(query.user_email)))


@router.put(
    "/opt-out",
    summary="Change the opt-outs of a user",
    response_description="All opt-outs of the user",
    response_model=OptOutResponse,
    responses=errors(400, 408, 413, 415, 422, 503),
)
@access(KeyScope.ADMIN, users=True, writes=True)
async def set_opt_out(
    query: Annotated[UserQuery, Query()],
    change: OptOutIn,
    database: DatabaseDep,
    settings: SettingsDep,
    principal: PrincipalDep,
) -> Response:
    """Change the given purposes, leave the others unchanged, and return all of them.

    After opting out of `analytics`, new events are `suppressed` instead of stored, and stored ones
    are hidden until the user opts in again. `ai_context` hides them from AI assistants, `learning`
    from learned patterns and predictions.
    """
    email = principal.user(query.user_email)
    wanted = Change(**change.model_dump())
    return JsonResponse(await change_opt_out(database, settings, email, wanted))


@router.delete(
    "/user",
    summary="Erase a user",
    response_description="The signed receipt",
    response_model=ReceiptResponse,
    responses=errors(422, 503),
)
@access(KeyScope.ADMIN, users=True, writes=True)
async def erase_user(
    query: Annotated[UserQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Delete all data about a user permanently, verify that none is left, and return a signed
    receipt.

    Earlier events that a client sends later are `suppressed`. New activity creates a new user,
    unless the user had opted out. Erasing a user with very many events takes a while: if the
    request is interrupted, repeat it.
    """
    receipt = await erase(database, settings, principal.user(query.user_email), now)
    return JsonResponse(await signed(database, settings, receipt))


@router.post(
    "/receipts/verify",
    summary="Verify a receipt",
    response_description="Whether the receipt is genuine",
    response_model=ReceiptCheckResponse,
    responses=errors(400, 408, 413, 415, 422, 503),
)
@access(KeyScope.ADMIN)
async def verify_receipt(
    receipt: ReceiptIn, database: DatabaseDep, settings: SettingsDep
) -> Response:
    """Check that this service signed exactly this receipt of an erasure.

    A receipt that was changed or signed by another service is not genuine.
    """
    genuine = await is_genuine(database, settings, receipt.model_dump())
    return JsonResponse({"receipt_id": receipt.receipt_id, "genuine": genuine})
