"""Shared by the two log routes: reading the body, and documenting it in OpenAPI."""

import re
from typing import Any

import orjson
from fastapi import Request
from pydantic import TypeAdapter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.dependencies import Service, principal_of, service_of
from app.ingest.body import check_media_type
from app.routers.access import GuardedRoute, admit, sharer_of
from app.routers.request_body import headers_of, received_body
from app.schemas.event import BATCH_ADAPTER, SINGLE_ADAPTER
from app.schemas.lenient_json import decoded

EVENT_KEY = b'"event_type"'  # counts the events of a body without parsing it
KEY = re.compile(r'"key"\s*:\s*"([^"\\]{1,512})"')
_REFERENCE = "#/components/schemas/{model}"


class IngestRoute(GuardedRoute):
    """A route whose endpoint receives the bare request, bypassing FastAPI's dependency injection.

    The log routes need no injected dependencies, and their overhead matters most. Errors, the
    OpenAPI document and everything else are as for other routes.
    """

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        with service_of(request).bodies.share(sharer_of(request)) as share:
            scope["body_share"] = share
            response: Response = await self.endpoint(request)
        await response(scope, receive, send)


async def admitted_body(request: Request, service: Service) -> bytes:
    """Return the decompressed body of an admitted caller, within all limits.

    Raises the errors of `app.ingest.body`, and for a beacon, whose key is in the body, of `admit`.
    """
    headers = headers_of(request)
    check_media_type(headers.get("content-type"))
    is_beacon = "principal" not in request.scope
    is_stranger = is_beacon and not await service.auth.is_local()
    limits = service.beacon_limits if is_stranger else service.body_limits
    body = await received_body(request, limits, request.scope["body_share"])
    if is_beacon:
        route: IngestRoute = request.scope["route"]
        await admit(request, route.access, _key_in(body))
    await service.rates.take_body(principal_of(request), len(body), body.count(EVENT_KEY))
    return body


def _key_in(body: bytes) -> str | None:
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        # Invalid JSON is only repaired for admitted callers: here, search for the key alone.
        found = KEY.search(decoded(body))
        return None if found is None else found[1]
    key = value.get("key") if isinstance(value, dict) else None
    return key if isinstance(key, str) else None


def body_of(model: str, example: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that FastAPI does not parse."""
    content = {"schema": {"$ref": _REFERENCE.format(model=model)}, "example": example}
    return {
        "requestBody": {
            "required": True,
            # Beacons also send `text/plain`, which generators of clients can't make of an object.
            "content": {"application/json": content},
        }
    }


def body_schemas() -> dict[str, Any]:
    """Return the schemas that `body_of` refers to, by name."""
    _, found = TypeAdapter.json_schemas(
        [("single", "validation", SINGLE_ADAPTER), ("batch", "validation", BATCH_ADAPTER)],
        ref_template=_REFERENCE,
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas
