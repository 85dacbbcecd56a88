"""The tools' schemas in few tokens: every assistant reads all of them before it does anything."""

from typing import Any

from app.schemas.fields import is_self_explanatory

ANY_KEY = {"additionalProperties": True}


def input_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a tool takes: plain types, of which those that are not required may be left out.

    Null and an empty text are understood, too, but need not be said.
    """
    plain = _plain(schema)
    for field in plain.get("properties", {}).values():
        _without_null(field)
    return {**plain, "additionalProperties": False}


def output_schema(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what a tool answers with. What may be null says so in its `type`, if that will do."""
    return None if schema is None else _with_types(_without_obvious(_plain(schema)))


def _plain(schema: Any, *, names: bool = False) -> Any:
    """Without generated titles and examples, and what holds anyway.

    Args:
        names: its keys are names of fields, whatever they are.
    """
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, each in schema.items():
        if not names and (key in {"title", "examples"} or {key: each} == ANY_KEY):
            continue
        kept[key] = _plain(each, names=key in {"properties", "$defs"} and not names)
    return kept


def _without_obvious(schema: Any) -> Any:
    """Remove the descriptions of fields whose names say enough (`app.schemas.fields.plain`)."""
    if isinstance(schema, list):
        return [_without_obvious(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_obvious(value)
        for key, value in schema.items()
        if not (key == "description" and is_self_explanatory(value))
    }


def _without_null(field: dict[str, Any]) -> None:
    arms = [arm for arm in field.pop("anyOf", ()) if arm != {"type": "null"}]
    if len(arms) == 1:
        field.update({**arms[0], **field})
    elif arms:
        field["anyOf"] = arms
    if field.get("default", "") is None:
        del field["default"]


def _with_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _with_types(each) for key, each in schema.items()}
    match kept.get("anyOf"):
        case [{"type": str(name)} as arm, {"type": "null"}]:
            del kept["anyOf"]
            return {**arm, "type": [name, "null"], **kept}
    return kept
