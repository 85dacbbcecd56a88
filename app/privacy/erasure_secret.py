"""The secret that recognizes erased people, and the check that it is still the same.

A tombstone is a keyed hash of an email address. Under another secret it matches nothing: late
events of all erased people would be accepted. So the database stores a fingerprint of the secret as
long as it has a tombstone, and a service with another secret does not start.
"""

import hmac
import secrets

from sqlalchemy import exists, select, text
from sqlalchemy.dialects.postgresql import insert

from app.database.erasure_hash import FINGERPRINT, OWN_SECRET, fingerprint
from app.database.sessions import Database, ReadSession, WriteSession
from app.errors import ServeError, Unavailable
from app.models import Erasure, ServiceSecret
from app.settings import Settings

SECRET_BYTES = 32
MIGRATED = text("SELECT to_regclass('erasure') IS NOT NULL")

REMEDY = (
    "Erased users are recognized only with this secret; without it, late events of theirs would "
    "be accepted. "
)


async def erasure_secret(session: WriteSession, settings: Settings) -> bytes:
    """Return the secret of the settings, or the database's own, made when it is first needed.

    Raises:
        Unavailable: tombstones were made with another one.
    """
    configured = _configured(settings)
    if configured is None:
        await _keep(session, OWN_SECRET, secrets.token_bytes(SECRET_BYTES))
    stored = await _stored(session)
    secret = configured or stored[OWN_SECRET]
    kept = stored.get(FINGERPRINT)
    if kept is not None and not hmac.compare_digest(kept, fingerprint(secret)):
        raise Unavailable(
            "ACTIVITY_ERASURE_SECRET differs from the erasure secret of this database. Set it to "
            "its former value.",
            code="erasure_secret_changed",
        )
    return secret


async def remember_secret(session: WriteSession, settings: Settings) -> None:
    """Keep the fingerprint of the secret, in the transaction that leaves a tombstone."""
    await _keep(session, FINGERPRINT, fingerprint(await erasure_secret(session, settings)))


async def require_erasure_secret(database: Database, settings: Settings) -> None:
    """Check that the secret of the settings is the one that the tombstones were made with.

    Raises:
        ServeError: it is another one, or there is none any more.
    """
    async with database.read() as session:
        if not (await session.execute(MIGRATED)).scalar_one():
            return
        if not (await session.scalars(select(exists().where(Erasure.id.is_not(None))))).one():
            return
        stored = await _stored(session)
    configured = _configured(settings)
    own, kept = stored.get(OWN_SECRET), stored.get(FINGERPRINT)
    secret = configured or own
    if kept is None:  # tombstones of before the fingerprint
        is_same = (configured is None) == (own is not None)
    else:
        is_same = secret is not None and hmac.compare_digest(kept, fingerprint(secret))
    if is_same:
        return
    if configured is None:
        raise ServeError(
            "ACTIVITY_ERASURE_SECRET is not set, but this database has erasures that used it. "
            f"{REMEDY}Set it to its former value."
        )
    if own is not None and (kept is None or hmac.compare_digest(kept, fingerprint(own))):
        raise ServeError(
            "ACTIVITY_ERASURE_SECRET is set, but this database has erasures that used the "
            f"database's own secret. {REMEDY}Unset it."
        )
    raise ServeError(
        "ACTIVITY_ERASURE_SECRET differs from the erasure secret of this database. "
        f"{REMEDY}Set it to its former value."
    )


def _configured(settings: Settings) -> bytes | None:
    given = settings.erasure_secret
    return None if given is None else given.get_secret_value().encode()


async def _stored(session: ReadSession | WriteSession) -> dict[str, bytes]:
    names = (OWN_SECRET, FINGERPRINT)
    rows = await session.execute(
        select(ServiceSecret.name, ServiceSecret.value).where(ServiceSecret.name.in_(names))
    )
    return {row.name: row.value for row in rows}


async def _keep(session: WriteSession, name: str, value: bytes) -> None:
    """Keep a value, unless there is one of this name."""
    await session.execute(
        insert(ServiceSecret).values(name=name, value=value).on_conflict_do_nothing()
    )
