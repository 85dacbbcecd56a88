"""Series of events to predict: of the demo's team, of git histories, of any CSV file."""

import csv
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from app.demo.fill import Demo, demo_events

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DEMO = Demo(users=30, days=90, seed=7, timezone="Europe/Berlin", now=NOW)

COLUMNS = ("user_id", "session_id", "event", "timestamp")
MILLISECONDS_FROM = 10**11  # as seconds, that would be the year 5138

AREAS_MAX = 60
AREAS_PER_COMMIT = 3


class Row(NamedTuple):
    """Something that a user did; `session` is empty where it isn't known."""

    at: datetime
    user: str
    session: str
    event: str


class UnreadableData(Exception):
    """What to tell who gave the data."""


def demo_rows() -> list[Row]:
    """Those of `activity-events demo`."""
    found = [
        Row(
            datetime.fromisoformat(event["event_timestamp"]),
            event["user_email"],
            event.get("session_id", ""),
            event["event_type"],
        )
        for _, event in demo_events(DEMO)
    ]
    return sorted(found, key=lambda row: row.at)


def git_rows(path: Path) -> list[Row]:
    """Each commit is what its author did to the areas (folders, two deep) that it changed most."""
    command = ["git", "-C", str(path), "log", "--no-merges", "--numstat", "--no-renames"]
    command += ["--format=commit %at %ae"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise UnreadableData(f"{path}: {done.stderr.decode(errors='replace').strip()}")
    commits: list[tuple[datetime, str, Counter[str]]] = []
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("commit "):
            _, at, author = line.split(" ", 2)
            commits.append((datetime.fromtimestamp(int(at), UTC), author.lower(), Counter()))
        elif line:
            added, deleted, name = line.split("\t", 2)
            lines = sum(int(count) if count.isdecimal() else 1 for count in (added, deleted))
            commits[-1][2][_area(name)] += lines
    rows = [
        Row(at, author, "", f"{area} changed")
        for at, author, areas in sorted(commits, key=lambda commit: commit[0])
        for area, _ in areas.most_common(AREAS_PER_COMMIT)
    ]
    frequent = {name for name, _ in Counter(row.event for row in rows).most_common(AREAS_MAX)}
    return [row if row.event in frequent else row._replace(event="other") for row in rows]


def _area(name: str) -> str:
    folders = name.split("/")[:-1][:2]
    return "/".join(folders) or "top"


def csv_rows(path: Path) -> list[Row]:
    """A file with the columns `user_id, session_id, event, timestamp` (ISO 8601, or seconds or
    milliseconds since 1970; a time without a zone is UTC); others are passed over.

    Raises:
        UnreadableData: it is not such a file.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in COLUMNS if name not in names]
            if missing:
                raise UnreadableData(f"{path}: the first line lacks {', '.join(missing)}.")
            reader.fieldnames = names
            rows = [_row(path, reader.line_num, values) for values in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableData(f"{path}: {error}") from error
    return sorted(rows, key=lambda row: row.at)


def _row(path: Path, line: int, values: dict[str, str | None]) -> Row:
    user, session, event, at = ((values.get(name) or "").strip() for name in COLUMNS)
    if not user or not event:
        raise UnreadableData(f"{path}, line {line}: a row has a user_id and an event.")
    return Row(_moment(path, line, at), user, session, event)


def _moment(path: Path, line: int, value: str) -> datetime:
    try:
        try:
            number = float(value)
        except ValueError:
            found = datetime.fromisoformat(value)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found
        return datetime.fromtimestamp(number / (1000 if number >= MILLISECONDS_FROM else 1), UTC)
    except (ValueError, OverflowError, OSError):
        raise UnreadableData(f"{path}, line {line}: {value!r} is no timestamp.") from None
