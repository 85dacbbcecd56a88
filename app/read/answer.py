"""What an answer says about itself, and how it becomes a table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.read.totals import SourceName


@dataclass(frozen=True, slots=True)
class About:
    """Where an answer comes from: the events themselves, or what is counted beside them.

    `rows_read` are rows of that source. `truncated` says that a limit left something out.
    `complete_before` is that of a funnel: who began before then has had all their time.
    """

    source: SourceName
    rows_read: int
    truncated: bool = False
    complete_before: datetime | None = None


# Of an answer that is made by hand: two are equal where they say the same, wherever it is from.
NOWHERE = About("events", 0)


@dataclass(frozen=True, slots=True)
class Table:
    """An answer as rows of plain values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
