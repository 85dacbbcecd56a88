"""The database's failures, by kind."""

from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.observability.metrics import DATABASE_ERRORS

# By SQLSTATE; where a whole class is meant, by its beginning.
_KINDS = {
    "57014": "statement_timeout",
    "55P03": "lock_timeout",
    "40P01": "deadlock",
    "40001": "deadlock",
    "22": "data",
    "25": "read_only",
    "28": "access",
    "42501": "access",
    "3D": "access",
    "53": "resources",
    "08": "connection",
    "57P": "connection",
    "58": "connection",
}


def kind_of(error: BaseException, state: str | None) -> str:
    """One of `ERROR_KINDS`.

    Args:
        state: the server's five-character code; None where the failure is not the server's.
    """
    if isinstance(error, PoolTimeout):
        return "pool"
    if state is None:
        return "connection"
    return next((kind for start, kind in _KINDS.items() if state.startswith(start)), "other")


def count_database_error(error: BaseException, state: str | None) -> None:
    DATABASE_ERRORS.labels(kind_of(error, state)).inc()
