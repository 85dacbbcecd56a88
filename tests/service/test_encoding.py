"""A database of another encoding than UTF-8 is refused before anything is written to it."""

import asyncio
import secrets
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

COMMAND = Path(sys.executable).with_name("activity-events")
TIMEOUT_SECONDS = 60


def _url(server_url: str, name: str) -> str:
    head, separator, query = server_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{separator}{query}"


async def _administer(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.fault("E9")
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize(
    "command",
    [
        ["migrate"],
        ["serve", "--port", "0"],
        ["serve", "--no-migrate", "--port", "0"],
        ["keys", "list"],
    ],
)
def test_another_encoding_is_refused(server_url: str, encoding: str, command: list[str]) -> None:
    name = f"activity_test_{secrets.token_hex(4)}"
    create = f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    asyncio.run(_administer(server_url, create))
    try:
        done = subprocess.run(
            [COMMAND, *command],
            env={"DATABASE_URL": _url(server_url, name), "PATH": "", "COLUMNS": "400"},
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    finally:
        asyncio.run(_administer(server_url, f"DROP DATABASE {name} WITH (FORCE)"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"The database encoding must be UTF8 (got {encoding})." in done.stderr
    assert "createdb --encoding=UTF8 --template=template0" in done.stderr
    assert "Traceback" not in done.stderr
