"""Runs migrations on the connection that `app.migrate` gives, or on the one of DATABASE_URL.

Whoever migrates also gets the partitions: a table without them takes no event. Each migration waits
for its locks as `app.migrate.patiently` has it.
"""

import asyncio
import re

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

import app.models_insights  # noqa: F401 (its tables are of the same metadata)
from app.db import create_engine
from app.migrate import patiently
from app.models import Base
from app.privacy.partitions import ensure_partitions, is_partition
from app.settings import Settings

RELATIVE = re.compile(r"[+-]\d+$")


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """Partitions are not in the model: they come and go with the months."""
    return not (type_ == "table" and name is not None and is_partition(name))


def run() -> None:
    """As far as it is asked for. It may be begun again: what is counted from where the database
    stands (`-1`) must not be counted from elsewhere then."""
    here = context.get_context()
    heads = here.get_current_heads()
    if here.opts.setdefault("first_heads", heads) != heads and RELATIVE.search(
        str(here.opts.get("destination_rev"))
    ):
        raise CommandError(f"Stopped at {', '.join(heads) or 'base'}: a lock was not to be had.")
    context.run_migrations()


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        patiently(connection, run)


async def main() -> None:
    settings = Settings()
    if settings.database_url is None:
        raise SystemExit(
            "Set DATABASE_URL, or use `activity-events migrate`, which starts the embedded one."
        )
    engine = create_engine(settings.database_url, settings, pooled=False, server_settings={})
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
        await ensure_partitions(connection, settings)
        await connection.commit()
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    asyncio.run(main())
