"""`activity-events distribute` and `undistribute`, by real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, fresh_database, running_service
from tests.service.commands import command

TIMEOUT_SECONDS = 120


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, migrated=False) as url:
        yield url


@pytest.mark.skipif("CITUS_URL" in os.environ, reason="this is a Citus cluster")
@pytest.mark.parametrize("words", [["distribute"], ["undistribute", "--yes"]])
def test_a_plain_postgresql_is_refused(url: str, words: list[str]) -> None:
    refused = command(url, *words)
    assert refused.returncode == 1
    message = "Error: The Citus extension is not installed in this database. docs/scaling.md"
    assert message in refused.stderr


@pytest.mark.parametrize("shards", ["0", "1025"])
def test_a_number_of_shards_that_makes_no_sense(url: str, shards: str) -> None:
    refused = command(url, "distribute", "--shards", shards)
    assert refused.returncode == 2
    assert "--shards" in refused.stderr


@pytest.mark.skipif("CITUS_URL" not in os.environ, reason="needs a Citus cluster")
def test_an_empty_cluster_is_set_up_used_and_given_back(url: str) -> None:
    spread = command(url, "distribute", "--shards", "4")
    assert spread.returncode == 0, spread.stderr
    assert "8/8" in spread.stderr
    assert spread.stdout == "The tables are distributed over the workers.\n"
    with running_service(DATABASE_URL=url) as service:
        events = f"{service.url}/api/events"
        event = {"user_email": "ada@example.com", "event_type": "project_created"}
        assert httpx.post(f"{events}/log", json=event).status_code == 201
        verified = command(url, "verify", "--rollups")
        assert verified.returncode == 0, verified.stdout
        assert "distributed" in verified.stdout
    asked = subprocess.run(
        [Path(sys.executable).with_name("activity-events"), "undistribute"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        input="n\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert asked.returncode == 1
    back = command(url, "undistribute", "--yes")
    assert back.returncode == 0, back.stderr
    assert back.stdout == "All tables are on the coordinator.\n"
    with running_service(DATABASE_URL=url) as service:
        found = httpx.get(
            f"{service.url}/api/events/analytics?user_email=ada@example.com&days=7"
        ).json()
        assert found["total_events"] == 1
    verified = command(url, "verify", "--rollups")
    assert verified.returncode == 0, verified.stdout
    assert "not distributed" not in verified.stdout
