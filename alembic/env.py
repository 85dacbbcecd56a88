"""Run migrations on the connection that `app.database.migrations` passes, or on that of
DATABASE_URL.

Whoever migrates also gets the partitions, without which the table takes no event, and each address
in its one form. Locks are waited for by `app.database.migrations.run_with_lock_retry`.
"""

import asyncio
import re

from alembic import command, context
from alembic.util import CommandError
from pydantic import ValidationError
from sqlalchemy import Connection

from app.database.connection import require_own_session
from app.database.engine import create_engine
from app.database.migrations import complete, known_revisions, require_utf8, run_with_lock_retry
from app.database.version_table import (
    VERSION_TABLE,
    is_of_the_model,
    require_free_names,
    take_over_version,
)
from app.errors import ServeError
from app.models import Base
from app.settings import Settings, setting_errors

RELATIVE = re.compile(r"[+-]\d+$")


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
    callers_transaction = connection.in_transaction()
    take_over_version(connection, known_revisions())
    if not callers_transaction:
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table=VERSION_TABLE,
        include_name=is_of_the_model,
        transaction_per_migration=True,
        callers_transaction=callers_transaction,
    )
    if is_upgrade() and not context.get_context().get_current_heads():
        require_free_names(connection)
    if not callers_transaction:
        connection.commit()
    with context.begin_transaction():
        run_with_lock_retry(connection, run)


def is_upgrade() -> bool:
    """Whether this is `alembic upgrade`: `app.database.migrations` checks the schema itself."""
    options = context.config.cmd_opts
    return options is not None and options.cmd[0] is command.upgrade


async def main() -> None:
    try:
        settings = Settings()
    except ValidationError as error:
        lines = [f"Setting {name}: {message}" for name, message in setting_errors(error)]
        raise SystemExit("\n".join(lines)) from None
    if settings.database_url is None:
        raise SystemExit(
            "Set DATABASE_URL, or use `activity-events migrate`, which starts the embedded one."
        )
    await require_own_session(settings.database_url, settings.database_timeout_seconds)
    engine = create_engine(settings.database_url, settings, pooled=False, server_settings={})
    try:
        async with engine.connect() as connection:
            await require_utf8(connection)
            await connection.run_sync(migrate)
            await connection.commit()
            await complete(connection, settings)
    except ServeError as error:  # a line, of Alembic's own kind
        raise CommandError(str(error)) from error
    finally:
        await engine.dispose()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    asyncio.run(main())
