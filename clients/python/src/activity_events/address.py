"""Address of the service and credentials of the caller, as HTTP can carry them. No message quotes a
secret."""

import os
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import httpx

from activity_events.proxies import names_a_host

URL_DEFAULT = "http://127.0.0.1:8000"
HIDDEN = "[key]"
HIDDEN_PAIR = "[user and password]"


@dataclass(frozen=True, slots=True)
class Address:
    """Address and credentials of the service.

    Attributes:
        url: without the user and password that it was given with: it stands in logs.
        key: a key or a user's token.
        basic: the user and password of the URL, which are those of a proxy in front.
    """

    url: str
    key: str | None = field(repr=False)
    basic: tuple[str, str] | None = field(repr=False)

    @classmethod
    def of(cls, url: str | None, key: str | None) -> "Address":
        """Return the address; by default `ACTIVITY_URL` and `ACTIVITY_KEY`, or port 8000 of this
        machine and no key.

        Raises:
            ValueError: the URL is none, or no header takes the key.
        """
        given = str(url or os.environ.get("ACTIVITY_URL", "").strip() or URL_DEFAULT)
        given = given.strip().rstrip("/")
        try:
            parts = httpx.URL(given)
        except httpx.InvalidURL as error:
            shown = f" ({error})" if "@" not in given else ""
            raise ValueError(f"url: this is not a URL{shown}") from None
        basic = (parts.username, parts.password) if parts.userinfo else None
        bare = str(parts.copy_with(username=None, password=None)).rstrip("/") if basic else given
        has_more = bool(parts.query or parts.fragment)  # which may hold a secret
        is_complete = parts.scheme in {"http", "https"} and names_a_host(parts)
        if not is_complete or has_more:
            shown = "this" if "@" in bare or has_more else repr(bare)
            raise ValueError(f"url: {shown} must have the form https://events.example.com")
        return cls(bare, checked_key(key or os.environ.get("ACTIVITY_KEY")), basic)

    def options(self) -> dict[str, Any]:
        """Return address and credentials as options for httpx.

        The user and password of a proxy take `Authorization`; then the key has its own header.
        """
        options: dict[str, Any] = {"headers": {}}
        if self.basic is not None:
            options["auth"] = self.basic
        if self.key is not None and self.basic is not None:
            options["headers"]["X-API-Key"] = self.key
        elif self.key is not None:
            options["headers"]["Authorization"] = f"Bearer {self.key}"
        return options

    def without_secrets(self, body: bytes) -> bytes:
        """Return a text of another server, which may repeat the request's headers, without the key,
        the user and the password, as they are or as `Authorization` has them."""
        secrets = {} if self.key is None else {self.key: HIDDEN}
        if self.basic is not None:
            pair = ":".join(self.basic)
            secrets[b64encode(pair.encode()).decode()] = HIDDEN_PAIR
            secrets[pair] = HIDDEN_PAIR
            if self.basic[1]:
                secrets[self.basic[1]] = HIDDEN_PAIR
        for secret, shown in secrets.items():
            body = body.replace(secret.encode(), shown.encode())
        return body


def checked_key(key: str | None) -> str | None:
    """Return the key without a trailing newline, as files and secrets have it; None if it is empty.

    Raises:
        ValueError: no header takes it. The message says where, and doesn't quote it.
    """
    if not isinstance(key, str | None):
        raise ValueError(f"key: must be a text (got {type(key).__name__})")
    stripped = (key or "").strip()
    for place, character in enumerate(stripped, 1):
        if not "!" <= character <= "~":
            raise ValueError(
                f"key: character {place} of {len(stripped)} can't be part of a key or a token "
                "(printable ASCII without spaces); check whether something else was copied with "
                "it"
            )
    return stripped or None


def reason_of(error: httpx.RequestError) -> str:
    """Return why there was no response. What HTTP refuses to send is not quoted, because it may be
    the key."""
    name = type(error).__name__
    if isinstance(error, httpx.LocalProtocolError):
        return f"{name}: it can't be sent over HTTP"
    return f"{name}: {error}"
