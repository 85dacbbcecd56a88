"""What the search for personal data makes of a value, as an event on its way in meets it."""

from typing import Any

import orjson

from app.ingest.pii import PiiScanner
from app.ingest.pii_finders import BatchBudget


def redacted(scanner: PiiScanner, value: dict[str, Any]) -> dict[str, Any]:
    """The value as it is kept; what is kept has nothing left to be found (R4)."""
    if not scanner.is_suspect(value, orjson.dumps(value).decode(), BatchBudget()):
        return value
    kept, findings = scanner.redact(value, "metadata")
    assert bool(findings.named) == (kept != value)
    again, more = scanner.redact(kept, "metadata")
    assert (again, more.named) == (kept, [])
    return kept
