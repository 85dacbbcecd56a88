"""Names that were stored in two forms become one, with all that is counted of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.migrations import config, migrate
from app.database.partitions import ensure_partitions
from app.database.verify_rollups import COUNT_ALL, verify_rollups
from app.settings import Settings
from tests.conftest import connected

SETTINGS = Settings()
# The form is written as escapes: PostgreSQL reads them, whatever this file's editor does.
EVENTS = r"""
INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type, event_category,
  event_action, entity_type, entity_id, session_id, device_type, duration_ms, received_at)
SELECT users.id, at, ('00000000-0000-0000-0000-' || lpad(number::text, 12, '0'))::uuid,
  type, type, 'done', type, entity, session, device, 5, at
FROM (VALUES
  ('ada@x.io', 1, now() - interval '40 days', U&'caf\00e9', U&'caf\00e9', 's', 'tv'),
  ('ada@x.io', 2, now() - interval '40 days', U&'cafe\0301', U&'cafe\0301', U&'s\00e9', 'tv'),
  ('ada@x.io', 3, now() - interval '1 days', U&'cafe\0301', '1', U&'se\0301', U&'te\0301'),
  ('ada@x.io', 4, now() - interval '2 days', 'plain', '1', U&'se\0301', NULL),
  ('bob@x.io', 5, now() - interval '1 days', U&'cafe\0301', NULL, U&'se\0301', NULL),
  ('bob@x.io', 6, now() - interval '1 days', 'plain', NULL, NULL, U&'t\00e9')
) AS given (email, number, at, type, entity, session, device)
JOIN app_user AS users USING (email)
"""
USERS = r"""
INSERT INTO app_user (email, analytics_opt_out, counted, learning_opt_out) VALUES
  ('ada@x.io', false, true, false), ('bob@x.io', true, false, false),
  (U&'i\0307bo@x.io', false, true, true), (U&'i\0307da@x.io', false, true, false)
"""
IN_OTHER_FORM = text(
    "SELECT sum((event_type IS NOT NFC NORMALIZED)::int"
    " + (event_category IS NOT NFC NORMALIZED)::int"
    " + coalesce(entity_type IS NOT NFC NORMALIZED, false)::int"
    " + coalesce(entity_id IS NOT NFC NORMALIZED, false)::int"
    " + coalesce(session_id IS NOT NFC NORMALIZED, false)::int"
    " + coalesce(device_type IS NOT NFC NORMALIZED, false)::int) FROM activity_event"
)


def upgrade_to(revision: str) -> Any:
    def go(connection: Connection) -> None:
        alembic = config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, revision)

    return go


@pytest.fixture
async def connection(bare_url: str) -> AsyncIterator[AsyncConnection]:
    """A database as the version before left it, with names in both forms."""
    before = ScriptDirectory.from_config(config()).get_revision("0013").down_revision
    async with connected(bare_url) as connection:
        await connection.run_sync(upgrade_to(str(before)))
        await connection.commit()
        await ensure_partitions(connection, SETTINGS)
        for statement in (USERS, EVENTS, *COUNT_ALL):
            await connection.execute(text(statement))
        await connection.execute(
            text(
                r"INSERT INTO served_prediction SELECT id, now(), false, now(), 1,"
                r" ARRAY[U&'cafe\0301'], '{1}', 1 FROM app_user WHERE email = 'ada@x.io'"
            )
        )
        await connection.commit()
        yield connection


async def is_exact(connection: AsyncConnection) -> None:
    checks = await verify_rollups(connection)
    await connection.rollback()
    assert [check for check in checks if not check.ok] == []


@pytest.mark.fault("A9")
async def test_names_become_one(connection: AsyncConnection) -> None:
    await is_exact(connection)
    assert (await connection.execute(IN_OTHER_FORM)).scalar() == 3 + 3 + 3 + 1 + 3 + 1
    await migrate(connection, SETTINGS)
    assert (await connection.execute(IN_OTHER_FORM)).scalar() == 0
    types = text("SELECT event_type, count(*) FROM activity_event GROUP BY 1 ORDER BY 1 DESC")
    assert [tuple(each) for each in await connection.execute(types)] == [
        ("plain", 2),
        ("café", 4),
    ]
    totals = text(
        "SELECT event_type, device_type, sum(events)::int, sum(duration_ms)::int"
        " FROM activity_rollup WHERE level = 2 AND events <> 0 GROUP BY 1, 2 ORDER BY 1 DESC, 2"
    )
    assert [tuple(each) for each in await connection.execute(totals)] == [
        ("plain", "", 1, 5),
        ("café", "tv", 2, 10),
        ("café", "té", 1, 5),
    ]
    sessions = text(
        "SELECT email, session_id, events FROM activity_session JOIN app_user ON id = user_id"
        " ORDER BY email, events"
    )
    assert [tuple(each) for each in await connection.execute(sessions)] == [
        ("ada@x.io", "s", 1),
        ("ada@x.io", "sé", 3),
        ("bob@x.io", "sé", 1),
    ]
    served = text("SELECT count(*) FROM served_prediction")
    assert (await connection.execute(served)).scalar() == 0
    await connection.rollback()
    await is_exact(connection)


@pytest.mark.fault("A9")
async def test_an_opt_out_holds_for_a_capital_i_with_a_dot_too(connection: AsyncConnection) -> None:
    """It was stored as an i with a combining dot, and nobody can tell which one opted out."""
    await migrate(connection, SETTINGS)
    users = text(
        "SELECT email, learning_opt_out FROM app_user WHERE email LIKE '%o@x.io'"
        " AND email <> 'bob@x.io' ORDER BY id"
    )
    assert [tuple(each) for each in await connection.execute(users)] == [
        ("i\u0307bo@x.io", True),
        ("\u0130bo@x.io", True),
    ]
    count = text("SELECT count(*) FROM app_user")
    assert (await connection.execute(count)).scalar() == 5
