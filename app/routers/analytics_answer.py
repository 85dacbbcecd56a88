"""How an analytics question is asked, and how its answer goes out: as JSON or CSV, with an ETag."""

import csv
import io
from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Concatenate, ParamSpec

import orjson
from fastapi import Depends, Request
from starlette.responses import Response

from app.db import ReadSession
from app.deps import now_of, principal_of, service_of
from app.read.answer import About, Table
from app.read.filters import EventFilter, event_filter
from app.read.window import Window, resolve_window
from app.routers.responses import JSON_OPTIONS
from app.schemas.queries import EventFilterQuery, WindowQuery

DAYS_DEFAULT = 7
NOT_MODIFIED = 304
ETAG_BYTES = 12
# Answers are a user's own: nobody on the way keeps them, and a browser asks again each time.
CACHE_CONTROL = "private, no-cache"
VARY = "Authorization, X-API-Key"

TABLES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `format=csv`, its table",
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "headers": {"ETag": {"schema": {"type": "string"}}},
    },
    304: {"description": "Nothing has changed since the answer of `If-None-Match`"},
}
