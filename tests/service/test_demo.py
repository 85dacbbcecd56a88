"""`activity-events demo` as run from a shell, beside a service."""

import asyncio
import re
import shlex
import subprocess
from datetime import UTC, datetime

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.demo.fill import Demo
from app.demo.stories import stories
from tests.conftest import fresh_database, running_service
from tests.service.test_serve import COMMAND
from tests.service.test_transfer import run

USERS, DAYS = 6, 8
OPEN_SUMMARIES = "SELECT count(*) FROM activity_user_day WHERE summary IS NULL AND day < $1"


def sleeping_zone(now: datetime) -> str:
    """Where it is four o'clock: nobody works, so that two moments have the same events."""
    ahead = (4 - now.hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


async def count(url: str, statement: str, *values: object) -> int:
    connection = await asyncpg.connect(url)
    found = await connection.fetchval(statement, *values)
    await connection.close()
    return int(found)


def said(*words: str) -> str:
    """What a command prints, run in this process."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (words, done.output, done.exception)
    return done.stdout


def test_a_team_once_and_again_beside_a_service(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    options = ("--users", str(USERS), "--days", str(DAYS), "--tz", sleeping_zone(now))
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as service:
        done = run(url, "demo", *options)
        found = re.match(r"(\d+) events added, 0 duplicates\n", done.stdout)
        assert found is not None, done.stdout
        events = int(found[1])
        assert events > 1_000
        assert "nadia@example.com works at night, mostly from 22:00 to 2:00" in done.stdout
        assert "make run" in done.stdout
        assert f"{USERS * DAYS}/{USERS * DAYS}" in done.stderr
        assert asyncio.run(count(url, OPEN_SUMMARIES, now.date())) == 0
        answer = httpx.get(f"{service.url}/api/events/analytics", params={"days": DAYS + 1})
        assert answer.json()["total_events"] == events

        monkeypatch.setenv("DATABASE_URL", url)
        assert said("demo", *options).startswith(f"0 events added, {events} duplicates\n")
        assert asyncio.run(count(url, "SELECT count(*) FROM activity_event")) == events
        assert "0 faults" in said("verify", "--rollups")
        # What it tells to run can be run: as it was called itself, where no name leads to it.
        commands = re.findall(rf"^  ({re.escape(str(COMMAND))} .+)$", done.stdout, re.MULTILINE)
        told = [story.command for story in stories(Demo(USERS, DAYS, 7, "UTC", now))]
        assert len(commands) == len(told) > 3
        shell = subprocess.run(
            ["/bin/sh", "-ec", commands[0]],
            env={"DATABASE_URL": url, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (shell.returncode, shell.stderr) == (0, "")
        for story in stories(Demo(USERS, 90, 7, "UTC", now)):
            assert said(*shlex.split(story.command)[1:]) != ""


def test_an_empty_database_is_migrated_first(server_url: str) -> None:
    with fresh_database(server_url, migrated=False) as url:
        done = run(url, "demo", "--users", "1", "--days", "900", ACTIVITY_RETENTION_DAYS="8")
        assert "Generating 8 days only" in done.stderr
        assert re.match(r"\d+ events added, 0 duplicates\n", done.stdout)
        wrong = CliRunner().invoke(app, ["demo", "--tz", "Mars/Olympus"])
        assert "must be an IANA time zone" in str(wrong.exception)


@pytest.mark.fault("newcomer-9")
def test_it_asks_before_it_mixes_with_others_and_can_be_taken_out_again(server_url: str) -> None:
    small = ("--users", "3", "--days", "4")
    counted = "SELECT count(*) FROM app_user"
    with fresh_database(server_url) as url:
        with running_service(DATABASE_URL=url) as service:
            body = {"user_email": "someone@elsewhere.example", "event_type": "a_b"}
            assert httpx.post(f"{service.url}/api/events/log", json=body).status_code == 201
        refused = run(url, "demo", *small, code=1)
        assert "users who are not part of the demo (1)" in refused.stderr
        assert asyncio.run(count(url, counted)) == 1
        added = [int(run(url, "demo", *small, "--yes").stdout.split()[0])]
        assert asyncio.run(count(url, counted)) > 1
        nobody = run(url, "demo", "--remove", code=1)  # nobody said yes
        assert "Permanently delete the" in nobody.stderr
        gone = run(url, "demo", "--remove", "--yes").stdout
        assert f"and {added[0]} events deleted" in gone
        assert asyncio.run(count(url, "SELECT count(*) FROM activity_event")) == 1
        assert asyncio.run(count(url, counted)) == 1
        assert "0 faults" in run(url, "verify", "--rollups").stdout
        # It leaves nothing behind that would keep it from being filled in again.
        again = int(run(url, "demo", *small, "--yes").stdout.split()[0])
        assert again >= added[0]
        assert "suppressed" not in run(url, "demo", *small, "--yes").stdout
