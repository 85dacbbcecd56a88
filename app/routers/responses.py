"""How every answer and every error goes out."""

import asyncio
import re
from contextlib import aclosing
from datetime import datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from app.auth.admission import Admission
from app.errors import ActivityError, BodyTimeout, InvalidRequest, error_body
from app.read.export import Export
from app.read.export_formats import MEDIA_TYPES
from app.schemas.answers import ErrorAnswer
from app.schemas.examples import FILE
from app.schemas.strict_json import PATH_MAX_CHARS
from app.watch.requests import tell

JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_STATUS_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
# Where MCP clients look for an authorization server: they read errors as OAuth has them, a string
# (RFC 6749, 5.2; RFC 8414; RFC 9728).
OAUTH_PATH = re.compile(
    r"(?:/mcp)?/(?:\.well-known/(?:oauth-[a-z-]+|openid-configuration)(?:/.*)?"
    r"|register|authorize|token)/?"
)
NO_OAUTH = {
    "error": "not_found",
    "error_description": "There is no authorization server here: send a key or a user's token as "
    "Authorization: Bearer.",
}
# A client that takes less than this in that time is given up: it would hold an export for ever.
SENT_AT_ONCE_BYTES = 64 * 1024
SEND_TIMEOUT_SECONDS = 60
FILES: dict[str, Any] = {
    "description": "The file, in the `format` that was asked for",
    "content": {
        media_type.partition(";")[0]: {"schema": {"type": "string"}, "example": FILE}
        for media_type in MEDIA_TYPES.values()
    },
    "headers": {
        "Content-Disposition": {
            "description": "A name for the file, with the moment of the request",
            "schema": {"type": "string"},
        },
        "X-Export-Excludes": {
            "description": "What a file of all users' events does not have",
            "schema": {"type": "string"},
        },
    },
}
FAULTS_MAX = 20  # of one request that are named
CLIENT_CLOSED_REQUEST = 499  # nobody is there to read it


class JsonResponse(Response):
    """JSON by orjson. Instants end in `Z`; JSON from the database goes through as it is."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=JSON_OPTIONS)


class ExportResponse(Response):
    """A file that is made as it is sent.

    A failure leaves as an exception, so that the server breaks the connection; so does a client
    that takes nothing for too long, and one whose credentials end meanwhile.
    """

    def __init__(
        self,
        export: Export,
        name: str,
        now: datetime,
        admission: Admission,
        *,
        excludes: str | None = None,
    ) -> None:
        super().__init__(media_type=MEDIA_TYPES[export.format])
        del self.headers["content-length"]
        filename = f"{name}-{now:%Y%m%dT%H%M%SZ}.{export.format}"
        self.headers["content-disposition"] = f'attachment; filename="{filename}"'
        if excludes is not None:
            self.headers["x-export-excludes"] = excludes
        self._export, self._admission = export, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(client_gone(receive))
        try:
            await self._stream(send, gone)
        finally:
            gone.cancel()
            self._export.close()

    async def _stream(self, send: Send, gone: asyncio.Task[None]) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with aclosing(self._export.chunks()) as chunks:
            async for chunk, _ in chunks:
                for at in range(0, len(chunk), SENT_AT_ONCE_BYTES):
                    if gone.done():  # else it would be read to its end for nobody
                        return
                    await self._admission.confirm()
                    body = chunk[at : at + SENT_AT_ONCE_BYTES]
                    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def client_gone(receive: Receive) -> None:
    """Returns once the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for the OpenAPI document."""
    return {status: {"model": ErrorAnswer} for status in statuses}


def install_error_handlers(app: FastAPI) -> None:
    """Every failure, ours and the framework's, in the one error shape."""
    app.add_exception_handler(ActivityError, _activity_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _nobody_there)
    app.add_exception_handler(Exception, _unexpected)


async def _activity_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ActivityError)  # noqa: S101 (registered for this class alone)
    tell(request.scope, code=error.code, **error.log_fields)
    headers = error.headers()
    if isinstance(error, BodyTimeout):
        # Else the rest of the body could trickle in for ever (RFC 9110, 15.5.9).
        headers["Connection"] = "close"
    return JsonResponse(error.body(), error.status, headers=headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    fields = []
    for each in error.errors()[:FAULTS_MAX]:
        place = [str(part) for part in each["loc"] if part not in {"query", "path", "body"}]
        name = ".".join(place)[:PATH_MAX_CHARS]
        fields.append({"field": name or "request", "message": _fault_text(each)})
    text = "; ".join(f"{each['field']}: {each['message']}" for each in fields)
    return await _activity_error(request, InvalidRequest(text, details={"fields": fields}))


def _fault_text(fault: dict[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return "is not a parameter of this route"
    if fault["type"] == "too_long":
        most, got = fault["ctx"]["max_length"], fault["ctx"]["actual_length"]
        return f"takes at most {most} values (got {got})"
    message: str = fault["msg"]
    return message.removeprefix("Value error, ")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == NOT_FOUND and OAUTH_PATH.fullmatch(request.url.path):
        return JsonResponse(NO_OAUTH, NOT_FOUND)
    body = error_body(
        _STATUS_CODES.get(error.status_code, "http_error"),
        f"{request.method} {request.url.path}: {error.detail}.",
    )
    headers = dict(error.headers or {})
    if error.status_code == METHOD_NOT_ALLOWED:
        allowed = _methods_of(request) or set(headers.get("Allow", "").split(", "))
        headers["Allow"] = ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))
    return JsonResponse(body, error.status_code, headers=headers)


def _methods_of(request: Request) -> set[str]:
    """All that the path takes: a route knows of its own methods alone."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    return {
        method.upper()
        for path, operations in paths.items()
        if compile_path(path)[0].match(request.url.path)
        for method in operations
    }


async def _nobody_there(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _unexpected(request: Request, _: Exception) -> Response:
    """The only answer from outside of `app.watch.requests`: it has no header of its request yet."""
    request_id = request.scope.get("request_id")
    return JsonResponse(
        error_body("internal", "The server failed; the failure is in its log."),
        500,
        headers={"X-Request-ID": request_id} if request_id else None,
    )
