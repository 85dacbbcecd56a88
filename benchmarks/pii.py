"""How well personal data in metadata is found, and what a clean event pays for it.

`python -m benchmarks.pii [--json]` (make bench-pii): precision and recall on the labelled sets of
`benchmarks/pii_sets`, and the time of the look that every event gets. One set is what the rules
were written against, the other was held out.
"""

import argparse
import json
import random
import re
import timeit
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from app.ingest.pii import PiiScanner
from app.ingest.pii_finders import BatchBudget
from app.settings import PII_KEYS
from benchmarks.activity import context, metadata
from benchmarks.pii_sets import held_out_payloads, held_out_values, known_payloads, known_values
from benchmarks.pii_sets.labels import Personal, Unscored

MARK = re.compile(r"\[redacted:[^]]*\]")
EVENTS = 2_000
ROUNDS = 9

console = Console(width=100)


@dataclass(slots=True)
class Score:
    """Hits and misses by kind; `wrong` names the misses and what was taken out wrongly."""

    personal: int = 0
    not_personal: int = 0
    right: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    found_wrongly: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        kinds = sorted(self.right | self.missed | self.found_wrongly)
        return {
            "personal": self.personal,
            "not_personal": self.not_personal,
            "precision": _share(self.right.total(), self.found_wrongly.total()),
            "recall": _share(self.right.total(), self.missed.total()),
            "by_kind": {
                kind: {
                    "right": self.right[kind],
                    "precision": _share(self.right[kind], self.found_wrongly[kind]),
                    "recall": _share(self.right[kind], self.missed[kind]),
                }
                for kind in kinds
            },
            "wrong": self.wrong,
        }


def evaluate() -> dict[str, dict[str, Any]]:
    """The scores by the name of the set."""
    return {
        "known": _score([*known_payloads.ALL, *_single(known_values.rows())]),
        "held out": _score([*held_out_payloads.ALL, *_single(held_out_values.rows())]),
    }


def _single(rows: Iterable[tuple[Any, Any]]) -> Iterator[dict[Any, Any]]:
    return ({key: value} for key, value in rows)


def _score(payloads: list[dict[Any, Any]]) -> dict[str, Any]:
    scanner = PiiScanner(PII_KEYS)
    score = Score()
    for payload in payloads:
        plain = _without_labels(payload)
        # What the cheap look lets pass is never looked at closely.
        looked_at = scanner.is_suspect(plain, orjson.dumps(plain).decode(), BatchBudget())
        kept = scanner.redact(plain, "metadata")[0] if looked_at else plain
        _compare(payload, kept, "", score)
    return score.as_dict()


def _without_labels(value: Any) -> Any:
    if isinstance(value, Personal | Unscored):
        return value.value
    if isinstance(value, dict):
        return {_without_labels(key): _without_labels(item) for key, item in value.items()}
    return [_without_labels(item) for item in value] if isinstance(value, list) else value


def _compare(given: Any, kept: Any, path: str, score: Score) -> None:
    if isinstance(given, dict):
        for (key, item), (kept_key, kept_item) in zip(given.items(), kept.items(), strict=True):
            _compare(key, kept_key, f"{path} (key)", score)
            name = key.value if isinstance(key, Personal) else key
            _compare(item, kept_item, f"{path}.{name}", score)
    elif isinstance(given, list):
        for item, kept_item in zip(given, kept, strict=True):
            _compare(item, kept_item, f"{path}[]", score)
    elif isinstance(given, Personal):
        score.personal += 1
        rest = MARK.sub("", str(kept))
        if kept != given.value and not any(part in rest for part in given.parts):
            score.right[given.kind] += 1
        else:
            score.missed[given.kind] += 1
            score.wrong.append(f"missed {given.kind}: {path}={given.value!r} -> {kept!r}")
    elif not isinstance(given, Unscored):
        score.not_personal += not path.endswith("(key)")
        if kept != given:
            kind = str(kept).partition("[redacted:")[2].partition("]")[0]
            score.found_wrongly[kind] += 1
            score.wrong.append(f"taken for {kind}: {path}={given!r} -> {kept!r}")


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
            if scanner.is_suspect(value, text, BatchBudget()):
                scanner.redact(value, "")

    taken = sorted(timeit.repeat(look, number=1, repeat=ROUNDS))
    return taken[ROUNDS // 2] / EVENTS * 1e6


def _share(right: int, wrong: int) -> float:
    return right / (right + wrong) if right + wrong else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    sets = evaluate()
    us_per_clean_event = microseconds()
    table = Table(title="Personal data in labelled values")
    for head in ("set", "kind", "found", "precision", "recall"):
        table.add_column(head, justify="left" if head in {"set", "kind"} else "right")
    for name, score in sets.items():
        for kind, each in score["by_kind"].items():
            precision, recall = f"{each['precision']:.3f}", f"{each['recall']:.3f}"
            table.add_row(name, kind, str(each["right"]), precision, recall)
        counts = f"{score['personal']} personal, {score['not_personal']} not"
        table.add_row(
            name, "all", counts, f"{score['precision']:.3f}", f"{score['recall']:.3f}",
            end_section=True,
        )  # fmt: skip
    console.print(table)
    for name, score in sets.items():
        for line in score["wrong"]:
            console.print(f"{name}: {line}", markup=False, highlight=False)
    console.print(f"a clean event pays {us_per_clean_event:.1f} us")
    if options.json:
        print(json.dumps({"sets": sets, "us_per_clean_event": us_per_clean_event}))


if __name__ == "__main__":
    main()
