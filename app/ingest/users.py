"""Email -> user, remembered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import or_
from typing import NamedTuple

import asyncpg

from app.database.erasure_hash import FINGERPRINT, OWN_SECRET, email_hash, fingerprint
from app.database.locks import EMAIL_LOCK_CLASS, LOCK_ALL_SHARED, email_lock
from app.errors import Unavailable
from app.ingest.rows import EventRow, TimeBasis
from app.schemas.email import earlier_forms
from app.settings import Settings

USERS_MAX = 50_000
# A clock that is known to be wrong may be worse than it seems: a request can take long.
WRONG_CLOCK_DOUBT = timedelta(days=1)
# So far ahead of ours a right clock may seem to be.
RIGHT_CLOCK = timedelta(seconds=1)


class User(NamedTuple):
    """`redated`: some event of theirs lies in another month than its id says (`stray_event`).
    `opted_out`: nothing of theirs is recorded. `not_before`: when they were erased last.
    """

    id: int
    redated: bool = False
    opted_out: bool = False
    not_before: datetime | None = None

    @property
    def exists(self) -> bool:
        return self.id > 0


Users = dict[str, User]  # by email

SELECT_USERS = """
SELECT email, id, redated, analytics_opt_out, not_before
FROM app_user WHERE email = ANY($1::text[])
"""

INSERT_USERS = """
INSERT INTO app_user (email, not_before, ai_context_opt_out, learning_opt_out)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bool[], $4::bool[])
ON CONFLICT (email) DO NOTHING RETURNING email, id, redated, analytics_opt_out, not_before
"""

SELECT_USERS_BY_ID = """
SELECT id, redated, analytics_opt_out, not_before
FROM app_user WHERE id = ANY($1::bigint[]) AND email IS NOT NULL
"""

SELECT_SECRETS = "SELECT name, value FROM service_secret WHERE name = ANY($1::text[])"

SELECT_ERASURES = """
SELECT DISTINCT ON (email_hash)
  email_hash, erased_at, analytics_opt_out, ai_context_opt_out, learning_opt_out
