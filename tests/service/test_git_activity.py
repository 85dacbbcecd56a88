"""`examples/git_activity.py`, run as a user would, on a repository with all that git allows."""

import json
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples import git_activity
from tests.conftest import ROOT, LiveServer, fresh_database, running_service

SCRIPT = ROOT / "examples" / "git_activity.py"
TIMEOUT_SECONDS = 60
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
ENVIRONMENT |= {"COLUMNS": "100", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
DAY = datetime.now(UTC) - timedelta(days=30)
NEXT_DAY, LONG_AGO = DAY + timedelta(days=1), DAY - timedelta(days=370)
SECRET = "what the message says"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Repository:
    """Seven commits: three of Ada's that count, two of Bo's, a nameless one, and one too old."""

    path: Path
    ada: str
    bo: str


def git(path: Path, *args: str | bytes, stdin: bytes = b"", **environment: str) -> str:
    done = subprocess.run(
        ["git", "-C", path, *args],  # noqa: S607 (whichever git there is)
        input=stdin,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def commit(path: Path, email: str, authored_at: str, committed_at: str, *args: str) -> None:
    git(
        path,
        *(args or ("commit", "--allow-empty", "-m", SECRET)),
        GIT_AUTHOR_NAME="Ada O'Hara",
        GIT_AUTHOR_EMAIL=email,
        GIT_AUTHOR_DATE=authored_at,
        GIT_COMMITTER_NAME="Carol",
        GIT_COMMITTER_EMAIL="carol@example.com",
        GIT_COMMITTER_DATE=committed_at,
    )


def add(path: Path, name: bytes, content: bytes) -> None:
    """To the index alone, as not every file system takes all names that git does."""
    blob = git(path, "hash-object", "-w", "--stdin", stdin=content)
    git(path, "update-index", "--add", "--cacheinfo", f"100644,{blob},".encode() + name)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    path = tmp_path / "odd [bold] name"
    path.mkdir()
    unique = secrets.token_hex(4)
    ada, bo = f"o'hara+{unique}@example.com", f"bo-{unique}@example.com"
    git(path, "init", "--quiet", "--initial-branch", "trunk")
    # What a user's configuration may hold must not change the answer.
    for setting in ("log.showRoot=false", "log.showSignature=true", "color.ui=always"):
        git(path, "config", *setting.split("="))

    add(path, b"a.txt", b"one\ntwo\nthree\n")
    add(path, b"picture", b"\0\1\2\n")
    commit(path, ada.upper(), f"{DAY:%F}T23:30:00+05:30", f"{DAY:%F}T18:00:00Z")

    add(path, b"tab\tline\nend", b"x\n")
    add(path, b"commit\nno commit", b"x\n")
    add(path, "snow ☃ 'quoted\"".encode(), b"x\n")
    add(path, b"no UTF-8 \xff\xfe", b"x")
    commit(path, bo, f"{DAY:%F}T12:10:00-06:00", f"{DAY:%F}T18:10:00Z")

    git(path, "branch", "side")
    commit(path, ada, f"{NEXT_DAY:%F}T00:30:00+05:30", f"{DAY:%F}T19:00:00Z")

    git(path, "symbolic-ref", "HEAD", "refs/heads/side")
    add(path, b"a.txt", b"one\n2\nthree\nfour\n")
    commit(path, bo, f"{NEXT_DAY:%F}T08:00:00Z", f"{NEXT_DAY:%F}T08:00:00Z")
    git(path, "symbolic-ref", "HEAD", "refs/heads/trunk")
    git(path, "reset", "--hard")
    merge = ("merge", "--no-ff", "-m", SECRET, "side")
    commit(path, ada, f"{NEXT_DAY:%F}T09:00:00Z", f"{NEXT_DAY:%F}T09:00:00Z", *merge)

    commit(path, "nobody at all", f"{NEXT_DAY:%F}T10:00:00Z", f"{NEXT_DAY:%F}T10:00:00Z")
    commit(path, ada, f"{LONG_AGO:%F}T11:00:00Z", f"{NEXT_DAY:%F}T11:00:00Z")
    return Repository(path, ada, bo)


def run(path: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, path, *args],
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def events_of(server: LiveServer, email: str) -> list[Json]:
    answer = httpx.get(
        f"{server.url}/api/events/", params={"user_email": email, "order": "asc"}
    ).raise_for_status()
    events: list[Json] = answer.json()["events"]
    return events


def test_every_commit_is_an_event_once(repository: Repository, live: LiveServer) -> None:
    first = run(repository.path, "--url", f"{live.url}/", "--batch-size", "3")
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    since = datetime.now(UTC) - timedelta(days=365)
    assert lines[0] == f"odd [bold] name: 7 commits since {since.astimezone():%F}"
    assert lines[1] == "5 accepted, 0 duplicates, 2 rejected"
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert sorted(rows) == [
        ["1", "invalid_value", "user_email", "must be an email address, such as ada@example.com"],
        ["1", "too_old", "event_timestamp", "is older than the retention period of 365 days"],
    ]

    ada, bo = events_of(live, repository.ada), events_of(live, repository.bo)
    assert [event["event_type"] for event in ada] == [
        "commit_created",
        "commit_created",
        "commit_merged",
    ]
    assert [event["event_type"] for event in bo] == ["commit_created", "commit_created"]
    assert [figures(event) for event in ada] == [
        {"files_changed": 2, "lines_added": 3, "lines_deleted": 0, "utc_offset_minutes": 330},
        {"files_changed": 0, "lines_added": 0, "lines_deleted": 0, "utc_offset_minutes": 330},
        {"files_changed": 0, "lines_added": 0, "lines_deleted": 0, "utc_offset_minutes": 0},
    ]
    assert [figures(event) for event in bo] == [
        {"files_changed": 4, "lines_added": 4, "lines_deleted": 0, "utc_offset_minutes": -360},
        {"files_changed": 1, "lines_added": 2, "lines_deleted": 1, "utc_offset_minutes": 0},
    ]
    for event in ada + bo:
        assert event["metadata"]["message_length"] == 21
        assert event["event_category"] == "commit"
        assert (event["entity_type"], event["entity_id"]) == ("repository", "odd [bold] name")
        assert event["device_type"] == "desktop"
        assert event["context_snapshot"] == {"repository": "odd [bold] name", "branch": "trunk"}
    assert SECRET not in json.dumps(ada + bo)
    assert "Hara" not in json.dumps(ada + bo)
    # A day as the author's clock had it: half an hour on each side of midnight, and that morning.
    assert [event["session_id"][:14] for event in ada] == [
        f"git-{DAY:%F}",
        f"git-{NEXT_DAY:%F}",
        f"git-{NEXT_DAY:%F}",
    ]
    assert ada[0]["event_timestamp"][:19] == f"{DAY:%F}T18:00:00"

    again = run(repository.path, "--url", live.url)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[1] == "0 accepted, 5 duplicates, 2 rejected"
    assert again.stdout.splitlines()[2:] == lines[2:]
    assert events_of(live, repository.ada) == ada
    assert events_of(live, repository.bo) == bo


def figures(event: Json) -> Json:
    left_out = {"hash", "message_length"}
    return {key: value for key, value in event["metadata"].items() if key not in left_out}


def test_the_commands_at_the_end_can_be_pasted(repository: Repository, live: LiveServer) -> None:
    printed = run(repository.path, "--url", live.url).stdout
    assert "The most active author, with 3 commits:" in printed
    commands = [line for line in printed.splitlines() if line.startswith("curl ")]
    query, analytics, session = (
        json.loads(subprocess.check_output(["/bin/bash", "-euc", command], text=True))
        for command in commands
    )
    assert [event["event_type"] for event in query["events"]] == [
        "commit_merged",
        "commit_created",
        "commit_created",
    ]
    assert analytics["events_by_type"] == {"commit_created": 2, "commit_merged": 1}
    assert analytics["unique_sessions"] == 2
    assert session["summary"]["user_email"] == repository.ada
    assert session["summary"]["events_by_type"] == {"commit_created": 1, "commit_merged": 1}


def test_a_run_goes_on_where_another_ended(repository: Repository, live: LiveServer) -> None:
    (repository.path / "folder").mkdir()
    part = run(repository.path / "folder", "--url", live.url, "--since", f"{NEXT_DAY:%F}", TZ="UTC")
    assert part.stdout.splitlines()[:2] == [
        f"odd [bold] name: 4 commits since {NEXT_DAY:%F}",
        "2 accepted, 0 duplicates, 2 rejected",
    ]
    whole = run(repository.path, "--url", live.url)
    assert whole.stdout.splitlines()[1] == "3 accepted, 2 duplicates, 2 rejected"


def test_a_batch_that_is_too_large_is_halved(repository: Repository, server_url: str) -> None:
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_BATCH_MAX_EVENTS="1") as small,
    ):
        done = run(repository.path, "--url", small.url)
        assert done.stdout.splitlines()[1] == "5 accepted, 0 duplicates, 2 rejected", done.stderr


