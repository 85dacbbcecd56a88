"""Users whose stored addresses are one address become one user."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.database.sessions import Database
from app.database.verify_rollups import verify_rollups
from app.ingest.group import UsersChanged, write_group
from app.ingest.users import UserCache
from app.privacy import merge_users as joining
from app.privacy.erase import begin_erasure, erase_user
from app.privacy.merge_users import join_users
from app.privacy.move_events import move_some
from app.privacy.opt_out import Change, OptOut, finish_opt_outs, get_opt_out, set_opt_out
from app.settings import Settings
from tests.conftest import NOW, connected
from tests.db.conftest import row, scalar, store, utc

JUERGEN = "jürgen@münchen.example"
NFD = "ju\u0308rgen@mu\u0308nchen.example"
A_LABEL = "jürgen@xn--mnchen-3ya.example"
DOT = "jürgen@münchen.example."
HIDDEN = "jür\u200bgen@münchen.example"

pytestmark = pytest.mark.fault("A9")


async def join(settings: Settings) -> int:
    assert settings.database_url is not None
    async with connected(settings.database_url) as connection:
        return await join_users(connection, settings)


async def all_of(database: Database, statement: str) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        return [tuple(found) for found in await session.execute(text(statement))]


async def users(database: Database) -> list[str | None]:
    return [email for (email,) in await all_of(database, "SELECT email FROM app_user ORDER BY id")]


async def events(database: Database) -> list[tuple[str, int]]:
    """Whose each event is, and its number."""
    found = await all_of(
        database,
        "SELECT email, event_id::text FROM activity_event JOIN app_user ON id = user_id"
        " ORDER BY event_id",
    )
    return [(email, int(event_id.replace("-", ""), 16)) for email, event_id in found]


async def is_exact(database: Database) -> None:
    """What is kept beside the events equals a recount of them."""
    async with database.transaction() as session:
        checks = await verify_rollups(await session.connection())
    assert [check for check in checks if not check.ok] == []


async def test_five_spellings_become_the_oldest_user(
    database: Database, settings: Settings
) -> None:
    for number, email in enumerate((NFD, A_LABEL, JUERGEN, DOT, HIDDEN), 1):
        await store(
            database,
            row(number, f"2026-11-20 09:0{number}", email, session_id="s", duration_ms=number),
            row(number + 10, "2026-11-19 23:50", email, device_type="tv"),
        )
    await store(database, row(50, user="ada@example.com"), row(51, user="müller@x.io"))
    oldest = await scalar(database, "SELECT min(id) FROM app_user")
    assert await join(settings) == 4
    assert await users(database) == [JUERGEN, "ada@example.com", "müller@x.io"]
    assert await scalar(database, "SELECT min(id) FROM app_user") == oldest
    numbers = [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]
    assert await events(database) == [
        *((JUERGEN, number) for number in numbers),
        ("ada@example.com", 50),
        ("müller@x.io", 51),
    ]
    sessions = "SELECT started_at, ended_at, events FROM activity_session"
    assert await all_of(database, sessions) == [
        (utc("2026-11-20 09:01"), utc("2026-11-20 09:05"), 5)
    ]
    assert await scalar(database, "SELECT count(*) FROM activity_user_day") == 4
    total = "SELECT sum(events), sum(timed), sum(duration_ms) FROM activity_rollup WHERE level = 1"
    assert await all_of(database, total) == [(12, 5, 15)]
    await is_exact(database)
    assert await join(settings) == 0


async def test_one_spelling_alone_is_renamed(database: Database, settings: Settings) -> None:
    await store(database, row(1, user=NFD), row(2, user="dot@x.io."), row(3, user="a@xn--.x"))
    ids = "SELECT id FROM app_user ORDER BY id"
    before = await all_of(database, ids)
    assert await join(settings) == 2
    assert await users(database) == ["a@xn--.x", "dot@x.io", JUERGEN]
    assert await all_of(database, ids) == before
    await is_exact(database)


async def test_of_one_event_on_both_the_one_received_first_stays(
    database: Database, settings: Settings
) -> None:
    later = NOW + timedelta(minutes=5)
    await store(
        database,
        row(1, user=NFD, session_id="s", event_type="a_first", duration_ms=1),
        row(2, user=NFD, session_id="s", received_at=later, event_type="b_second"),
        row(3, "2026-11-20 09:00", user=NFD, session_id="only-late", received_at=later),
    )
    await store(
        database,
        row(1, user=JUERGEN, session_id="s", received_at=later, event_type="b_second"),
        row(2, user=JUERGEN, session_id="s", event_type="a_first", duration_ms=2),
        # Stored under another time, a day before.
        row(3, "2026-11-19 09:00", user=JUERGEN, session_id="t"),
        row(4, user=JUERGEN),
    )
    await join(settings)
    kept = "SELECT event_type, session_id FROM activity_event ORDER BY event_id"
    assert await all_of(database, kept) == [
        ("a_first", "s"),
        ("a_first", "s"),
        ("project_created", "t"),
        ("project_created", None),
    ]
    sessions = "SELECT session_id, events FROM activity_session ORDER BY 1"
    assert await all_of(database, sessions) == [("s", 2), ("t", 1)]
    await is_exact(database)


@pytest.mark.parametrize("first", [NFD, JUERGEN])
async def test_an_opt_out_of_either_holds(
    database: Database, settings: Settings, first: str
) -> None:
    second = JUERGEN if first == NFD else NFD
    await store(database, row(1, user=first))
    await store(database, row(2, user=second))
    await set_opt_out(database, settings, second, Change(analytics=True, learning=False))
    await set_opt_out(database, settings, first, Change(ai_context=True))
    changes = "SELECT changes FROM privacy_change"
    before = await scalar(database, changes)
    await join(settings)
    assert await scalar(database, changes) == before + 1
    assert await get_opt_out(database, settings, JUERGEN) == OptOut(True, True, False)
    await finish_opt_outs(database)
    await is_exact(database)
    shown = "SELECT coalesce(sum(events), 0) FROM activity_rollup"
    assert await scalar(database, shown) == 0
    await set_opt_out(database, settings, JUERGEN, Change(analytics=False))
    assert await scalar(database, shown) == 6  # two events on three levels
    await is_exact(database)


async def test_the_latest_erasure_holds_and_predictions_are_added(
    database: Database, settings: Settings
) -> None:
    await store(database, row(1, user=NFD))
    await store(database, row(2, user=JUERGEN))
    async with database.transaction() as session:
        await session.execute(
            text(
                "UPDATE app_user SET not_before = '2026-11-01', created_at = '2026-10-01',"
                " redated = true WHERE email = :email"
            ),
            {"email": JUERGEN},
        )
        await session.execute(
            text(
                "INSERT INTO prediction_score SELECT id, '2026-11-20', 3, 2, 1, 2, 0.7, 0.5, 1.5"
                " FROM app_user"
            )
        )
        await session.execute(
            text(
                "INSERT INTO served_prediction SELECT id, now(), false, now(), 1, '{a}', '{1}', 1"
                " FROM app_user"
            )
        )
    await join(settings)
    state = "SELECT email, not_before, redated, created_at FROM app_user"
    assert await all_of(database, state) == [
        (JUERGEN, utc("2026-11-01 00:00"), True, utc("2026-10-01 00:00"))
    ]
    scores = "SELECT predictions, hits_at_1, hits_at_3, brier, log_loss FROM prediction_score"
    assert await all_of(database, scores) == [(4, 2, 4, 1.0, 3.0)]
    assert await scalar(database, "SELECT count(*) FROM served_prediction") == 1


async def test_a_tombstone_of_another_spelling_is_heeded(
    database: Database, settings: Settings
) -> None:
    """Erased, opted out, as the one; still known as the other."""
    await store(database, row(1, user=JUERGEN))
    await set_opt_out(database, settings, NFD, Change(learning=True))
    await erase_user(database, settings, NFD, NOW)
    changes = "SELECT changes FROM privacy_change"
    before = await scalar(database, changes)
    assert await join(settings) == 0
    state = "SELECT not_before, learning_opt_out FROM app_user"
    assert await all_of(database, state) == [(NOW, True)]
    assert await scalar(database, changes) == before + 1
    # They are tombstones of the one form by now: an opt-in stays one.
    await set_opt_out(database, settings, JUERGEN, Change(learning=False))
    await join(settings)
    assert await all_of(database, state) == [(NOW, False)]


async def test_a_user_who_takes_over_an_erased_address_heeds_it(
    database: Database, settings: Settings
) -> None:
    """The one form was erased while the other was still known."""
    await set_opt_out(database, settings, JUERGEN, Change(learning=True))
    await erase_user(database, settings, JUERGEN, NOW)
    async with database.transaction() as session:
        statement = text("INSERT INTO app_user (email) VALUES (:email)")
        await session.execute(statement, {"email": NFD})
    await join(settings)
    state = "SELECT email, not_before, learning_opt_out FROM app_user"
    assert await all_of(database, state) == [(JUERGEN, NOW, True)]


@pytest.mark.parametrize("erased_as", [NFD, A_LABEL, DOT])
async def test_who_was_erased_under_another_spelling_stays_so(
    database: Database, settings: Settings, erased_as: str
) -> None:
    """Their late events come with the address in its one form by now."""
    await set_opt_out(database, settings, erased_as, Change(ai_context=True))
    await erase_user(database, settings, erased_as, NOW)
    connection = await database.connect_writer()
    try:
        known = UserCache(settings)
        late = row(1, "2026-11-20 11:00", JUERGEN)
        (outcomes,) = await write_group(connection, [[late]], known, expect_new=True)
        assert [outcome.name for outcome in outcomes.values()] == ["ERASED"]
        assert await get_opt_out(database, settings, JUERGEN) == OptOut(ai_context=True)
        new = row(2, "2026-11-20 13:00", JUERGEN)
        assert await write_group(connection, [[new]], known, expect_new=True) == [{}]
    finally:
        await connection.close()
    state = "SELECT email, not_before, ai_context_opt_out FROM app_user"
    assert await all_of(database, state) == [(JUERGEN, NOW, True)]


async def test_an_opt_out_at_any_tombstone_holds_until_it_is_taken_back(
    database: Database, settings: Settings
) -> None:
    await set_opt_out(database, settings, NFD, Change(analytics=True))
    await erase_user(database, settings, NFD, NOW - timedelta(days=1))
    # As an earlier version did, which knew of no other form.
    async with database.transaction() as session:
        await session.execute(text("UPDATE erasure SET email_hash = email_hash || 'x'::bytea"))
    await erase_user(database, settings, JUERGEN, NOW)
    async with database.transaction() as session:
        await session.execute(
            text(
                "UPDATE erasure SET email_hash = substring(email_hash FROM 1 FOR 32)"
                " WHERE analytics_opt_out"
            )
        )
    assert await get_opt_out(database, settings, JUERGEN) == OptOut(analytics=True)
    await set_opt_out(database, settings, JUERGEN, Change(analytics=False))
    assert await get_opt_out(database, settings, JUERGEN) == OptOut()


async def test_a_join_that_was_cut_off_goes_on(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.privacy.move_events.ROWS_PER_TRANSACTION", 2)
    numbers = range(1, 8)
    await store(database, *(row(n, f"2026-11-20 0{n}:00", NFD, session_id="s") for n in numbers))
    await store(database, *(row(n + 10, user=JUERGEN, session_id="s") for n in numbers))
    await store(database, row(30, user=A_LABEL))
    move, calls = move_some, 0

    async def fails_later(*args: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ConnectionResetError
        return await move(*args)

    monkeypatch.setattr(joining, "move_some", fails_later)
    with pytest.raises(ConnectionResetError):
        await join(settings)
    await is_exact(database)  # after every transaction
    assert await get_opt_out(database, settings, JUERGEN) == OptOut()
    assert await join(settings) == 2
    assert await users(database) == [JUERGEN]
    assert len(await events(database)) == 15
    sessions = "SELECT started_at, ended_at, events FROM activity_session"
    assert await all_of(database, sessions) == [
        (utc("2026-11-20 01:00"), utc("2026-11-20 09:00"), 14)
    ]
    await is_exact(database)


async def test_an_erasure_meanwhile_reaches_both(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.privacy.move_events.ROWS_PER_TRANSACTION", 2)
    await store(database, *(row(n, user=JUERGEN, session_id="s") for n in range(1, 6)))
    await store(database, *(row(n, user=NFD, session_id="s") for n in range(11, 16)))
    move, calls = move_some, 0

    async def erased_after_one(*args: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            await begin_erasure(database, settings, JUERGEN, NOW)
        return await move(*args)

    monkeypatch.setattr(joining, "move_some", erased_after_one)
    await join(settings)
    receipt = await erase_user(database, settings, JUERGEN, NOW)
    assert receipt.remaining["activity_event"] == 0
    assert await users(database) == []
    assert await events(database) == []
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 0
    await is_exact(database)


async def test_a_writer_who_remembers_the_other_looks_again(
    database: Database, settings: Settings
) -> None:
    connection = await database.connect_writer()
    try:
        known = UserCache(settings)
        for number, email in enumerate((JUERGEN, NFD)):
            await write_group(connection, [[row(number, user=email)]], known, expect_new=True)
        await join(settings)
        with pytest.raises(UsersChanged):
            await write_group(connection, [[row(7, user=NFD)]], known, expect_new=True)
        await write_group(connection, [[row(8, user=JUERGEN)]], known, expect_new=True)
    finally:
        await connection.close()
    assert await events(database) == [(JUERGEN, 0), (JUERGEN, 1), (JUERGEN, 8)]


async def test_users_are_joined_while_both_are_written_to(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By processes of an earlier version, too, which make the other user again: the next run
    finds that one. Each event is there once."""
    monkeypatch.setattr("app.privacy.move_events.ROWS_PER_TRANSACTION", 7)
    done = asyncio.Event()
    written: set[int] = set()

    async def write(email: str, first: int) -> None:
        connection = await database.connect_writer()
        known = UserCache(settings)
        number = first
        try:
            while not done.is_set() or number < first + 20:
                at = f"2026-11-{1 + number % 20:02} 09:{number % 60:02}"
                rows = [row(number, at, email, session_id=f"s{number % 3}")]
                try:
                    await write_group(connection, [rows], known, expect_new=False)
                except UsersChanged:
                    continue
                written.add(number)
                number += 1
        finally:
            await connection.close()

    await store(database, *(row(n, user=NFD, session_id="s1") for n in range(1, 51)))
    await store(database, *(row(n, user=A_LABEL, session_id="s1") for n in range(51, 101)))
    written |= set(range(1, 101))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write(JUERGEN, 1000))
        tasks.create_task(write(NFD, 100_000))
        for _ in range(3):
            await join(settings)
            await is_exact(database)
        done.set()
    await join(settings)
    assert await users(database) == [JUERGEN]
    assert [number for _, number in await events(database)] == sorted(written)
    await is_exact(database)
