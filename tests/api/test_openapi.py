"""The OpenAPI document, for people and for generators of clients: everything in it is described.

`tests/generated_clients/test_generated_clients.py` generates clients from it.
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.schemas.error_examples import OTHER_USER, OWN, SHARED, Example, wrong_scope
from app.settings import Settings
from tests.api.conftest import client_of
from tests.api.credentials import ADMIN_KEY, SECRET, WRITE_KEY, bearer, token

Schema = dict[str, Any]
METHODS = {"get", "post", "put", "patch", "delete"}
OPERATION_ID = re.compile(r"[a-z]+(?:[A-Z][a-z]+){1,3}")


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
        texts = [response["description"] for response in operation["responses"].values()]
        assert all(is_sentence(text) for text in texts), name
        assert "Successful Response" not in texts, name


@pytest.mark.fault("newcomer-88")
def test_operation_ids_are_short_and_unique(document: Schema) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert {"logEvent", "logBatch", "listEvents", "getSession", "streamEvents"} <= set(ids)
    assert sorted(set(ids)) == sorted(ids)
    assert [name for name in ids if not OPERATION_ID.fullmatch(name)] == []


@pytest.mark.fault("newcomer-89")
def test_every_parameter_is_described(document: Schema) -> None:
    parameters = [
        (name, parameter)
        for name, operation in operations(document)
        for parameter in operation.get("parameters", ())
    ]
    assert len(parameters) > 100
    for name, parameter in parameters:
        assert is_sentence(parameter.get("description", "")), (name, parameter["name"])


@pytest.mark.fault("newcomer-89")
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


@pytest.mark.fault("newcomer-89")
def test_every_tag_is_described(document: Schema) -> None:
    used = {tag for _, operation in operations(document) for tag in operation["tags"]}
    described = [tag["name"] for tag in document["tags"] if is_sentence(tag["description"])]
    assert sorted(described) == sorted(used)


@pytest.mark.fault("newcomer-87")
def test_no_two_models_share_a_name(document: Schema) -> None:
    """Generators name classes by titles: of two models with one title, they drop the second."""
    titles = [schema["title"].lower() for schema in document["components"]["schemas"].values()]
    assert sorted(set(titles)) == sorted(titles)
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


@pytest.mark.parametrize("model", ["EventIn", "SingleIn", "EventOut"])
@pytest.mark.parametrize("field", ["metadata", "context_snapshot"])
def test_free_objects_take_any_key(document: Schema, model: str, field: str) -> None:
    """Without it, generators of TypeScript make them objects without any property."""
    schemas: dict[str, Schema] = document["components"]["schemas"]
    value: Schema = schemas[model]["properties"][field]
    references = [arm["$ref"] for arm in value.get("anyOf", [value]) if "$ref" in arm]
    assert references == ["#/components/schemas/JsonObject"]
    assert schemas["JsonObject"]["additionalProperties"] is True


def test_the_introduction_begins_with_a_quick_start(document: Schema) -> None:
    text = document["info"]["description"]
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[:2] == ["Quick start", "Authentication"]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}


@pytest.mark.fault("newcomer-91")
def test_a_stream_is_an_event_stream(document: Schema) -> None:
    operation = document["paths"]["/api/events/stream"]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert {"last-event-id", "user_email", "metadata"} <= names


def test_a_json_response_is_not_a_union_with_text(document: Schema) -> None:
    """Generators would make a response of JSON and CSV a union that every caller has to narrow."""
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            types = list(response.get("content", {}))
            assert types == ["application/json"] or "application/json" not in types, (name, status)
    top = document["paths"]["/api/events/analytics/top"]["get"]["responses"]["200"]
    assert list(top["x-other-media-types"]) == ["text/csv"]


def test_bodies_require_no_field_that_has_a_default(document: Schema) -> None:
    schemas: dict[str, Schema] = document["components"]["schemas"]
    standup = schemas["StandupIn"]
    assert "default" not in standup["properties"]["tz"]
    assert standup["properties"]["tz"]["description"].endswith("The default is `UTC`.")
    assert "tz" not in standup.get("required", [])


def test_every_error_has_an_example(document: Schema) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            examples = response["content"]["application/json"]["examples"]
            for code, example in examples.items():
                assert example["value"]["error"]["code"] == code, (name, status)
        if "422" in operation["responses"]:
            example = next(iter(operation["responses"]["422"]["content"].values()))["examples"]
            assert all(each["summary"] for each in example.values()), name


@pytest.mark.parametrize("example", OWN, ids=lambda each: f"{each.operation}-{each.status}")
async def test_an_example_is_what_the_request_answers(
    example: Example, client: httpx.AsyncClient
) -> None:
    method, _, path = example.request.partition(" ")
    answer = await client.request(
        method,
        f"http://localhost{path}",
        content=example.body,
        headers={"Content-Type": "application/json"} if example.body else {},
    )
    assert (answer.status_code, answer.json()) == (example.status, example.value)


async def test_shared_examples_are_what_the_service_answers(client: httpx.AsyncClient) -> None:
    opt_out = "http://localhost/api/privacy/opt-out?user_email=ada@example.com"
    as_json = {"Content-Type": "application/json"}
    large = b'{"user_email": "' + b"a" * 1048576
    answers = {
        400: await client.put(opt_out, content="analytics", headers=as_json),
        410: await client.get("/stream", headers={"Last-Event-ID": "99999999999.1"}),
        413: await client.post("/log", content=large, headers=as_json),
        415: await client.post("/log", content="<a/>", headers={"Content-Type": "text/xml"}),
    }
    for status, answer in answers.items():
        assert (answer.status_code, answer.json()) == (status, SHARED[status])


async def test_examples_of_refusals_are_what_the_service_answers(settings: Settings) -> None:
    assert settings.database_url is not None
    keys = {"write_keys": WRITE_KEY, "admin_keys": ADMIN_KEY, "jwt_secret": SECRET}
    app = create_app(Settings(**{**settings.model_dump(), **keys}), settings.database_url)
    async with app.router.lifespan_context(app), client_of(app) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.json()) == (401, SHARED[401])
        answer = await client.get("/", headers=bearer(WRITE_KEY))
        assert (answer.status_code, answer.json()) == (403, wrong_scope("read"))
        user = bearer(token("ada@example.com"))
        answer = await client.get("/?user_email=bob@example.com", headers=user)
        assert (answer.status_code, answer.json()) == (403, OTHER_USER)
