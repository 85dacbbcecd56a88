"""Access checks before the service starts, and their notice for the banner."""

from app.auth.jwks import KeysUnreadable, is_url, read_keys
from app.auth.keys import keys_exist, local_mode_ended_at
from app.database.sessions import Database
from app.errors import ServeError
from app.settings import Settings


async def require_keys(settings: Settings, database_url: str) -> None:
    """Require keys or tokens if other machines can reach the service.

    Raises:
        ServeError: There are none.
    """
    if settings.listens_on_loopback or settings.has_credentials:
        return
    database = Database(database_url, settings)
    try:
        if await keys_exist(database):
            return
    finally:
        await database.dispose()
    raise ServeError(
        f"{settings.host} can be reached from other machines, but no keys are configured: anyone "
        "could read and delete all data. Create a key with `activity-events keys create NAME "
        "--scope admin`, or set ACTIVITY_ADMIN_KEYS (or _READ_KEYS, _WRITE_KEYS, "
        "ACTIVITY_JWT_SECRET, ACTIVITY_JWT_JWKS), or listen on 127.0.0.1."
    )


async def access_notice(settings: Settings, database_url: str) -> str:
    """Return a line on how callers authenticate, with warnings; read the JWKS once.

    Raises:
        ServeError: The JWKS file can't be read.
    """
    notice = await _who_is_let_in(settings, database_url)
    if settings.jwt_jwks is None:
        return notice
    try:
        await read_keys(settings.jwt_jwks)
    except KeysUnreadable as error:
        if not is_url(settings.jwt_jwks):
            raise ServeError(
                f"ACTIVITY_JWT_JWKS: the keys of {settings.jwt_jwks} can't be read: {error}."
            ) from error
        notice += (
            f"\n  Warning    ACTIVITY_JWT_JWKS can't be read: {error}. Until it can, requests with "
            "user tokens fail with 503"
        )
    if settings.jwt_audience is None:
        notice += (
            "\n  Warning    ACTIVITY_JWT_AUDIENCE is not set: tokens that the issuer signs for "
            "other applications are accepted, too"
        )
    return notice


async def _who_is_let_in(settings: Settings, database_url: str) -> str:
    if settings.has_credentials:
        return "keys or user tokens from the environment"
    database = Database(database_url, settings)
    try:
        ended_at = await local_mode_ended_at(database)
        is_local = settings.may_be_local and ended_at is None and not await keys_exist(database)
    finally:
        await database.dispose()
    if is_local:
        return (
            "local mode: everyone on this machine has full access without a key; do not run it "
            "behind a proxy"
        )
    since = f", since {ended_at:%Y-%m-%d}" if ended_at else ""
    return f"keys (`activity-events keys list`){since}"
