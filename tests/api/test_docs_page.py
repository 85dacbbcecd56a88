"""The docs page, without the internet, and the OpenAPI document behind it."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from app.schemas import (
    analytics,
    analytics_users,
    generate,
    health,
    insights,
    next_actions,
    privacy,
    responses,
    success,
)
from tests.api.conftest import Json

ADDRESS = re.compile(r"(?:https?:)?//[^\s\"'<>]+")
METHODS = {"get", "post", "put", "patch", "delete"}
MODULES = (
    analytics,
    analytics_users,
    generate,
    health,
    insights,
    next_actions,
    privacy,
    responses,
    success,
)


class Links(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"src", "href"} and value]


async def test_the_page_needs_no_other_host(client: httpx.AsyncClient) -> None:
    page = await client.get("http://localhost/docs/api")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert ADDRESS.findall(page.text) == []
    links = Links()
    links.feed(page.text)
    assert {urlsplit(link).path.rsplit(".")[-1] for link in links.found} == {"js", "css", "png"}
    for link in links.found:
        file = await client.get(urljoin("http://localhost/docs/api", link))
        assert file.status_code == 200
        assert len(file.content) > 100
    assert "/openapi.json" in page.text


async def test_files_are_served_as_what_they_are(client: httpx.AsyncClient) -> None:
    types = {
        "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
        "swagger-ui.css": "text/css; charset=utf-8",
        "favicon-32x32.png": "image/png",
    }
    for name, media_type in types.items():
        response = await client.get(f"http://localhost/docs/static/{name}")
        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    css = (await client.get("http://localhost/docs/static/swagger-ui.css")).text
    assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", css)


async def test_nothing_else_is_served_from_there(client: httpx.AsyncClient) -> None:
    for path in ("/docs/static/", "/docs/static/none.js", "/docs/static/%2e%2e/__init__.py"):
        assert (await client.get(f"http://localhost{path}")).status_code == 404


async def test_the_document_describes_every_operation(client: httpx.AsyncClient) -> None:
    document: Json = (await client.get("http://localhost/openapi.json")).json()
    operations = {
        f"{method.upper()} {path}": operation
        for path, each in document["paths"].items()
        for method, operation in each.items()
        if method in METHODS
    }
    assert set(operations) >= {
        "POST /api/events/log",
        "POST /api/events/log/batch",
        "GET /api/events/",
        "GET /api/events/analytics",
        "GET /api/events/session",
        "GET /api/events/session/{session_id}",
        "GET /api/events/export",
        "GET /api/privacy/export",
        "DELETE /api/events/cleanup",
        "GET /health/live",
        "GET /health/ready",
    }
    for operation in operations.values():
        assert operation["summary"]
        assert operation["description"]
        for status, response in operation["responses"].items():
            if status == "304":
                continue
            assert response["content"]
            for content in response["content"].values():
                assert content["schema"]
    files = "GET /api/events/export", "GET /api/privacy/export"
    for name, operation in operations.items():
        assert set(operation["responses"]["200"]["content"]) == (
            {"application/x-ndjson", "text/csv", "application/vnd.apache.parquet"}
            if name in files
            else {"text/event-stream"}
            if name == "GET /api/events/stream"
            else {"text/plain"}
            if name == "GET /metrics"
            else {"application/json"}
        )


async def test_every_answer_has_an_example_that_is_one(client: httpx.AsyncClient) -> None:
    document: Json = (await client.get("http://localhost/openapi.json")).json()
    seen = 0
    for each in document["paths"].values():
        for method, operation in each.items():
            for response in operation["responses"].values() if method in METHODS else ():
                for media_type, content in response.get("content", {}).items():
                    if media_type == "application/json":
                        name = content["schema"]["$ref"].rsplit("/", 1)[1]
                        assert document["components"]["schemas"][name]["examples"]
                        model = next(vars(each)[name] for each in MODULES if name in vars(each))
                        (example,) = model.model_config["json_schema_extra"]["examples"]
                        fields = model.model_validate(example).model_dump(mode="json")
                        assert fields.keys() == example.keys(), name
                        seen += 1
    assert seen > 60


async def test_every_reference_in_the_document_leads_somewhere(client: httpx.AsyncClient) -> None:
    document = (await client.get("http://localhost/openapi.json")).text
    schemas = (await client.get("http://localhost/openapi.json")).json()["components"]["schemas"]
    references = re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', document)
    assert "BatchIn" in references
    assert set(references) <= set(schemas)


async def test_errors_of_the_framework_have_the_one_shape(client: httpx.AsyncClient) -> None:
    response = await client.get("http://localhost/api/nothing")
    assert response.status_code == 404
    assert response.json() == {
        "error": {
            "code": "not_found",
            "message": "GET /api/nothing: Not Found.",
            "details": {},
        }
    }
    response = await client.get("/log")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["error"]["code"] == "method_not_allowed"


async def test_errors_of_validation_say_what_was_expected(client: httpx.AsyncClient) -> None:
    parameters = "limit=0&days=3661&order=up&compare=maybe&tz=" + "a" * 65
    response = await client.get(f"/?{parameters}")
    assert response.status_code == 422
    assert response.json()["error"]["details"]["fields"] == [
        {"field": "days", "message": "must be at most 3660 (got 3661)"},
        {"field": "tz", "message": "must have at most 64 characters"},
        {"field": "limit", "message": "must be at least 1 (got 0)"},
        {"field": "order", "message": "must be 'asc' or 'desc'"},
        {"field": "compare", "message": "is not a parameter of this route"},
    ]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("many", "must be a whole number"),
        ("1.5", "must be a whole number"),
        ("9" * 5000, "must be a whole number of fewer digits"),
    ],
)
async def test_what_is_no_number_is_said_in_our_words(
    client: httpx.AsyncClient, limit: str, message: str
) -> None:
    response = await client.get("/", params={"limit": limit})
    assert response.status_code == 422
    fields = response.json()["error"]["details"]["fields"]
    assert fields == [{"field": "limit", "message": message}]
