"""The OpenAPI document: its introduction, the descriptions of tags and the ids of operations."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.routers.access import SECURITY_SCHEMES
from app.routers.ingest_body import body_schemas
from app.schemas.error_examples import OTHER_USER, OWN, SHARED, wrong_scope

DESCRIPTION = """\
Records the events of users exactly once, and serves analytics and AI features.

## Quick start

```sh
URL=http://127.0.0.1:8000
curl -s $URL/api/events/log -H 'Content-Type: application/json' \\
  -d '{"user_email": "ada@example.com", "event_type": "project_created"}'
curl -s "$URL/api/events/?user_email=ada@example.com"
curl -s "$URL/api/events/analytics?days=7"
```

## Authentication

- In **local mode**, the default on a developer's machine, no credentials are needed.
- **API keys** have scopes (`write`, `read`, `metrics`, `admin`): send one as
  `Authorization: Bearer ae_...` or `X-API-Key: ae_...`.
- **User tokens** are the JWTs of your application, sent as `Authorization: Bearer <JWT>`. A token
  can only access its own user's data.

Each operation names the scope that it requires (`x-key-scope`), and whether it accepts user tokens
(`x-user-token`).

## Conventions

- Errors always have the form `{"error": {"code", "message", "details"}}`. `code` is stable.
- Responses with status 429 or 503 have a `Retry-After` header: repeat the request after that time.
- Times are RFC 3339 in UTC, unless a field says otherwise.
- Lists are pages: pass `next_cursor` as `cursor` to get the next one.

## Clients

The names of operations and models are stable, so that clients can be generated from
`/openapi.json`. A Python client and a browser tracker, with retries and buffering, are served at
`/clients/`. `/mcp`, which is not listed below, serves the tools for AI assistants (Model Context
Protocol).
"""
TAGS = [
    {"name": "log", "description": "Record events, one at a time or in batches."},
    {"name": "query", "description": "List events by filters and time, or stream new ones."},
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
JSON_OBJECT = "JsonObject"
FREE_OBJECT = {
    "title": JSON_OBJECT,
    "description": "A JSON object with any keys and values.",
    "type": "object",
    "additionalProperties": True,
}
FORBIDDEN = 403


def operation_id(route: APIRoute) -> str:
    """Return the id of a route's operation, which generated clients use as a method name."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def add_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` return the complete document, which is built once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                servers=app.servers,
                title=app.title,
                version=app.version,
                description=DESCRIPTION,
                tags=TAGS,
                routes=app.routes,
            )
            components = document["components"]
            components["schemas"] |= body_schemas()
            components["securitySchemes"] = SECURITY_SCHEMES
            for name in _bodies(document):
                _describe_defaults(components["schemas"][name])
            _name_free_objects(components["schemas"])
            components["schemas"][JSON_OBJECT] = FREE_OBJECT
            for operation in _operations(document):
                _add_error_examples(operation)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()


def _bodies(document: dict[str, Any]) -> set[str]:
    """Return the names of the schemas of request bodies."""
    bodies = [each["requestBody"] for each in _operations(document) if "requestBody" in each]
    contents = [content for body in bodies for content in body["content"].values()]
    return {content["schema"]["$ref"].rpartition("/")[2] for content in contents}


def _describe_defaults(schema: dict[str, Any]) -> None:
    """Move the defaults of a body's fields into their descriptions.

    Generators take a field with a default for one that is always there, and require it.
    """
    for field in schema["properties"].values():
        if "default" in field:
            field["description"] += f" The default is `{field.pop('default')}`."


def _name_free_objects(value: Any) -> None:
    """Replace the schemas of free objects by references to one.

    Generators name a class for each otherwise, after the model and field that it stands in.
    """
    if isinstance(value, dict):
        if value.get("type") == "object" and value.get("additionalProperties") is True:
            for key in ("type", "additionalProperties", "title"):
                value.pop(key, None)
            value["$ref"] = f"#/components/schemas/{JSON_OBJECT}"
        for child in value.values():
            _name_free_objects(child)
    elif isinstance(value, list):
        for child in value:
            _name_free_objects(child)


def _add_error_examples(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        examples = dict(_error_examples(operation, int(status)))
        if examples:
            response["content"]["application/json"]["examples"] = examples


def _error_examples(operation: dict[str, Any], status: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names and examples of a status: the operation's own, or those that many share."""
    own = [each for each in OWN if each.belongs_to(operation["operationId"], status)]
    for example in own:
        yield example.code, {"summary": example.summary, "value": example.value}
    if status == FORBIDDEN:
        yield "wrong_scope", {"value": wrong_scope(operation["x-key-scope"])}
        if operation["x-user-token"]:
            yield "other_user", {"value": OTHER_USER}
    elif status in SHARED and not own:
        yield SHARED[status]["error"]["code"], {"value": SHARED[status]}
