"""What the two log routes share: reading the body, and saying so in the OpenAPI document."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.responses import Response

from app.ingest.body import check_media_type, read_body
from app.schemas.event import BATCH_ADAPTER, SINGLE_ADAPTER
from app.settings import Settings

_REFERENCE = "#/components/schemas/{model}"


class IngestRoute(APIRoute):
    """A route whose endpoint takes the request alone, without FastAPI's solving of dependencies.

    These two routes have none that a header would not tell, and are paid for by every request.
    Errors, the OpenAPI document and everything around a route are as everywhere else.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


async def request_body(request: Request, settings: Settings) -> bytes:
    """The body, unzipped, within all limits. Raises as `app.ingest.body` does."""
    check_media_type(request.headers.get("content-type"))
    return await read_body(request.stream(), request.headers.get("content-encoding"), settings)


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
