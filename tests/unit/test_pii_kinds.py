"""Kinds of personal data that were kept, and of ordinary values that were lost."""

from typing import Any

import pytest

from app.ingest.pii import PiiScanner
from app.settings import PII_KEYS
from tests.unit.redacting import redacted

SCANNER = PiiScanner(PII_KEYS)


def redact(value: dict[str, Any]) -> dict[str, Any]:
    return redacted(SCANNER, value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("?next=/reset?token=abc123def456ghi789", "?next=/reset?token=[redacted:key]"),
        ("?next=%2Freset%3Ftoken%3Dabc123def456", "?next=%2Freset%3Ftoken%3D[redacted:key]"),
        (
            "?continue=https%3A%2F%2Fb.io%2F%3Fpassword%3Dhunter2",
            "?continue=https%3A%2F%2Fb.io%2F%3Fpassword%3D[redacted:key]",
        ),
        (
            "?redirect_uri=https%3A%2F%2Fb.io%2Fcb%3Faccess_token%3Dabc123def456&x=1",
            "?redirect_uri=https%3A%2F%2Fb.io%2Fcb%3Faccess_token%3D[redacted:key]&x=1",
        ),
        ("?a=/b?c=/d?password=hunter2&e=1", "?a=/b?c=/d?password=[redacted:key]&e=1"),
        ("?password=what?now", "?password=[redacted:key]"),
        ("?password=he?llo=1&b=2", "?password=[redacted:key]&b=2"),
    ],
)
def test_in_a_url_inside_a_url(given: str, kept: str) -> None:
    assert redact({"page": given}) == {"page": kept}


@pytest.mark.parametrize(
    "key",
    [
        "password_confirmation", "passwordConfirmation", "passwordConfirm", "password_again",
        "password_repeat", "passwordHash", "password_digest", "secret_key_base", "token_value",
        "new_password_confirmation", "pwd_confirm", "passphrase_repeat", "api_key_value",
        "passwordconfirmation", "PASSWORD_HASH", "client_secret_value",
    ],
)  # fmt: skip
def test_a_secrets_key_with_a_word_behind(key: str) -> None:
    assert redact({key: "hunter2"}) == {key: "[redacted:key]"}


@pytest.mark.parametrize(
    "value",
    [
        {"password_required": True, "token_count": 5, "secret_santa": "x"},
        {"errors": {"username": "required", "password": "required"}},
        {"password": "missing", "password_confirmation": "blank", "username": "invalid"},
        {"password_strength": "very-Strong 3", "password_changed_at": "2026-11-20T10:00:00Z"},
        {"hash": "db90b5eb97b5f5343dc93ddb8058af254890b97e", "base": "main1"},
        {"passwordless": "magic1", "password_input": "visible1"},
        {"password_reset_url": "/reset/1", "token_type": "Bearer1", "token_endpoint": "/oauth2"},
        {"cookie_domain": "b1.io", "secret_name": "db-creds-2", "access_token_expires_in": 3600},
        {"from": {"name": "In Progress"}, "to": {"name": "Done"}},
        {"v": "upgrade from 4.18.0.1 to 4.18.0.2"},
        {"patch": "+20240101\n+20240102"},
        {"unit": "getty@tty1.service"},
        {"class": "sk-toggleable__content-arrow"},
        {"avs": {"street": "fail"}},
        {"n": 4155552671.0, "ratio": 0.5, "at": 1764400000000.0},
    ],
)
def test_what_stays(value: dict[str, Any]) -> None:
    assert redact(value) == value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (
            {"phone": 4155552671.0, "ssn": 123456789.0, "card_number": 4111111111111111.0},
            {
                "phone": "[redacted:phone]",
                "ssn": "[redacted:key]",
                "card_number": "[redacted:card]",
            },
        ),
        ({"n": 4111111111111111.0}, {"n": "[redacted:card]"}),
        (
            {"shipping": {"name": "Jenny Rosen", "phone": None, "address": {"city": "Rom"}}},
            {"shipping": {"name": "[redacted:key]", "phone": None, "address": {"city": "Rom"}}},
        ),
        (
            {"actor": {"name": "Ada Lovelace", "type": "user"}},
            {"actor": {"name": "[redacted:key]", "type": "user"}},
        ),
        (
            {"real_name_normalized": "Ada Lovelace", "from_name": "Ada"},
            {"real_name_normalized": "[redacted:key]", "from_name": "[redacted:key]"},
        ),
    ],
)
def test_what_was_kept(value: dict[str, Any], kept: dict[str, Any]) -> None:
    assert redact(value) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (
            {"key": "user.full_name", "value": {"stringValue": "Ada Lovelace"}},
            {"key": "user.full_name", "value": {"stringValue": "[redacted:key]"}},
        ),
        (
            {"key": "db.user.password", "value": {"string_value": "hunter2"}},
            {"key": "db.user.password", "value": {"string_value": "[redacted:key]"}},
        ),
        ({"name": "firstname", "value": "Ada"}, {"name": "firstname", "value": "[redacted:key]"}),
        ({"name": "phone", "value": 4155552671}, {"name": "phone", "value": "[redacted:phone]"}),
        (
            {"person": {"name": "Ada Lovelace", "value": 7}},
            {"person": {"name": "[redacted:key]", "value": 7}},
        ),
        (
            {"contact": {"name": "lastname", "value": "Lovelace"}},
            {"contact": {"name": "lastname", "value": "[redacted:key]"}},
        ),
    ],
)
def test_a_name_and_its_value(value: dict[str, Any], kept: dict[str, Any]) -> None:
    assert redact(value) == kept
    assert redact({"attributes": [value, value]}) == {"attributes": [kept, kept]}


@pytest.mark.parametrize(
    "value",
    [
        {"key": "telemetry.sdk.version", "value": "1.2.3.4"},
        {"key": "telemetry.sdk.version", "value": {"stringValue": "1.2.3.4"}},
        {"key": "service.name", "value": {"stringValue": "checkout"}},
        {"name": "token", "value": "identifier"},
        {"name": "name", "value": "Roadmap"},
        {"name": "password", "value": "required"},
        {"name": "mobile", "value": 3},
        {"key": 3, "value": "x"},
    ],
)
def test_a_things_name_and_its_value(value: dict[str, Any]) -> None:
    assert redact(value) == value
    assert redact({"attributes": [value, {"x": "a=b"}]})["attributes"][0] == value
