"""URLs in settings, but for those of databases (`app.database_url`)."""

from urllib.parse import urlsplit

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
