"""Metadata and context of an event as JSON text, within their size and without personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.ingest.pii_event import without_pii
from app.ingest.pii_finders import BatchBudget
from app.ingest.results import Rejected, Warn
from app.schemas.event import EventIn
from app.schemas.strict_json import PATH_MAX_CHARS, Fault, dump_json
from app.settings import Settings


@dataclass(slots=True)
class Defaults:
    """The fields of a batch that stand for those which its events lack, coerced already; and the
    budget of all its events for the search for personal data.

    The context is prepared once, whatever the number of events.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    budget: BatchBudget = field(default_factory=BatchBudget)
    _context: "tuple[int, str, list[Warn]] | Rejected | None" = None

    def has(self, context: object) -> bool:
        return context is not None and context is self.fields.get("context_snapshot")

    def context(self, settings: Settings, warnings: list[Warn]) -> tuple[int, str]:
        """The size of the context in bytes, and its text as `_context_text` makes it."""
        if self._context is None:
            context, own_warnings = self.fields["context_snapshot"], list[Warn]()
            try:
                size = len(dump_json(context))
                self._context = (
                    size,
                    _context_text(context, settings, own_warnings, self.budget),
                    own_warnings,
                )
            except Rejected as rejected:
                self._context = rejected
        if isinstance(self._context, Rejected):
            raise Rejected(self._context.fault)
        size, text, own_warnings = self._context
        warnings += own_warnings
        return size, text


def json_columns(
    given: EventIn,
    ignored: dict[str, Any],
    defaults: Defaults,
    settings: Settings,
    warnings: list[Warn],
) -> tuple[str, str | None]:
    """Metadata and context as JSON text without personal data, once it is known that the event is
    not too large, with the fields that are unknown and ignored."""
    value = given.get("metadata")
    other = given.get("event_metadata")
    if value and other:
        message = "is an alias of metadata, which is also present; the keys of both were stored"
        warnings.append(Warn("invalid_value", "event_metadata", message))
    value = {**(other or {}), **(value or {})}
    metadata = dump_json(value)
    context = given.get("context_snapshot")
    context_warnings: list[Warn] = []
    snapshot: str | None = None
    if defaults.has(context):
        context_size, snapshot = defaults.context(settings, context_warnings)
    else:
        context_size = 0 if context is None else len(dump_json(context))
    sizes = {"metadata": len(metadata), "context_snapshot": context_size}
    sizes |= {name: len(dump_json({name: item})) for name, item in ignored.items()}
    size = sum(sizes.values())
    if size > settings.event_max_bytes:
        largest = max(sizes, key=lambda name: sizes[name])[:PATH_MAX_CHARS]
        raise Rejected(Fault("event_too_large", largest, _size_text("event", size, settings)))
    if settings.pii_mode != "off":
        metadata = without_pii(value, "metadata", settings, warnings, defaults.budget)
    if context is not None and snapshot is None:
        snapshot = _context_text(context, settings, context_warnings, defaults.budget)
    warnings += context_warnings
    return metadata.decode(), snapshot


def _context_text(
    context: dict[str, Any], settings: Settings, warnings: list[Warn], budget: BatchBudget
) -> str:
    """The context as JSON text, without personal data."""
    if settings.pii_mode == "off":
        return dump_json(context).decode()
    return without_pii(context, "context_snapshot", settings, warnings, budget).decode()


def excess_of_context(defaults: dict[str, Any], events: int, settings: Settings) -> str | None:
    """Return the excess of a batch's context, which every event of the batch stores."""
    context = defaults.get("context_snapshot")
    size = 0 if context is None else len(dump_json(context))
    if size > settings.event_max_bytes:
        return _size_text("batch", size, settings)
    if size * events > settings.body_max_inflated_bytes:
        return (
            f"{events} events would have {size} bytes each; a body can have at most "
            f"{settings.body_max_inflated_bytes} bytes"
        )
    return None


def _size_text(what: str, size: int, settings: Settings) -> str:
    return f"the {what} has {size} bytes of JSON; the limit is {settings.event_max_bytes}"
