"""The one way in: a request's bytes -> prepared rows -> committed -> verdicts."""

from datetime import datetime

from app.ingest.prepare import prepare_batch, prepare_single
from app.ingest.rows import EventRow, Prepared
from app.ingest.verdict import BatchResult, Verdict, Warn
from app.ingest.writer import GroupWriter
from app.settings import Settings

MISMATCH = Warn(
    "payload_mismatch", "event_id", "is known with another payload; what came first is kept"
)


async def accept_batch(
    writer: GroupWriter, body: bytes, received_at: datetime, settings: Settings
) -> BatchResult:
    """Writes a batch's body (the contract is in the README).

    When this returns, every event that is `accepted` or `duplicate` is committed.

    Raises:
        UnreadableBody, TooLarge: nothing of the body could be used.
        Unavailable: nothing is known to be committed; the same again settles it.
    """
    prepared = prepare_batch(body, received_at, settings)
    duplicates = await _write(writer, prepared, len(body))
    notable = list(prepared.rejections)
    notable += [
        _verdict(row, duplicates)
        for row in prepared.rows
        if row.warnings or (duplicates and row.place in duplicates)
    ]
    notable.sort(key=lambda verdict: verdict.index)
    return BatchResult(
        batch_id=prepared.batch_id,
        received=len(prepared.rows) + len(prepared.rejections),
        accepted=len(prepared.rows) - len(duplicates),
        duplicates=len(duplicates),
        rejected=len(prepared.rejections),
        results=tuple(notable),
        warnings=prepared.warnings,
    )


async def accept_single(
    writer: GroupWriter, body: bytes, received_at: datetime, settings: Settings
) -> Verdict:
    """Writes one event's body: a batch of one. Raises as `accept_batch` does."""
    prepared = prepare_single(body, received_at, settings)
    duplicates = await _write(writer, prepared, len(body))
    return prepared.rejections[0] if prepared.rejections else _verdict(prepared.rows[0], duplicates)


async def _write(writer: GroupWriter, prepared: Prepared, size_bytes: int) -> dict[int, bool]:
    if not prepared.rows:
        return {}
    return await writer.write(prepared.rows, size_bytes)


def _verdict(row: EventRow, duplicates: dict[int, bool]) -> Verdict:
    return Verdict(
        index=row.place,
        status="duplicate" if row.place in duplicates else "accepted",
        event_id=str(row.event_id),
        warnings=(*row.warnings, MISMATCH) if duplicates.get(row.place) else row.warnings,
    )
