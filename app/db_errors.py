"""What a driver's or a server's failure means."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db_connection import PoolerUnsuitable
from app.errors import ActivityError, DatabaseUnavailable, InvalidRequest, TooExpensive, Unavailable
from app.watch.database_errors import count_database_error

QUERY_CANCELED = "57014"
DATA_EXCEPTION_CLASS = "22"
# read_only_sql_transaction and its kind, and what a server says of what its state doesn't allow,
# such as to ask a standby for a primary's position.
READ_ONLY = frozenset({"25006", "25007", "55000"})
# Whatever comes of a connection, or of there being none.
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
    """The connection was lost during a COMMIT: it may have been made, or not."""


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or the server: nothing is wrong with what was sent."""
    if isinstance(error, asyncpg.PostgresError):
        return _is_of_a_server(error) and not is_elsewhere(error)
    return isinstance(error, asyncpg.InterfaceError | OSError)


def is_read_only(error: BaseException) -> bool:
    """Whether the server takes no writes, or not on this connection: another may lead to one that
    does, or has by now."""
    return sqlstate_of(error) in READ_ONLY


def is_elsewhere(error: BaseException) -> bool:
    """Whether a server behind this one is gone, as a worker of Citus: what lies on the others can
    be written. Had the connection itself ended, the server would have called it fatal."""
    return (
        isinstance(error, asyncpg.PostgresError)
        and _is_of_a_server(error)
        and getattr(error, "severity_en", None) == "ERROR"
    )


def _is_of_a_server(error: asyncpg.PostgresError) -> bool:
    """SQLSTATE classes 08 (connection), 57P (shutdown, start-up, crash) and 58 (system)."""
    return (error.sqlstate or "").startswith(("08", "57P", "58"))


def sqlstate_of(error: BaseException) -> str | None:
    """The server's five-character code, where the failure came from the server."""
    origin = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None)
    return str(state) if state else None


def translate(error: Exception) -> ActivityError:
    """The failure as its caller is told, and counted. Data that the server refuses is the caller's
    to fix."""
    state = sqlstate_of(error)
    count_database_error(error, state)
    if state == QUERY_CANCELED:
        return TooExpensive(
            "The database took too long to answer. Ask for a narrower window (days, start and end) "
            "or for one user (user_email)."
        )
    if state is not None and state.startswith(DATA_EXCEPTION_CLASS):
        return InvalidRequest("The database can't take a value of this request.")
    if isinstance(error, PoolTimeout):
        return Unavailable("All database connections are in use. Try the same again.")
    return DatabaseUnavailable(
        "The database takes no writes at present. Try the same again."
        if state in {"25006", "25007"}
        else "The database can't be reached or failed. Try the same again.",
        log_fields={"sqlstate": state} if state else {"cause": _cause_of(error)},
    )


def was_cut_off(error: BaseException | None) -> bool:
    """Whether a connection that was there is lost: another one may answer."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _cause_of(error: Exception) -> str:
    """The driver's or the system's name of the failure: a class, nothing of what was sent."""
    origin = getattr(error, "orig", None) or error
    return type(getattr(origin, "__cause__", None) or origin).__name__
