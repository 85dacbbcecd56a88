"""Text of a tool's result: user-written text is marked as data and can't pass for anything else."""

from typing import Any

from app.insights.generation.escaping import PREFACE, quoted

CURSOR = "next_cursor"
# What other calls are given is whole, too; as long as they may be.
COPIED = frozenset({"user_email", "session_id", "entity_id", "event_type", "entity_type"})
COPIED_MAX_CHARS = 320


def spoken(answer: dict[str, Any]) -> str:
    """An answer as JSON, in which each text is quoted as in a prompt's context: short, in ASCII,
    without signs of markup. The cursor, ids and names are whole, as they are to be given back."""
    said = {
        name: quoted(each, len(each))
        if name == CURSOR and isinstance(each, str)
        else _said(each, name)
        for name, each in answer.items()
    }
    return f"{PREFACE}\n{_object(said)}"


def _object(said: dict[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(str(key))}: {each}" for key, each in said.items()) + "}"


def _said(value: Any, name: str = "") -> str:
    if isinstance(value, dict):
        return _object({key: _said(each, key) for key, each in value.items()})
    if isinstance(value, list):
        return "[" + ", ".join(map(_said, value)) + "]"
    if isinstance(value, str):
        return quoted(value, COPIED_MAX_CHARS) if name in COPIED else quoted(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
