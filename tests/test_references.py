"""Names of ours in docstrings, comments and documents: each exists."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("app", "alembic", "benchmarks", "clients/python", "docs", "examples", "tests")
ROOMS = {path.name for path in (ROOT / "app").iterdir() if path.is_dir() and path.name != "static"}
QUOTED = re.compile(r"`([^`\s]+)`")
# `app/read/cursor.py`, `app/read/cursor`, `docs/operations.md`, `tests/unit`
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]+")
# `read/cursor`: below `app`
SHORT_PATH = re.compile(rf"(?:{'|'.join(ROOMS)})/[\w/]+(?:\.py)?")
# `app.read.cursor`, `app.read.cursor.Cursor`
DOTTED = re.compile(r"app(?:\.[A-Za-z_]\w*)+(?<!\.tsx)")
# What is built, and what only an installed package has.
MADE_ELSEWHERE = ("app/static", "app/database/alembic")


def files() -> Iterator[Path]:
    for folder in FOLDERS:
        for suffix in ("*.py", "*.md"):
            yield from sorted(set((ROOT / folder).rglob(suffix)) - {Path(__file__).resolve()})
    yield from sorted(ROOT.glob("*.md"))


def path_exists(name: str) -> bool:
    path = ROOT / name
    return path.exists() or path.with_suffix(".py").exists() or name.startswith(MADE_ELSEWHERE)


def name_exists(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def stale(text: str) -> Iterator[str]:
    for name in QUOTED.findall(text):
        bare = name.rstrip("/")
        if (
            (PATH.fullmatch(bare) and not path_exists(bare))
            or (SHORT_PATH.fullmatch(bare) and not path_exists(f"app/{bare}"))
            or (DOTTED.fullmatch(bare) and not name_exists(bare))
        ):
            yield name


@pytest.mark.parametrize("path", list(files()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_named_exists(path: Path) -> None:
    assert list(stale(path.read_text())) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see `app/read/nothing.py`", ["app/read/nothing.py"]),
        ("`read/nothing` and `read/cursor`", ["read/nothing"]),
        ("`app.read.cursor.nothing`, `app.read.cursor`", ["app.read.cursor.nothing"]),
        ("`docs/nothing.md`, `tests/conftest.py`", ["docs/nothing.md"]),
        ("`app/static/web` is built; `read` is a word, `read()` a call", []),
    ],
)
def test_what_does_not_exist_is_noticed(text: str, found: list[str]) -> None:
    assert list(stale(text)) == found
