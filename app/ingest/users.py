"""Email -> user, remembered."""

from collections.abc import Collection, Iterable

import asyncpg

from app.ingest.insert import Users, find_users

USERS_MAX = 50_000


class KnownUsers:
    """A bounded memory of what was true once. Another process may have changed or erased a user
    since, so that a transaction checks what it used (`users_are_current`) before it commits.
    """

    def __init__(self, at_most: int = USERS_MAX) -> None:
        self._users: Users = {}
        self._at_most = at_most

    async def resolve(
        self, connection: asyncpg.Connection, emails: Collection[str]
    ) -> tuple[Users, Users]:
        """The users of `emails`, and, of these, those who had to be looked up.

        They may have been made by this very transaction: `remember` them after its commit.
        """
        users = self._users
        found = {email: users[email] for email in emails if email in users}
        if len(found) == len(emails):
            return found, {}
        looked_up = await find_users(connection, [email for email in emails if email not in found])
        return found | looked_up, looked_up

    def remember(self, users: Users) -> None:
        self._users.update(users)
        while len(self._users) > self._at_most:
            del self._users[next(iter(self._users))]  # the first that came

    def forget(self, emails: Iterable[str]) -> None:
        for email in emails:
            self._users.pop(email, None)
