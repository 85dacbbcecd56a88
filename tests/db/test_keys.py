"""Keys: made, found, revoked, expired, and known to the others."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy

from app.auth import key_ring
from app.auth.key_ring import KeyRing
from app.auth.keys import create_key, keys_exist, list_keys, revoke_key
from app.auth.principal import Scope
from app.database.sessions import Database
from app.errors import Forbidden, InvalidRequest, NotFound, Unauthorized, Unavailable
from app.settings import Settings
from tests.conftest import NOW
from tests.db.conftest import scalar

SITE = "https://app.example.com"


async def test_a_key_is_shown_once_and_kept_as_a_hash(database: Database) -> None:
    assert not await keys_exist(database)
    key, text = await create_key(database, "website", [Scope.WRITE], NOW, allowed_origins=[SITE])
    ae, scope, prefix, secret = text.split("_", 3)
    assert (ae, scope, prefix) == ("ae", "write", key.prefix)
    assert len(prefix) == 8
    assert len(secret) == 43
    (listed,) = await list_keys(database)
    assert listed == key
    kept = await scalar(database, "SELECT row_to_json(api_key)::text FROM api_key")
    assert secret not in kept
    assert await keys_exist(database)


async def test_a_key_is_good_until_it_is_revoked(database: Database) -> None:
    ring = KeyRing(Settings(), database)
    assert not await ring.has_ended_local_mode()
    key, text = await create_key(database, "ci", [Scope.READ], NOW)
    ring._read_at = float("-inf")
    principal = await ring.principal(text, None, NOW)
    assert (principal.kind, principal.name) == ("key", key.prefix)
    assert principal.scopes == {Scope.READ}
    assert await revoke_key(database, key.prefix, NOW) != key
    other = KeyRing(Settings(), database)
    with pytest.raises(Unauthorized, match="revoked"):
        await other.principal(text, None, NOW)
    # To revoke the last one opens nothing.
    assert await other.has_ended_local_mode()
    with pytest.raises(NotFound):
        await revoke_key(database, key.prefix, NOW)


async def test_a_ring_hears_of_a_revoked_key(database: Database) -> None:
    ring = KeyRing(Settings(), database)
    key, text = await create_key(database, "ci", [Scope.READ], NOW)
    await ring.principal(text, None, NOW)
    await revoke_key(database, key.prefix, NOW)
    ring._read_at = float("-inf")
    with pytest.raises(Unauthorized):
        await ring.principal(text, None, NOW)


async def test_a_key_expires(database: Database) -> None:
    expiry = NOW + timedelta(days=1)
    _, text = await create_key(database, "ci", [Scope.READ], NOW, expires_at=expiry)
    ring = KeyRing(Settings(), database)
    assert (await ring.principal(text, None, NOW)).scopes == {Scope.READ}
    with pytest.raises(Unauthorized, match="expired"):
        await ring.principal(text, None, expiry)


@pytest.mark.fault("A7")
async def test_the_origins_of_a_key_are_those_that_browsers_send(database: Database) -> None:
    given = ["HTTPS://App.example.com:443/", "https://app.example.com", "http://localhost:3000"]
    key, _ = await create_key(database, "site", [Scope.WRITE], NOW, allowed_origins=given)
    assert key.allowed_origins == ("https://app.example.com", "http://localhost:3000")
    for wrong in ("app.example.com", "https://*.example.com", "null", "", "*", "javascript:1"):
        with pytest.raises(InvalidRequest) as caught:
            await create_key(database, "site", [Scope.WRITE], NOW, allowed_origins=[wrong])
        assert caught.value.message.startswith("origin: ")


@pytest.mark.parametrize("origin", [None, "https://evil.example.com", "null"])
async def test_a_key_for_a_site_is_for_no_other(database: Database, origin: str | None) -> None:
    _, text = await create_key(database, "site", [Scope.WRITE], NOW, allowed_origins=[SITE])
    ring = KeyRing(Settings(), database)
    assert (await ring.principal(text, SITE, NOW)).scopes == {Scope.WRITE}
    assert await ring.origins() == {SITE}
    with pytest.raises(Forbidden):
        await ring.principal(text, origin, NOW)


async def test_keys_that_make_no_sense(database: Database) -> None:
    with pytest.raises(InvalidRequest, match="browser"):
        await create_key(database, "x", [Scope.ADMIN], NOW, allowed_origins=[SITE])
    with pytest.raises(InvalidRequest, match="must be in the future"):
        await create_key(database, "x", [Scope.READ], NOW, expires_at=NOW)


async def test_a_wrong_secret_of_a_known_prefix(database: Database) -> None:
    key, text = await create_key(database, "ci", [Scope.READ], NOW)
    ring = KeyRing(Settings(), database)
    for wrong in (
        text[:-1],
        text + "x",
        f"ae_admin_{key.prefix}_{text[-43:]}",
        key.prefix,
        "",
        "é",
    ):
        with pytest.raises(Unauthorized):
            await ring.principal(wrong, None, NOW)


async def test_without_a_database_nobody_is_let_in(database: Database) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", Settings())
    ring = KeyRing(Settings(), nowhere)
    with pytest.raises(Unavailable):
        await ring.principal("ae_read_aaaaaaaa_" + "x" * 43, None, NOW)
    with pytest.raises(Unavailable):
        await ring.has_ended_local_mode()
    await nowhere.dispose()


async def test_what_was_known_is_good_for_a_while_without_a_database(database: Database) -> None:
    _, text = await create_key(database, "ci", [Scope.READ], NOW)
    ring = KeyRing(Settings(), database)
    await ring.principal(text, None, NOW)
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", Settings())
    ring._database = nowhere
    ring._read_at -= key_ring.FRESH_SECONDS + 1
    assert (await ring.principal(text, None, NOW)).scopes == {Scope.READ}
    ring._read_at -= key_ring.STALE_SECONDS
    with pytest.raises(Unavailable):
        await ring.principal(text, None, NOW)
    await nowhere.dispose()


async def test_the_first_reading_is_waited_for_the_next_ones_are_not(database: Database) -> None:
    """Known keys are at hand while the database is slow; where none are, it is worth the wait."""
    ring = KeyRing(Settings(), database)
    _, text = await create_key(database, "ci", [Scope.READ], NOW)
    lock = sqlalchemy.text("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE")
    async with database.transaction() as session:
        await session.execute(lock)
        asking = asyncio.create_task(ring.principal(text, None, NOW))
        await asyncio.wait({asking}, timeout=key_ring.READ_SECONDS * 1.5)
        assert not asking.done()
    assert (await asking).scopes == {Scope.READ}
    ring._read_at -= key_ring.FRESH_SECONDS
    async with database.transaction() as session:
        await session.execute(lock)
        assert (await ring.principal(text, None, NOW)).scopes == {Scope.READ}
        assert ring._reading is not None
        assert not ring._reading.done()
        await ring.close()
        assert ring._reading.cancelled()


@pytest.mark.fault("newcomer-17", "newcomer-43")
async def test_a_key_has_the_scopes_that_it_was_made_with(database: Database) -> None:
    key, text = await create_key(database, "app", [Scope.WRITE, Scope.READ, Scope.WRITE], NOW)
    assert text.startswith(f"ae_readwrite_{key.prefix}_")
    (listed,) = await list_keys(database)
    assert listed == key
    assert listed.shown_scopes == "read, write"
    ring = KeyRing(Settings(), database)
    principal = await ring.principal(text, None, NOW)
    assert principal.scopes == {Scope.READ, Scope.WRITE}
    allowed = {scope for scope in Scope if principal.allows(scope)}
    assert allowed == {Scope.READ, Scope.WRITE}
    assert not principal.knows_privacy
    # A process of the version before reads this column alone, and lets it do the less.
    assert await scalar(database, "SELECT scope FROM api_key") == "read"
    with pytest.raises(InvalidRequest, match="scope: is required"):
        await create_key(database, "app", [], NOW)
    both = [Scope.WRITE, Scope.READ]
    with pytest.raises(InvalidRequest, match="browser"):
        await create_key(database, "site", both, NOW, allowed_origins=[SITE])


@pytest.mark.fault("newcomer-59")
async def test_the_day_of_a_keys_last_use_is_kept(database: Database) -> None:
    _, text = await create_key(database, "ci", [Scope.READ], NOW)
    await create_key(database, "old", [Scope.READ], NOW - timedelta(days=1))
    ring = KeyRing(Settings(), database)
    for _ in range(3):
        await ring.principal(text, None, NOW)
    assert [key.last_used_on for key in await list_keys(database)] == [None, None]
    await ring._use.write()
    assert [key.last_used_on for key in await list_keys(database)] == [NOW.date(), None]
    # Once a day: the row is not touched again, here or by another process.
    row = "SELECT xmin::text FROM api_key WHERE name = 'ci'"
    written = await scalar(database, row)
    other = KeyRing(Settings(), database)
    for each in (ring, other):
        await each.principal(text, None, NOW + timedelta(hours=2))
        await each._use.write()
    assert await scalar(database, row) == written
    await other.principal(text, None, NOW + timedelta(days=1))
    await other.close()  # what is noted is not lost by a stop
    assert (await list_keys(database))[0].last_used_on == (NOW + timedelta(days=1)).date()
    # A process whose clock is behind takes nothing back.
    ring._use._noted.clear()
    ring._use.note((await list_keys(database))[0].prefix, NOW.date())
    await ring._use.write()
    assert (await list_keys(database))[0].last_used_on == (NOW + timedelta(days=1)).date()
    await ring.close()


@pytest.mark.fault("newcomer-59")
async def test_a_database_that_is_away_fails_no_request_over_a_last_use(
    database: Database,
) -> None:
    key, text = await create_key(database, "ci", [Scope.READ], NOW)
    ring = KeyRing(Settings(), database)
    await ring.principal(text, None, NOW)
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", Settings())
    ring._use._database = nowhere
    with pytest.raises(Unavailable):
        await ring._use.write()
    ring._use._database = database
    await ring._use.write()
    assert (await list_keys(database))[0].last_used_on == NOW.date()
    await ring.close()
    await nowhere.dispose()
    assert key.last_used_on is None
