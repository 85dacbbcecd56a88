"""What a tool answers as text: what users wrote in it is data, and can't be taken for more."""

from typing import Any

from app.insights.quoting import PREFACE, quoted

ITEMS_MAX = 50


def spoken(answer: dict[str, Any]) -> str:
    """An answer as JSON, in which each text is quoted as in a prompt's context: short, in ASCII,
    without signs of markup. Of a long list there are the first fifty."""
    return f"{PREFACE}\n{_said(answer)}"


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{quoted(str(key))}: {_said(each)}" for key, each in value.items())
            + "}"
        )
    if isinstance(value, list):
        parts = [_said(each) for each in value[:ITEMS_MAX]]
        if len(value) > ITEMS_MAX:
            parts.append(quoted(f"and {len(value) - ITEMS_MAX} more"))
        return "[" + ", ".join(parts) + "]"
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
