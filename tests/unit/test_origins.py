"""Origins are kept as browsers send them; what no page can have is refused where it is set."""

import pytest
from pydantic import ValidationError

from app.formats.origins import normalise_origin
from app.settings import Settings


@pytest.mark.fault("A7")
@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com/", "https://app.example.com"),
        (" HTTPS://App.Example.COM ", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80/", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("http://localhost:05173", "http://localhost:5173"),
        ("http://localhost:", "http://localhost"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("http://my_host", "http://my_host"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(given: str, origin: str) -> None:
    assert normalise_origin(given) == origin
    assert Settings(allowed_origins=(given, origin)).allowed_origins == (origin,)


@pytest.mark.fault("A7")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "not an origin that can be trusted"),
        ("null", "not an origin that can be trusted"),
        ("NULL", "not an origin that can be trusted"),
        ("*", "wildcards"),
        ("https://*.example.com", "wildcards"),
        ("http://localhost:*", "wildcards"),
        ("app.example.com", "did you mean https://app.example.com?"),
        ("App.Example.com:8443", "did you mean https://app.example.com:8443?"),
        ("//app.example.com", "did you mean https://app.example.com?"),
        ("localhost:3000", "did you mean https://localhost:3000?"),
        ("https:app.example.com", "is not an origin"),
        ("https:/app.example.com", "is not an origin"),
        ("https://app.example.com/shop", "did you mean https://app.example.com?"),
        ("https://app.example.com?a=1", "did you mean https://app.example.com?"),
        ("https://app.example.com/#a", "did you mean https://app.example.com?"),
        ("https://ada@app.example.com", "did you mean https://app.example.com?"),
        ("https://", "has no host"),
        ("https://a b.example", "has no host"),
        ("https://-", "has no host"),
        ("https://bücher.example", "xn--"),
        ("https://a.example:99999", "is not an origin"),
        ("https://a.example:0", "port 0"),
        ("https://a.example:http", "is not an origin"),
        ("https://[::1", "is not an origin"),
        ("javascript:alert(1)", "is not an origin"),
        ("javascript://x", "have no origin"),
        ("data:text/html,x", "is not an origin"),
        ("file:///home/ada", "have no origin"),
        ("about:blank", "is not an origin"),
        ("blob:https://app.example.com/1", "have no origin"),
        ("wss://app.example.com", "have no origin"),
        ("https://a.example,https://b.example", "has no host"),
    ],
)
def test_what_no_page_has_is_refused_with_what_was_meant(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        normalise_origin(given)
    assert said in str(caught.value)


@pytest.mark.fault("A7")
def test_any_origin_is_one_of_the_setting_alone() -> None:
    assert Settings(allowed_origins=("*",)).allowed_origins == ("*",)
    with pytest.raises(ValidationError, match=r"did you mean https://app\.example\.com"):
        Settings(allowed_origins=("app.example.com",))
