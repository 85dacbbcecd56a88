"""A key is rotated without a gap, by the lines of docs/operations.md."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.auth.key_ring import FRESH_SECONDS
from tests.conftest import ROOT, fresh_database, running_service
from tests.test_operations import blocks_of

TIMEOUT_SECONDS = 60
BUSY_SECONDS = 5.0  # what a machine with much else to do may add
ORIGIN = {"Origin": "https://app.example.com"}
EVENT = {"user_email": "ada@example.com", "event_type": "project_created"}


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


def run(line: str, url: str, **variables: str) -> str:
    """A line of the document; what it prints, without the remarks."""
    done = subprocess.run(
        ["/bin/bash", "-euc", line],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": url,
            "COLUMNS": "200",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_key_is_rotated_without_a_gap(url: str) -> None:
    (block,) = blocks_of("Keys and secrets", "sh")
    create, listing, revoke = block.strip().splitlines()
    old = run(create.replace("website-2", "website"), url)
    with running_service(DATABASE_URL=url) as one, running_service(DATABASE_URL=url) as two:

        def statuses(key: str) -> list[int]:
            headers = {"Authorization": f"Bearer {key}", **ORIGIN}
            return [
                httpx.post(f"{each.url}/api/events/log", json=EVENT, headers=headers).status_code
                for each in (one, two)
            ]

        assert statuses(old) == [201, 201]
        new = run(create, url)
        until = time.monotonic() + FRESH_SECONDS + BUSY_SECONDS
        while statuses(new) != [201, 201]:
            assert time.monotonic() < until
        assert statuses(old) == [201, 201]

        old_prefix, new_prefix = (key.split("_")[2] for key in (old, new))
        listed = run(listing, url)
        assert old_prefix in listed
        assert new_prefix in listed
        run(revoke, url, OLD_PREFIX=old_prefix)
        until = time.monotonic() + FRESH_SECONDS + BUSY_SECONDS
        while statuses(old) != [401, 401]:
            assert statuses(new) == [201, 201]
            assert time.monotonic() < until
        assert statuses(new) == [201, 201]


def test_keys_of_the_environment_overlap(url: str) -> None:
    """Old and new beside each other, then the new one alone."""
    old, new = "ab" * 24, "cd" * 24
    answers = []
    for keys in (old, f"{old},{new}", new):
        with running_service(DATABASE_URL=url, ACTIVITY_WRITE_KEYS=keys) as service:
            for key in (old, new):
                answer = httpx.post(
                    f"{service.url}/api/events/log", json=EVENT, headers={"X-API-Key": key}
                )
                answers.append(answer.status_code)
    assert answers == [201, 401, 201, 201, 401, 201]
