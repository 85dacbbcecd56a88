"""The embedded PostgreSQL, whatever the shell's environment is, and however a start ends."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.database import embedded
from app.database.postgres_binaries import EmbeddedError
from tests.conftest import ROOT, running_service

COMMAND = Path(sys.executable).with_name("activity-events")
TIMEOUT_SECONDS = 60
PROCESSES = 3

# Each of them once kept the service from its own server, or would send it to another one.
SHELL = {
    "PGHOST": "elsewhere.invalid",
    "PGHOSTADDR": "203.0.113.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGPASSWORD": "secret",
    "PGPASSFILE": "/nonexistent/pgpass",
    "PGDATABASE": "elsewhere",
    "PGSERVICE": "elsewhere",
    "PGSERVICEFILE": "/nonexistent/services",
    "PGOPTIONS": "-c search_path=elsewhere",
    "PGSSLMODE": "require",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLROOTCERT": "/nonexistent/root.crt",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATA": "/nonexistent/data",
    "PGTZ": "Asia/Tokyo",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "LANG": "tr_TR.ISO-8859-9",
    "LC_MESSAGES": "de_DE",
    "TZ": "Nowhere/Else",
    "PERL5LIB": "/nonexistent",
}


@pytest.mark.fault("N18")
def test_no_variable_of_the_shell_reaches_the_embedded_server(tmp_path: Path) -> None:
    data = {"ACTIVITY_DATA_DIR": str(tmp_path)}
    with running_service(**data, **SHELL) as service:
        event = {"user_email": "ada@example.com", "event_type": "project_created"}
        logged = httpx.post(f"{service.url}/api/events/log", json=event)
        assert logged.status_code == 201, logged.text
        # Another command beside it, in another shell.
        said = subprocess.run(
            [COMMAND, "query", "--format", "csv"],
            env={**os.environ, **data, "DATABASE_URL": "", "PGSSLMODE": "verify-full"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        assert "project_created" in said.stdout
    assert service.process.returncode == 0
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


@pytest.mark.fault("N18")
def test_a_start_that_fails_stops_what_it_started(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="createdb failed"):
        embedded.start(tmp_path, {"default_transaction_read_only": "on"})
    assert "database system is shut down" in (tmp_path / "postgres" / "server.log").read_text()
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Not below pytest's own, which every run closes to other accounts again."""
    with tempfile.TemporaryDirectory(prefix="activity-tests-") as folder:
        yield Path(folder)


CREATE = """
    import sys, time
    from pathlib import Path
    from app.database import postgres_binaries

    postgres_binaries.SYSTEM_USER = sys.argv[1]
    data_dir = Path(sys.argv[2])
    data_dir.mkdir()
    print("loaded", flush=True)
    sys.stdin.readline()
    account = postgres_binaries.server_account(data_dir)
    postgres_binaries.run(
        "initdb", f"--pgdata={data_dir / 'postgres'}", "--auth=trust", "--no-sync", account=account
    )
"""
# On a copy of the machine's accounts, which ends with these processes.
INSIDE = 'mount --bind "$1" /etc && shift && exec "$@"'


@pytest.mark.fault("account-race")
@pytest.mark.skipif(
    os.geteuid() != 0
    or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0,  # noqa: S607
    reason="takes root, and a mount namespace",
)
def test_two_processes_create_the_system_user_at_once(open_folder: Path) -> None:
    tmp_path = open_folder
    accounts = shutil.copytree(
        "/etc", tmp_path / "etc", symlinks=True, ignore_dangling_symlinks=True
    )
    source = textwrap.dedent(CREATE)
    inside = ["unshare", "--mount", "sh", "-c", INSIDE, "-", str(accounts)]
    program = [sys.executable, "-c", source, "activity_test"]
    started = [
        subprocess.Popen(
            [*inside, *program, str(tmp_path / str(number))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "loaded\n"
    said = []
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    for each in started:
        said.append(each.communicate(timeout=TIMEOUT_SECONDS)[1])
    assert [each.returncode for each in started] == [0] * PROCESSES, said
    (line,) = [
        each
        for each in (Path(accounts) / "passwd").read_text().splitlines()
        if each.startswith("activity_test:")
    ]
    owners = {(tmp_path / str(number) / "postgres").stat().st_uid for number in range(PROCESSES)}
    assert owners == {int(line.split(":")[2])}