FROM erasure WHERE email_hash = ANY($1::bytea[]) ORDER BY email_hash, erased_at DESC
"""


class UserCache:
    """A bounded memory of what was true once. Another process may have changed or erased a user
    since, so that a transaction checks what it used (`users_are_current`) before it commits.
    """

    def __init__(self, settings: Settings, at_most: int = USERS_MAX) -> None:
        self._users: Users = {}
        self._at_most = at_most
        self._clock_tolerance = timedelta(seconds=settings.clock_skew_tolerance_seconds)
        given = settings.erasure_secret
        self._configured_secret = given.get_secret_value().encode() if given else None

    async def resolve(
        self, connection: asyncpg.Connection, rows: Sequence[EventRow]
    ) -> tuple[Users, Users]:
        """Return the users of these rows, and, of these, those who had to be looked up.

        They may have been made by this very transaction: `remember` them after its commit.
        """
        users = self._users
        emails = {row.user_email for row in rows}
        found = {email: users[email] for email in emails if email in users}
        if len(found) == len(emails):
            return found, {}
        latest: dict[str, datetime] = {}
        for row in rows:
            email = row.user_email
            if email not in found:
                earliest = self.earliest_time(row)
                latest[email] = max(latest.get(email, earliest), earliest)
        looked_up = await self._find(connection, latest)
        return found | looked_up, looked_up

    def earliest_time(self, row: EventRow) -> datetime:
        """Return when the event happened at the earliest, whatever its client's clock says.

        Decides at the border of an erasure: what is not surely later counts as earlier.
        """
        is_given = row.time_basis is TimeBasis.GIVEN
        # A time after its receipt is of a clock that is ahead, by so much or more.
        is_ahead = row.event_timestamp > row.received_at + RIGHT_CLOCK
        is_doubtful = not is_given or is_ahead
        return row.event_timestamp - (WRONG_CLOCK_DOUBT if is_doubtful else self._clock_tolerance)

    def remember(self, users: Users) -> None:
        self._users.update((email, user) for email, user in users.items() if user.exists)
        while len(self._users) > self._at_most:
            del self._users[next(iter(self._users))]  # the first that came

    def forget(self, emails: Iterable[str]) -> None:
        for email in emails:
            self._users.pop(email, None)

    async def _find(self, connection: asyncpg.Connection, latest: Mapping[str, datetime]) -> Users:
        """The users of these emails; those who are not known yet are made, but for the erased
        who have done nothing since.

        New ones are inserted in sorted order, so that two transactions never wait for each other.
        """
        found = await _select(connection, sorted(latest))
        missing = sorted(latest.keys() - found.keys())
        if not missing:
            return found
        keys = sorted(email_lock(email) for email in missing)
        # An erasure of the same person takes it exclusively.
        await connection.execute(LOCK_ALL_SHARED, EMAIL_LOCK_CLASS, keys)
        erased = await self._erased(connection, missing)
        new: list[tuple[str, datetime | None, bool, bool]] = []
        for email in missing:
            at, no_analytics, no_context, no_learning = erased.get(email, NEVER_ERASED)
            if at is not None and (no_analytics or latest[email] <= at):
                found[email] = User(0, opted_out=no_analytics, not_before=at)
            else:
                new.append((email, at, no_context, no_learning))
        if new:
            columns = [list(column) for column in zip(*new, strict=True)]
            found |= _users(await connection.fetch(INSERT_USERS, *columns))
            # Those that another made meanwhile.
            found |= await _select(connection, [row[0] for row in new if row[0] not in found])
        return found

    async def _current_secret(self, connection: asyncpg.Connection) -> bytes | None:
        """Return the secret of the tombstones; None if there is none yet.

        Another process may have created the first tombstone since this one started, with another
        secret.

        Raises:
            Unavailable: the settings name another one: who was erased can't be told.
        """
        rows = await connection.fetch(SELECT_SECRETS, [OWN_SECRET, FINGERPRINT])
        stored = dict(rows)
        kept = stored.get(FINGERPRINT)
        secret = self._configured_secret or stored.get(OWN_SECRET)
        if kept is not None and (secret is None or fingerprint(secret) != kept):
            raise Unavailable(
                "ACTIVITY_ERASURE_SECRET differs from the erasure secret of this database.",
                code="erasure_secret_changed",
            )
        return secret

    async def _erased(
        self, connection: asyncpg.Connection, emails: Sequence[str]
    ) -> dict[str, tuple[datetime | None, bool, bool, bool]]:
        """Return the time of their last erasure and their opt-outs at that time, under any form of
        their address that an earlier version may have used."""
        secret = await self._current_secret(connection)
        if secret is None:
            return {}
        hashes = {
            email_hash(secret, form): email
            for email in emails
            for form in (email, *earlier_forms(email))
        }
        erased: dict[str, tuple[datetime | None, bool, bool, bool]] = {}
        for key, at, *opt_outs in await connection.fetch(SELECT_ERASURES, list(hashes)):
            email = hashes[key]
            before = erased.get(email, NEVER_ERASED)
            latest = at if before[0] is None else max(at, before[0])
            no_analytics, no_context, no_learning = map(or_, opt_outs, before[1:])
            erased[email] = (latest, no_analytics, no_context, no_learning)
        return erased


NEVER_ERASED = (None, False, False, False)


async def users_are_current(connection: asyncpg.Connection, users: Iterable[User]) -> bool:
    """Whether all users still exist unchanged: another process may have erased one.

    Call it once the transaction has written: an erasure that starts afterwards can see this
    transaction, and wait for it.
    """
    expected = {user for user in users if user.exists}
    rows = await connection.fetch(SELECT_USERS_BY_ID, [user.id for user in expected])
    return {User(*row) for row in rows} == expected


async def _select(connection: asyncpg.Connection, emails: Sequence[str]) -> Users:
    return _users(await connection.fetch(SELECT_USERS, emails)) if emails else {}


def _users(rows: Iterable[asyncpg.Record]) -> Users:
    return {row[0]: User(row[1], row[2], row[3], row[4]) for row in rows}
