"""`activity-events query` and `analytics`, and a stop with a live stream open, by processes."""

import csv
import io
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.conftest import LiveServer, fresh_database, running_service
from tests.service.commands import command

GIVE_UP_SECONDS = 30
ADA = "ada@example.com"
QUESTIONS = {
    "summary": [],
    "timeseries": ["--split-by", "event_type", "--bucket", "hour"],
    "top": ["--by", "entity"],
    "active-users": [],
    "retention": ["--period", "day"],
    "funnel": ["--step", "project_created", "--step", '{"event_type": "email_opened"}'],
    "paths": ["--anchor", "project_created"],
    "durations": [],
    "heatmap": [],
    "sessions": [],
}


@pytest.fixture(scope="module")
def url(server_url: str) -> Iterator[str]:
    """A database with three events of an hour ago in it."""
    at = datetime.now(UTC) - timedelta(hours=1)
    events: list[dict[str, object]] = [
        {"event_type": "project_created", "entity_type": "project", "entity_id": "42"},
        {"event_type": "email_opened", "duration_ms": 5},
        {"event_type": "email_opened", "device_type": "mobile"},
    ]
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url) as service,
    ):
        timed = [
            {**each, "event_timestamp": (at + timedelta(minutes=place)).isoformat()}
            for place, each in enumerate(events)
        ]
        answer = httpx.post(
            f"{service.url}/api/events/log/batch", json={"user_email": ADA, "events": timed}
        )
        assert answer.json()["accepted"] == 3
        yield url


def ended(url: str, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    done = command(url, *words)
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_a_table(url: str, question: str) -> None:
    options = QUESTIONS[question]
    shown = ended(url, "analytics", question, *options, "--days", "2").stdout
    assert len(shown.splitlines()) >= 4


def test_other_formats(url: str) -> None:
    words = ("analytics", "timeseries", *QUESTIONS["timeseries"], "--days", "2")
    head, *rows = csv.reader(io.StringIO(ended(url, *words, "--format", "csv").stdout))
    assert head == ["bucket", "value", "events"]
    assert sum(int(row[2]) for row in rows) == 3
    found = json.loads(ended(url, *words, "--format", "json").stdout)
    assert (found["total_events"], found["about"]["truncated"]) == (3, False)


def test_tables_and_filters(url: str) -> None:
    shown = ended(url, "analytics", "top", "--event-category", "email").stdout
    assert [line.split() for line in shown.splitlines()[3:4]] == [["email_opened", "2", "1.0"]]
    shown = ended(url, "analytics", "top", "--user-email", "nobody@example.com").stdout
    assert shown == "No events in this window.\n"
    listed = ended(url, "query", "--limit", "2", "--metadata", "{}")
    assert listed.stdout.count("email_opened") == 2
    assert "Only the newest 2 events are shown; there are more." in listed.stderr


def test_a_funnel_says_who_has_had_their_time(url: str) -> None:
    words = ("analytics", "funnel", *QUESTIONS["funnel"], "--within-minutes", "60")
    window = ("--start", "2026-11-20", "--end", "2026-11-21", "--tz", "Europe/Berlin")
    shown = ended(url, *words, *window).stdout
    assert shown.endswith(
        "complete_before 2026-11-20T23:00+01:00: the conversion window of 60 minutes has passed"
        " for users who started earlier.\n"
    )
    head, *rows = csv.reader(io.StringIO(ended(url, *words, "--format", "csv").stdout))
    dropped = head.index("dropped")
    assert [(row[3], row[dropped]) for row in rows] == [("1", "0"), ("1", "")]
    table = ended(url, *words).stdout.splitlines()
    (last,) = [line.split() for line in table if "email_opened" in line]
    assert last[:6] == ["(all)", "2", "email_opened", "1", "1.0", "1.0"]
    assert last[6:] == ["60000.0", "60000.0"]


def test_csv_has_whole_times(url: str) -> None:
    stored = [
        datetime.fromisoformat(each["event_timestamp"])
        for each in json.loads(ended(url, "query", "--format", "json").stdout)["events"]
    ]
    assert any(at.microsecond for at in stored)
    words = ("query", "--format", "csv", "--tz", "Asia/Kolkata")
    head, *rows = csv.reader(io.StringIO(ended(url, *words).stdout))
    assert head[0] == "event_timestamp"
    assert [datetime.fromisoformat(row[0]) for row in rows] == stored
    assert all(row[0].endswith("+05:30") for row in rows)
    # For people, to the minute.
    assert f"{stored[0]:%Y-%m-%dT%H:%M}+00:00" in ended(url, "query").stdout


def test_what_can_not_be_asked_says_why(url: str) -> None:
    failed = ended(url, "analytics", "heatmap", "--tz", "Mars/Olympus", code=1)
    assert failed.stderr.startswith("Error: tz: must be an IANA time zone")
    funnel = ("analytics", "funnel", *QUESTIONS["funnel"])
    for words, message in (
        (("analytics", "top", "--by", "metadata"), "`--key` is required with `--by metadata`"),
        (("analytics", "top", "--key", "plan"), "`--key` is only allowed with `--by metadata`"),
        (("analytics", "top", "--elements"), "`--elements` is only allowed with `--by metadata`"),
        ((*funnel, "--split-by", "metadata"), "`--key` is required with `--split-by metadata`"),
        ((*funnel, "--key", "plan"), "`--key` is only allowed with `--split-by metadata`"),
    ):
        assert ended(url, *words, code=1).stderr == f"Error: {message}\n"
    assert ended(url, "query", "--user-email", "nobody", code=2).stderr


def test_a_stop_ends_the_streams_first(url: str) -> None:
    def stop(service: LiveServer) -> float:
        started = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(GIVE_UP_SECONDS) == 0
        return time.monotonic() - started

    with running_service(DATABASE_URL=url, ACTIVITY_SHUTDOWN_GRACE_SECONDS="20") as service:
        stream_url = f"{service.url}/api/events/stream"
        with httpx.stream("GET", stream_url, timeout=GIVE_UP_SECONDS) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry:")
            assert stop(service) < 10
            assert [line for line in lines if line.startswith("data:")] == []
