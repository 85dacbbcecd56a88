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
_NO_WAY = "the driver has no such way to authenticate; leave it out"
# What must not be passed over: the values that are as if it were not given, and why not the others.
REFUSED: dict[str, tuple[frozenset[str], str]] = {
    "require_auth": (
        frozenset(),
        "the driver can't restrict how it authenticates; to be sure of the server, give "
        "sslmode=verify-full instead",
    ),
    "gssencmode": (
        frozenset({"disable", "prefer"}),
        "the driver has no encryption by GSSAPI; give sslmode=verify-full instead",
    ),
    "gssdelegation": (frozenset({"0"}), "the driver can't delegate credentials; leave it out"),
    "requirepeer": (frozenset(), "the driver can't check who owns the server; leave it out"),
    "sslcertmode": (
        frozenset({"allow"}),
        "the driver sends a client's certificate where it has one; leave it out",
    ),
    "sslcrldir": (frozenset(), "the driver takes one file of revoked certificates: give sslcrl"),
    "min_protocol_version": (
        frozenset({"3.0"}),
        "the driver speaks version 3.0 of the protocol; leave it out",
    ),
    "replication": (
        frozenset({"0", "off", "no", "false"}),
        "the service needs a connection for queries; leave it out",
    ),
    "scram_client_key": (frozenset(), _NO_WAY),
    "scram_server_key": (frozenset(), _NO_WAY),
    "oauth_issuer": (frozenset(), _NO_WAY),
    "oauth_client_id": (frozenset(), _NO_WAY),
    "oauth_client_secret": (frozenset(), _NO_WAY),
    "oauth_scope": (frozenset(), _NO_WAY),
    "requiressl": (frozenset({"0"}), "give sslmode=require instead"),
}

_SEARCH_PATH = "give options=-csearch_path%3DNAME instead"
_AS_SETTING = "give options=-cNAME%3DVALUE instead"
_POOL = "leave it out: ACTIVITY_DATABASE_POOL_SIZE is the size of the pools"
_CACHE = "leave it out: prepared statements are kept by the connection"
_SSL = "give sslmode (disable, require, verify-full) instead"
KNOWN = _UNDERSTOOD | _PASSED_OVER | REFUSED.keys()

# What Prisma, SQLAlchemy, JDBC and node-postgres take in a URL.
REMEDIES = {
    "schema": _SEARCH_PATH,
    "currentSchema": _SEARCH_PATH,
    "search_path": _SEARCH_PATH,
    "pgbouncer": "leave it out: a pooler must be in session mode (docs/scaling.md)",
    "ssl": _SSL,
    "sslaccept": _SSL,
    "sslidentity": "give sslcert and sslkey instead",
    "uselibpqcompat": "leave it out: sslmode means what it means to libpq",
    "database": "give dbname, or the name after the host",
    "db": "give dbname, or the name after the host",
    "username": "give user",
    "connection_limit": _POOL,
    "pool_size": _POOL,
    "max_overflow": _POOL,
    "pool_timeout": "leave it out: ACTIVITY_DATABASE_TIMEOUT_SECONDS is the longest wait",
    "timeout": "give connect_timeout instead",
    "connectTimeout": "give connect_timeout instead",
    "socket_timeout": "leave it out: ACTIVITY_STATEMENT_TIMEOUT_MS is how long a read may take",
    "command_timeout": "leave it out: ACTIVITY_STATEMENT_TIMEOUT_MS is how long a read may take",
    "prepared_statement_cache_size": _CACHE,
    "statement_cache_size": _CACHE,
    "prepareThreshold": _CACHE,
    "async_fallback": "leave it out",
    "statement_timeout": _AS_SETTING,
    "lock_timeout": _AS_SETTING,
    "idle_in_transaction_session_timeout": _AS_SETTING,
    "timezone": _AS_SETTING,
    "work_mem": _AS_SETTING,
}
