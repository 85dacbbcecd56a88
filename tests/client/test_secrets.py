"""The client and its key: sent as it is meant, refused where no header takes it, told to nobody."""

import logging
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activity_events import ActivityClient, ActivityError, AsyncActivityClient, Backoff, NoAnswer
from activity_events.address import Address, reason_of
from tests.client.conftest import Connect, Scripted, gate
from tests.conftest import ROOT

pytestmark = pytest.mark.fault("N4")

KEY = "planted" + "k" * 33
ONCE = Backoff(attempts=1)
OK = Scripted(200, b'{"events": [], "next_cursor": null}')


@pytest.mark.parametrize("end", ["\n", "\r\n", " ", "\t\n", "\n\n"])
async def test_a_key_as_files_and_secrets_have_it(
    connect: Connect, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    with gate(otherwise=OK) as service:
        client = connect(service.url, key=f"{KEY}{end}", backoff=ONCE)
        assert await client("recent") == []
        assert service.seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text


@pytest.mark.parametrize("kind", [ActivityClient, AsyncActivityClient])
@pytest.mark.parametrize(
    "key",
    [f"{KEY}\nX-Admin: 1", f"{KEY}\0", f"{KEY}ü", f"{KEY} {KEY}", f"{KEY}\u200b", f"{KEY}\x7f",
     f"{KEY}\ud83d", f"Bearer {KEY}"],
)  # fmt: skip
def test_what_no_header_takes_is_refused_unquoted(kind: type[ActivityClient], key: str) -> None:
    with pytest.raises(ValueError, match="key: character") as raised:
        kind("http://127.0.0.1:1", key=key)
    assert "planted" not in "".join(traceback.format_exception(raised.value))
    assert not isinstance(raised.value, UnicodeError)


@pytest.mark.parametrize("key", [KEY.encode(), SecretStr(KEY), [KEY]])
def test_a_key_that_is_no_text_is_refused_unquoted(key: Any) -> None:
    with pytest.raises(
        ValueError, match=f"key: must be a text \\(got {type(key).__name__}"
    ) as raised:
        ActivityClient("http://127.0.0.1:1", key=key)
    assert "planted" not in str(raised.value)


def test_the_environment_s_key_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_KEY", f"{KEY}\n")
    assert Address.of(None, None).key == KEY
    monkeypatch.setenv("ACTIVITY_KEY", "\n")
    assert Address.of(None, None).key is None


async def test_the_user_and_password_of_a_url_are_a_proxy_s(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with gate(otherwise=OK) as service:
        url = service.url.replace("http://", "http://proxy:planted-password@")
        client = connect(url, key=KEY, backoff=ONCE)
        await client("recent")
        headers = service.seen[0].headers
        assert headers["authorization"] == httpx.BasicAuth("proxy", "planted-password")._auth_header
        assert headers["x-api-key"] == KEY
        told = repr(client.client) + client.client.url + caplog.text
    assert "planted" not in told
    for wrong in ("ftp://proxy:planted-password@h", "http://proxy:planted-password@h:x"):
        with pytest.raises(ValueError, match="url: ") as raised:
            connect(wrong)
        assert "planted" not in str(raised.value)
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("status", [202, 302, 400, 401, 500, 502])
async def test_who_repeats_the_secrets_is_not_repeated(
    connect: Connect, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """A server that shows the request in its answer, and a client that logs the error."""
    basic = httpx.BasicAuth("proxy", "planted-password")._auth_header
    page = f"<h1>Bad request</h1> Bearer {KEY} {basic} proxy:planted-password".encode()
    with gate(otherwise=Scripted(status, page)) as service:
        url = service.url.replace("http://", "http://proxy:planted-password@")
        client = connect(url, key=KEY, backoff=Backoff(attempts=2, base_seconds=0.01))
        with pytest.raises(ActivityError) as raised:
            await client("recent")
    told = str(raised.value) + caplog.text + repr(client.client)
    assert "Bad request" in told
    assert ("retrying in" in caplog.text) == (status >= 500)
    assert "planted" not in told
    assert basic.removeprefix("Basic ") not in told


def test_what_http_refuses_to_send_is_not_quoted() -> None:
    error = httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}\\n'")
    assert reason_of(error) == "LocalProtocolError: it can't be sent over HTTP"
    assert "refused" in reason_of(httpx.ConnectError("Connection refused"))
    assert issubclass(NoAnswer, ActivityError)


@pytest.mark.parametrize("key", [f"{KEY}ü", f"{KEY}\nX-Admin: 1"])
def test_the_assistant_s_program_says_so_in_a_line(key: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("activity-events"), "mcp"],
        env={"ACTIVITY_KEY": key, "ACTIVITY_URL": "http://u:planted-password@127.0.0.1:1"},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--key: character" in done.stderr
    assert "planted" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
