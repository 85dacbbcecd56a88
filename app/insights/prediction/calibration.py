"""Calibration of served predictions: each is stored until the user's next event, scored by it, and
deleted; scores are summed by user, day and bin.

Of two predictions served after the same event, the first is stored and counted twice. The stored
data per user is bounded: one prediction per event after which one was requested, until the next
event arrives, and ten rows of sums per day.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from math import log

from sqlalchemy import (
    Boolean,
    Double,
    Select,
    String,
    bindparam,
    delete,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.database.sessions import Database, ReadSession, WriteSession
from app.models import ActivityEvent, Instant, PredictionScore, ServedPrediction
from app.read.order import EVENT_ORDER
from app.read.window import Window

BINS = 10
TYPES_KEPT = 20
LEAST = 1e-6
# Whose next event does not come for so long, is not waited for.
PENDING_DAYS = 30
AT_ONCE = 200

# An erasure or an opt-out of the user changes their row.
NOTE = text(
    """
    WITH willing AS (
      SELECT id FROM app_user
      WHERE id = :user_id AND email IS NOT NULL AND NOT learning_opt_out AND NOT analytics_opt_out
      FOR SHARE
    )
    INSERT INTO served_prediction
      (user_id, after_timestamp, rested, served_at, times, event_types, probabilities, squares)
    SELECT id, :after, :rested, :now, 1, :event_types, :probabilities, :squares FROM willing
    ON CONFLICT (user_id, after_timestamp, rested)
      DO UPDATE SET times = served_prediction.times + 1
    """
).bindparams(
    bindparam("after", type_=Instant),
    bindparam("rested", type_=Boolean),
    bindparam("now", type_=Instant),
    bindparam("event_types", type_=ARRAY(String)),
    bindparam("probabilities", type_=ARRAY(Double)),
    bindparam("squares", type_=Double),
)

SumsKey = tuple[int, date, int]


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions whose first choice was given a probability from `low` to below `high`: the mean
    of those probabilities, and how often that choice came. In a well calibrated model both are the
    same. None where there were no such predictions."""

    low: float
    high: float
    predictions: int
    mean_probability: float | None
    hit_rate: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """`brier` is the mean of the summed squared errors over all types (Brier 1950; 0 to 2, and 0 is
    best), `log_loss` in nats, `calibration_error` the mean distance of `mean_probability` and
    `hit_rate`, weighed by predictions (Naeini and others 2015). None where nothing was scored."""

    predictions: int
    pending: int
    hit_at_1: float | None
    hit_at_3: float | None
    brier: float | None
    log_loss: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...]


async def note_served(
    session: WriteSession,
    user_id: int,
    after: datetime,
    rested: bool,
    now: datetime,
    probabilities: dict[str, float],
) -> None:
    """Remembers a prediction until the next event comes; not of who is being erased, or has just
    decided against it.

    Args:
        after: the time of the user's last event.
        rested: their session was over.
        probabilities: of all types, descending.
    """
    await session.execute(
        NOTE,
        {
            "user_id": user_id,
            "after": after,
            "rested": rested,
            "now": now,
            "event_types": list(probabilities)[:TYPES_KEPT],
            "probabilities": list(probabilities.values())[:TYPES_KEPT],
            "squares": sum(share * share for share in probabilities.values()),
        },
    )


@dataclass(slots=True)
class _Sums:
    predictions: float = 0
    hits_at_1: float = 0
    hits_at_3: float = 0
    first_probability: float = 0.0
    brier: float = 0.0
    log_loss: float = 0.0

    def add(self, served: ServedPrediction, came: str) -> None:
        first, *_ = served.probabilities
        share = dict(zip(served.event_types, served.probabilities, strict=True)).get(came, 0.0)
        self.predictions += served.times
        self.hits_at_1 += served.times * (served.event_types[0] == came)
        self.hits_at_3 += served.times * (came in served.event_types[:3])
        self.first_probability += served.times * first
        self.brier += served.times * (served.squares - 2 * share + 1)
        self.log_loss -= served.times * log(max(share, LEAST))


async def score_served(session: WriteSession, now: datetime, user_id: int | None = None) -> int:
    """Score predictions whose next event has come: a user's, or the 200 that were served last.
    The duty of every minute finds the others. Returns how many it looked at."""
    statement = select(ServedPrediction).order_by(ServedPrediction.served_at.desc()).limit(AT_ONCE)
    if user_id is not None:
        statement = statement.where(ServedPrediction.user_id == user_id)
    return await _score(session, list(await session.scalars(statement)), now)


