"""Provenance of a result, and its conversion to a table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.analytics.rollup_counts import SourceName


@dataclass(frozen=True, slots=True)
class Provenance:
    """The source of a result: the events themselves, or the rollups.

    `rows_read` counts rows of that source. `truncated` says that a limit cut the result.
    `complete_before` belongs to funnels: the conversion window has passed for users who began
    before it.
    """

    source: SourceName
    rows_read: int
    truncated: bool = False
    complete_before: datetime | None = None


# Of an answer that is made by hand: two are equal where they say the same, wherever it is from.
NOWHERE = Provenance("events", 0)


@dataclass(frozen=True, slots=True)
class Table:
    """An answer as rows of plain values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
