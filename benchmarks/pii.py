"""How well personal data in metadata is found, and what a clean event pays for it.

`python -m benchmarks.pii [--json]` (make bench-pii): precision and recall on the labelled values of
`benchmarks/pii_values.py`, and the time of the look that every event gets.
"""

import argparse
import json
import random
import timeit
from collections import Counter
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from app.ingest.pii import PiiScanner
from app.settings import PII_KEYS
from benchmarks.activity import context, metadata
from benchmarks.pii_values import values

EVENTS = 2_000
ROUNDS = 9

console = Console(width=100)


def evaluate() -> dict[str, Any]:
    """Hits and misses, by kind; `wrong` names them."""
    scanner = PiiScanner(PII_KEYS)
    right, found_wrongly, missed = Counter[str](), Counter[str](), Counter[str]()
    wrong: list[str] = []
    count = 0
    for key, value, expected in values():
        count += 1
        given = {key: value}
        _, findings = scanner.redact(given, "metadata")
        # What the cheap look lets pass is never looked at closely.
        looked_at = scanner.is_suspect(given, orjson.dumps(given).decode())
        kinds = {finding.kind for finding in findings.named if looked_at}
        if expected is not None and expected in kinds:
            right[expected] += 1
        elif expected is not None:
            missed[expected] += 1
            wrong.append(f"missed {expected}: {key}={value!r}")
        for kind in kinds - {expected}:
            found_wrongly[kind] += 1
            wrong.append(f"taken for {kind}: {key}={value!r}")
    all_kinds = sorted(right | missed | found_wrongly)
    return {
        "values": count,
        "precision": _share(right.total(), found_wrongly.total()),
        "recall": _share(right.total(), missed.total()),
        "by_kind": {
            kind: {
                "right": right[kind],
                "precision": _share(right[kind], found_wrongly[kind]),
                "recall": _share(right[kind], missed[kind]),
            }
            for kind in all_kinds
        },
        "wrong": wrong,
    }


def microseconds() -> float:
    """Of a clean event's metadata of ten keys; the median of the rounds."""
    scanner = PiiScanner(PII_KEYS)
    chance = random.Random(7)
    made = [metadata(chance) for _ in range(EVENTS)] + [
        context(chance) for _ in range(EVENTS // 10)
    ]
    events = [(value, orjson.dumps(value).decode()) for value in made]
    clean = [each for each in events if not scanner.redact(each[0], "")[1].named]

    def look() -> None:
        for value, text in clean:
            if scanner.is_suspect(value, text):
                scanner.redact(value, "")

    taken = sorted(timeit.repeat(look, number=1, repeat=ROUNDS))
    return taken[ROUNDS // 2] / EVENTS * 1e6


def _share(right: int, wrong: int) -> float:
    return right / (right + wrong) if right + wrong else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    found = evaluate() | {"us_per_clean_event": microseconds()}
    table = Table(title=f"Personal data in {found['values']} labelled values")
    for head in ("kind", "found", "precision", "recall"):
        table.add_column(head, justify="left" if head == "kind" else "right")
    for kind, each in found["by_kind"].items():
        table.add_row(kind, str(each["right"]), f"{each['precision']:.3f}", f"{each['recall']:.3f}")
    table.add_row("all", "", f"{found['precision']:.3f}", f"{found['recall']:.3f}")
    console.print(table)
    for line in found["wrong"]:
        console.print(line, markup=False, highlight=False)
    console.print(f"a clean event pays {found['us_per_clean_event']:.1f} us")
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
