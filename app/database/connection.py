"""One connection to PostgreSQL: its host, its settings and its timeouts.

Settings are sent once a connection is established, and one of them is read back: a pooler in
between passes on hardly any startup settings, and one that shares its server connections would lose
them.
"""

import os
import random
import socket
from time import monotonic
from typing import Any, ClassVar

import asyncpg

from app.database.url.parse import DatabaseUrl, Keepalive, parse_database_url
from app.errors import ServeError

WRITE_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 5_000
# Settings of every connection. `jit` costs more than it saves on short statements; the Citus
# setting spares its slow look-up of array types and means nothing to a plain PostgreSQL.
SESSION_DEFAULTS = {
    "timezone": "UTC",
    "jit": "off",
    "synchronous_commit": "on",
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": str(WRITE_TIMEOUT_MS),
    "citus.override_table_visibility": "off",
}
CLOSE_SECONDS = 2.0
HURRIED_SECONDS = 0.05
# A host that did not answer is asked last, for so long.
AVOIDED_SECONDS = 30.0
PROBES = 3
PROBE_SECONDS = 2.0

SET = (
    "SELECT pg_backend_pid() AS process, count(set_config(name, value, false))"
    " FROM unnest($1::text[], $2::text[]) AS given (name, value)"
)
LOOK = "SELECT pg_backend_pid() AS process, current_setting('lock_timeout') AS lock_timeout"
PROCESS = "SELECT pg_backend_pid()"

# What a connection that passes from server to server says of prepared statements.
_OF_A_POOLER = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)
_NEXT_HOST = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.TargetServerAttributeNotMatched,
)
_avoided: dict[tuple[str, int | None], float] = {}


