"""The OpenAPI document: its introduction, the descriptions of tags and the ids of operations."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.routers.access import SECURITY_SCHEMES
from app.routers.ingest_body import body_schemas

DESCRIPTION = (
    "Records the events of users exactly once, and serves analytics and AI features.\n\n"
    "Authenticate with an API key (`Authorization: Bearer ae_...` or `X-API-Key`) or a user token "
    "(`Authorization: Bearer <JWT>`). A user token can only access its own user's data. In "
    "local mode, the default on a developer's machine, no credentials are needed.\n\n"
    "Errors always have the form `{error: {code, message, details}}`. Responses with status 429 or "
    "503 have a `Retry-After` header: repeat the request after that time. Times are RFC 3339 in "
    "UTC, unless a field says otherwise.\n\n"
    "Two endpoints are not listed below. `GET /api/events/stream` streams new events as "
    "server-sent events, with the filters of `GET /api/events/`; send `Last-Event-ID` to resume "
    "after disconnecting. `/mcp` serves the tools for AI assistants (Model Context Protocol)."
)
TAGS = [
    {"name": "log", "description": "Record events, one at a time or in batches."},
    {"name": "query", "description": "List events by filters and time."},
    {"name": "session", "description": "List sessions, and read one with its events."},
    {
        "name": "analytics",
        "description": "Aggregate events: summary, time series, top values, active users, "
        "retention, funnels, paths, durations, heatmap and sessions. The default window is the "
        "last 7 days.",
    },
    {"name": "export", "description": "Download events as NDJSON, CSV or Parquet."},
    {"name": "cleanup", "description": "Delete old events, or the events of a user."},
    {
        "name": "privacy",
        "description": "Opt users out, export their data, and erase them with a signed receipt.",
    },
    {
        "name": "insights",
        "description": "AI features about a user: context for prompts, work patterns, predictions "
        "and generated text.",
    },
    {"name": "admin", "description": "Targets for the service as a whole."},
    {"name": "health", "description": "Health checks and metrics for operations."},
]


def operation_id(route: APIRoute) -> str:
    """Return the id of a route's operation, which generated clients use as a method name."""
    return route.name


def add_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` return the complete document, which is built once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=DESCRIPTION,
                tags=TAGS,
                routes=app.routes,
            )
            document["components"]["schemas"] |= body_schemas()
            document["components"]["securitySchemes"] = SECURITY_SCHEMES
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
