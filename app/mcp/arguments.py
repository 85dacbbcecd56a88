"""The arguments of the tools: forgiving in how they are written, strict in what they are."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import ErrorDetails

from app.insights.generation.escaping import quoted

# Hosts spell "nothing" in many ways; for a user it never means all users.
NOTHING = frozenset({"", "null", "none", "undefined"})
CURSOR_MAX_CHARS = 512
WRONG_MAX = 5
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list of strings",
    "object": "a JSON object",
}
_TOO_LONG = frozenset({"string_too_short", "string_too_long", "too_long"})
_OUT_OF_RANGE = frozenset({"greater_than_equal", "less_than_equal"})


def _as_list(value: object) -> object:
    """One type alone is a list of one."""
    return [value] if isinstance(value, str) else value


def _as_id(value: object) -> object:
    """A number is kept as its digits, as over HTTP (`app.schemas.event.EntityId`)."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


User = Annotated[
    str | None,
    Field(description="Email address of the user; not needed with a user token.", max_length=320),
]
Days = Annotated[
    int | None, Field(ge=1, le=3660, description="Length of a window that ends now, in days.")
]
Zone = Annotated[
    str | None,
    Field(max_length=64, description="IANA time zone of days and hours; UTC by default."),
]
Types = Annotated[
    list[str] | None,
    BeforeValidator(_as_list),
    Field(max_length=50, description="Only events of these types, such as email_opened."),
]
Cursor = Annotated[
    str | None,
    Field(max_length=CURSOR_MAX_CHARS, description="`next_cursor` of the previous result."),
]
# Of an event to log: any JSON, as the API takes an event with a field that is wrong, and says what
# it left out. What is said of them is for assistants.
LoggedText = Annotated[Any, WithJsonSchema({"type": "string"})]
LoggedUser = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": "string",
            "description": "Email address of the user; not needed with a user token.",
            "maxLength": 320,
        }
    ),
]
LoggedId = Annotated[
    Any,
    WithJsonSchema(
        {"type": "string", "description": "A UUID; an event with the same id is stored only once."}
    ),
]
LoggedTime = Annotated[
    Any,
    WithJsonSchema(
        {"type": "string", "description": "Time of the event, ISO 8601; now by default."}
    ),
]
LoggedDuration = Annotated[Any, WithJsonSchema({"type": "number", "minimum": 0})]
LoggedObject = Annotated[Any, WithJsonSchema({"type": "object", "description": "A JSON object."})]
SessionId = Annotated[str, BeforeValidator(_as_id), Field(min_length=1, max_length=200)]


def normalised(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments without those that say nothing, which have their defaults then.

    A user who is named by nothing stays, as an empty name.
    """
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        text = value.strip().lower() if isinstance(value, str) else None
        if name == "user_email" and text in NOTHING:
            kept[name] = ""
        elif value is not None and text != "":
            kept[name] = value
    return kept


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return those that have a value."""
    return {name: value for name, value in params.items() if value is not None}


def wrong(errors: list[ErrorDetails], properties: Mapping[str, Any]) -> str:
    """Return what is wrong with a call's arguments: what each must be, and what it was.

    Args:
        properties: the schemas of the tool's arguments (`app.mcp.schemas.input_schema`).
    """
    first_of_each = {str(error["loc"][0]): error for error in reversed(errors)}
    told = [
        f"`{name}` is required"
        if error["type"] == "missing"
        else f"`{name}` must be {_expected(error, properties[name])} (got {_got(error)})"
        for name, error in reversed(first_of_each.items())
    ]
    return "; ".join(told[:WRONG_MAX]) + "."


def _expected(error: ErrorDetails, field: Mapping[str, Any]) -> str:
    """Describe the expected value; if the type is right, only its range."""
    if "enum" in field:
        return f"one of {', '.join(field['enum'])}"
    kind = _KINDS[field["type"]]
    low, high = field.get("minimum"), field.get("maximum")
    longest = field.get("maxLength", field.get("maxItems"))
    if longest is not None and field["type"] == "array":
        return f"{kind}, {longest} at most"
    if longest is not None:
        shortest = field.get("minLength")
        chars = f"{longest} characters"
        return f"{kind} of " + (
            f"{chars} at most" if shortest is None else f"{shortest} to {chars}"
        )
    if low is None:
        return kind
    within = f"between {low:g} and {high:g}" if high is not None else f"at least {low:g}"
    if error["type"] in _OUT_OF_RANGE:
        return within
    return f"{kind} {within}" if high is not None else f"{kind}, {within}"


def _got(error: ErrorDetails) -> str:
    value = error["input"]
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value}"
        case str() if error["type"] in _TOO_LONG:
            return f"{len(value)} characters"
        case list() if error["type"] in _TOO_LONG:
            return f"{len(value)}"
        case str():
            return value.strip() if error["type"] in _OUT_OF_RANGE else quoted(value)
        case list():
            return "a list"
    return "an object"
