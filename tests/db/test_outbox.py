"""Who listens hears of every event, once, while many write."""

import asyncio
from uuid import UUID

from app.database.sessions import Database
from app.ingest.group import write_group
from app.ingest.users import UserCache
from app.settings import Settings
from app.stream.outbox_reader import arrivals, present
from tests.db.conftest import GIVE_UP_SECONDS, row

WRITERS = 6
EACH = 40


async def test_whoever_listens_misses_nothing(database: Database) -> None:
    """It asks again and again, also in the moment in which a transaction commits."""
    known = UserCache(Settings())
    users = [f"user{number}@example.com" for number in range(8)]
    first = await database.connect_writer()
    rows = [row(number, user=user) for number, user in enumerate(users, 10**6)]
    await write_group(first, [rows], known, expect_new=True)
    await first.close()
    heard: list[UUID] = []

    async def write(writer: int) -> None:
        connection = await database.connect_writer()
        for number in range(writer * EACH, writer * EACH + EACH):
            several = [row(number * 8 + place, user=user) for place, user in enumerate(users)]
            await write_group(connection, [several], known, expect_new=True)
        await connection.close()

    async with database.read() as session:
        position = await present(session)

        async def listen() -> None:
            nonlocal position
            while len(heard) < WRITERS * EACH * 8:
                found = await arrivals(session, position)
                heard.extend(UUID(str(each.event["event_id"])) for each in found.events)
                position = found.until

        async with asyncio.timeout(GIVE_UP_SECONDS * 3), asyncio.TaskGroup() as group:
            group.create_task(listen())
            for writer in range(WRITERS):
                group.create_task(write(writer))
    assert sorted(each.int for each in heard) == list(range(WRITERS * EACH * 8))
