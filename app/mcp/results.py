"""Conversion of API responses to tool results, with bounded text and structure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from mcp_types import CallToolResult, TextContent

from activity_events.address import reason_of
from app.insights.generation.escaping import quoted
from app.insights.generation.token_estimate import tokens_at_most
from app.mcp.arguments import given
from app.mcp.bounds import (
    NOTE_TOKENS,
    RESULT_MAX_TOKENS,
    Shape,
    left_out,
    tokens_of,
    visible,
)
from app.mcp.render import CURSOR, spoken
from app.schemas.analytics import SummaryResponse
from app.schemas.insights import ContextResponse, PatternsResponse
from app.schemas.next_actions import NextActionsResponse
from app.schemas.responses import EventPageResponse, SessionResponse, SingleResponse

CONTEXT = "/api/insights/context"
OPTED_OUT = "This user has opted out of assistants reading their activity (opt-out `ai_context`)."
MESSAGE_MAX_CHARS = 300
# Events that come meanwhile may make a shorter page too long again.
PAGES_MAX = 3
# The text of a context, and its lines with the ids of their events.
CONTEXT_PARTS = 2
HOW_TO_PAGE = "For the next page, call again with `cursor` set to `next_cursor`."
HOW_TO_NARROW = "To see all of it, request fewer days or one user."

SHAPE = Shape(
    (
        EventPageResponse,
        SummaryResponse,
        SessionResponse,
        PatternsResponse,
        ContextResponse,
        NextActionsResponse,
        SingleResponse,
    )
)


@dataclass(frozen=True, slots=True)
class _Reply:
    """A response of the API: a JSON object, and whether it is an error with a body."""

    body: dict[str, Any]
    is_error: bool


async def refusal(
    client: httpx.AsyncClient, user_email: str | None, *, of_all: bool
) -> CallToolResult | None:
    """Return why a user's data can't be told: chiefly, that they don't want assistants to read it.
    That a key names nobody is none where it is about everybody."""
    params = given({"user_email": user_email, "days": 1, "max_tokens": 100})
    reply = await _ask(client, "GET", CONTEXT, params=params)
    if isinstance(reply, _Reply):
        return failed(OPTED_OUT) if reply.body.get("opted_out") else None
    told = reply.content[0]
    nobody = isinstance(told, TextContent) and told.text.startswith("invalid_request")
    return None if of_all and nobody else reply


async def call(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> CallToolResult:
    """Return the API's answer; its error, or that it can't be reached, as the tool's.

    Where a page is longer than a result may be, a shorter one is asked for: its cursor leads to
    what follows.
    """
    reply = await _ask(client, method, path, **options)
    if isinstance(reply, CallToolResult):
        return reply
    params = options.get("params", {})
    if path == CONTEXT:
        return _context(reply.body, params.get("max_tokens", 0))
    body = visible(reply.body)
    shown, missing = _bounded(body)
    pages = isinstance(body.get("events"), list) and CURSOR in body
    for _ in range(PAGES_MAX):
        if not (pages and shown["events"] and len(shown["events"]) < len(body["events"])):
            break
        page = await _ask(client, method, path, params={**params, "limit": len(shown["events"])})
        if isinstance(page, CallToolResult):
            return page
        body = visible(page.body)
        shown, more = _bounded(body)
        missing = {**missing, **more, "events": missing["events"] + more.get("events", 0)}
    shown |= _note(missing)
    return _result(spoken(shown), shown, is_error=reply.is_error)


def _context(body: dict[str, Any], max_tokens: int) -> CallToolResult:
    """A context is text already, within the tokens that were asked for, its quotes made. The lines
    beside it give way: first the later ids of their events, as the text has the line's number."""
    text: str = body["text"]
    rest = visible({name: each for name, each in body.items() if name != "text"})
    tokens = max(RESULT_MAX_TOKENS, CONTEXT_PARTS * max_tokens)
    room = max(NOTE_TOKENS, tokens - tokens_of(text))
    shown, missing = _bounded(_with_fewer_ids(rest, room), room)
    shown |= {"text": text, **_note(missing)}
    return _result(text or "No results.", shown)


def _with_fewer_ids(rest: dict[str, Any], room: int) -> dict[str, Any]:
    """Keep as many ids per line as let all lines stay, at least one; `events` counts all of
    them."""
    shown = rest
    most = max((len(line["event_ids"]) for line in rest["lines"]), default=0)
    while most > 1 and max(tokens_of(shown), tokens_at_most(spoken(shown))) > room - NOTE_TOKENS:
        most -= 1
        lines = [{**line, "event_ids": line["event_ids"][:most]} for line in rest["lines"]]
        shown = {**rest, "lines": lines}
    return shown


def _result(text: str, structured: dict[str, Any], *, is_error: bool = False) -> CallToolResult:
    content = TextContent(type="text", text=text)
    return CallToolResult(content=[content], structured_content=structured, is_error=is_error)


def _note(missing: dict[str, int]) -> dict[str, Any]:
    if not missing:
        return {}
    how = HOW_TO_PAGE if "events" in missing else HOW_TO_NARROW
    return {"left_out": missing, "how_to_see_more": how}


def failed(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)


def _bounded(
    body: dict[str, Any], tokens: int = RESULT_MAX_TOKENS
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return as much of a response as fits, and the number of omitted items by kind."""
    room = tokens - NOTE_TOKENS
    shown = SHAPE.fit(body, room)
    # What is escaped takes more.
    while room > NOTE_TOKENS and (tokens_at_most(spoken(shown)) > tokens):
        room = room * 3 // 4
        shown = SHAPE.fit(body, room)
    return dict(shown), left_out(body, shown)


async def _ask(
    client: httpx.AsyncClient, method: str, path: str, **options: Any
) -> _Reply | CallToolResult:
    try:
        answer = await client.request(method, path, **options)
        body = answer.json()
    except httpx.InvalidURL:
        return failed("invalid_request: The arguments are too long for one request; shorten them.")
    except httpx.RequestError as error:
        return failed(f"The service can't be reached: {reason_of(error)}.")
    except ValueError:
        return failed(
            "The response is not from the service. Check the URL and any proxy in between."
        )
    if not isinstance(body, dict):
        return failed(f"The service responded with status {answer.status_code}.")
    if answer.is_error and "error" in body:
        return failed(_told(body["error"]))
    if answer.is_error and "status" not in body:
        return failed(f"The service responded with status {answer.status_code}.")
    return _Reply(body, answer.is_error)


def _told(error: Mapping[str, Any]) -> str:
    """Its message may have a caller's words in it, too."""
    fields = error.get("details", {}).get("fields")
    message = quoted(error["message"], MESSAGE_MAX_CHARS)
    return f"{error['code']}: {message}" + (f" {spoken({'fields': fields})}" if fields else "")
