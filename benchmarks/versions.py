"""Two versions of the service side by side: what an event costs in this one, and in that one.

`python -m benchmarks.versions BEFORE [--rounds N] [--json]` (make bench-versions BEFORE=DIR).
BEFORE is a checkout of another version, with its own `.venv` (`git worktree add DIR REVISION`, then
`make .venv/run.stamp` in it). Both run on one PostgreSQL, in databases of their own, and take the
same load in turn, round after round: what the machine does meanwhile meets both.
"""

import argparse
import asyncio
import itertools
import json
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.settings import Settings
from benchmarks.ingest import Service, measure, requests, service, warm_up
from benchmarks.load import run
from benchmarks.server import postgres

CONCURRENCY = 64
EVENTS = {"single": 4_000, "batch10": 20_000, "batch100": 60_000}
FIGURES = ("cpu_us_per_event", "cpu_us_api", "p99_ms")


@contextmanager
def version(folder: Path, server_url: str, name: str) -> Iterator[Service]:
    """A version's service on a database of its own, which it migrates."""
    command = folder / ".venv" / "bin" / "activity-events"
    if not command.exists():
        raise SystemExit(f"{command} is missing: run `make .venv/run.stamp` in {folder}.")
    asyncio.run(_create(server_url, name))
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    url = url if "//" in url else url.replace(":/", "://postgres@/", 1)
    with service(url, command=[str(command), "serve", "--port", "0"]) as target:
        yield target


async def _create(server_url: str, name: str) -> None:
    connection = await asyncpg.connect(server_url)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()


def compare(before: Path, rounds: int) -> dict[str, Any]:
    """Each load's figures by version, and the ratio of their CPU round by round."""
    folders = {"before": before, "now": Path.cwd()}
    found: dict[str, dict[str, list[dict[str, float]]]] = {
        name: {label: [] for label in folders} for name in EVENTS
    }
    seeds = itertools.count(1)
    with postgres(Settings()) as server_url, ExitStack() as stack:
        targets = {
            label: stack.enter_context(version(folder, server_url, f"activity_events_{label}"))
            for label, folder in folders.items()
        }
        for target in targets.values():
            warm_up(target, next(seeds))
        for number, name in track(list(itertools.product(range(rounds), EVENTS)), "rounds"):
            labels = list(folders) if number % 2 else list(reversed(folders))
            for label in labels:
                messages = requests(name, EVENTS[name], next(seeds))
                uvloop.run(run([targets[label].port], messages[:50], concurrency=16))
                found[name][label].append(
                    measure(
                        targets[label],
                        messages[50:],
                        events=EVENTS[name] * (len(messages) - 50) // len(messages),
                        concurrency=CONCURRENCY,
                    )
                )
    return {name: _summary(by_label) for name, by_label in found.items()}


def _summary(by_label: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    ratios = [
        now["cpu_us_per_event"] / before["cpu_us_per_event"]
        for before, now in zip(by_label["before"], by_label["now"], strict=True)
    ]
    return {
        **{
            label: {key: statistics.median(each[key] for each in rounds) for key in FIGURES}
            for label, rounds in by_label.items()
        },
        "cpu_ratio": statistics.median(ratios),
        "cpu_ratio_min": min(ratios),
        "cpu_ratio_max": max(ratios),
    }


def show(result: dict[str, Any]) -> None:
    table = Table(title=f"{CONCURRENCY} clients, medians: before and now, in turn")
    table.add_column("")
    for head in ("CPU us before", "now", "now / before", "min", "max", "p99 ms before", "now"):
        table.add_column(head, justify="right")
    for name, row in result.items():
        before, now = row["before"], row["now"]
        table.add_row(
            name,
            f"{before['cpu_us_per_event']:.1f}",
            f"{now['cpu_us_per_event']:.1f}",
            f"{row['cpu_ratio']:.3f}",
            f"{row['cpu_ratio_min']:.3f}",
            f"{row['cpu_ratio_max']:.3f}",
            f"{before['p99_ms']:.1f}",
            f"{now['p99_ms']:.1f}",
        )
    Console(width=110).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="a checkout of the version to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    result = compare(options.before.resolve(), options.rounds)
    show(result)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
