"""The headers and body of a request, within limits."""

from fastapi import Request

from app.ingest.body import BODY_IS_HERE, BodyLimits, read_body
from app.ingest.body_budget import BodyShare


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers by lower-case name, parsed once. The first header of a name is used."""
    found: dict[str, str] | None = request.scope.get("headers_by_name")
    if found is None:
        found = request.scope["headers_by_name"] = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(request.scope["headers"])
        }
    return found


async def received_body(request: Request, limits: BodyLimits, share: BodyShare) -> bytes:
    """Return the request's body. Raises the errors of `app.ingest.body.read_body`."""
    is_here = BODY_IS_HERE in request.scope
    return await read_body(request.stream(), headers_of(request), limits, share, is_here=is_here)
