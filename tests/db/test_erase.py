"""Erasures that were cut off: finished before anybody is told that nothing remains."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.database.sessions import Database
from app.database.verify import verify
from app.database.verify_rollups import verify_rollups
from app.errors import ServeError, Unavailable
from app.ingest.group import write_group
from app.ingest.results import WriteOutcome
from app.ingest.users import UserCache
from app.privacy.erase import (
    begin_erasure,
    erase_user,
    find_unfinished,
    finish_erasures,
)
from app.privacy.erasure_secret import require_erasure_secret
from app.settings import Settings
from tests.conftest import NOW
from tests.db.conftest import ADA, BOB, row, scalar, store

SETTINGS = Settings()
EVENTS = "SELECT count(*) FROM activity_event"


async def recount_is_equal(database: Database) -> bool:
    async with database.transaction() as session:
        return all(check.ok for check in await verify_rollups(await session.connection()))


async def faults(database: Database) -> list[str]:
    async with database.transaction() as session:
        checks = await verify(await session.connection(), SETTINGS, NOW)
    return [check.found for check in checks if not check.ok and check.kind == "erasures"]


@asynccontextmanager
async def somebody_writes(database: Database) -> AsyncIterator[None]:
    """A transaction that has written an event and does not end: an erasure waits for it."""
    connection = await database.connect_writer()
    async with connection.transaction():
        await connection.execute("DELETE FROM activity_event WHERE false")
        yield
    await connection.close()


@pytest.mark.fault("R1")
async def test_a_receipt_is_of_all_erasures_that_were_cut_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off twice, with activity after each; the third time it is finished."""
    monkeypatch.setattr("app.privacy.user_locks.WRITERS_WAIT_SECONDS", 0.1)
    await store(database, row(1), row(2), row(9, user=BOB))
    async with somebody_writes(database):
        with pytest.raises(Unavailable):
            await erase_user(database, SETTINGS, ADA, NOW)
        await store(database, row(3, at="2026-11-20 13:00"))
        with pytest.raises(Unavailable):
            await erase_user(database, SETTINGS, ADA, NOW + timedelta(hours=2))
        unfinished = await find_unfinished(database)
        assert (unfinished.erasures, unfinished.oldest_erasure_at) == (2, NOW)
        assert await faults(database) == ["2 unfinished, the oldest since 2026-11-20 12:00 UTC"]
    await store(database, row(4, at="2026-11-20 16:00"), row(5, at="2026-11-20 17:00"))
    receipt = await erase_user(database, SETTINGS, ADA, NOW + timedelta(hours=6))
    assert receipt.deleted["activity_event"] == 5
    assert receipt.deleted["app_user"] == 3
    assert not any(receipt.remaining.values())
    assert receipt.erased_at == NOW + timedelta(hours=6)
    assert await scalar(database, EVENTS) == 1
    assert (await find_unfinished(database)).erasures == 0
    assert await faults(database) == []
    assert await recount_is_equal(database)


@pytest.mark.fault("R1")
async def test_without_activity_since_it_is_the_erasure_that_was_begun(database: Database) -> None:
    await store(database, row(1))
    [begun] = await begin_erasure(database, SETTINGS, ADA, NOW)
    receipt = await erase_user(database, SETTINGS, ADA, NOW + timedelta(hours=1))
    assert (receipt.receipt_id, receipt.erased_at) == (begun, NOW)
    assert receipt.deleted["activity_event"] == 1
    assert await scalar(database, EVENTS) == 0


