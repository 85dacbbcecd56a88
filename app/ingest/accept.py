"""The one way in: a request's bytes -> prepared rows -> committed -> verdicts."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from app.ingest.fast_parser import read_batch, read_single
from app.ingest.pacing import paced
from app.ingest.prepare import prepare_batch, prepare_single
from app.ingest.results import BatchResult, EventResult, Warn, WriteOutcome, WriteOutcomes
from app.ingest.rows import EventRow, Prepared
from app.ingest.writer import GroupWriter
from app.observability.metrics import count_events, count_redacted
from app.settings import Settings

MISMATCH = Warn(
    "payload_mismatch",
    "event_id",
    "was already stored with a different payload; the first one is kept",
)

# What has fewer is prepared in a few milliseconds; the careful reader takes ten times as long.
IN_THREAD_FROM_BYTES = 64 * 1024
IN_THREAD_FROM_COMMAS = 4000
CAREFUL_IN_THREAD_FROM_BYTES = 4 * 1024
# More would only take memory, each many times its body's, and the interpreter from the event loop.
PREPARING = ThreadPoolExecutor(1, thread_name_prefix="prepare")
# Of a batch's events, in one answer: it must not outgrow its request by far.
WARNINGS_MAX = 5_000

Prepare = Callable[[bytes, datetime, Settings, str | None], Prepared]
ReadPlain = Callable[[bytes, datetime, Settings, str | None], Prepared | None]

SUPPRESSED = {
    WriteOutcome.OPTED_OUT: "the user has opted out",
    WriteOutcome.ERASED: "the event is not clearly later than the erasure of its user",
}


async def accept_batch(
    writer: GroupWriter,
    body: bytes,
    received_at: datetime,
    settings: Settings,
    own_email: str | None = None,
    caller: str | None = None,
) -> BatchResult:
    """Write a batch's body (docs/http-api.md has the contract).

    When this returns, every event that is `accepted` or `duplicate` is committed.

    Args:
        own_email: the only user that the caller may log for, and then the default; None is any.
        caller: whose share of the queue it takes; None has none.

    Raises:
        UnreadableBody, TooLarge: nothing of the body could be used.
        Forbidden: the batch is for another user.
        ShareExceeded: the caller has its share of the queue; nothing is committed.
        Unavailable: It is unknown what is committed; a retry settles it.
    """
    prepared = await _prepared(prepare_batch, read_batch, body, received_at, settings, own_email)
    outcomes = await _write(writer, prepared, len(body), caller)
    suppressed = sum(outcome.is_suppressed for outcome in outcomes.values())
    notable = list(prepared.rejections)
    notable += [
        _verdict(row, outcomes.get(row.place))
        for row in prepared.rows
        if row.warnings or (outcomes and row.place in outcomes)
    ]
    notable.sort(key=lambda verdict: verdict.index)
    notable = _with_fewer_warnings(notable)
    _count(prepared, outcomes)
    return BatchResult(
        batch_id=prepared.batch_id,
        received=len(prepared.rows) + len(prepared.rejections),
        accepted=len(prepared.rows) - len(outcomes),
        duplicates=len(outcomes) - suppressed,
        suppressed=suppressed,
        rejected=len(prepared.rejections),
        results=tuple(notable),
        warnings=prepared.warnings,
    )


async def accept_single(
    writer: GroupWriter,
    body: bytes,
    received_at: datetime,
    settings: Settings,
    own_email: str | None = None,
    caller: str | None = None,
) -> EventResult:
    """Write one event's body: a batch of one. Raises as `accept_batch` does."""
    prepared = await _prepared(prepare_single, read_single, body, received_at, settings, own_email)
    outcomes = await _write(writer, prepared, len(body), caller)
    _count(prepared, outcomes)
    if prepared.rejections:
        return prepared.rejections[0]
    verdict = _verdict(prepared.rows[0], outcomes.get(prepared.rows[0].place))
    if not prepared.warnings:
        return verdict
    return replace(verdict, warnings=(*prepared.warnings, *verdict.warnings))


async def _prepared(
    prepare: Prepare,
    read_plain: ReadPlain,
    body: bytes,
    received_at: datetime,
    settings: Settings,
    own_email: str | None,
) -> Prepared:
    """Prepare a body; long work runs in a thread, so that other requests don't wait."""
    if len(body) <= CAREFUL_IN_THREAD_FROM_BYTES:
        return prepare(body, received_at, settings, own_email)
    if len(body) <= IN_THREAD_FROM_BYTES and body.count(b",") <= IN_THREAD_FROM_COMMAS:
        plain = read_plain(body, received_at, settings, own_email)
        if plain is not None:
            return plain
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(
        PREPARING, paced(prepare, loop), body, received_at, settings, own_email
    )


async def _write(
    writer: GroupWriter, prepared: Prepared, size_bytes: int, caller: str | None
) -> WriteOutcomes:
    if not prepared.rows:
        return {}
    return await writer.write(prepared.rows, size_bytes, caller)


def _count(prepared: Prepared, outcomes: WriteOutcomes) -> None:
    """Once for a request, whatever its number of events."""
    redacted = [row for row in prepared.rows if row.warnings]
    if redacted:
        count_redacted(field for row in redacted for field in _redacted(row))
    if not outcomes and not prepared.rejections:
        count_events("accepted", len(prepared.rows))
        return
    suppressed = [outcome for outcome in outcomes.values() if outcome.is_suppressed]
    count_events("accepted", len(prepared.rows) - len(outcomes))
    count_events("duplicate", len(outcomes) - len(suppressed))
    count_events("suppressed", len(suppressed), (outcome.value for outcome in suppressed))
    rejections = prepared.rejections
    count_events("rejected", len(rejections), (each.code for each in rejections))


def _with_fewer_warnings(verdicts: list[EventResult]) -> list[EventResult]:
    """At most `WARNINGS_MAX` warnings in all; past that, an event says how many it has."""
    if sum(len(verdict.warnings) for verdict in verdicts) <= WARNINGS_MAX:
        return verdicts
    kept: list[EventResult] = []
    room = WARNINGS_MAX
    for verdict in verdicts:
        room -= len(verdict.warnings)
        if room < 0 and len(verdict.warnings) > 1:
            message = f"has {len(verdict.warnings)} warnings, too many in this batch to list"
            verdict = replace(verdict, warnings=(Warn("more_warnings", "event", message),))
        kept.append(verdict)
    return kept


def _redacted(row: EventRow) -> set[str]:
    return {
        warning.field.partition(".")[0]
        for warning in row.warnings
        if warning.code == "pii_redacted"
    }


def _verdict(row: EventRow, outcome: WriteOutcome | None) -> EventResult:
    event_id = str(row.event_id)
    if outcome is None:
        return EventResult(row.place, "accepted", event_id, warnings=row.warnings)
    if outcome.is_suppressed:
        return EventResult(
            row.place, "suppressed", event_id, code=outcome.value, message=SUPPRESSED[outcome]
        )
    mismatch = (MISMATCH,) if outcome is WriteOutcome.MISMATCH else ()
    return EventResult(row.place, "duplicate", event_id, warnings=(*row.warnings, *mismatch))
