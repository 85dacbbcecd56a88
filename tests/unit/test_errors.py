"""Each class owns its status and its code, and the tree that is drawn is the tree there is."""

import re
from collections.abc import Iterator

import pytest

from app import errors
from app.errors import ActivityError, BadCursor, InvalidRequest, TooExpensive, Unavailable

LINE = re.compile(r"^    ((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+) {2,}(?:(\d{3})|status)", re.MULTILINE)


def drawn() -> Iterator[tuple[str, str | None, int | None]]:
    """Name, parent and status of each line of the tree."""
    assert errors.__doc__ is not None
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        found = LINE.match(line)
        if found is None:
            continue
        indent, name, status = found.groups()
        depth = len(indent) // 4 + ("──" in line)
        above[depth:] = [name]
        yield name, above[depth - 1] if depth else None, int(status) if status else None


def classes(of: type[ActivityError] = ActivityError) -> Iterator[type[ActivityError]]:
    yield of
    for each in of.__subclasses__():
        if each.__module__ == "app.errors":
            yield from classes(each)


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    there = [
        (
            each.__name__,
            None if each is ActivityError else each.__mro__[1].__name__,
            None if each is ActivityError else each.status,
        )
        for each in classes()
    ]
    assert list(drawn()) == there
    assert len(there) == 21


def test_the_codes_in_the_docstring_are_those_of_the_classes() -> None:
    assert errors.__doc__ is not None
    codes = dict(re.findall(r"([A-Z]\w+) +\d{3} {5}([a-z_]+)", errors.__doc__))
    assert len(codes) == 17
    assert codes == {each.__name__: each.code for each in classes() if each.__name__ in codes}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("InvalidRequest", 422, "invalid_request"),
        ("BadCursor", 422, "bad_cursor"),
        ("UnreadableBody", 400, "invalid_json"),
        ("Unauthorized", 401, "unauthorized"),
        ("Forbidden", 403, "forbidden"),
        ("RateLimited", 429, "rate_limited"),
        ("ShareExceeded", 429, "share_exceeded"),
        ("NotFound", 404, "not_found"),
        ("AmbiguousSession", 409, "ambiguous_session"),
        ("BodyTimeout", 408, "body_timeout"),
        ("TooLarge", 413, "too_large"),
        ("UnsupportedMediaType", 415, "unsupported_media_type"),
        ("Unavailable", 503, "unavailable"),
        ("Overloaded", 503, "overloaded"),
        ("DatabaseUnavailable", 503, "database_unavailable"),
        ("TooExpensive", 503, "too_expensive"),
    ],
)
def test_status_and_code(name: str, status: int, code: str) -> None:
    failure = getattr(errors, name)("Why.")
    assert (failure.status, failure.code) == (status, code)
    assert failure.body() == {"error": {"code": code, "message": "Why.", "details": {}}}
    assert str(failure) == "Why."


def test_every_429_and_503_says_when_to_come_back_and_nothing_else_does() -> None:
    for each in classes():
        seconds = each("Why.").headers().get("Retry-After")
        assert (seconds is not None) == (each.status in {429, 503})
    assert Unavailable("Why.").headers() == {"Retry-After": "1"}
    assert TooExpensive("Why.").headers() == {"Retry-After": "5"}


def test_a_code_of_its_own_is_that_of_one_failure_alone() -> None:
    assert Unavailable("Why.", code="migrations_pending").code == "migrations_pending"
    assert Unavailable("Why.").code == "unavailable"


def test_one_wrong_field() -> None:
    failure = InvalidRequest.of("tz", "is no zone")
    assert failure.body() == {
        "error": {
            "code": "invalid_request",
            "message": "tz: is no zone",
            "details": {"fields": [{"field": "tz", "message": "is no zone"}]},
        }
    }
    assert isinstance(BadCursor.of("cursor", "no"), BadCursor)