@pytest.mark.fault("R1")
async def test_what_can_not_be_finished_holds_up_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(database, row(1), row(2, user=BOB))
    [first] = await begin_erasure(database, SETTINGS, ADA, NOW)
    await begin_erasure(database, SETTINGS, BOB, NOW + timedelta(seconds=1))
    from app.privacy import erase

    finish = erase.finish_erasure

    async def fail_first(database: Database, erasure_id: object, **others: object) -> object:
        if erasure_id == first:
            raise Unavailable("somebody writes")
        return await finish(database, erasure_id, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(erase, "finish_erasure", fail_first)
    with pytest.raises(Unavailable, match="somebody writes"):
        await finish_erasures(database)
    assert (await find_unfinished(database)).erasures == 1
    assert await scalar(database, EVENTS) == 1
    monkeypatch.undo()
    await finish_erasures(database)
    assert await scalar(database, EVENTS) == 0


def with_secret(secret: str | None) -> Settings:
    return Settings(erasure_secret=SecretStr(secret) if secret else None)


@pytest.mark.fault("R10", "newcomer-64")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("one" * 11, "two" * 11, "differs from the erasure secret"),
        ("one" * 11, None, "is not set"),
        (None, "one" * 11, "is set, but"),
        ("one" * 11, "one" * 11, None),
        (None, None, None),
    ],
)
@pytest.mark.parametrize("has_fingerprint", [True, False])
async def test_a_changed_secret_is_refused(
    database: Database,
    before: str | None,
    after: str | None,
    message: str | None,
    has_fingerprint: bool,
) -> None:
    await require_erasure_secret(database, with_secret(after))  # nobody was erased yet
    await erase_user(database, with_secret(before), ADA, NOW)
    if not has_fingerprint:  # an erasure of the version before
        await _forget_fingerprint(database)
        if before and after and before != after:
            message = None  # nothing tells it; what is set now is taken for the one
    if message is None:
        await require_erasure_secret(database, with_secret(after))
        await erase_user(database, with_secret(after), BOB, NOW)
        return
    with pytest.raises(ServeError, match=f"ACTIVITY_ERASURE_SECRET {message}"):
        await require_erasure_secret(database, with_secret(after))
    if has_fingerprint:
        with pytest.raises(Unavailable, match="ACTIVITY_ERASURE_SECRET differs from"):
            await erase_user(database, with_secret(after), BOB, NOW)


async def _forget_fingerprint(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM service_secret WHERE name = 'erasure_fingerprint'"))


@pytest.mark.fault("R1", "A9")
@pytest.mark.parametrize(
    "stored", ["dov@xn--mnchen-3ya.example", "dov@mu\u0308nchen.example", "dov@münchen.example\x1f"]
)
async def test_rows_of_other_spellings_are_erased_too(database: Database, stored: str) -> None:
    """Left by an earlier version, or by a merge that was cut off: nothing gives them back."""
    await store(database, row(1, user="dov@münchen.example"), row(2, user=BOB))
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE app_user SET email = :stored WHERE email = :bob"),
            {"stored": stored, "bob": BOB},
        )
    receipt = await erase_user(database, SETTINGS, "dov@münchen.example", NOW)
    assert (receipt.deleted["activity_event"], receipt.deleted["app_user"]) == (2, 2)
    assert await scalar(database, EVENTS) == 0
    assert await scalar(database, "SELECT count(*) FROM app_user") == 0
    assert await recount_is_equal(database)


@pytest.mark.fault("R1")
async def test_two_erasures_of_one_user_at_one_moment(database: Database) -> None:
    """Both are answered, and both receipts are true."""
    await store(database, *(row(n, session_id=f"s{n % 7}") for n in range(1, 400)))
    receipts = await asyncio.gather(
        *(erase_user(database, SETTINGS, ADA, NOW) for _ in range(4)), return_exceptions=True
    )
    for receipt in receipts:
        assert not isinstance(receipt, BaseException), receipt
        assert not any(receipt.remaining.values())
    assert await scalar(database, EVENTS) == 0
    assert (await find_unfinished(database)).erasures == 0


@pytest.mark.fault("R10", "newcomer-64")
async def test_ingest_with_another_secret_refuses(database: Database) -> None:
    """Both processes started before anybody was erased."""
    mine, other = with_secret(None), with_secret("two" * 11)
    connection = await database.connect_writer()
    known = UserCache(mine)
    assert await write_group(connection, [[row(1)]], known, expect_new=True) == [{}]
    await erase_user(database, other, ADA, NOW)
    known.forget([ADA])
    with pytest.raises(Unavailable, match="ACTIVITY_ERASURE_SECRET differs from"):
        await write_group(connection, [[row(1)]], known, expect_new=True)
    right = UserCache(other)
    assert await write_group(connection, [[row(1)]], right, expect_new=True) == [
        {1: WriteOutcome.ERASED}
    ]
    await connection.close()
