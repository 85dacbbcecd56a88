"""Migrations: to the newest revision, and where a database stands."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import create_engine
from app.privacy.partitions import ensure_partitions
from app.settings import Settings

# Two processes that start at once migrate one after the other.
LOCK_KEY = 0x6D696772
LOCK_WAIT = "120s"


def config() -> Config:
    """Alembic's configuration, beside the package or in the working folder."""
    for folder in (Path(__file__).resolve().parent.parent, Path.cwd()):
        if (folder / "alembic.ini").exists():
            return Config(folder / "alembic.ini")
    raise FileNotFoundError("alembic.ini is neither beside the app package nor in this folder.")


def head_revision() -> str:
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise RuntimeError("alembic/versions holds no migration.")
    return head


async def current_revision(connection: AsyncConnection) -> str | None:
    """The revision a database is at; None where it was never migrated."""
    table = await connection.execute(text("SELECT to_regclass('alembic_version')"))
    if table.scalar() is None:
        return None
    revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    return None if revision is None else str(revision)


async def migrate_at(url: str, settings: Settings) -> list[str]:
    """As `migrate`, on a connection of its own."""
    engine = create_engine(url, settings, pooled=False, server_settings={})
    async with engine.connect() as connection:
        made = await migrate(connection, settings)
    await engine.dispose()
    return made


async def migrate(connection: AsyncConnection, settings: Settings) -> list[str]:
    """Migrates to the newest revision and makes the partitions that are missing; their names."""
    await connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": LOCK_WAIT}
    )
    await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
    await connection.execute(text("RESET lock_timeout"))
    await connection.commit()
    try:
        await connection.run_sync(_upgrade)
        await connection.commit()
        made = await ensure_partitions(connection, settings)
        await connection.commit()
        return made
    finally:
        await connection.rollback()
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        await connection.commit()


def _upgrade(connection: Connection) -> None:
    alembic = config()
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")
