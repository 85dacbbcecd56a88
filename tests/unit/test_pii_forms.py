"""Personal data in other spellings, and in the parameters and userinfo of URLs."""

from typing import Any

import pytest

from app.ingest.pii import PiiScanner
from app.settings import PII_KEYS
from tests.unit.redacting import redacted

SCANNER = PiiScanner(PII_KEYS)


def redact(value: dict[str, Any]) -> dict[str, Any]:
    return redacted(SCANNER, value)


@pytest.mark.fault("F1")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/welcome?email=ada%40example.com", "/welcome?email=[redacted:email]"),
        ("/welcome?email=ada%2540example.com", "/welcome?email=[redacted:email]"),
        ("/u/ada%40example.com", "/u/[redacted:email]"),
        ("/u/ADA%40EXAMPLE.COM/x", "/u/[redacted:email]/x"),
        ("?to=ADA%40EXAMPLE.COM&n=1", "?to=[redacted:email]&n=1"),
        ("a%64a%40ex%61mple.com!", "[redacted:email]!"),
        ("to %22ada%40example.com%22", "to %22[redacted:email]%22"),
        ("ada\uff20example.com", "[redacted:email]"),
        ("\uff41\uff44\uff41@example.com", "[redacted:email]"),
        ("ada@example\u3002com", "[redacted:email]"),
        ("mail ada(at)example.com now", "mail [redacted:email] now"),
        ("ada [at] example [dot] com", "[redacted:email]"),
        ("ada (AT) example.com", "[redacted:email]"),
        ("ada{at}example.com", "[redacted:email]"),
        ("ada&#64;example.com", "[redacted:email]"),
        ("ada&#x40;example&period;com", "[redacted:email]"),
        ("ada&commat;example.com", "[redacted:email]"),
        ("ada%26%2364%3Bexample.com", "[redacted:email]"),
        ("ada=40example.com", "[redacted:email]"),
        ("ada\\u0040example.com", "[redacted:email]"),
        ("a\u00adda@exam\u200bple.com", "[redacted:email]"),
        ("\ufeffada@example.com", "\ufeff[redacted:email]"),
        ("ada@\u2060example.com", "[redacted:email]"),
        ('"Ada L"@example.com', "[redacted:email]"),
        ("ada@example.com:foo/bar", "[redacted:email]:foo/bar"),
        ("x ada@example.com_y", "x [redacted:email]_y"),
        ("4111%201111%201111%201111", "[redacted:card]"),
        ("4111\u20131111\u20131111\u20131111", "[redacted:card]"),
        ("4111\u00a01111\u00a01111\u00a01111", "[redacted:card]"),
        ("\uff14111111111111111", "[redacted:card]"),
        ("\u0664111111111111111", "[redacted:card]"),
        ("4111\u200b1111\u200b1111\u200b1111", "[redacted:card]"),
        ("to de89370400440532013000", "to [redacted:iban]"),
        ("nl91 abna 0417 1643 00 then", "[redacted:iban] then"),
        ("call 0049 30 901820", "call [redacted:phone]"),
        ("%2B4930901820", "[redacted:phone]"),
        ("tel:%2B1-415-555-2671", "tel:[redacted:phone]"),
        ("0033 1 70 18 99 00", "[redacted:phone]"),
        ("192%2E168%2E1%2E20", "[redacted:ip]"),
        ("\uff11\uff19\uff12.168.1.20", "[redacted:ip]"),
        ("2001%3Adb8%3A%3A8a2e%3A370%3A7334", "[redacted:ip]"),
    ],
)
def test_in_any_spelling(given: str, kept: str) -> None:
    assert redact({"x": given}) == {"x": kept}
    assert redact({"x": {"y": [given]}}) == {"x": {"y": [kept]}}


@pytest.mark.fault("F1")
@pytest.mark.parametrize(
    "key",
    ["ada%40example.com", "ada%2540example.com", "ada(at)example.com", "ada\uff20example.com"],
)
def test_keys_too(key: str) -> None:
    assert redact({key: 1}) == {"[redacted:email]": 1}


