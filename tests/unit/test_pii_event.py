"""Personal data in an event's types and ids, and what a size limit lets through to the search."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from app.ingest.fast_parser import read_batch
from app.ingest.prepare import prepare_batch
from app.ingest.rows import EventRow
from app.ingest.strict_parser import prepare_with_care
from app.schemas.strict_json import parse_json
from app.settings import Settings
from tests.conftest import NOW

BOB = "bob@f3.io"


def body(**fields: object) -> bytes:
    event = {
        "event_type": "file_opened",
        "event_id": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11",
        "event_timestamp": (NOW - timedelta(hours=1)).isoformat(),
        **fields,
    }
    return orjson.dumps({"user_email": "ada@example.com", "events": [event]})


def row_of(given: Settings | None = None, /, **fields: Any) -> EventRow:
    (row,) = prepare_batch(body(**fields), NOW, given or Settings()).rows
    return row


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("entity_id", BOB, "[redacted:email]"),
        ("entity_id", "bob%40f3.io", "[redacted:email]"),
        ("entity_id", "bob\uff20f3.io", "[redacted:email]"),
        ("session_id", f"{BOB}-1", "[redacted:email]"),
        ("entity_id", "4111-1111-1111-1111", "[redacted:card]"),
        ("entity_id", "DE89370400440532013000", "[redacted:iban]"),
        ("entity_id", "+1 415-555-2671", "[redacted:phone]"),
        ("session_id", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a", "[redacted:token]"),
        ("entity_type", f"user {BOB}", "user [redacted:email]"),
        ("event_category", BOB, "[redacted:email]"),
        ("event_action", f"told {BOB}", "told [redacted:email]"),
        ("device_type", BOB, "[redacted:email]"),
        ("device_type", "203.0.113.7", "[redacted:ip]"),
    ],
)
def test_in_a_field_beside_metadata(field: str, given: str, kept: str) -> None:
    row = row_of(**{field: given})
    assert getattr(row, field) == kept
    assert [(warning.code, warning.field) for warning in row.warnings] == [("pii_redacted", field)]
    assert "bob" not in str(row)
    (verdict,) = prepare_batch(body(**{field: given}), NOW, Settings(pii_mode="reject")).rejections
    assert (verdict.code, verdict.field) == ("pii", field)
    assert getattr(row_of(Settings(pii_mode="off"), **{field: given}), field) == given
    again = row_of(**{field: kept})
    assert (getattr(again, field), again.warnings) == (kept, ())


@pytest.mark.fault("F3")
def test_in_the_type_and_what_follows_from_it() -> None:
    row = row_of(event_type=f"mailed_{BOB}")
    assert row.event_type == "[redacted:email]"
    assert "bob" not in str(row)
    long = row_of(event_type="x" * 115 + " " + BOB)
    assert (long.event_type, len(long.event_type) <= 128) == ("[redacted:email]", True)


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    "identifier",
    [
        "42", "4111111111111111", "1234567890123", "2125550187", "212-555-0187", "4.18.0.1",
        "s-7f3a", "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11", "m-7", "git@github.com:a/b.git",
        "pkg@1.2.3", "icon@2x.png", "@ada", "INV-2026-0001", "2026-11-20", "a%20b", "a/b?page=2",
        "10.0.0.1", "ORD-415-555-2671",
    ],
)  # fmt: skip
def test_an_id_that_is_only_an_id(identifier: str) -> None:
    row = row_of(entity_id=identifier, session_id=identifier)
    assert (row.entity_id, row.session_id, row.warnings) == (identifier, identifier, ())


@pytest.mark.fault("F3")
def test_with_a_secret_an_id_keeps_together_what_belongs_together() -> None:
    settings = Settings(erasure_secret="s" * 32)
    one = row_of(settings, entity_id=BOB, session_id=f"{BOB}-1")
    two = row_of(settings, entity_id=BOB, session_id=f"{BOB}-2")
    other = row_of(Settings(erasure_secret="t" * 32), entity_id=BOB)
    assert one.entity_id == two.entity_id != other.entity_id
    assert one.session_id != two.session_id
    assert one.entity_id is not None
    assert one.entity_id.startswith("[redacted:email:")
    assert len(one.entity_id) == len("[redacted:email:0123456789abcdef]")
    assert row_of(settings, entity_id=one.entity_id).entity_id == one.entity_id


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    "fields",
    [{}, {"entity_id": 42}, {"entity_id": BOB}, {"event_category": "a"}, {"device_type": BOB}],
)
def test_both_readers_agree(fields: dict[str, Any]) -> None:
    given, settings = body(**fields), Settings()
    careful = prepare_with_care(parse_json(given), NOW, settings)
    for _ in range(2):  # a name that was seen before, too
        assert prepare_batch(given, NOW, settings).rows == careful.rows
        assert (read_batch(given, NOW, settings) is None) == bool(careful.rows[0].warnings)


@pytest.mark.fault("S1")
@pytest.mark.parametrize(
    ("fields", "largest"),
    [
        ({"metadata": {"a": "eyJ" * 11_000 + "@"}}, "metadata"),
        ({"context_snapshot": {"a": "eyJ" * 11_000 + "@"}}, "context_snapshot"),
        ({"metadata": {"a": "b"}, "unknown": "x" * 33_000}, "unknown"),
        ({"metadata": {"a": "x" * 20_000}, "unknown": ["y" * 21_000]}, "unknown"),
    ],
)
def test_the_size_comes_first(
    fields: dict[str, Any], largest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.pii.PiiScanner.redact", None)  # is not even called
    (verdict,) = prepare_batch(body(**fields), NOW, Settings(event_max_bytes=32_768)).rejections
    assert (verdict.code, verdict.field) == ("event_too_large", largest)
