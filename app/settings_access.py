"""The part of the settings that says who is let in: keys, user tokens, local mode."""

import string
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit
from urllib.request import url2pathname

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode

from app.settings_pii import parts

SECRET_MIN_CHARS = 32
ANY_AUDIENCE = "*"


def _long_enough(secret: SecretStr) -> SecretStr:
    length = len(secret.get_secret_value())
    if length < SECRET_MIN_CHARS:
        raise ValueError(
            f"must have at least {SECRET_MIN_CHARS} characters (got {length}): "
            "`openssl rand -hex 24` makes a good one"
        )
    return secret


Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
Secrets = Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(parts)]


class AccessSettings(BaseSettings):
    """A part of `app.settings.Settings`."""

    local_mode: Literal["auto", "off"] = Field(
        default="auto",
        description="`auto`: on loopback, and until there is a key, whoever is on this machine may "
        "do everything. `off`: never; every request needs a key or a user token.",
    )
    write_keys: Secrets = Field(
        default=(),
        description="Keys that may log events, separated by commas; 32 characters or more each.",
    )
    read_keys: Secrets = Field(
        default=(),
        description="Keys that may read all users' events, separated by commas; 32 characters or "
        "more each. A key that is in several of these settings may do what each of them says.",
    )
    admin_keys: Secrets = Field(
        default=(),
        description="Keys that may do everything, separated by commas; 32 characters or more each.",
    )
    metrics_keys: Secrets = Field(
        default=(),
        description="Keys that may read the service's metrics, separated by commas; 32 characters "
        "or more each.",
    )
    jwt_secret: Secret | None = Field(
        default=None,
        description="The secret that your application signs user tokens with (HS256); 32 "
        "characters or more.",
    )
    jwt_audience: str | None = Field(
        default=None,
        description="The audience (`aud`) that a user token must be for; `*` takes any, or none.",
    )
    jwt_issuer: str | None = Field(
        default=None, description="The issuer (`iss`) that a user token must be from."
    )
    jwt_jwks: str | None = Field(
        default=None,
        repr=False,
        description="File or http(s) URL of the public keys (JWKS) of user tokens (RS256, ES256). "
        "Needs `ACTIVITY_JWT_AUDIENCE` or `ACTIVITY_JWT_ISSUER`.",
    )
    jwt_email_claim: str = Field(
        default="email", description="The claim of a user token that holds the user's email."
    )
    jwt_leeway_seconds: int = Field(
        default=30, ge=0, le=600, description="How far the clocks of token and service may differ."
    )
    jwt_max_lifetime_hours: float = Field(
        default=24,
        gt=0,
        le=8784,
        description="Longest lifetime of a user token (`exp`, counted from its `iat` and from "
        "now); one that lasts longer is refused.",
    )

    @field_validator("jwt_jwks")
    @classmethod
    def _is_file_or_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        """An issuer signs for others, too: their users' tokens must not pass here by accident."""
        source = _source(value or "")
        if source and not (info.data.get("jwt_audience") or info.data.get("jwt_issuer")):
            raise ValueError(
                "needs ACTIVITY_JWT_AUDIENCE (or at least ACTIVITY_JWT_ISSUER) beside it: without "
                "them, any token that these keys have signed would be taken, whatever application "
                "it was made for; ACTIVITY_JWT_AUDIENCE=* takes them on purpose"
            )
        return source

    @property
    def audience(self) -> str | None:
        """The audience that a token must name; None is any."""
        return None if self.jwt_audience == ANY_AUDIENCE else self.jwt_audience or None

    @property
    def has_credentials(self) -> bool:
        """Whether the environment names a key, or a way to verify user tokens."""
        keys = (self.write_keys, self.read_keys, self.admin_keys, self.metrics_keys)
        return any((*keys, self.jwt_secret, self.jwt_jwks))


def _source(text: str) -> str | None:
    """` HTTPS://id.example.com/jwks ` -> `https://id.example.com/jwks`; a `file:` URL becomes its
    path.

    Raises:
        ValueError: it is neither a file nor an http(s) URL.
    """
    source = text.strip("\ufeff" + string.whitespace)
    if not source:
        return None
    scheme, separator, rest = source.partition(":")
    scheme = scheme.lower()
    if separator and scheme == "file":
        return _path_of(rest)
    if "://" not in source:
        return source
    if scheme not in {"http", "https"}:
        raise ValueError(f"must be a file or an http(s) URL; {scheme}:// is neither")
    if not source.isprintable() or " " in source:
        raise ValueError("must be a file or an http(s) URL, without white space")
    url = f"{scheme}:{rest}"
    _require_host(urlsplit(url))
    return url


def _path_of(rest: str) -> str:
    """`///etc/jwks.json` -> `/etc/jwks.json`."""
    parts_ = urlsplit(f"file:{rest}")
    if parts_.netloc.lower() not in {"", "localhost"} or not parts_.path:
        raise ValueError("must name a file of this machine, like file:///etc/activity/jwks.json")
    return url2pathname(parts_.path)


def _require_host(url: SplitResult) -> None:
    try:
        if not url.hostname or url.port == 0:
            raise ValueError("no host")
    except ValueError as error:
        raise ValueError(f"is no URL of a key set: {error}") from error
