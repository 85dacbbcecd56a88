"""The first records of a file, and the fields that they have."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ingest.import_formats import normalised
from app.ingest.import_mapping import MISSING, OWN_KEYS, value_at

PATHS_MAX = 2000
PATH_DEPTH = 4


@dataclass
class Sample:
    """Some records of a file, and all their paths by normalised name."""

    records: list[dict[str, Any]]
    names: list[str]
    paths: dict[str, tuple[str, ...]]  # as the file spells them

    def __post_init__(self) -> None:
        self._spelled: dict[str, str] = {}
        for path in self.paths:
            self._spelled.setdefault(normalised(path), path)

    def find(self, name: str) -> str | None:
        """The file's own spelling of a compared name."""
        return self._spelled.get(name)

    def find_all(self, name: str) -> list[str]:
        """All spellings of a compared name that the file has."""
        return [path for path in self.paths if normalised(path) == name]

    def has_all(self, names: Iterable[str]) -> bool:
        return all(name in self._spelled for name in names)

    def values(self, path: str) -> Iterator[Any]:
        keys = self.paths[path]
        for record in self.records:
            value = value_at(record, keys)
            if value is not MISSING and value not in (None, ""):
                yield value


def sample_paths(events: list[dict[str, Any]], columns: Sequence[str] | None) -> Sample:
    """The records, and the paths that their fields have.

    Args:
        columns: the names in the file's header; None where each record has its own.
    """
    paths: dict[str, tuple[str, ...]] = {name: (name,) for name in columns or () if name}
    for depth in (1, PATH_DEPTH):  # top-level names first, as a sample of paths is bounded
        for event in events:
            for keys in _paths(event, (), depth):
                if len(paths) < PATHS_MAX and keys[0] not in OWN_KEYS:
                    paths.setdefault(".".join(keys), keys)
    return Sample(events, [path for path, keys in paths.items() if len(keys) == 1], paths)


def _paths(
    value: Mapping[str, Any], before: tuple[str, ...], depth: int
) -> Iterator[tuple[str, ...]]:
    for key, item in value.items():
        yield (*before, key)
        if isinstance(item, Mapping) and depth > 1:
            yield from _paths(item, (*before, key), depth - 1)
