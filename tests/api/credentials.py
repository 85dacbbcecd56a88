"""Keys and tokens for the tests: good ones, and every kind of bad one."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ADA = "ada@example.com"
WRITE_KEY, READ_KEY, ADMIN_KEY, METRICS_KEY = "w" * 32, "r" * 32, "a" * 32, "m" * 32
SECRET = "s" * 32
AUDIENCE, ISSUER = "activity", "https://id.example.com"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def write_jwks(path: Path) -> Path:
    """The issuer's public keys."""
    keys = [
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA_KEY.public_key())) | {"kid": "rsa"},
        json.loads(jwt.algorithms.ECAlgorithm.to_jwk(EC_KEY.public_key())) | {"kid": "ec"},
    ]
    path.write_text(json.dumps({"keys": [{**key, "use": "sig"} for key in keys]}))
    return path


def claims(email: str | None = ADA, **changes: Any) -> dict[str, Any]:
    """A minute's token for this service; a change to None takes a claim away."""
    plain = {"email": email, "aud": AUDIENCE, "iss": ISSUER, "exp": int(time.time()) + 60}
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def token(
    email: str | None = ADA, *, key: Any = SECRET, algorithm: str = "HS256", **changes: Any
) -> str:
    kid = {"RS256": "rsa", "ES256": "ec"}.get(algorithm)
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(email, **changes), key, algorithm=algorithm, headers=headers)


def unsigned() -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims())}."


def signed_with_the_public_key() -> str:
    """HS256, with what everybody knows of the RSA key as the secret."""
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa'})}.{_part(claims())}"
    digest = hmac.new(RSA_PUBLIC_PEM, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def bad_tokens() -> dict[str, tuple[str, str]]:
    """Name -> the token, and the code that it is refused with."""
    good = token()
    head, body, signature = good.split(".")
    return {
        "expired": (token(exp=int(time.time()) - 3600), "expired_token"),
        "unsigned": (unsigned(), "invalid_token"),
        "public key as secret": (signed_with_the_public_key(), "invalid_token"),
        "another secret": (token(key="x" * 32), "invalid_token"),
        "another RSA key": (token(key=OTHER_RSA_KEY, algorithm="RS256"), "invalid_token"),
        "another algorithm": (token(algorithm="HS512", key="s" * 64), "invalid_token"),
        "another audience": (token(aud="billing"), "invalid_token"),
        "no audience": (token(aud=None), "invalid_token"),
        "another issuer": (token(iss="https://evil.example.com"), "invalid_token"),
        "no expiry": (token(exp=None), "invalid_token"),
        "not yet": (token(nbf=int(time.time()) + 3600), "invalid_token"),
        "no email": (token(email=None), "invalid_token"),
        "no address": (token("nobody"), "invalid_token"),
        "not verified": (token(email_verified=False), "invalid_token"),
        "changed": (f"{head}.{_part(claims('bob@example.com'))}.{signature}", "invalid_token"),
        "cut": (f"{head}.{body}.{signature[:-4]}", "invalid_token"),
        "rubbish": ("a.b.c", "invalid_token"),
    }


def bearer(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credentials}"}


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
