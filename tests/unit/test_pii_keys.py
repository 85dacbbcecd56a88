"""Keys that promise personal data: where they keep their promise, and where they don't."""

from typing import Any

import pytest

from app.ingest.pii import PiiScanner
from app.settings import PII_KEYS
from tests.unit.redacting import redacted

SCANNER = PiiScanner(PII_KEYS)


def redact(value: dict[str, Any]) -> dict[str, Any]:
    return redacted(SCANNER, value)


@pytest.mark.fault("R2")
@pytest.mark.parametrize(
    "value",
    [
        {"repository": {"name": "app", "full_name": "acme/app"}},
        {"labels": [{"name": "bug"}], "plan": {"name": "Pro"}, "step": {"name": "build"}},
        {"email": {"id": "m-7", "folder": "inbox", "unread": True, "size": 12}},
        {"mobile": 1, "desktop": 3},
        {"mobile": 12345678, "desktop": 34567890},
        {"mobile": True, "phone": False, "email": None},
        {"phone": "iPhone 15 Pro"},
        {"mobile": "responsive"},
        {"tag": "4.18.0.1"},
        {"driver": "31.0.15.4601"},
        {"text": "version 10.0.2.15"},
        {"mask": "255.255.255.0"},
        {"text": "255.255.252.0"},
        {"dep": "react@canary.next"},
        {"dep": "pkg@1.2.3"},
        {"src": "icon@2x.png"},
        {"css": "@media (min-width: 600px)"},
        {"remote": "git@github.com:org/repo.git"},
        {"remote": "gitea@code.example.com:org/repo.git"},
        {"messageId": "<20260101.1234@mail.example.com>"},
        {"log": "<20251120101112.445566@mx.example.org>"},
        {"uuid": "41111111-1111-4111-8111-111111111111"},
        {"at": "2026-11-20T09:15:00+01:00"},
        {"orderId": "4111111111111111"},
        {"order_number": 4111111111111111},
        {"path": "/orders/4111111111111111/lines"},
        {"bytes": 4111111111111111},
        {"address": {"id": 7, "kind": "delivery", "verified": True}},
        {"address": "eth0"},
        {"name": "Roadmap", "owner_id": 7},
        {"token": {"count": 3}, "tokens": 512, "cookie": "accepted"},
        {"password": {"length": 9, "strength": "strong"}},
        {"zip": "a.zip", "iban": True, "birthday": True, "passport": "required"},
        {"mac": "00:11:22:33:44:55:66:77"},
    ],
)
def test_a_thing_that_shares_a_persons_key(value: dict[str, Any]) -> None:
    assert redact(value) == value


@pytest.mark.fault("R2")
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"user": {"name": "Ada"}}, {"user": {"name": "[redacted:key]"}}),
        ({"attendees": [{"name": "Cy"}]}, {"attendees": [{"name": "[redacted:key]"}]}),
        (
            {"name": "Ada", "email": "ada@example.com"},
            {"name": "[redacted:key]", "email": "[redacted:email]"},
        ),
        (
            {"name": "Ada", "firstName": "Ada"},
            dict.fromkeys(("name", "firstName"), "[redacted:key]"),
        ),
        ({"customer_name": "Eve"}, {"customer_name": "[redacted:key]"}),
        ({"FULL_NAME": "Eve A"}, {"FULL_NAME": "[redacted:key]"}),
        (
            {"company": {"name": "Acme", "email": "a@acme.example.com"}},
            {"company": {"name": "Acme", "email": "[redacted:email]"}},
        ),
        (
            {"email": {"id": "m-7", "from": "ada@example.com"}},
            {"email": {"id": "m-7", "from": "[redacted:email]"}},
        ),
        (
            {"name": {"first": "Ada", "last": "L"}, "email": "ada@example.com"},
            {
                "name": {"first": "[redacted:key]", "last": "[redacted:key]"},
                "email": "[redacted:email]",
            },
        ),
        (
            {"phones": [{"type": "work", "number": "0171 1234567"}]},
            {"phones": [{"type": "work", "number": "[redacted:phone]"}]},
        ),
    ],
)
def test_a_persons_own(value: dict[str, Any], kept: dict[str, Any]) -> None:
    assert redact(value) == kept


@pytest.mark.fault("R3")
@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("note", 4111111111111111, "card"),
        ("card_number", 378282246310005, "card"),
        ("phone", 4915112345678, "phone"),
        ("mobile", "0171 1234567", "phone"),
        ("tel", "089/123456", "phone"),
        ("contactPhone", "020 7946 0958", "phone"),
        ("client_secret", "x", "key"),
        ("clientSecret", "x", "key"),
        ("private_key", "x", "key"),
        ("x", "-----BEGIN " + "PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "token"),
        ("x-api-key", "x", "key"),
        ("X-API-KEY", "x", "key"),
        ("Authorization", "Basic YWRhOmh1bnRlcjI=", "token"),
        ("x", "Basic YWRhOmh1bnRlcjI=", "token"),
        ("x", "Bearer 0123456789abcdef0123", "token"),
        ("firstname", "Ada", "key"),
        ("FIRSTNAME", "Ada", "key"),
        ("contact_email", "ada@example.com", "email"),
        ("zip", "94107", "key"),
        ("zip", 94107, "key"),
        ("mailingStreet", "Main St 1", "key"),
        ("billing-address", "Main St 1", "key"),
        ("addressLine1", "Main St 1", "key"),
        ("passportNumber", "C01X00T47", "key"),
        ("tax_id", "12-345", "key"),
        ("SSN", "078-05-1120", "key"),
        ("ssn", 78051120, "key"),
        ("userPassword", "x", "key"),
        ("pass\u200bword", "x", "key"),
        ("surname", "L", "key"),
        ("birthDate", "1990-01-02", "key"),
    ],
)
def test_what_was_missed(key: str, value: object, kind: str) -> None:
    assert list(redact({key: value}).values()) == [f"[redacted:{kind}]"]


KINDS = ("email", "phone", "card", "iban", "ip", "token", "key")


@pytest.mark.fault("R4")
@pytest.mark.parametrize("mark", [f"[redacted:{kind}]" for kind in KINDS])
@pytest.mark.parametrize("key", [*PII_KEYS, "client_secret", "x", "firstname", "user"])
def test_a_mark_stays(mark: str, key: str) -> None:
    for value in (mark, f"to {mark}", [mark], {"value": mark}, f"?email={mark}&token={mark}"):
        kept, findings = SCANNER.redact({key: value}, "metadata")
        again, more = SCANNER.redact(kept, "metadata")
        assert (again, more.named) == (kept, [])
        if value in (mark, [mark]):
            assert (kept, findings.named) == ({key: value}, [])
    assert SCANNER.redact({mark: 1}, "metadata")[0] == {mark: 1}