class PoolerUnsuitable(ServeError):
    """A pooler gives each transaction whichever of its connections is free."""

    def __init__(self) -> None:
        super().__init__(
            "The connection pooler in front of PostgreSQL (such as PgBouncer) is in transaction "
            "or statement mode, which loses the settings, locks and prepared statements of a "
            "connection. Use session mode (PgBouncer: pool_mode = session; Supabase: port 5432), "
            "or connect to PostgreSQL directly (Neon: the host without `-pooler`)."
        )


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection of asyncpg that closes within a bounded time, and detects a dead peer."""

    _hurried_until: ClassVar[float] = 0.0

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self._socket = transport.get_extra_info("socket")
        self.opened_at = monotonic()

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 (asyncpg's)
        """Take leave of the server, for a moment only: one after the other, those of a whole pool
        must not each wait for a server that is gone."""
        seconds = min(timeout or CLOSE_SECONDS, CLOSE_SECONDS)
        if monotonic() < Connection._hurried_until:
            seconds = HURRIED_SECONDS
        try:
            await super().close(timeout=seconds)
        except TimeoutError:  # it is aborted now
            Connection._hurried_until = monotonic() + CLOSE_SECONDS

    def keep_alive(self, keepalive: Keepalive) -> None:
        """Enable TCP keepalive, so that the system detects a dead peer."""
        if self._socket is None or self._socket.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(keepalive.is_on))
        options = {"TCP_USER_TIMEOUT": keepalive.user_timeout_ms}
        if keepalive.is_on:
            options |= {
                "TCP_KEEPIDLE": keepalive.idle_seconds,
                "TCP_KEEPALIVE": keepalive.idle_seconds,  # macOS' name of it
                "TCP_KEEPINTVL": keepalive.interval_seconds,
                "TCP_KEEPCNT": keepalive.count,
            }
        for name, value in options.items():
            if hasattr(socket, name) and value > 0:
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def open_connection(
    url: str,
    server_settings: dict[str, str],
    timeout_seconds: float,
    command_timeout: float | None = None,
) -> Connection:
    """A connection that has these settings beside `SESSION_DEFAULTS` and the URL's `options`.

    Args:
        timeout_seconds: the longest wait for it, in all; `connect_timeout` of the URL may say less
            for each host.
        command_timeout: the longest wait for each of its statements, in seconds.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError: there
            is none to be had.
        PoolerUnsuitable: its settings would be lost.
        ValueError: the URL can't be read.
    """
    parsed = parse_database_url(url)
    connection = await _connect(parsed, timeout_seconds, command_timeout)
    is_set = False
    try:
        connection.keep_alive(parsed.keepalive)
        wanted = {**dict(parsed.server_settings), **SESSION_DEFAULTS, **server_settings}
        await _set(connection, wanted, timeout_seconds)
        is_set = True
    finally:
        if not is_set:
            connection.terminate()
    return connection


async def _connect(
    url: DatabaseUrl, timeout_seconds: float, command_timeout: float | None
) -> Connection:
    """Connect to the first of several hosts that responds and matches `target_session_attrs`. The
    driver alone would spend all of the time on a host that does not respond."""
    wanted = url.target_session_attrs or os.environ.get("PGTARGETSESSIONATTRS")
    ports = url.ports * len(url.hosts) if len(url.ports) == 1 else url.ports
    hosts: list[tuple[str, int | None]] = [
        (host, ports[number] if ports else None) for number, host in enumerate(url.hosts)
    ]
    if url.shuffles_hosts:
        random.shuffle(hosts)
    seconds = timeout_seconds / max(len(hosts), 1)
    if url.connect_timeout_seconds is not None:
        seconds = min(seconds, url.connect_timeout_seconds)
    options = {} if url.startup_options is None else {"options": url.startup_options}

    async def at(place: dict[str, Any], attributes: str | None) -> Connection:
        connection = await asyncpg.connect(
            url.tls_dsn,
            **place,
            user=url.user,
            password=url.password,
            passfile=url.passfile,
            database=url.database,
            timeout=seconds,
            command_timeout=command_timeout,
            target_session_attrs=attributes,
            connection_class=Connection,
            server_settings={"application_name": url.application_name, **options},
        )
        assert isinstance(connection, Connection)  # noqa: S101 (of this class)
        return connection

    if len(hosts) < 2:
        place = {"host": hosts[0][0], "port": hosts[0][1]} if hosts else {}
        if not hosts and url.ports:
            place = {"port": url.ports[0]}
        return await at(place, wanted)
    hosts.sort(key=lambda host: _avoided.get(host, 0.0) > monotonic())
    failure: BaseException | None = None
    for attributes in ("standby", "any") if wanted == "prefer-standby" else (wanted,):
        for host in hosts:
            try:
                return await at({"host": host[0], "port": host[1]}, attributes)
            except _NEXT_HOST as error:
                failure = error
                if isinstance(error, TimeoutError):
                    _avoided[host] = monotonic() + AVOIDED_SECONDS
    assert failure is not None  # noqa: S101 (there are hosts)
    raise failure


async def _set(connection: Connection, settings: dict[str, str], timeout_seconds: float) -> None:
    names, values = list(settings), list(settings.values())
    try:
        made = await connection.fetchrow(SET, names, values, timeout=timeout_seconds)
        found = await connection.fetchrow(LOOK, timeout=timeout_seconds)
    except _OF_A_POOLER as error:
        raise PoolerUnsuitable from error
    assert made is not None  # noqa: S101 (each is one row)
    assert found is not None  # noqa: S101
    if made["process"] != found["process"] or found["lock_timeout"] == "0":
        raise PoolerUnsuitable


async def require_own_session(url: str, timeout_seconds: float) -> None:
    """Check that no pooler in transaction or statement mode is in between.

    A pooler makes up the process number that a client is given at the start. In session mode, two
    clients who are connected at one time have two of its connections, and each keeps its own.

    Raises:
        PoolerUnsuitable: there is one.
    """
    first = await open_connection(url, {}, timeout_seconds)
    second: Connection | None = None
    try:
        process = await first.fetchval(PROCESS)
        if process == first.get_server_pid():
            return
        second = await open_connection(url, {}, min(timeout_seconds, PROBE_SECONDS))
        for _ in range(PROBES):
            try:
                async with second.transaction():
                    other = await second.fetchval(PROCESS)
                    is_own = other != process and await first.fetchval(PROCESS) == process
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise PoolerUnsuitable from error  # in statement mode nothing can be begun
            if not is_own:
                raise PoolerUnsuitable
    except (TimeoutError, asyncpg.TooManyConnectionsError):
        pass  # one in session mode that has no second connection
    finally:
        for connection in (first, second):
            if connection is not None:
                connection.terminate()
