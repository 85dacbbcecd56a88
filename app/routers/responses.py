"""Responses: JSON, files, and the common form of all errors."""

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
from app.errors import ActivityError, BodyTimeout, InvalidRequest, UnreadableBody, error_body
from app.observability.request_log import tell
from app.read.export import Export
from app.read.export_formats import MEDIA_TYPES
from app.schemas.examples import FILE
from app.schemas.responses import ErrorResponse
from app.schemas.strict_json import PATH_MAX_CHARS

JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_STATUS_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
# Paths where MCP clients look for an authorization server. They expect errors in the form of OAuth,
# whose `error` is a string (RFC 6749, 5.2; RFC 8414; RFC 9728).
OAUTH_PATH = re.compile(
    r"(?:/mcp)?/(?:\.well-known/(?:oauth-[a-z-]+|openid-configuration)(?:/.*)?"
    r"|register|authorize|token)/?"
)
NO_OAUTH = {
    "error": "not_found",
    "error_description": "This service has no authorization server. Send an API key or a user "
    "token as `Authorization: Bearer`.",
}
# A client that reads less than this in that time is disconnected: it would block an export.
SENT_AT_ONCE_BYTES = 64 * 1024
SEND_TIMEOUT_SECONDS = 60
OTHER_MEDIA_TYPES = "x-other-media-types"
FILES: dict[str, Any] = {
    "description": "The file, in the requested `format`",
    "content": {
        media_type.partition(";")[0]: {"schema": {"type": "string"}, "example": FILE}
        for media_type in MEDIA_TYPES.values()
    },
    "headers": {
        "Content-Disposition": {
            "description": "File name, with the time of the request",
            "schema": {"type": "string"},
        },
        "X-Export-Excludes": {
            "description": "Data that an export of all users does not contain",
            "schema": {"type": "string"},
        },
    },
}
ERRORS = {
    400: "The body is not valid JSON, or not an object of the expected kind",
    401: "The credentials are missing or invalid",
    403: "The credentials do not allow this request",
    404: "Not found",
    408: "The body did not arrive completely in time; send it again",
    409: "Several users have a session with this id; set `user_email`",
    410: "The client was disconnected for too long to resume; list the events it missed",
    413: "The body, or the number of events in it, exceeds a limit",
    415: "The content type or encoding of the body is not supported",
    422: "A parameter or a field of the body is invalid",
    429: "The caller exceeded a rate limit or its share of capacity; see `Retry-After`",
    503: "Temporarily unavailable; repeat the request after `Retry-After`",
}
# pydantic's messages in our own words, by its types of errors.
FAULT_TEXTS = {
    "extra_forbidden": "is not a parameter of this route",
    "missing": "is missing",
    "too_long": "takes at most {max_length} values (got {actual_length})",
    "too_short": "needs at least {min_length} values (got {actual_length})",
    "greater_than_equal": "must be at least {ge} (got {input})",
    "less_than_equal": "must be at most {le} (got {input})",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "uuid_parsing": "must be a UUID",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must not contain control characters",
}
INPUT_SHOWN_MAX_CHARS = 32
FAULTS_MAX = 20  # reported per request
CLIENT_CLOSED_REQUEST = 499  # only for the log


class JsonResponse(Response):
    """JSON encoded by orjson. Times end in `Z`."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=JSON_OPTIONS)


class ExportResponse(Response):
    """A file that is streamed while it is created.

    Failures are raised, so that the server aborts the connection; so are clients that stop reading
    and credentials that expire during the download.
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
                    if gone.done():  # nobody is left to read the rest
                        return
                    await self._admission.confirm()
                    body = chunk[at : at + SENT_AT_ONCE_BYTES]
                    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def client_gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of a route for the OpenAPI document."""
    return {status: {"model": ErrorResponse, "description": ERRORS[status]} for status in statuses}


def also(media_type: str, parameter: str) -> dict[str, Any]:
    """Return the mention of a second media type of a response, for the OpenAPI document.

    It is not one of the response's `content`: generators of clients would make every JSON response
    a union with text, which no caller can use without checking.
    """
    return {OTHER_MEDIA_TYPES: {media_type: f"The response with {parameter}, as text."}}


def install_error_handlers(app: FastAPI) -> None:
    """Send all errors, ours and the framework's, in the common form."""
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
        # Otherwise the rest of the body could trickle in indefinitely (RFC 9110, 15.5.9).
        headers["Connection"] = "close"
    return JsonResponse(error.body(), error.status, headers=headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    fields = []
    for each in error.errors()[:FAULTS_MAX]:
        if each["type"] == "json_invalid":
            return await _activity_error(request, _not_json(each))
        place = [str(part) for part in each["loc"] if part not in {"query", "path", "body"}]
        name = ".".join(place)[:PATH_MAX_CHARS]
        fields.append({"field": name or "request", "message": _fault_text(each)})
    text = "; ".join(f"{each['field']}: {each['message']}" for each in fields)
    return await _activity_error(request, InvalidRequest(text, details={"fields": fields}))


def _not_json(fault: dict[str, Any]) -> UnreadableBody:
    position, reason = fault["loc"][-1], fault["ctx"]["error"]
    return UnreadableBody(
        f"The body is not valid JSON: {reason} at character {position}.",
        details={"position": position},
    )


def _fault_text(fault: dict[str, Any]) -> str:
    if fault["type"] == "extra_forbidden" and fault["loc"][0] == "body":
        return "is not a field of this body"
    template = FAULT_TEXTS.get(fault["type"])
    if template is None:
        message: str = fault["msg"]
        return message.removeprefix("Value error, ")
    # Only numbers are shown: the input may be a whole body.
    shown = str(fault["input"])[:INPUT_SHOWN_MAX_CHARS] if "{input}" in template else ""
    return template.format(**fault.get("ctx", {}), input=shown)


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
    """Return all methods of a path; a route only knows its own."""
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
    """Answer from outside `app.observability.request_log`, which would add the request id."""
    request_id = request.scope.get("request_id")
    return JsonResponse(
        error_body("internal", "Internal error. The server's log has the details."),
        500,
        headers={"X-Request-ID": request_id} if request_id else None,
    )
