"""URLs in settings, but for those of databases (`app.database.url`)."""

import string
from urllib.parse import SplitResult, urlsplit
from urllib.request import url2pathname

UNREADABLE = (
    "can't be read as a URL, such as redis://:PASSWORD@HOST:6379; percent-encode the password "
    "(`@` is `%40`, `/` is `%2F`, `#` is `%23`, `?` is `%3F`)"
)


def store_url(value: str) -> str:
    """Check the URL of a store of rates before a library does, which would quote all of it.

    Raises:
        ValueError: it can't be read; the message quotes nothing, as it may hold a password.
    """
    try:
        parts = urlsplit(value)
        # Of several hosts the library reads the ports.
        is_readable = bool(parts.scheme) and ("," in parts.netloc or parts.port != 0)
    except ValueError:
        is_readable = False
    else:
        is_readable &= not parts.fragment and "@" not in f"{parts.path}{parts.query}"
        is_readable &= parts.netloc.count("@") <= 1
    if not is_readable:
        raise ValueError(UNREADABLE)
    return value


def key_set_source(text: str) -> str | None:
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
        raise ValueError(f"must be a file or an http(s) URL, not {scheme}://")
    if not source.isprintable() or " " in source:
        raise ValueError("must be a file or an http(s) URL, without white space")
    url = f"{scheme}:{rest}"
    _require_host(urlsplit(url))
    return url


def _path_of(rest: str) -> str:
    """`///etc/jwks.json` -> `/etc/jwks.json`."""
    parts_ = urlsplit(f"file:{rest}")
    if parts_.netloc.lower() not in {"", "localhost"} or not parts_.path:
        raise ValueError("must be a file on this machine, such as file:///etc/activity/jwks.json")
    return url2pathname(parts_.path)


def _require_host(url: SplitResult) -> None:
    try:
        if not url.hostname or url.port == 0:
            raise ValueError("no host")
    except ValueError as error:
        raise ValueError(f"is not a valid URL of a key set: {error}") from error