async def score_all(database: Database, now: datetime) -> None:
    """Score all whose next event has come, and forgets those that waited for too long."""
    after = (0, datetime.min.replace(tzinfo=UTC), False)
    key = (ServedPrediction.user_id, ServedPrediction.after_timestamp, ServedPrediction.rested)
    while True:
        async with database.transaction() as session:
            statement = select(ServedPrediction).where(tuple_(*key) > after).order_by(*key)
            found = list(await session.scalars(statement.limit(AT_ONCE)))
            await _score(session, found, now)
            if len(found) < AT_ONCE:
                break
            after = (found[-1].user_id, found[-1].after_timestamp, found[-1].rested)
    async with database.transaction() as session:
        too_old = ServedPrediction.served_at < now - timedelta(days=PENDING_DAYS)
        await session.execute(delete(ServedPrediction).where(too_old))


async def _score(session: WriteSession, pending: Sequence[ServedPrediction], now: datetime) -> int:
    sums: dict[SumsKey, _Sums] = defaultdict(_Sums)
    for served in pending:
        came = (await session.scalars(_next_type(served, now))).one_or_none()
        # The transaction that deletes it, scores it.
        if came is not None and (kept := await _taken(session, served)) is not None:
            bin_ = min(BINS - 1, int(kept.probabilities[0] * BINS))
            sums[kept.user_id, kept.served_at.date(), bin_].add(kept, came)
    for key in sorted(sums):
        await _add_up(session, key, sums[key])
    return len(pending)


def _next_type(served: ServedPrediction, now: datetime) -> Select[str]:
    """Return the type that came first after the then latest event."""
    return (
        select(ActivityEvent.event_type)
        .where(
            ActivityEvent.user_id == served.user_id,
            ActivityEvent.event_timestamp > served.after_timestamp,
            ActivityEvent.event_timestamp <= now,
        )
        .order_by(*EVENT_ORDER)
        .limit(1)
    )


async def _taken(session: WriteSession, served: ServedPrediction) -> ServedPrediction | None:
    """Delete a prediction and return it; None if another transaction was first."""
    taken = await session.scalars(
        delete(ServedPrediction)
        .where(
            ServedPrediction.user_id == served.user_id,
            ServedPrediction.after_timestamp == served.after_timestamp,
            ServedPrediction.rested == served.rested,
        )
        .returning(ServedPrediction)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return taken.one_or_none()


async def _add_up(session: WriteSession, key: SumsKey, sums: _Sums) -> None:
    user_id, day, bin_ = key
    given = insert(PredictionScore).values(user_id=user_id, day=day, bin=bin_, **asdict(sums))
    await session.execute(
        given.on_conflict_do_update(
            index_elements=["user_id", "day", "bin"],
            set_={
                name: getattr(PredictionScore, name) + given.excluded[name] for name in asdict(sums)
            },
        )
    )


async def calibration(session: ReadSession, window: Window, user_id: int | None) -> Calibration:
    """Return the calibration of predictions served on the days (UTC) of a window, of one user or of
    all.

    Raises:
        TooExpensive: it took too long.
    """
    mine = [] if user_id is None else [PredictionScore.user_id == user_id]
    waiting = [] if user_id is None else [ServedPrediction.user_id == user_id]
    summed = [func.sum(getattr(PredictionScore, each.name)) for each in fields(_Sums)]
    rows = await session.execute(
        select(PredictionScore.bin, *summed)
        .where(
            PredictionScore.day >= window.start.date(),
            PredictionScore.day <= window.end.date(),
            *mine,
        )
        .group_by(PredictionScore.bin)
    )
    by_bin = {int(row[0]): _Sums(*map(float, row[1:])) for row in rows}
    times = func.coalesce(func.sum(ServedPrediction.times), 0)
    pending = (await session.scalars(select(times).where(*waiting))).one()
    return _calibration(by_bin, int(pending))


def _calibration(by_bin: dict[int, _Sums], pending: int) -> Calibration:
    """Means of the sums."""
    count = sum(sums.predictions for sums in by_bin.values())

    def mean(name: str) -> float | None:
        total = sum(getattr(sums, name) for sums in by_bin.values())
        return round(total / count, 4) if count else None

    bins = tuple(_bin(number, by_bin.get(number, _Sums())) for number in range(BINS))
    apart = sum(
        each.predictions * abs(each.mean_probability - each.hit_rate)
        for each in bins
        if each.mean_probability is not None and each.hit_rate is not None
    )
    return Calibration(
        predictions=int(count),
        pending=pending,
        hit_at_1=mean("hits_at_1"),
        hit_at_3=mean("hits_at_3"),
        brier=mean("brier"),
        log_loss=mean("log_loss"),
        calibration_error=round(apart / count, 4) if count else None,
        bins=bins,
    )


def _bin(number: int, sums: _Sums) -> Bin:
    count = int(sums.predictions)
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        predictions=count,
        mean_probability=round(sums.first_probability / count, 4) if count else None,
        hit_rate=round(sums.hits_at_1 / count, 4) if count else None,
    )


NOTHING_SCORED = _calibration({}, 0)
