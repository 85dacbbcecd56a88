"""`/api/privacy/...`: opting out, and being erased."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.deps import DatabaseDep, NoRepeats, NowDep, PrincipalDep, SettingsDep
from app.privacy.erase import erase_user as erase
from app.privacy.opt_out import Change, set_opt_out
from app.privacy.opt_out import get_opt_out as read_opt_out
from app.privacy.receipts import is_genuine, signed
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.answers import OptOutAnswer, ReceiptAnswer, ReceiptCheckAnswer
from app.schemas.privacy import OptOutIn, ReceiptIn
from app.schemas.queries import UserQuery

router = APIRouter(
    prefix="/api/privacy", tags=["privacy"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.get(
    "/opt-out",
    summary="What a user has opted out of",
    response_model=OptOutAnswer,
    responses=errors(422, 503),
)
async def get_opt_out(
    query: Annotated[UserQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    principal: PrincipalDep,
) -> Response:
    """Of a user token's own user; a key says whose with `user_email`."""
    return JsonResponse(await read_opt_out(database, settings, principal.user(query.user_email)))


@router.put(
    "/opt-out",
    summary="Opt out, or in again",
    response_model=OptOutAnswer,
    responses=errors(400, 408, 413, 415, 422, 503),
)
async def put_opt_out(
    query: Annotated[UserQuery, Query()],
    change: OptOutIn,
    database: DatabaseDep,
    settings: SettingsDep,
    principal: PrincipalDep,
) -> Response:
    """Changes the purposes that are named, and leaves the others; answers with all of them.

    Opted out of `analytics`: events are answered with `suppressed` and not recorded, and what was
    recorded is hidden until the user opts in again. `ai_context` and `learning` hide it from
    assistants, and from what is learned.
    """
    email = principal.user(query.user_email)
    wanted = Change(**change.model_dump())
    return JsonResponse(await set_opt_out(database, settings, email, wanted))


@router.delete(
    "/user",
    summary="Erase a user",
    response_model=ReceiptAnswer,
    responses=errors(422, 503),
)
async def erase_user(
    query: Annotated[UserQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Deletes everything of a user, for good, counts again, and answers with a receipt.

    Events of theirs from before, which a client sends later, are `suppressed`; new activity makes a
    new user, unless they had opted out. A huge user takes a while; whoever is cut off sends the
    same again.
    """
    receipt = await erase(database, settings, principal.user(query.user_email), now)
    return JsonResponse(await signed(database, settings, receipt))


@router.post(
    "/receipts/verify",
    summary="Check a receipt",
    response_model=ReceiptCheckAnswer,
    responses=errors(400, 408, 413, 415, 422, 503),
)
async def verify_receipt(
    receipt: ReceiptIn, database: DatabaseDep, settings: SettingsDep
) -> Response:
    """Says whether this service signed exactly this receipt of an erasure.

    Any change makes it false, as does a receipt of another service.
    """
    genuine = await is_genuine(database, settings, receipt.model_dump())
    return JsonResponse({"receipt_id": receipt.receipt_id, "genuine": genuine})
