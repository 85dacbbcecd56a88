"""Translation of driver and server errors into errors of the API."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.database.connection import PoolerUnsuitable
from app.errors import ActivityError, DatabaseUnavailable, InvalidRequest, TooExpensive, Unavailable
from app.observability.database_errors import count_database_error

QUERY_CANCELED = "57014"
DATA_EXCEPTION_CLASS = "22"
# read_only_sql_transaction and similar errors, and object_not_in_prerequisite_state, such as when a
# standby is asked for a primary's position.
READ_ONLY = frozenset({"25006", "25007", "55000"})
# Everything that a connection, or the lack of one, can raise.
FAILURES = (
    DBAPIError,
    PoolTimeout,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    PoolerUnsuitable,
)


class CommitUnknown(Exception):
    """The connection was lost during a COMMIT, which may have succeeded or not."""


def is_lost(error: BaseException) -> bool:
    """Whether the connection or the server is gone; the statement itself is not at fault."""
    if isinstance(error, asyncpg.PostgresError):
        return _is_of_a_server(error) and not is_elsewhere(error)
    return isinstance(error, asyncpg.InterfaceError | OSError)


def is_read_only(error: BaseException) -> bool:
    """Whether the server rejects writes on this connection; another connection may lead to a server
    that accepts them."""
    return sqlstate_of(error) in READ_ONLY


def is_elsewhere(error: BaseException) -> bool:
    """Whether a server behind this one is gone, such as a Citus worker; the others still accept
    writes. If the connection itself had ended, the error would have severity FATAL."""
    return (
        isinstance(error, asyncpg.PostgresError)
        and _is_of_a_server(error)
        and getattr(error, "severity_en", None) == "ERROR"
    )


def _is_of_a_server(error: asyncpg.PostgresError) -> bool:
    """SQLSTATE classes 08 (connection), 57P (shutdown, start-up, crash) and 58 (system)."""
    return (error.sqlstate or "").startswith(("08", "57P", "58"))


def sqlstate_of(error: BaseException) -> str | None:
    """Return the server's five-character code if the error came from the server."""
    origin = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None)
    return str(state) if state else None


def translate(error: Exception) -> ActivityError:
    """Count a database error and return the API error for it. Data that the server rejects is the
    caller's to fix."""
    state = sqlstate_of(error)
    count_database_error(error, state)
    if state == QUERY_CANCELED:
        return TooExpensive(
            "The database query took too long. Request a narrower window (days, start and end) "
            "or one user (user_email)."
        )
    if state is not None and state.startswith(DATA_EXCEPTION_CLASS):
        return InvalidRequest("The database can't store or compare a value of this request.")
    if isinstance(error, PoolTimeout):
        return Unavailable("All database connections are in use. Retry the request.")
    return DatabaseUnavailable(
        "The database does not accept writes at the moment. Retry the request."
        if state in {"25006", "25007"}
        else "The database failed or can't be reached. Retry the request.",
        log_fields={"sqlstate": state} if state else {"cause": _cause_of(error)},
    )


def was_cut_off(error: BaseException | None) -> bool:
    """Whether an open connection was lost; a new connection may work."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _cause_of(error: Exception) -> str:
    """Return the class name of the original error, which holds nothing of the statement."""
    origin = getattr(error, "orig", None) or error
    return type(getattr(origin, "__cause__", None) or origin).__name__
