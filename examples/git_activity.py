"""Logs the history of a git repository: each commit becomes an activity event of its author.

    python examples/git_activity.py PATH [--url URL] [--since DATE] [--batch-size N] [--key KEY]

An event's id is made from its commit, and its time is the author's, so every run sends the same
events. A run that was interrupted is simply run again: what the service has already, it calls a
duplicate. Neither messages nor names are sent, only the author's email and figures.
"""

import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID, uuid5

import httpx
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from activity_events import ActivityClient, ActivityError, Backoff, EventResult

NAMESPACE = UUID("6d3a1c52-94f0-5b7e-8c21-0f4e7d9ab613")  # of all ids made here: never change it
RETENTION_DAYS = 365  # what the service keeps, unless it is configured otherwise
CHUNK_BYTES = 64 * 1024
TIMEOUT_SECONDS = 60
BACKOFF = Backoff(attempts=8, base_seconds=0.5, cap_seconds=30, asked_max_seconds=120)

# A commit is one record of lines, of which the last, the message, may go on for more. Then there is
# a record for each of its files: lines added, lines deleted, name.
LOG = ["-c", "log.showRoot=true", "-c", "log.showSignature=false", "-c", "diff.relative=false"]
LOG += ["log", "-z", "--reverse", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv"]
LOG += ["--encoding=UTF-8", "--format=tformat:commit%n%H%n%P%n%ae%n%aI%n%B"]

Json = dict[str, Any]
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


class Failed(Exception):
    """What to tell the user before exit code 1."""


def git_command(path: Path, *args: str) -> list[str]:
    program = shutil.which("git")
    if program is None:
        raise Failed("git is not installed, or not on the PATH.")
    return [program, "-C", str(path), *args]


def git(path: Path, *args: str) -> str:
    """What a git command answers."""
    done = subprocess.run(git_command(path, *args), capture_output=True, check=False)
    if done.returncode:
        raise Failed(f"{path}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace").rstrip("\n")


def read_events(path: Path, repository: str, *revisions: str) -> Iterator[Json]:
    """Oldest first. However long the history, one commit and a chunk of it are in memory."""
    event: Json = {}
    rest = b""
    command = git_command(path, *LOG, *revisions)
    with (
        tempfile.TemporaryFile() as complaint,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaint) as process,
    ):
        while process.stdout and (chunk := process.stdout.read(CHUNK_BYTES)):
            *records, rest = (rest + chunk).split(b"\0")
            for record in records:
                if record.startswith(b"commit\n"):
                    if event:
                        yield event
                    event = event_of(record, repository)
                elif record:
                    added, deleted, _ = record.split(b"\t", 2)
                    event["metadata"]["files_changed"] += 1
                    if deleted != b"-":  # as it is for a binary file
                        event["metadata"]["lines_added"] += int(added)
                        event["metadata"]["lines_deleted"] += int(deleted)
        if process.wait():
            complaint.seek(0)
            raise Failed(f"{path}: {complaint.read().decode(errors='replace').strip()}")
    if event:
        yield event


def event_of(record: bytes, repository: str) -> Json:
    """A commit's event, before any file is counted."""
    lines = record.decode(errors="replace").split("\n", 5)
    _, commit, parents, email, authored_at, message = lines
    local_day, author = authored_at[:10], email.strip().lower()
    return {
        "event_id": str(uuid5(NAMESPACE, commit)),  # a hash stands for all history before it, too
        "event_type": "commit_merged" if " " in parents else "commit_created",
        "event_timestamp": authored_at,
        "user_email": author,
        "entity_type": "repository",
        "entity_id": repository,
        "session_id": f"git-{local_day}-{uuid5(NAMESPACE, author).hex[:12]}",
        "metadata": {
            "hash": commit[:12],
            "files_changed": 0,
            "lines_added": 0,
            "lines_deleted": 0,
            "message_length": len(message.strip()),
            "utc_offset_minutes": utc_offset_minutes(authored_at),
        },
    }


def utc_offset_minutes(instant: str) -> int | None:
    """None where git holds nonsense, which the service then rejects."""
    try:
        offset = datetime.fromisoformat(instant).utcoffset()
    except ValueError:
        return None
    return None if offset is None else offset // timedelta(minutes=1)


