"""A table as CSV for people, who open it in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

BOM = "\ufeff"  # without it, Excel takes UTF-8 for the local code page
# A text that a spreadsheet would take for a formula gets an apostrophe (OWASP): at its beginning,
# and after what separates cells in a spreadsheet of another language.
FORMULA = re.compile(
    r"^(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])|([;\t])(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return RFC 4180. Numbers stay numbers; an empty cell is null."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(map(_cell, columns))
    writer.writerows(map(_cell, row) for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return FORMULA.sub(r"\1'", value)
    return value
