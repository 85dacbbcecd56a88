"""The one way in: a request's bytes -> committed rows -> verdicts."""

from datetime import datetime

from app.db import Database
from app.errors import UnreadableBody
from app.ingest.insert import insert_events, stored_ids, user_ids
from app.ingest.prepare import EventRow, Prepared, prepare
from app.ingest.verdict import BatchResult, Verdict
from app.schemas.strict_json import parse_json
from app.settings import Settings


async def write_batch(
    database: Database, body: bytes, received_at: datetime, settings: Settings
) -> BatchResult:
    """Writes a batch's body (the contract is in the README) in one transaction.

    When this returns, every event that is `accepted` or `duplicate` is committed.

    Raises:
        UnreadableBody, TooLarge: nothing of the body could be used.
        Unavailable: the database could not be asked; nothing is known to be committed.
    """
    return await _write(database, prepare(parse_json(body), received_at, settings))


async def write_single(
    database: Database, body: bytes, received_at: datetime, settings: Settings
) -> BatchResult:
    """Writes one event's body: a batch of one, with `sent_at` beside the event's own fields."""
    event = parse_json(body)
    if not isinstance(event, dict):
        raise UnreadableBody("The body must be a JSON object.", code="invalid_envelope")
    batch: dict[str, object] = {"events": [event]}
    if type(event) is dict and "sent_at" in event:
        batch["sent_at"] = event.pop("sent_at")
    return await _write(database, prepare(batch, received_at, settings))


async def _write(database: Database, prepared: Prepared) -> BatchResult:
    verdicts = list(prepared.rejections)
    if prepared.rows:
        async with database.transaction() as session:
            users = await user_ids(session, {row.user_email for row in prepared.rows})
            redated = [row for row in prepared.rows if not row.time_is_fixed]
            seen = await stored_ids(session, redated, users)
            fresh: list[EventRow] = []
            for row in prepared.rows:
                identity = (users[row.user_email], row.event_id)
                if identity not in seen:
                    seen.add(identity)
                    fresh.append(row)
            inserted = await insert_events(session, fresh, users)
            accepted = {
                row.index
                for row in fresh
                if (users[row.user_email], row.event_timestamp, row.event_id) in inserted
            }
        verdicts += [_verdict(row, row.index in accepted) for row in prepared.rows]
    verdicts.sort(key=lambda verdict: verdict.index)
    return BatchResult(prepared.batch_id, tuple(verdicts), prepared.warnings)


def _verdict(row: EventRow, accepted: bool) -> Verdict:
    return Verdict(
        index=row.index,
        status="accepted" if accepted else "duplicate",
        event_id=str(row.event_id),
        warnings=row.warnings,
    )
