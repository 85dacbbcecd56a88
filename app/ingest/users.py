"""Email -> user, remembered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.models import EMAIL_LOCK_CLASS, email_hash, email_lock
from app.settings import Settings

USERS_MAX = 50_000


class User(NamedTuple):
    """`redated`: some event of theirs is stored under another time than its client gave.
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

# Against an erasure of the same person, which takes it exclusively.
LOCK_EMAILS = "SELECT pg_advisory_xact_lock_shared($1, key) FROM unnest($2::int[]) AS key"

SELECT_SECRET = "SELECT value FROM service_secret WHERE name = 'erasure'"  # noqa: S105 (a statement)

SELECT_ERASURES = """
SELECT DISTINCT ON (email_hash)
  email_hash, erased_at, analytics_opt_out, ai_context_opt_out, learning_opt_out
FROM erasure WHERE email_hash = ANY($1::bytea[]) ORDER BY email_hash, erased_at DESC
"""


class KnownUsers:
    """A bounded memory of what was true once. Another process may have changed or erased a user
    since, so that a transaction checks what it used (`users_are_current`) before it commits.
    """

    def __init__(self, settings: Settings, at_most: int = USERS_MAX) -> None:
        self._users: Users = {}
        self._at_most = at_most
        given = settings.erasure_secret
        self._secret = given.get_secret_value().encode() if given else None

    async def resolve(
        self, connection: asyncpg.Connection, latest: Mapping[str, datetime]
    ) -> tuple[Users, Users]:
        """The users, and, of these, those who had to be looked up.

        They may have been made by this very transaction: `remember` them after its commit.

        Args:
            latest: the emails, each with the time of its latest event.
        """
        users = self._users
        found = {email: users[email] for email in latest if email in users}
        if len(found) == len(latest):
            return found, {}
        missing = {email: at for email, at in latest.items() if email not in found}
        looked_up = await self._find(connection, missing)
        return found | looked_up, looked_up

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
        await connection.execute(LOCK_EMAILS, EMAIL_LOCK_CLASS, keys)
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

    async def _erased(
        self, connection: asyncpg.Connection, emails: Sequence[str]
    ) -> dict[str, tuple[datetime | None, bool, bool, bool]]:
        """When they were erased last, and what they had opted out of by then."""
        if self._secret is None:
            # It is made with the first erasure: without it, there was none.
            self._secret = await connection.fetchval(SELECT_SECRET)
            if self._secret is None:
                return {}
        hashes = {email_hash(self._secret, email): email for email in emails}
        rows = await connection.fetch(SELECT_ERASURES, list(hashes))
        return {hashes[row[0]]: (row[1], row[2], row[3], row[4]) for row in rows}


NEVER_ERASED = (None, False, False, False)


async def users_are_current(connection: asyncpg.Connection, users: Iterable[User]) -> bool:
    """Whether each is still there and as remembered: another process may have erased one.

    To be asked once the transaction has written: whoever erases a user afterwards can see that it
    is under way, and wait for it.
    """
    expected = {user for user in users if user.exists}
    rows = await connection.fetch(SELECT_USERS_BY_ID, [user.id for user in expected])
    return {User(*row) for row in rows} == expected


async def _select(connection: asyncpg.Connection, emails: Sequence[str]) -> Users:
    return _users(await connection.fetch(SELECT_USERS, emails)) if emails else {}


def _users(rows: Iterable[asyncpg.Record]) -> Users:
    return {row[0]: User(row[1], row[2], row[3], row[4]) for row in rows}
