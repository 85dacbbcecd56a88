"""User tokens whose keys come over HTTP: fetched once, fetched anew for a new key, and away."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.auth import tokens as tokens_module
from app.auth.tokens import Tokens
from app.errors import Unauthorized, Unavailable
from app.settings import Settings
from tests.api.credentials import ADA, EC_KEY, RSA_KEY, claims, token, write_jwks


class Issuer:
    """Serves a key set, and counts how often it is asked."""

    def __init__(self) -> None:
        self.content = b"{}"
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(issuer.content)

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    issuer = Issuer()
    issuer.content = write_jwks(tmp_path / "jwks.json").read_bytes()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


def tokens_of(url: str) -> Tokens:
    return Tokens(Settings(jwt_jwks=url, jwt_audience="activity"))


async def test_the_keys_are_fetched_once(issuer: Issuer) -> None:
    tokens = tokens_of(issuer.url)
    for key, algorithm in ((RSA_KEY, "RS256"), (EC_KEY, "ES256"), (RSA_KEY, "RS256")):
        principal = await tokens.principal(token(key=key, algorithm=algorithm))
        assert (principal.kind, principal.email) == ("user", ADA)
    assert issuer.asked == 1


async def test_a_new_key_is_fetched_but_not_for_every_forged_one(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tokens_of(issuer.url)
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signed = jwt.encode(claims(), new, algorithm="RS256", headers={"kid": "new"})
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await tokens.principal(signed)
    assert issuer.asked == 1
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(new.public_key())) | {"kid": "new"}
    issuer.content = json.dumps({"keys": [public]}).encode()
    monkeypatch.setattr(tokens_module, "RETRY_SECONDS", 0.0)
    assert (await tokens.principal(signed)).email == ADA
    assert issuer.asked == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"1", b"{}", b'{"keys": []}', b'{"keys": [1]}', b'{"keys": 1}', b"<html>"],
)
async def test_an_issuer_that_says_nothing_useful(issuer: Issuer, content: bytes) -> None:
    issuer.content = content
    with pytest.raises(Unavailable) as caught:
        await tokens_of(issuer.url).principal(token(key=RSA_KEY, algorithm="RS256"))
    assert caught.value.code == "jwks_unavailable"


async def test_an_issuer_that_is_away(issuer: Issuer, tmp_path: Path) -> None:
    signed = token(key=RSA_KEY, algorithm="RS256")
    for nowhere in ("http://127.0.0.1:1/jwks.json", str(tmp_path / "none.json")):
        with pytest.raises(Unavailable):
            await tokens_of(nowhere).principal(signed)