def test_a_bare_repository_goes_by_its_name_too(
    repository: Repository, live: LiveServer, tmp_path: Path
) -> None:
    bare = tmp_path / "copy.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository.path), str(bare))
    done = run(bare, "--url", live.url)
    assert done.stdout.startswith("copy: 7 commits since ")
    assert done.stdout.splitlines()[1] == "5 accepted, 0 duplicates, 2 rejected"


def test_records_may_be_cut_anywhere(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(git_activity.read_events(repository.path, "x", "HEAD"))
    assert len(whole) == 7
    monkeypatch.setattr(git_activity, "CHUNK_BYTES", 1)
    assert list(git_activity.read_events(repository.path, "x", "HEAD")) == whole


def test_a_time_that_is_none_is_left_to_the_service() -> None:
    record = b"commit\nabc\n\nada@example.com\n2026-11-20T10:00:00+518:00\nmessage\n"
    event = git_activity.event_of(record, "x")
    assert event["event_timestamp"] == "2026-11-20T10:00:00+518:00"
    assert event["metadata"]["utc_offset_minutes"] is None


def test_what_is_no_repository_is_said_so(tmp_path: Path, live: LiveServer) -> None:
    outside = run(tmp_path, "--url", live.url)
    assert outside.returncode == 1
    assert outside.stderr.startswith(f"Error: {tmp_path}: fatal: not a git repository")

    git(tmp_path, "init", "--quiet")
    empty = run(tmp_path, "--url", live.url)
    assert empty.returncode == 1
    assert empty.stderr == f"Error: {tmp_path}: the repository has no commits yet.\n"

    without_git = run(tmp_path, "--url", live.url, PATH=str(tmp_path))
    assert without_git.returncode == 1
    assert without_git.stderr == "Error: git is not installed, or not on the PATH.\n"


def test_what_the_service_refuses_is_said_so(repository: Repository, server_url: str) -> None:
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_WRITE_KEYS="k" * 40) as guarded,
    ):
        without = run(repository.path, "--url", guarded.url)
        with_key = run(repository.path, "--url", guarded.url, ACTIVITY_KEY="k" * 40)
    assert without.returncode == 1
    assert f"Error: {guarded.url}: missing_credentials: " in without.stderr
    assert without.stderr.endswith(" (what is sent stays: run this again later)\n")
    assert with_key.stdout.splitlines()[1] == "5 accepted, 0 duplicates, 2 rejected"


def test_a_service_that_is_not_there_is_said_so(repository: Repository) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen, so that nobody answers
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = run(repository.path, "--url", url)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: No service at {url} (")
    assert done.stderr.endswith("): start it with `make run`.\n")
    assert done.stdout == ""
