"""Run an analytics query and send its result as JSON or CSV, with an ETag."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import datetime
from hashlib import blake2b
from typing import Any, Concatenate, ParamSpec

import orjson
from fastapi import Request
from starlette.responses import Response

from app.analytics.result import Provenance, Table
from app.database.sessions import ReadSession
from app.dependencies import now_of, principal_of, reads_of
from app.read.csv_table import BOM, csv_text
from app.read.filters import EventFilter, event_filter
from app.read.metadata_values import json_default
from app.read.window import Window, window_of
from app.routers.responses import JSON_OPTIONS, also
from app.schemas.analytics_queries import UsersQuery
from app.schemas.queries import EventFilterQuery

DAYS_DEFAULT = 7
NOT_MODIFIED = 304
ETAG_BYTES = 12
# Responses are private: proxies must not store them, and browsers revalidate them each time.
CACHE_CONTROL = "private, no-cache"
VARY = "Authorization, X-API-Key"

ETAG = {"ETag": {"description": "Version of the result", "schema": {"type": "string"}}}
UNCHANGED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The result", "headers": ETAG},
    304: {"description": "Not modified: the result still matches the ETag in `If-None-Match`"},
}
TABLES: dict[int | str, dict[str, Any]] = {
    **UNCHANGED,
    200: {
        "description": "The result",
        "headers": ETAG,
        **also("text/csv", "`format=csv`"),
    },
}

Asked = ParamSpec("Asked")


async def answer(
    request: Request,
    query: EventFilterQuery | UsersQuery,
    question: Callable[Concatenate[ReadSession, EventFilter, Window, Asked], Awaitable[Any]],
    *args: Asked.args,
    **options: Asked.kwargs,
) -> Response:
    """Run a query of `app.analytics` for the users whose data the caller may read.

    Queries about all users, and about users instead of events, run as heavy ones.
    """
    now, principal = now_of(request), principal_of(request)
    window = window_of(query, now, default_days=DAYS_DEFAULT)
    users = principal.users(query.user_email)
    filter_ = EventFilter(user_email=users)
    if isinstance(query, EventFilterQuery):
        filter_ = event_filter(query, users)
    heavy = not users or isinstance(query, UsersQuery)
    found = await reads_of(request).ask(
        lambda session: question(session, filter_, window, *args, **options), heavy=heavy
    )
    if getattr(query, "format", "json") == "csv":
        table: Table = found.table()
        body = (BOM + csv_text(table.columns, table.rows)).encode()
        media_type = "text/csv; charset=utf-8"
        etag = _etag(body)
    else:
        content = orjson.dumps(_content(found), default=json_default, option=JSON_OPTIONS)
        etag, media_type = _etag(content), "application/json"
        body = (
            content[:-1] + b"," + orjson.dumps(_about(found, window, now), option=JSON_OPTIONS)[1:]
        )
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL, "Vary": VARY}
    if etag in [each.strip() for each in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=NOT_MODIFIED, headers=headers)
    if media_type != "application/json":
        name = request.url.path.rsplit("/", 1)[1]
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        del headers["Cache-Control"]  # downloads are not cached
    return Response(body, media_type=media_type, headers=headers)


def _content(found: Any) -> dict[str, Any]:
    return {each.name: getattr(found, each.name) for each in fields(found) if each.name != "about"}


def _about(found: Any, window: Window, now: datetime) -> dict[str, Any]:
    about: Provenance = found.about
    complete = {} if about.complete_before is None else {"complete_before": about.complete_before}
    return {
        **complete,
        "start": window.start,
        "end": window.end,
        "timezone": window.timezone,
        "generated_at": now,
        "source": about.source,
        "rows_read": about.rows_read,
        "truncated": about.truncated,
    }


def _etag(content: bytes) -> str:
    """Return a weak ETag: it ignores `generated_at` and the other fields about the response."""
    return f'W/"{blake2b(content, digest_size=ETAG_BYTES).hexdigest()}"'