@pytest.mark.fault("F1")
@pytest.mark.parametrize(
    "text",
    [
        "100%25 done",
        "%E2%9C%93",
        "R&D &amp; &copy; 2026",
        "a=3D1 =20",
        "\uff28\uff45\uff4c\uff4c\uff4f",
        "look(at)me",
        "array.at(1) [at] 5",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "no\u200bbreak",
        "C:\\users\\new",
        "C\u00e9line \u2013 \u4f60\u597d\uff0c",
    ],
)
def test_what_is_only_spelt_otherwise_stays_as_it_was(text: str) -> None:
    assert redact({"v": text}) == {"v": text}


@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            "/reset?token=9f8e7d6c5b4a3f2e&password=hunter22&name=Ada+Lovelace",
            "/reset?token=[redacted:key]&password=[redacted:key]&name=[redacted:key]",
        ),
        ("https://x/#access_token=abc123def456", "https://x/#access_token=[redacted:key]"),
        (
            "?api_key=k1&code=Splx1OBeZQQY&page=2",
            "?api_key=[redacted:key]&code=[redacted:key]&page=2",
        ),
        ("https://user:pw@host/x?a=1", "https://[redacted:token]@host/x?a=1"),
        ("postgresql://u:secretpw@db/x", "postgresql://[redacted:token]@db/x"),
        ("redis://:pw@cache:6379/0", "redis://[redacted:token]@cache:6379/0"),
        ("mysql://root:p%40ss@h/w", "mysql://[redacted:token]@h/w"),
        ("pw://a:b@host.example.com/x", "pw://[redacted:token]@host.example.com/x"),
        ("/x;password=hunter2;v=1", "/x;password=[redacted:key];v=1"),
        ("/cb?client_secret=s1&state=x", "/cb?client_secret=[redacted:key]&state=x"),
        ("/cb?clientSecret=s1", "/cb?clientSecret=[redacted:key]"),
        ("https%3A%2F%2Fh%2F%3Ftoken%3Dabc123", "https%3A%2F%2Fh%2F%3Ftoken%3D[redacted:key]"),
        ("?X-Amz-Signature=abcdef0123", "?X-Amz-Signature=[redacted:key]"),
        ("?first_name=Ada&n=1", "?first_name=[redacted:key]&n=1"),
        ("?zip=94107", "?zip=[redacted:key]"),
        ("?phone=030901820", "?phone=[redacted:key]"),
        ("curl -d password=hunter2 x", "curl -d password=[redacted:key] x"),
        ('{"password": "hunter2", "a": 1}', '{"password": "[redacted:key]", "a": 1}'),
        (
            "?badge=[redacted:key]&token=[redacted:token]",
            "?badge=[redacted:key]&token=[redacted:token]",
        ),
    ],
)
def test_parameters_and_userinfo(given: str, kept: str) -> None:
    assert redact({"page": given}) == {"page": kept}


@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    "text",
    [
        "/list?name=app&page=2",
        "?code=404&key=name&sort=email&token_type=bearer&tokens=5",
        "?phone=android&email=on&mobile=1&zip=auto",
        "?page_token=abc123def456",
        "ssh://git@host.example.com/x",
        "https://example.com/@ada/x",
        "https://example.com:8443/a@b",
        "if (token == password) x = null",
        "<input name=email type=password>",
        "a=b&c=d",
    ],
)
def test_harmless_parameters(text: str) -> None:
    assert redact({"page": text}) == {"page": text}


@pytest.mark.fault("F2")
def test_the_operators_own_keys_count_in_parameters() -> None:
    scanner = PiiScanner(("badge",))
    given = {"page": "/x?badge=B-7&name=y&token=abc123"}
    kept = {"page": "/x?badge=[redacted:key]&name=y&token=[redacted:key]"}
    assert redacted(scanner, given) == kept
