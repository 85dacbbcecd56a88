"""What the two log routes share: reading the body, and saying so in the OpenAPI document."""

from typing import Any

import orjson
from fastapi import Request
from pydantic import TypeAdapter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.ingest.body import check_media_type, read_body
from app.routers.access import GuardedRoute, admit
from app.schemas.event import BATCH_ADAPTER, SINGLE_ADAPTER
from app.settings import Settings

_REFERENCE = "#/components/schemas/{model}"


class IngestRoute(GuardedRoute):
    """A route whose endpoint takes the request alone, without FastAPI's solving of dependencies.

    These two routes have none that a header would not tell, and are paid for by every request.
    Errors, the OpenAPI document and everything around a route are as everywhere else.
    """

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


async def admitted_body(request: Request, settings: Settings) -> bytes:
    """The body, unzipped, within all limits, of a caller who may send it.

    Raises as `app.ingest.body` does; and, as a beacon's key is in the body, as `admit` does.
    """
    check_media_type(request.headers.get("content-type"))
    body = await read_body(request.stream(), request.headers.get("content-encoding"), settings)
    if "principal" not in request.scope:
        route: IngestRoute = request.scope["route"]
        await admit(request, route.access, _key_in(body))
    return body


def _key_in(body: bytes) -> str | None:
    try:
        key = orjson.loads(body).get("key")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return key if isinstance(key, str) else None


def body_of(model: str, example: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI part of a body that FastAPI does not parse."""
    content = {"schema": {"$ref": _REFERENCE.format(model=model)}, "example": example}
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": content, "text/plain": content},
        }
    }


def body_schemas() -> dict[str, Any]:
    """The schemas that `body_of` refers to, by name."""
    _, found = TypeAdapter.json_schemas(
        [("single", "validation", SINGLE_ADAPTER), ("batch", "validation", BATCH_ADAPTER)],
        ref_template=_REFERENCE,
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas
