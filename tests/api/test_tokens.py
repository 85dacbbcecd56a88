"""User tokens whose keys come over HTTP: read behind the requests, and shared by them."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from app.auth import jwks as jwks_module
from app.auth.jwks import Jwks
from app.auth.tokens import Tokens
from app.errors import ServeError, Unauthorized, Unavailable
from app.server.startup_access import access_notice
from app.settings import Settings
from tests.api.credentials import ADA, EC_KEY, RSA_KEY, claims, token, write_jwks

PROXIES = ("all_proxy", "http_proxy", "https_proxy", "no_proxy")


class Issuer:
    """Serves a key set, and counts how often it is asked."""

    def __init__(self) -> None:
        self.content = b"{}"
        self.asked = 0
        self.redirect_to: str | None = None
        self.drips = threading.Event()
        self.ends = threading.Event()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(302 if issuer.redirect_to else 200)
                if issuer.redirect_to:
                    self.send_header("Location", issuer.redirect_to)
                self.end_headers()
                while issuer.drips.is_set() and not issuer.ends.wait(0.05):
                    self.wfile.write(b" ")
                self.wfile.write(issuer.content)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    issuer = Issuer()
    issuer.content = write_jwks(tmp_path / "jwks.json").read_bytes()
    yield issuer
    issuer.ends.set()
    issuer.server.shutdown()
    issuer.server.server_close()


@asynccontextmanager
async def tokens_of(url: str) -> AsyncIterator[Tokens]:
    tokens = Tokens(Settings(jwt_jwks=url, jwt_audience="activity"))
    yield tokens
    await tokens.close()


def keys_of(tokens: Tokens) -> Jwks:
    assert tokens._jwks is not None
    return tokens._jwks


def unknown() -> str:
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims(), new, algorithm="RS256", headers={"kid": "new"})


def signed_by_issuer() -> str:
    return token(key=RSA_KEY, algorithm="RS256")


async def test_the_keys_are_fetched_once(issuer: Issuer) -> None:
    async with tokens_of(issuer.url) as tokens:
        for key, algorithm in ((RSA_KEY, "RS256"), (EC_KEY, "ES256"), (RSA_KEY, "RS256")):
            principal = await tokens.principal(token(key=key, algorithm=algorithm))
            assert (principal.kind, principal.email) == ("user", ADA)
        assert issuer.asked == 1


async def test_a_new_key_is_fetched_but_not_for_every_forged_one(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signed = jwt.encode(claims(), new, algorithm="RS256", headers={"kid": "new"})
    async with tokens_of(issuer.url) as tokens:
        for _ in range(5):
            with pytest.raises(Unauthorized):
                await tokens.principal(signed)
        assert issuer.asked == 1
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(new.public_key())) | {"kid": "new"}
        issuer.content = json.dumps({"keys": [public]}).encode()
        monkeypatch.setattr(jwks_module, "RETRY_SECONDS", 0.0)
        assert (await tokens.principal(signed)).email == ADA
        assert issuer.asked == 2


@pytest.mark.fault("S18", "N16")
async def test_known_keys_do_not_wait_for_an_issuer_that_drips(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = signed_by_issuer(), unknown()
    async with tokens_of(issuer.url) as tokens:
        assert (await tokens.principal(good)).email == ADA
        issuer.drips.set()
        monkeypatch.setattr(jwks_module, "WAIT_SECONDS", 1.0)
        keys_of(tokens)._tried_at = float("-inf")  # as after minutes
        forged = [asyncio.create_task(tokens.principal(bad)) for _ in range(5)]
        await asyncio.sleep(0)
        assert (await tokens.principal(good)).email == ADA
        assert not any(each.done() for each in forged)
        for refused in await asyncio.gather(*forged, return_exceptions=True):
            assert isinstance(refused, Unavailable)
            assert refused.headers() == {"Retry-After": "1"}
        assert issuer.asked == 2


@pytest.mark.fault("S18", "N16")
async def test_a_reading_has_a_time_limit_for_the_whole_of_it(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_module, "READ_SECONDS", 1.0)
    issuer.drips.set()
    async with asyncio.timeout(10), tokens_of(issuer.url) as tokens:
        with pytest.raises(Unavailable):
            await tokens.principal(signed_by_issuer())
        reading = keys_of(tokens)._reading
        assert reading is not None
        await asyncio.wait({reading}, timeout=5)
        assert reading.done()
        # It is not asked again at once; and once it answers, all is well.
        with pytest.raises(Unavailable):
            await tokens.principal(signed_by_issuer())
        assert issuer.asked == 1
        issuer.drips.clear()
        keys_of(tokens)._tried_at = float("-inf")
        assert (await tokens.principal(signed_by_issuer())).email == ADA


NESTED = b"[" * 100_000


@pytest.mark.fault("N16")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"1",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [1]}',
        b'{"keys": 1}',
        b"<html>",
        b"\xff\xfe",
        NESTED,
        b" " * 1_100_000,
    ],
    ids=lambda content: content[:12].decode("latin-1"),
)
async def test_an_issuer_that_says_nothing_useful(issuer: Issuer, content: bytes) -> None:
    issuer.content = content
    async with tokens_of(issuer.url) as tokens:
        with pytest.raises(Unavailable) as caught:
            await tokens.principal(signed_by_issuer())
    assert caught.value.code == "jwks_unavailable"


async def test_an_issuer_that_is_away(issuer: Issuer, tmp_path: Path) -> None:
    for nowhere in ("http://127.0.0.1:1/jwks.json", str(tmp_path / "none.json")):
        async with tokens_of(nowhere) as tokens:
            with pytest.raises(Unavailable):
                await tokens.principal(signed_by_issuer())


@pytest.mark.fault("N16")
async def test_spaces_a_byte_order_mark_and_the_scheme_in_capitals(
    issuer: Issuer, tmp_path: Path
) -> None:
    issuer.content = b"\xef\xbb\xbf" + issuer.content
    path = tmp_path / "my keys.json"
    path.write_bytes(issuer.content)
    for source in (
        f" {issuer.url}\n",
        issuer.url.replace("http:", "HTTP:"),
        str(path),
        path.as_uri(),
        path.as_uri().replace("file:", "FILE:"),
    ):
        async with tokens_of(source) as tokens:
            assert (await tokens.principal(signed_by_issuer())).email == ADA


@pytest.mark.fault("N16")
@pytest.mark.parametrize("source", ["ftp://id.example.com/jwks", "http://", "https://a b/", "x://"])
def test_what_is_neither_a_file_nor_a_url(source: str) -> None:
    with pytest.raises(ValidationError, match="jwt_jwks"):
        Settings(jwt_jwks=source, jwt_audience="activity")


@pytest.mark.fault("N16")
async def test_a_redirect_is_followed_to_https_alone(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    port = issuer.server.server_port
    for place, why in (
        (f"http://127.0.0.1:{port}/other.json", "a URL that is not https"),
        ("file:///etc/passwd", "a URL that is not https"),
        # There is no TLS at this port: it is where it went.
        (f"https://127.0.0.1:{port}/jwks.json", "can't be read: ConnectError"),
        ("https://[", "can't be read: "),
    ):
        issuer.redirect_to = place
        caplog.clear()
        async with tokens_of(issuer.url) as tokens:
            with pytest.raises(Unavailable):
                await tokens.principal(signed_by_issuer())
        assert why in caplog.text


@pytest.mark.fault("G1")
async def test_a_proxy_of_the_environment_is_no_500(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = "http://id.example.com/jwks.json"
    monkeypatch.setenv("ALL_PROXY", "socks5://user:planted@127.0.0.1:1")
    async with tokens_of(elsewhere) as tokens:
        with pytest.raises(Unavailable):
            await tokens.principal(signed_by_issuer())
    assert "needs another package: pip install 'httpx[socks]'" in caplog.text
    assert "planted" not in caplog.text
    # None is used where it is said so, nor where another is for this scheme.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with tokens_of(issuer.url) as tokens:
        assert (await tokens.principal(signed_by_issuer())).email == ADA
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("http_proxy", issuer.url.removesuffix("/jwks.json"))
    async with tokens_of(elsewhere) as tokens:
        assert (await tokens.principal(signed_by_issuer())).email == ADA
    monkeypatch.setenv("http_proxy", "not a proxy://")
    async with tokens_of(elsewhere) as tokens:
        with pytest.raises(Unavailable):
            await tokens.principal(signed_by_issuer())
    assert "the proxy of the environment (HTTP_PROXY" in caplog.text
    monkeypatch.delenv("http_proxy")
    monkeypatch.delenv("ALL_PROXY")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    async with tokens_of("https://id.example.com/jwks.json") as tokens:
        with pytest.raises(Unavailable):
            await tokens.principal(signed_by_issuer())
    assert "SSL_CERT_FILE: the certificates of the environment can't be read" in caplog.text


@pytest.mark.fault("S13")
async def test_keys_of_another_purpose_or_kind_verify_nothing(issuer: Issuer) -> None:
    secret = {"kty": "oct", "kid": "rsa", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"}
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA_KEY.public_key()))
    for key in (secret, {**public, "kid": "rsa", "use": "enc"}, {**public, "alg": "PS256"}):
        issuer.content = json.dumps({"keys": [key]}).encode()
        async with tokens_of(issuer.url) as tokens:
            with pytest.raises((Unauthorized, Unavailable)):
                await tokens.principal(signed_by_issuer())
            forged = jwt.encode(claims(), "secret-secret-secret-secret-secr", algorithm="HS256")
            with pytest.raises(Unauthorized):
                await tokens.principal(forged)


@pytest.mark.fault("S13")
def test_keys_of_an_issuer_are_for_an_audience() -> None:
    with pytest.raises(ValidationError, match="ACTIVITY_JWT_AUDIENCE"):
        Settings(jwt_jwks="https://id.example.com/jwks")
    with pytest.raises(ValidationError, match="ACTIVITY_JWT_AUDIENCE"):
        Settings(jwt_jwks="keys.json", jwt_audience="")
    assert Settings(jwt_jwks="keys.json", jwt_issuer="https://id.example.com").audience is None


@pytest.mark.fault("S13")
async def test_any_audience_is_taken_on_purpose(issuer: Issuer) -> None:
    tokens = Tokens(Settings(jwt_jwks=issuer.url, jwt_audience="*"))
    for given in ({}, {"aud": None}, {"aud": ["another", "third"]}):
        signed = token(key=RSA_KEY, algorithm="RS256", **given)
        assert (await tokens.principal(signed)).email == ADA
    await tokens.close()


@pytest.mark.fault("newcomer-21", "N16")
async def test_a_file_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    for path, why in (
        (tmp_path / "none.json", "the file does not exist"),
        (tmp_path, "it is not a file"),
        (pipe, "it is not a file"),
        (empty, "it holds no usable keys"),
    ):
        settings = Settings(jwt_jwks=str(path), jwt_audience="activity")
        with pytest.raises(ServeError, match=why):
            await access_notice(settings, "postgresql://unused")


@pytest.mark.fault("N16", "S13")
async def test_a_url_that_is_away_is_warned_of_at_the_start(issuer: Issuer) -> None:
    away = Settings(jwt_jwks="http://127.0.0.1:1/jwks.json", jwt_audience="activity")
    assert "Warning    ACTIVITY_JWT_JWKS" in await access_notice(away, "postgresql://unused")
    doubtful = Settings(jwt_jwks=issuer.url, jwt_issuer="https://id.example.com")
    notice = await access_notice(doubtful, "postgresql://unused")
    assert "Warning    ACTIVITY_JWT_AUDIENCE is not set" in notice
    sure = Settings(jwt_jwks=issuer.url, jwt_audience="activity")
    assert "Warning" not in await access_notice(sure, "postgresql://unused")


async def test_a_header_that_is_no_object_or_too_deep() -> None:
    tokens = Tokens(Settings(jwt_secret="s" * 32))
    for header in (b"[" * 20_000, b"1", b"[]", b'{"alg": ["HS256"]}', b'{"alg": {}, "kid": []}'):
        part = jwt.utils.base64url_encode(header).decode()
        with pytest.raises(Unauthorized):
            await tokens.principal(f"{part}.e30.AA")
