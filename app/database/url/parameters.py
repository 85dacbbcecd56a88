"""The parameters of libpq (PostgreSQL 18), by what becomes of them; and others' that people try."""

# Handed to the driver, which knows them.
TLS = (
    "sslmode",
    "sslnegotiation",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "krbsrvname",
    "gsslib",
)
_UNDERSTOOD = frozenset(
    {
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "passfile",
        "service",
        "servicefile",
        "options",
        "application_name",
        "fallback_application_name",
        "target_session_attrs",
        "load_balance_hosts",
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "channel_binding",
        *TLS,
    }
)
# Nothing hangs on them: the driver speaks UTF-8, doesn't compress, and has a way of its own.
_PASSED_OVER = frozenset(
    {"client_encoding", "sslcompression", "sslsni", "sslkeylogfile", "max_protocol_version"}
)
_NO_WAY = "the driver does not support this authentication; remove it"
# What must not be passed over: the values that are as if it were not given, and why not the others.
REFUSED: dict[str, tuple[frozenset[str], str]] = {
    "require_auth": (
        frozenset(),
        "the driver can't restrict the authentication method; to verify the server, use "
        "sslmode=verify-full instead",
    ),
    "gssencmode": (
        frozenset({"disable", "prefer"}),
        "the driver does not support GSSAPI encryption; use sslmode=verify-full instead",
    ),
    "gssdelegation": (frozenset({"0"}), "the driver can't delegate credentials; remove it"),
    "requirepeer": (
        frozenset(),
        "the driver can't check the owner of the server process; remove it",
    ),
    "sslcertmode": (
        frozenset({"allow"}),
        "the driver sends a client certificate if it has one; remove it",
    ),
    "sslcrldir": (frozenset(), "the driver supports a single revocation list; use sslcrl"),
    "min_protocol_version": (
        frozenset({"3.0"}),
        "the driver uses protocol version 3.0; remove it",
    ),
    "replication": (
        frozenset({"0", "off", "no", "false"}),
        "the service needs a regular connection; remove it",
    ),
    "scram_client_key": (frozenset(), _NO_WAY),
    "scram_server_key": (frozenset(), _NO_WAY),
    "oauth_issuer": (frozenset(), _NO_WAY),
    "oauth_client_id": (frozenset(), _NO_WAY),
    "oauth_client_secret": (frozenset(), _NO_WAY),
    "oauth_scope": (frozenset(), _NO_WAY),
    "requiressl": (frozenset({"0"}), "use sslmode=require instead"),
}

_SEARCH_PATH = "use options=-csearch_path%3DNAME instead"
_AS_SETTING = "use options=-cNAME%3DVALUE instead"
_POOL = "remove it; ACTIVITY_DATABASE_POOL_SIZE sets the pool size"
_CACHE = "remove it; the service caches prepared statements itself"
_SSL = "use sslmode (disable, require, verify-full) instead"
KNOWN = _UNDERSTOOD | _PASSED_OVER | REFUSED.keys()

# What Prisma, SQLAlchemy, JDBC and node-postgres take in a URL.
REMEDIES = {
    "schema": _SEARCH_PATH,
    "currentSchema": _SEARCH_PATH,
    "search_path": _SEARCH_PATH,
    "pgbouncer": "remove it; a pooler must be in session mode (docs/scaling.md)",
    "ssl": _SSL,
    "sslaccept": _SSL,
    "sslidentity": "use sslcert and sslkey instead",
    "uselibpqcompat": "remove it; sslmode already has the meaning of libpq",
    "database": "use dbname, or the name after the host",
    "db": "use dbname, or the name after the host",
    "username": "use user",
    "connection_limit": _POOL,
    "pool_size": _POOL,
    "max_overflow": _POOL,
    "pool_timeout": "remove it; ACTIVITY_DATABASE_TIMEOUT_SECONDS sets the maximum wait",
    "timeout": "use connect_timeout instead",
    "connectTimeout": "use connect_timeout instead",
    "socket_timeout": "remove it; ACTIVITY_STATEMENT_TIMEOUT_MS limits the run time of reads",
    "command_timeout": "remove it; ACTIVITY_STATEMENT_TIMEOUT_MS limits the run time of reads",
    "prepared_statement_cache_size": _CACHE,
    "statement_cache_size": _CACHE,
    "prepareThreshold": _CACHE,
    "async_fallback": "remove it",
    "statement_timeout": _AS_SETTING,
    "lock_timeout": _AS_SETTING,
    "idle_in_transaction_session_timeout": _AS_SETTING,
    "timezone": _AS_SETTING,
    "work_mem": _AS_SETTING,
}
