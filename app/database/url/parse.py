"""Connection strings of PostgreSQL, read by libpq's rules: URLs and `keyword=value` pairs.

https://www.postgresql.org/docs/18/libpq-connect.html. The driver reads URLs by other rules (a `#`
ends one, unknown parameters become settings of the server), and only when it connects. Here they
are read with the settings: what libpq knows is understood, passed over where nothing hangs on it,
or refused with a reason. No message quotes a value: it may be a piece of a password.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

from app.database.url.grammar import ENCODE, IF_PASSWORD, NAME, add_service, read_words
from app.database.url.parameters import KNOWN, REFUSED, REMEDIES, TLS

APPLICATION_NAME = "activity-events"
PORT_MAX = 65_535
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSION_ATTRIBUTES = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_SETTING = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Keepalive:
    """TCP keepalive settings; 0 uses the system's default."""

    is_on: bool = True
    idle_seconds: int = 10
    interval_seconds: int = 5
    count: int = 3
    user_timeout_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A database and how to connect to it. What is None is up to the driver and the variables
    `PG*`."""

    hosts: tuple[str, ...]
    ports: tuple[int, ...]  # none, one for all, or one for each host
    database: str | None
    user: str | None
    password: str | None = field(repr=False)
    passfile: str | None
    tls: tuple[tuple[str, str], ...] = field(repr=False)
    target_session_attrs: str | None
    connect_timeout_seconds: float | None
    shuffles_hosts: bool
    application_name: str
    server_settings: tuple[tuple[str, str], ...]
    startup_options: str | None
    keepalive: Keepalive

    @property
    def tls_dsn(self) -> str | None:
        """The parameters of TLS as the driver takes them."""
        pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.tls)
        return f"postgresql://?{pairs}" if pairs else None


@lru_cache(maxsize=16)
def parse_database_url(text: str) -> DatabaseUrl:
    """A connection string of libpq, read.

    Raises:
        ValueError: it is none, or asks for what can't be had; the message quotes no value.
    """
    given = {name: value for name, value in read_words(text.strip()).items() if value}
    given = add_service(given)
    for name, value in given.items():
        _require_known(name, value)
    hosts, ports = _hosts(given)
    options, settings = _options(given.get("options"))
    attributes = given.get("target_session_attrs")
    if attributes is not None and attributes not in SESSION_ATTRIBUTES:
        raise ValueError(f"target_session_attrs must be one of {', '.join(SESSION_ATTRIBUTES)}")
    timeout = _number(given, "connect_timeout", 0)
    return DatabaseUrl(
        hosts=hosts,
        ports=ports,
        database=given.get("dbname"),
        user=given.get("user"),
        password=given.get("password"),
        passfile=given.get("passfile"),
        tls=tuple(_tls(given, hosts).items()),
        target_session_attrs=attributes,
        connect_timeout_seconds=float(timeout) if timeout > 0 else None,
        shuffles_hosts=given.get("load_balance_hosts") == "random",
        application_name=given.get("application_name")
        or given.get("fallback_application_name")
        or APPLICATION_NAME,
        server_settings=settings,
        startup_options=options,
        keepalive=Keepalive(
            is_on=_number(given, "keepalives", 1) != 0,
            idle_seconds=_number(given, "keepalives_idle", Keepalive().idle_seconds),
            interval_seconds=_number(given, "keepalives_interval", Keepalive().interval_seconds),
            count=_number(given, "keepalives_count", Keepalive().count),
            user_timeout_ms=_number(given, "tcp_user_timeout", Keepalive().user_timeout_ms),
        ),
    )


def _require_known(name: str, value: str) -> None:
    if name in REFUSED:
        harmless, why = REFUSED[name]
        if value not in harmless:
            raise ValueError(f"{name}: {why}")
    elif name not in KNOWN:
        shown = f"`{name}`" if NAME.fullmatch(name) else "a parameter"
        remedy = REMEDIES.get(name, "remove it")
        raise ValueError(f"{shown} is not a libpq parameter; {remedy}")


def _hosts(given: dict[str, str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return hosts and ports. An address (`hostaddr`) saves a name lookup."""
    names = given.get("host", "").split(",")
    addresses = given.get("hostaddr", "").split(",")
    if given.get("host") and given.get("hostaddr") and len(names) != len(addresses):
        raise ValueError("host and hostaddr must have the same number of entries")
    count = max(len(names), len(addresses))
    names += [""] * (count - len(names))
    addresses += [""] * (count - len(addresses))
    hosts = [address or name for name, address in zip(names, addresses, strict=True)]
    if any(re.search(r"[\s@?#]", host) for host in hosts if not host.startswith("/")):
        raise ValueError(f"a host is malformed; {ENCODE}")
    ports = [_port(port) for port in given["port"].split(",")] if given.get("port") else []
    if len(ports) not in {0, 1, count}:
        raise ValueError(f"got {len(ports)} ports for {count} hosts; set one port, or one per host")
    if hosts == [""]:
        return (), tuple(ports)
    return tuple(host or "localhost" for host in hosts), tuple(ports)


def _port(text: str) -> int:
    if not text:
        return 5432
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= PORT_MAX):
        raise ValueError(f"a port must be a number from 1 to {PORT_MAX}; {IF_PASSWORD}")
    return int(text)


def _number(given: dict[str, str], name: str, default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if re.fullmatch(r"[+-]?[0-9]{1,9}", value) is None:
        raise ValueError(f"{name} must be a whole number")
    return int(value)


def _tls(given: dict[str, str], hosts: tuple[str, ...]) -> dict[str, str]:
    """The driver's parameters of TLS. It has no channel binding: who requires it, to be sure whom
    the password is proven to, gets the server's certificate verified instead."""
    tls = {name: given[name] for name in TLS if name in given}
    mode = tls.get("sslmode")
    if mode is not None and mode not in SSL_MODES:
        remedy = "`require` encrypts without verifying" if mode == "no-verify" else ""
        raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}; {remedy}".rstrip("; "))
    binding = given.get("channel_binding", "prefer")
    if binding not in {"disable", "prefer", "require"}:
        raise ValueError("channel_binding must be one of disable, prefer, require")
    if binding == "require":
        if mode == "disable" or any(host.startswith("/") for host in hosts):
            raise ValueError("channel_binding=require needs TLS; set sslmode=verify-full")
        tls["sslmode"] = "verify-full"
        tls.setdefault("sslrootcert", "system")
    if tls.get("sslrootcert") == "system":
        if mode not in {None, "verify-full"} and binding != "require":
            raise ValueError("sslrootcert=system requires sslmode=verify-full")
        tls["sslmode"] = "verify-full"
    if tls.get("sslmode") == "verify-full" and given.get("hostaddr") and given.get("host"):
        raise ValueError(
            "hostaddr: with sslmode=verify-full the driver compares the certificate with the "
            "address; set only host"
        )
    return tls


def _options(text: str | None) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Settings (`-c name=value`, `--name=value`) are set once connected, as poolers know none of
    them; what else `options` says goes to the server as it is (`endpoint=...` of Neon)."""
    if text is None:
        return None, ()
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|\S)+", text)]
    settings: list[tuple[str, str]] = []
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = words.pop(0)
        elif word.startswith(("-c", "--")):
            word = word[2:]
        else:
            return text, ()
        setting = _SETTING.fullmatch(word)
        if setting is None:
            return text, ()
        name = setting[1] if "." in setting[1] else setting[1].replace("-", "_")
        settings.append((name, setting[2]))
    return None, tuple(settings)
