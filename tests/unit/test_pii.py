"""Personal data in metadata: what is taken out, where it is said to have been, and what stays."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from app.ingest.fast_parser import read_batch
from app.ingest.pii import PiiScanner
from app.ingest.pii_walk import Finding
from app.ingest.prepare import prepare_batch
from app.ingest.rows import Prepared
from app.ingest.strict_parser import prepare_with_care
from app.schemas.strict_json import parse_json
from app.settings import PII_KEYS, Settings
from benchmarks.pii import evaluate
from tests.conftest import NOW

ADA = "ada@example.com"
REDACTED = "[redacted:email]"


def redact(value: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    redacted, findings = PiiScanner(PII_KEYS).redact(value, "metadata")
    assert findings.more == 0
    return redacted, findings.named


def body(metadata: object, **fields: object) -> bytes:
    event = {
        "event_type": "email_opened",
        "event_id": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11",
        "event_timestamp": (NOW - timedelta(hours=1)).isoformat(),
        "metadata": metadata,
        **fields,
    }
    return orjson.dumps({"user_email": ADA, "events": [event]})


def prepared(metadata: object, mode: Any = "redact", **fields: object) -> Prepared:
    return prepare_batch(body(metadata, **fields), NOW, Settings(pii_mode=mode))


def test_at_any_depth_with_its_path() -> None:
    found, findings = redact({"a": {"b": [1, {"c": ADA}], "d": "x"}, "e": [[ADA]]})
    assert found == {"a": {"b": [1, {"c": REDACTED}], "d": "x"}, "e": [[REDACTED]]}
    assert findings == [Finding("email", "metadata.a.b[1].c"), Finding("email", "metadata.e[0][0]")]


def test_in_free_text_only_what_is_personal() -> None:
    found, findings = redact({"note": f"mail {ADA} or +1 415-555-2671 from 203.0.113.7."})
    assert found == {"note": "mail [redacted:email] or [redacted:phone] from [redacted:ip]."}
    assert [finding.kind for finding in findings] == ["email", "phone", "ip"]


@pytest.mark.parametrize(
    ("key", "personal"),
    [
        ("name", False),
        ("firstName", True),
        ("First-Name", True),
        ("FIRST_NAME", True),
        ("phone", False),
        ("project_name", False),
        ("names", False),
        ("email_id", False),
        ("token_count", False),
    ],
)
def test_by_the_name_of_a_key(key: str, personal: bool) -> None:
    assert redact({key: "x"})[0] == {key: "[redacted:key]" if personal else "x"}


def test_what_fits_below_such_a_key() -> None:
    found, findings = redact(
        {"address": {"lines": ["Main St", 12], "known": True, "zip": None, "empty": ""}}
    )
    assert found == {
        "address": {
            "lines": ["[redacted:key]", 12],
            "known": True,
            "zip": None,
            "empty": "",
        }
    }
    assert [finding.path for finding in findings] == ["metadata.address.lines[0]"]


def test_a_key_that_is_personal_itself() -> None:
    found, findings = redact({ADA: 1, "bob@example.com": 2, "x": 3})
    assert found == {REDACTED: 1, f"{REDACTED}_2": 2, "x": 3}
    assert {finding.kind for finding in findings} == {"email"}


def test_nothing_is_changed_in_place() -> None:
    given = {"a": {"e": ADA}}
    redact(given)
    assert given == {"a": {"e": ADA}}


def test_again_it_is_the_same() -> None:
    once, _ = redact({"e": f"a {ADA}", "firstName": "x", ADA: 1})
    assert redact(once) == (once, [])


def test_an_event_is_kept_without_it_and_says_so() -> None:
    found = prepared({"to": ADA, "n": 1}, context_snapshot={"user": {"email": ADA}})
    (row,) = found.rows
    assert row.event_metadata == '{"to":"[redacted:email]","n":1}'
    assert row.context_snapshot == '{"user":{"email":"[redacted:email]"}}'
    assert [(warning.code, warning.field) for warning in row.warnings] == [
        ("pii_redacted", "metadata.to"),
        ("pii_redacted", "context_snapshot.user.email"),
    ]
    assert not any(ADA in warning.message for warning in row.warnings)


def test_an_event_is_refused_alone() -> None:
    found = prepared({"to": ADA}, mode="reject")
    (verdict,) = found.rejections
    assert (verdict.code, verdict.field) == ("pii", "metadata.to")
    assert verdict.message == "contains personal data: an email address"
    assert prepared({"to": "nobody"}, mode="reject").rejections == []


def test_off_is_off() -> None:
    (row,) = prepared({"to": ADA, "name": "Ada"}, mode="off").rows
    assert row.event_metadata == '{"to":"ada@example.com","name":"Ada"}'
    assert row.warnings == ()


def test_hostile_values_cost_no_more_than_their_size() -> None:
    """A very long key over many finds, many keys that collide, many numbers to check."""
    scanner = PiiScanner(PII_KEYS)
    for value in (
        {"k" * 16_000: {"ssn": [12_345] * 8_000}},
        {f"u{number}@example.com": 1 for number in range(1_500)},
        {"calls": ["+1 415-555-2671"] * 1_500},
    ):
        redacted, findings = scanner.redact(value, "metadata")
        assert len(findings.named) == 20
        assert findings.more >= 1_480
        assert all(len(finding.path) <= 200 for finding in findings.named)
        assert "example.com" not in str(redacted)
        assert "2671" not in str(redacted)


def test_many_are_counted() -> None:
    (row,) = prepared({str(number): ADA for number in range(30)}).rows
    assert len(row.warnings) == 21
    assert row.warnings[-1].message == "contained personal data in 10 more places"


@pytest.mark.parametrize(
    "metadata",
    [
        {"to": ADA},
        {"password": 1},
        {"deep": {"deeper": {"apiKey": "k"}}},
        {"t": "Bearer " + "abcdefghijklmnopqrstuvwxyz"},
        {"at": 1732300000000, "id": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11"},
        {"x": "2001:db8:85a3:0:0:8a2e:370:7334"},
        {"\u0040": "a\u0040example.com"},
    ],
)
def test_both_readers_agree(metadata: dict[str, object]) -> None:
    given, settings = body(metadata), Settings()
    careful = prepare_with_care(parse_json(given), NOW, settings)
    assert prepare_batch(given, NOW, settings).rows == careful.rows
    quick = read_batch(given, NOW, settings)
    assert (quick is None) == bool(careful.rows[0].warnings)


@pytest.mark.fault("R2")
@pytest.mark.fault("R3")
@pytest.mark.parametrize("name", ["known", "held out"])
def test_the_labelled_sets(name: str) -> None:
    score = evaluate()[name]
    assert score["personal"] >= 300
    assert score["not_personal"] >= 300
    assert score["precision"] >= 0.98, score["wrong"]
    assert score["recall"] >= 0.98, score["wrong"]
