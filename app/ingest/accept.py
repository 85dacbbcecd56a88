"""The one way in: a request's bytes -> prepared rows -> committed -> verdicts."""

from datetime import datetime

from app.ingest.prepare import prepare_batch, prepare_single
from app.ingest.rows import EventRow, Prepared
from app.ingest.verdict import BatchResult, Outcome, Outcomes, Verdict, Warn
from app.ingest.writer import GroupWriter
from app.settings import Settings
from app.watch.metrics import count_events

MISMATCH = Warn(
    "payload_mismatch", "event_id", "is known with another payload; what came first is kept"
)

SUPPRESSED = {
    Outcome.OPTED_OUT: "the user has opted out",
    Outcome.ERASED: "is from before the user was erased",
}


async def accept_batch(
    writer: GroupWriter,
    body: bytes,
    received_at: datetime,
    settings: Settings,
    own_email: str | None = None,
) -> BatchResult:
    """Writes a batch's body (the contract is in the README).

    When this returns, every event that is `accepted` or `duplicate` is committed.

    Args:
        own_email: the only user that the caller may log for, and then the default; None is any.

    Raises:
        UnreadableBody, TooLarge: nothing of the body could be used.
        Forbidden: the batch is for another user.
        Unavailable: nothing is known to be committed; the same again settles it.
    """
    prepared = prepare_batch(body, received_at, settings, own_email)
    outcomes = await _write(writer, prepared, len(body))
    suppressed = sum(outcome.is_suppressed for outcome in outcomes.values())
    notable = list(prepared.rejections)
    notable += [
        _verdict(row, outcomes.get(row.place))
        for row in prepared.rows
        if row.warnings or (outcomes and row.place in outcomes)
    ]
    notable.sort(key=lambda verdict: verdict.index)
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
) -> Verdict:
    """Writes one event's body: a batch of one. Raises as `accept_batch` does."""
    prepared = prepare_single(body, received_at, settings, own_email)
    outcomes = await _write(writer, prepared, len(body))
    _count(prepared, outcomes)
    if prepared.rejections:
        return prepared.rejections[0]
    return _verdict(prepared.rows[0], outcomes.get(prepared.rows[0].place))


async def _write(writer: GroupWriter, prepared: Prepared, size_bytes: int) -> Outcomes:
    if not prepared.rows:
        return {}
    return await writer.write(prepared.rows, size_bytes)


def _count(prepared: Prepared, outcomes: Outcomes) -> None:
    """Once for a request, whatever its number of events."""
    suppressed = [outcome for outcome in outcomes.values() if outcome.is_suppressed]
    count_events("accepted", len(prepared.rows) - len(outcomes))
    count_events("duplicate", len(outcomes) - len(suppressed))
    count_events("suppressed", len(suppressed), (outcome.value for outcome in suppressed))
    rejections = prepared.rejections
    count_events("rejected", len(rejections), (each.code for each in rejections))


def _verdict(row: EventRow, outcome: Outcome | None) -> Verdict:
    event_id = str(row.event_id)
    if outcome is None:
        return Verdict(row.place, "accepted", event_id, warnings=row.warnings)
    if outcome.is_suppressed:
        return Verdict(
            row.place, "suppressed", event_id, code=outcome.value, message=SUPPRESSED[outcome]
        )
    mismatch = (MISMATCH,) if outcome is Outcome.MISMATCH else ()
    return Verdict(row.place, "duplicate", event_id, warnings=(*row.warnings, *mismatch))
