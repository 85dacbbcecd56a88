"""How every answer and every error goes out."""

from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path

from app.errors import ActivityError, BodyTimeout, InvalidRequest, error_body
from app.schemas.answers import ErrorAnswer

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_STATUS_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
METHOD_NOT_ALLOWED = 405
CLIENT_CLOSED_REQUEST = 499  # nobody is there to read it


class JsonResponse(Response):
    """JSON by orjson. Instants end in `Z`; JSON from the database goes through as it is."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=_OPTIONS)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for the OpenAPI document."""
    return {status: {"model": ErrorAnswer} for status in statuses}


def install_error_handlers(app: FastAPI) -> None:
    """Every failure, ours and the framework's, in the one error shape."""
    app.add_exception_handler(ActivityError, _activity_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(Exception, _unexpected)


async def _activity_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ActivityError)  # noqa: S101 (registered for this class alone)
    headers = error.headers()
    if isinstance(error, BodyTimeout):
        # Else the rest of the body could trickle in for ever (RFC 9110, 15.5.9).
        headers["Connection"] = "close"
    return JsonResponse(error.body(), error.status, headers=headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    fields = []
    for each in error.errors():
        place = [str(part) for part in each["loc"] if part not in {"query", "path", "body"}]
        message = (
            "is not a parameter of this route"
            if each["type"] == "extra_forbidden"
            else each["msg"].removeprefix("Value error, ")
        )
        fields.append({"field": ".".join(place) or "request", "message": message})
    text = "; ".join(f"{each['field']}: {each['message']}" for each in fields)
    return await _activity_error(request, InvalidRequest(text, details={"fields": fields}))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    body = error_body(
        _STATUS_CODES.get(error.status_code, "http_error"),
        f"{request.method} {request.url.path}: {error.detail}.",
    )
    headers = dict(error.headers or {})
    if error.status_code == METHOD_NOT_ALLOWED and (allowed := _methods_of(request)):
        headers["Allow"] = ", ".join(allowed)
    return JsonResponse(body, error.status_code, headers=headers)


def _methods_of(request: Request) -> list[str]:
    """All that the path takes: a route knows of its own methods alone."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    return sorted(
        {
            method.upper()
            for path, operations in paths.items()
            if compile_path(path)[0].match(request.url.path)
            for method in operations
        }
    )


async def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _unexpected(_: Request, __: Exception) -> Response:
    return JsonResponse(
        error_body("internal", "The server failed; the failure is in its log."), 500
    )