def log_history(
    path: Path, url: str, since: datetime, batch_size: int, key: str | None = None
) -> Iterator[tuple[Json, EventResult]]:
    """Sends what HEAD's history has since then; each event, and the service's verdict on it."""
    folder = (path / git(path, "rev-parse", "--git-common-dir")).resolve()
    repository = folder.parent.name if folder.name == ".git" else folder.name.removesuffix(".git")
    try:
        head = git(path, "rev-parse", "--verify", "HEAD^{commit}")
    except Failed:
        raise Failed(f"{path}: the repository has no commits yet.") from None
    branch = git(path, "rev-parse", "--abbrev-ref", "HEAD")
    of_all: Json = {
        "device_type": "desktop",
        "context_snapshot": {"repository": repository, "branch": branch},
    }
    revisions = (f"--since=@{max(0, int(since.timestamp()))} +0000", head)
    total = int(git(path, "rev-list", "--count", *revisions))
    try:
        httpx.get(f"{url}/health/live", timeout=TIMEOUT_SECONDS)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise Failed(f"No service at {url} ({error}): start it with `make run`.") from None
    out.print(f"{repository}: {total} commits since {since:%Y-%m-%d}", markup=False)
    events = read_events(path, repository, *revisions)
    with (
        ActivityClient(url, key=key, timeout_seconds=TIMEOUT_SECONDS, backoff=BACKOFF) as client,
        Progress(console=err) as bar,
    ):
        task = bar.add_task("Logging", total=total)
        while some := [{**of_all, **event} for event in islice(events, batch_size)]:
            try:
                verdicts = client.log_batch(some, own_clock=False)  # but by that of each author
            except ActivityError as error:
                raise Failed(f"{url}: {error} (what is sent stays: run this again later)") from None
            bar.advance(task, len(some))
            yield from zip(some, verdicts, strict=True)


def report(verdicts: Iterator[tuple[Json, EventResult]], url: str) -> None:
    """Counts them all; then shows why events were rejected, and what may be asked now."""
    statuses = Counter(accepted=0, duplicate=0, rejected=0)
    reasons: Counter[tuple[str, str, str]] = Counter()
    authors: Counter[str] = Counter()
    last_session: dict[str, str] = {}
    for event, verdict in verdicts:
        statuses[verdict.status] += 1
        if verdict.status == "rejected":
            reasons[verdict.code or "", verdict.field or "", verdict.message or ""] += 1
        else:
            authors[event["user_email"]] += 1
            last_session[event["user_email"]] = event["session_id"]
    names = {"duplicate": "duplicates"}
    out.print(", ".join(f"{count} {names.get(key, key)}" for key, count in statuses.items()))
    if reasons:
        table = Table("Rejected", "Code", "Field", "Message")
        for reason, count in reasons.most_common():
            table.add_row(str(count), *reason)
        out.print(table)
    for email, count in authors.most_common(1):
        user = urlencode({"user_email": email})
        print(f"\nThe most active author, with {count} commits:\n")
        print("curl -s", quote(f"{url}/api/events/?{user}&event_category=commit&limit=5"))
        print("curl -s", quote(f"{url}/api/events/analytics?{user}&days={RETENTION_DAYS}"))
        print("curl -s", quote(f"{url}/api/events/session/{last_session[email]}"))


def main(
    path: Annotated[Path, typer.Argument(help="A git repository, or a folder in one.")],
    url: Annotated[
        str, typer.Option(envvar="ACTIVITY_URL", help="Where the service is.")
    ] = "http://127.0.0.1:8000",
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            show_default=f"{RETENTION_DAYS} days ago",
            help="Leave out what was committed before. What is older than the service's retention, "
            f"{RETENTION_DAYS} days unless configured otherwise, it rejects as too_old.",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, max=1000, help="Commits in a request.")] = 200,
    key: Annotated[
        str | None,
        typer.Option(envvar="ACTIVITY_KEY", help="A write key, where the service asks for one."),
    ] = None,
) -> None:
    """Log the history of a git repository; after an interruption, simply run it again."""
    start = since or datetime.now(UTC) - timedelta(days=RETENTION_DAYS)
    url = url.rstrip("/")
    try:
        report(log_history(path, url, start.astimezone(), batch_size, key), url)
    except Failed as failure:
        err.print(f"Error: {failure}", markup=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
