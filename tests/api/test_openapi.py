"""The OpenAPI document, for people and for generators of clients: everything in it is described."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings

Schema = dict[str, Any]
METHODS = {"get", "post", "put", "patch", "delete"}
OPERATION_ID = re.compile(r"[a-z]+(?:_[a-z]+){1,3}")


@pytest.fixture(scope="module")
def document() -> Schema:
    return create_app(Settings(), "postgresql://nobody@localhost/none").openapi()


def operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def is_sentence(text: str) -> bool:
    return re.match(r"[A-Z0-9`]", text) is not None


def test_every_operation_is_described(document: Schema) -> None:
    for name, operation in operations(document):
        assert is_sentence(operation["summary"]), name
        assert not operation["summary"].endswith("."), name
        assert is_sentence(operation["description"]), name
        assert operation["description"].endswith("."), name
        assert all(response["description"] for response in operation["responses"].values()), name


def test_operation_ids_are_short_and_unique(document: Schema) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert {"log_event", "log_batch", "list_events", "get_session"} <= set(ids)
    assert sorted(set(ids)) == sorted(ids)
    assert [name for name in ids if not OPERATION_ID.fullmatch(name)] == []


def test_every_parameter_is_described(document: Schema) -> None:
    parameters = [
        (name, parameter)
        for name, operation in operations(document)
        for parameter in operation.get("parameters", ())
    ]
    assert len(parameters) > 100
    for name, parameter in parameters:
        assert is_sentence(parameter.get("description", "")), (name, parameter["name"])


def test_every_property_is_described(document: Schema) -> None:
    schemas: dict[str, Schema] = document["components"]["schemas"]
    undescribed = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, value in schema.get("properties", {}).items()
        if not is_sentence(value.get("description", ""))
    ]
    assert undescribed == []
    assert {"EventIn", "BatchIn", "SingleIn", "EventOut", "ErrorDetail"} <= set(schemas)


def test_every_tag_is_described(document: Schema) -> None:
    used = {tag for _, operation in operations(document) for tag in operation["tags"]}
    described = [tag["name"] for tag in document["tags"] if is_sentence(tag["description"])]
    assert sorted(described) == sorted(used)


def test_no_two_models_share_a_name(document: Schema) -> None:
    """Generators name classes by titles: of two models with one title, they drop the second."""
    titles = [schema["title"].lower() for schema in document["components"]["schemas"].values()]
    assert sorted(set(titles)) == sorted(titles)
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


@pytest.mark.parametrize("model", ["EventIn", "SingleIn", "EventOut"])
@pytest.mark.parametrize("field", ["metadata", "context_snapshot"])
def test_free_objects_take_any_key(document: Schema, model: str, field: str) -> None:
    """Without it, generators of TypeScript make them objects without any property."""
    value: Schema = document["components"]["schemas"][model]["properties"][field]
    (free,) = [arm for arm in value.get("anyOf", [value]) if arm["type"] == "object"]
    assert free["additionalProperties"] is True
