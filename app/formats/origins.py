"""Origins, as browsers send them: `https://app.example.com`, without a default port or a path."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

ANY = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}
# Pages of these have the origin `null`, like any sandboxed frame; or none.
OPAQUE_SCHEMES = frozenset(
    {
        *("javascript", "data", "file", "about", "blob", "filesystem", "view-source", "mailto"),
        *("ws", "wss", "ftp"),
    }
)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_.])?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
EXAMPLE = "https://app.example.com"


def normalise_origin(text: str) -> str:
    """` HTTPS://App.Example.com:443/ ` -> `https://app.example.com`.

    Raises:
        ValueError: no page has this origin; the message says what was meant, where that is clear.
    """
    origin = text.strip().lower()
    if origin in {"", "null"}:
        raise ValueError(
            f"{text!r} is not an origin that can be trusted; expected one such as {EXAMPLE}"
        )
    if "*" in origin:
        raise ValueError(
            f"{text!r}: wildcards are not supported within an origin; list each origin"
        )
    scheme, separator, _ = origin.partition("://")
    if not separator:
        raise ValueError(f"{text!r} is not an origin{_suggestion(origin)}")
    if scheme in OPAQUE_SCHEMES or _SCHEME.fullmatch(scheme) is None:
        raise ValueError(f"{text!r}: pages with the scheme {scheme}: have no origin")
    try:
        parts = urlsplit(origin)
        host, port = _host(parts), parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not an origin: {error}") from None
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != DEFAULT_PORTS.get(scheme):
        shown = f"{shown}:{port}"
    if parts.username is not None:  # not quoted: there may be a password
        raise ValueError(
            f"an origin has no user name and no password; did you mean {scheme}://{shown}?"
        )
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is more than an origin; did you mean {scheme}://{shown}?")
    return f"{scheme}://{shown}"


def _host(parts: SplitResult) -> str:
    """The host, as browsers write it."""
    host = parts.hostname or ""
    if ":" in host:
        return ipaddress.IPv6Address(host).compressed
    if not host.isascii():
        raise ValueError("write the host as browsers send it, in ASCII (xn--...)")
    if _HOST.fullmatch(host) is None:
        raise ValueError("it has no host")
    if parts.port == 0:
        raise ValueError("port 0 is not allowed")
    return host


def _suggestion(origin: str) -> str:
    """Return advice for an origin without a scheme."""
    scheme, _, _ = origin.partition(":")
    host = origin.removeprefix("//").rstrip("/")
    if scheme in OPAQUE_SCHEMES or "/" in host or not host.isascii() or " " in host:
        return f"; expected one such as {EXAMPLE}"
    return f"; did you mean https://{host}?"
