"""The environment's proxies and certificates: used where they are meant, and told in a sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from httpx import URL

from activity_events import ActivityClient, AsyncActivityClient, Backoff
from activity_events.proxies import proxy_of
from tests.client.conftest import Connect, Scripted, gate
from tests.conftest import ROOT

pytestmark = pytest.mark.fault("G1")

OK = Scripted(200, b'{"events": [], "next_cursor": null}')
ONCE = Backoff(attempts=1)
ELSEWHERE = "http://events.example.com"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
KINDS = [ActivityClient, AsyncActivityClient]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def test_no_proxy_lies_between_a_machine_and_itself(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES[:3]:
        monkeypatch.setenv(name, "socks5://user:planted@127.0.0.1:1")
    with gate(otherwise=OK) as service:
        assert await connect(service.url, backoff=ONCE)("recent") == []


async def test_a_proxy_is_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with gate(otherwise=OK) as proxy:
        for value in (proxy.url, proxy.url.removeprefix("http://"), f" {proxy.url} "):
            monkeypatch.setenv("http_proxy", value)
            assert await connect(ELSEWHERE, backoff=ONCE)("recent") == []
        assert [seen.path.split("?")[0] for seen in proxy.seen] == [f"{ELSEWHERE}/api/events/"] * 3


@pytest.mark.parametrize(
    ("excluded", "url", "is_direct"),
    [
        ("events.example.com", ELSEWHERE, True),
        (".example.com", ELSEWHERE, True),
        ("example.com", ELSEWHERE, True),
        ("*", ELSEWHERE, True),
        ("other.org, events.example.com:8000", f"{ELSEWHERE}:8000", True),
        ("events.example.com:8001", f"{ELSEWHERE}:8000", False),
        ("ple.com", ELSEWHERE, False),
        ("10.0.0.0/8", "http://10.20.30.40:8000", True),
        ("10.0.0.0/8", "http://11.20.30.40:8000", False),
        ("10.20.30.40", "http://10.20.30.40:8000", True),
        ("fd00::/8", "http://[fd00::1]:8000", True),
        ("", ELSEWHERE, False),
        ("", "http://127.0.0.1:8000", True),
        ("", "http://127.8.0.1:8000", True),
        ("", "http://[::1]:8000", True),
        ("", "http://localhost:8000", True),
    ],
)
def test_what_needs_no_proxy(
    monkeypatch: pytest.MonkeyPatch, excluded: str, url: str, is_direct: bool
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example.net:3128")
    monkeypatch.setenv("NO_PROXY", excluded)
    assert (proxy_of(URL(url)) is None) == is_direct


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_is_excluded_is_not_read(
    kind: type[ActivityClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "events.example.com")
    for value in ("socks5://127.0.0.1:1080", "gopher://x", "http://[", "http://x:y"):
        monkeypatch.setenv("ALL_PROXY", value)
        kind(ELSEWHERE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("socks5://user:planted@127.0.0.1:1080", r"pip install 'httpx\[socks\]', or name the"),
        ("gopher://user:planted@127.0.0.1:1080", "must have the form http://proxy.example.com"),
        ("http://user:planted@[", "must have the form http://proxy.example.com"),
        ("http://user:planted@127.0.0.1:port", "must have the form http://proxy.example.com"),
        ("http://user:planted@127.0.0.1:99999", "must have the form http://proxy.example.com"),
        ("user:planted@ :1", "must have the form http://proxy.example.com"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_a_sentence(
    kind: type[ActivityClient], monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(ValueError, match=message) as raised:
        kind(ELSEWHERE)
    assert raised.value.__suppress_context__
    assert "planted" not in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_certificates_that_can_not_be_read_are_a_sentence(
    kind: type[ActivityClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    for name, reason in (("none.pem", "No such file or directory"), ("empty.pem", "")):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(ValueError, match=f"SSL_CERT_FILE: .*{reason}"):
            kind("https://events.example.com")
        kind(ELSEWHERE)  # without TLS they are not read


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ALL_PROXY": "socks5://user:planted@127.0.0.1:1"}, "pip install 'httpx[socks]'"),
        ({"ALL_PROXY": "http://user:planted@["}, "must have the form"),
        ({"SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE: "),
        (
            {"SSL_CERT_FILE": "/nowhere", "ACTIVITY_URL": "http://127.0.0.1:1"},
            "No service responds",
        ),
    ],
)
def test_the_assistant_s_program_says_so_in_a_line(environment: dict[str, str], said: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("activity-events"), "mcp"],
        env={"ACTIVITY_URL": "https://events.example.com", **environment},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "planted" not in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "http://h/?token=planted",
        "http://h/#planted",
        "http://a:planted@h:99999",
        "http://a b:1",
        "//h",
        "h:8000",
        "ftp://h",
    ],
)
def test_a_url_that_is_none_is_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"url: .* must have the form https:") as raised:
        ActivityClient(url)
    assert "planted" not in str(raised.value)
