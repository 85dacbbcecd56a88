"""A JSON-RPC request as its client sent it -> as the protocol's package can read it.

That package refuses a body as a whole for half a surrogate pair in one argument, or for an id that
JSON-RPC does not allow it answers nothing. The routes of the API take such text, and say what they
replaced in it: a tool's arguments are to reach them.
"""

import json

from pydantic_core import from_json

from app.errors import UnreadableBody
from app.schemas.lenient_json import decoded
from app.schemas.strict_json import parse_text, stored_text


def readable_body(body: bytes) -> tuple[bytes, object]:
    """Return a body that the package can parse, and its value. One that is no JSON stays as it is,
    with None as its value, for the package to refuse.

    Halves of surrogate pairs and bytes that are not UTF-8 become U+FFFD.
    """
    try:
        return body, from_json(body)
    except ValueError:
        pass
    try:
        text = json.dumps(parse_text(decoded(body)), ensure_ascii=False, default=_no_number)
        body = stored_text(text).encode()
        return body, from_json(body)
    except (UnreadableBody, ValueError, RecursionError):
        return body, None


def invalid_id(message: object) -> str | None:
    """Return why a request's `id` is none that JSON-RPC allows. The package would take such a
    request for a notification, which gets no response."""
    if not isinstance(message, dict) or "id" not in message or "method" not in message:
        return None
    id_ = message["id"]
    if isinstance(id_, str) or (isinstance(id_, int) and not isinstance(id_, bool)):
        return None
    kind = {type(None): "null", bool: "a boolean", dict: "an object", list: "an array"}
    return (
        "`id` must be a string or a whole number "
        f"(got {kind.get(type(id_), 'another number')}); a notification has no `id`."
    )


def _no_number(_: object) -> float:
    """Return the mark for a number that JSON can't carry (`app.schemas.strict_json.Mark`); a route
    that stores it warns about it."""
    return float("nan")
