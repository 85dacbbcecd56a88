"""libpq's two forms of a connection string, taken apart: URLs and pairs of keyword=value.

A URL is read as libpq does: what is before the first `@` is user and password, unless a `/` comes
first; nothing begins with a `#`; a `+` is a `+`.
"""

import configparser
import os
import re
from pathlib import Path
from urllib.parse import unquote

from app.database.url.parameters import KNOWN

SCHEMES = {"postgresql", "postgres"}
ENCODE = (
    "percent-encode the password (and the user name): `@` is `%40`, `/` is `%2F`, `#` is `%23`, "
    "`?` is `%3F`, `:` is `%3A`, `[` is `%5B`, `]` is `%5D`, `%` is `%25`"
)
IF_PASSWORD = f"if that is part of the password, {ENCODE}"
EXPECTED = "expected postgresql://USER:PASSWORD@HOST:5432/DATABASE"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,40}")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_PAIR = re.compile(r"\s*([^\s=]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)", re.DOTALL)


def read_words(text: str) -> dict[str, str]:
    """The parameters by name, as they are written."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme.partition("+")[0] in SCHEMES:  # SQLAlchemy's name of a driver, too
        return _from_url(rest)
    if separator and "=" not in scheme:
        raise ValueError(f"must begin with postgresql://; {EXPECTED}")
    if "=" in text:
        return _from_pairs(text)
    raise ValueError(f"is not a connection string; {EXPECTED}")


def _from_url(rest: str) -> dict[str, str]:
    """All after `://`."""
    found: dict[str, str] = {}
    before, at, after = rest.partition("@")
    if at and "/" not in before:
        user, _, password = before.partition(":")
        found |= {"user": _decoded(user), "password": _decoded(password)}
        rest = after
    address, question, query = rest.partition("?")
    authority, _, database = address.partition("/")
    if "@" in authority or "@" in database:
        raise ValueError(f"a host is malformed; {ENCODE}")
    hosts, ports = [], []
    for each in authority.split(","):
        host, port = _host_and_port(each)
        hosts.append(host)
        ports.append(port)
    found |= {"host": ",".join(hosts).strip(","), "dbname": _decoded(database)}
    if any(ports):
        found["port"] = ",".join(ports)
    for pair in query.split("&") if question else ():
        name, equals, value = pair.partition("=")
        if not pair:
            continue
        if not equals or "=" in value or NAME.fullmatch(_decoded(name)) is None:
            raise ValueError(f"a parameter after `?` must have the form NAME=VALUE; {IF_PASSWORD}")
        if "@" in query and name not in KNOWN:
            raise ValueError(f"a parameter after `?` is not a libpq parameter; {IF_PASSWORD}")
        if (name, value) == ("ssl", "true"):  # libpq takes this of JDBC's
            name, value = "sslmode", "require"
        found[_decoded(name)] = _decoded(value)
    return found


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"an IPv6 address must be in [brackets]; {IF_PASSWORD}")
        return _decoded(host), _decoded(rest[1:])
    host, _, port = text.partition(":")
    if "]" in text or "[" in text or ":" in port:
        raise ValueError(f"an IPv6 address must be in [brackets]; {IF_PASSWORD}")
    return _decoded(host), _decoded(port)


def _decoded(text: str) -> str:
    if _ESCAPE.search(text):
        raise ValueError(f"a `%` must be followed by two hexadecimal digits; {ENCODE}")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("percent-encoded text must be UTF-8") from None


def _from_pairs(text: str) -> dict[str, str]:
    """`host=h dbname='a b'`."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or NAME.fullmatch(pair[1]) is None:
            raise ValueError(
                "is neither a URL nor pairs of keyword=value; a value with spaces, `'` or `\\` "
                f"must be in single quotes, with `\\` before both. For a URL, {EXPECTED}"
            )
        value = pair[2]
        if value.startswith("'"):
            value = value[1:-1]
        found[pair[1]] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        at = pair.end()
    return found


def add_service(given: dict[str, str]) -> dict[str, str]:
    """Add the parameters that the service file defines for `service`, unless they are set."""
    service = given.get("service")
    if service is None:
        return given
    named = given.get("servicefile") or os.environ.get("PGSERVICEFILE")
    files = [Path(named) if named else Path.home() / ".pg_service.conf"]
    if "PGSYSCONFDIR" in os.environ:
        files.append(Path(os.environ["PGSYSCONFDIR"]) / "pg_service.conf")
    for file in files:
        services = configparser.ConfigParser(
            delimiters=("=",), comment_prefixes=("#",), interpolation=None, strict=False
        )
        try:
            services.read(file)
        except configparser.Error:
            raise ValueError("the service file (pg_service.conf) can't be read") from None
        if services.has_section(service):
            return {**services[service], **given}
    raise ValueError("no service file (pg_service.conf) defines the `service`")
