"""The quick look and the careful one: what the second finds, the first has seen."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from app.ingest.pii import PiiScanner
from app.ingest.pii_finders import BatchBudget
from app.settings import PII_KEYS
from benchmarks.pii import _without_labels
from benchmarks.pii_sets import held_out_payloads, held_out_values, known_payloads, known_values
from tests.unit.redacting import redacted

SCANNER = PiiScanner(PII_KEYS)
TEXTS = [
    "{'password': 'hunter2'}",
    "{'password'  : 'hunter2'}",
    "{'user': 'x', 'api_key': 'k1'}",
    "Authorization: Bearer abcdefgh12345678",
    "authorization=token abc",
    "4111  1111  1111  1111",
    "4111//1111//1111//1111",
    "4111/1111/1111/1111",
    "4111 -1111 -1111 -1111",
    "ada<at>example<dot>com",
    "ada <at> example <dot> com",
    "Bearer abcdefgh12345678",
    "bearer abcdefgh12345678",
    "BEARER abcdefgh12345678",
    "Basic YWRhOnB3",
    "basic YWRhOnB3",
    "xapp-1-A0123456",
    "xoxb-0123456789",
    "-----BEGIN " + "PRIVATE KEY-----\nMIIE",
    "0049 30 901820",
    "+49 30 901820",
]


def leaves(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield {key: item}
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)


def labelled() -> Iterator[dict[str, Any]]:
    for payload in [*known_payloads.ALL, *held_out_payloads.ALL]:
        plain = _without_labels(payload)
        yield plain
        yield from leaves(plain)
    for key, value in [*known_values.rows(), *held_out_values.rows()]:
        yield _without_labels({key: value})


def is_seen(value: dict[str, Any]) -> bool:
    if not SCANNER.redact(value, "")[1].named:
        return True
    return SCANNER.is_suspect(value, orjson.dumps(value).decode(), BatchBudget())


def test_both_looks_agree_on_the_labelled_sets() -> None:
    assert [value for value in labelled() if not is_seen(value)] == []


@pytest.mark.parametrize("text", TEXTS)
def test_both_looks_agree_on_a_text_alone(text: str) -> None:
    kept = redacted(SCANNER, {"n": text})
    assert kept != {"n": text}
    assert "[redacted:" in kept["n"]
