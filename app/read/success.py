"""Whether the service does what it is for: four targets, and where they stand.

What is lost shows in the sessions: the tracker numbers a session's events from 1 on, without gaps,
so that a number which is not there is an event that never came. How fast and how reliable the
service is, its own metrics say, since its processes started.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from prometheus_client.samples import Sample
from sqlalchemy import func, select, text

from app.db import Database
from app.models import ActivityRollup
from app.settings import Settings
from app.totals import Level
from app.watch.metrics import collected

CAPTURE_TARGET = 0.99
OVERHEAD_TARGET_MS = 50.0
EVENTS_PER_WEEK_TARGET = 10.0
ERRORS_TARGET = 0.001

WEEK_DAYS = 7
SESSIONS_MAX = 10_000
# No browser's session is as long: somebody else numbers in another way.
SEQ_MAX = 100_000
INGEST_ROUTES = frozenset({"/api/events/log", "/api/events/log/batch"})
SERVER_ERROR = "5"

# Sessions by a hash of their id: the same ones each time, spread over the window. Their events are
# found by session or user, whichever the planner likes better; all of a user's is on one shard.
CAPTURED = text(
    """
    WITH chosen AS MATERIALIZED (
      SELECT user_id, session_id FROM activity_session
      WHERE started_at >= :start AND started_at < :end AND user_id NOT IN (
        SELECT id FROM app_user WHERE email IS NULL OR analytics_opt_out)
      ORDER BY md5(session_id), user_id LIMIT :at_most
    ), counted AS (
      SELECT event.user_id, event.session_id,
        count(DISTINCT event.session_seq) AS seen, max(event.session_seq) AS given
      FROM activity_event AS event
      JOIN chosen ON chosen.user_id = event.user_id AND chosen.session_id = event.session_id
      WHERE event.event_timestamp >= :start AND event.session_seq >= 1
      GROUP BY event.user_id, event.session_id
    )
    SELECT count(*) AS sessions, coalesce(sum(seen), 0)::bigint AS seen,
      coalesce(sum(given), 0)::bigint AS given
    FROM counted WHERE given <= :seq_max
    """
)

# The weeks in which each user was active, counted together.
USER_WEEKS = text(
    """
    SELECT count(*) FROM (
      SELECT user_id, (day - CAST(:first AS date)) / 7 AS week
      FROM activity_user_day
      WHERE day >= :first AND day < :end AND user_id NOT IN (
        SELECT id FROM app_user WHERE email IS NULL OR analytics_opt_out)
      GROUP BY 1, 2
    ) AS active
    """
)


@dataclass(frozen=True, slots=True)
class SuccessMetric:
    """`value` and `met` are None where there is too little to tell; `sample` says of how many."""

    name: str
    value: float | None
    unit: str
    target: str
    met: bool | None
    sample: dict[str, int]
    computed: str


async def success_metrics(
    database: Database, settings: Settings, now: datetime, days: int
) -> tuple[SuccessMetric, ...]:
    """Capture rate, overhead, use and errors, in this order.

    Args:
        days: of the first and the third; the other two are since the start of the process.

    Raises:
        TooExpensive: the database took too long.
    """
    return (
        await _capture(database, settings, now, days),
        overhead(),
        await _use(database, now, days),
        errors(),
    )


async def _capture(
    database: Database, settings: Settings, now: datetime, days: int
) -> SuccessMetric:
    # What retention has cut the beginning off would look as if it had gaps.
    whole = now - timedelta(days=settings.retention_days) + timedelta(days=1)
    given = {
        "start": max(now - timedelta(days=days), whole),
        "end": now,
        "at_most": SESSIONS_MAX,
        "seq_max": SEQ_MAX,
    }
    async with database.read(heavy=True) as session:
        row = (await session.execute(CAPTURED, given)).one()
    value = row.seen / row.given if row.given else None
    return SuccessMetric(
        name="capture_rate",
        value=None if value is None else round(value, 6),
        unit="share of events",
        target=f">= {CAPTURE_TARGET}",
        met=None if value is None else value >= CAPTURE_TARGET,
        sample={"sessions": row.sessions, "events": row.seen, "numbers_given": row.given},
        computed="Of the sessions that began in the window (at most a spread of "
        f"{SESSIONS_MAX}) and whose events are numbered (session_seq): different numbers that are "
        "stored, by the highest numbers. What was lost after a session's last event is not seen.",
    )


async def _use(database: Database, now: datetime, days: int) -> SuccessMetric:
    weeks = max(1, days // WEEK_DAYS)
    end = now.astimezone(UTC).date()
    first = end - timedelta(days=weeks * WEEK_DAYS)
    totals = select(func.coalesce(func.sum(ActivityRollup.events), 0)).where(
        ActivityRollup.level == Level.QUARTER,
        ActivityRollup.bucket >= datetime.combine(first, time(), UTC),
        ActivityRollup.bucket < datetime.combine(end, time(), UTC),
    )
    async with database.read(heavy=True) as session:
        user_weeks = (await session.execute(USER_WEEKS, {"first": first, "end": end})).scalar_one()
        events = int((await session.execute(totals)).scalar_one())
    value = events / user_weeks if user_weeks else None
    return SuccessMetric(
        name="events_per_active_user_and_week",
        value=None if value is None else round(value, 3),
        unit="events",
        target=f">= {EVENTS_PER_WEEK_TARGET:g}",
        met=None if value is None else value >= EVENTS_PER_WEEK_TARGET,
        sample={"weeks": weeks, "user_weeks": user_weeks, "events": events},
        computed="Events of the last whole weeks (7 days of UTC each, the last one ends with "
        "yesterday), by the number of users who were active in each, added up.",
    )


def overhead() -> SuccessMetric:
    """What the service takes for a request that logs."""
    counts = _ingest_buckets()
    requests = int(counts[-1][1]) if counts else 0
    seconds = quantile(counts, 0.95)
    value = None if seconds is None else seconds * 1000
    return SuccessMetric(
        name="overhead_p95",
        value=None if value is None else round(value, 3),
        unit="ms",
        target=f"< {OVERHEAD_TARGET_MS:g}",
        met=None if value is None else value < OVERHEAD_TARGET_MS,
        sample={"requests": requests},
        computed="The 95th percentile of the time from a logging request's header to its answer, "
        "read off activity_request_seconds since the start of the process: within a bucket, as if "
        "its requests were spread evenly. The tracker itself is measured by `make bench-tracker`.",
    )


def errors() -> SuccessMetric:
    """What went wrong of requests and of events: the larger of the two shares."""
    requests = list(_samples("activity_requests"))
    events = list(_samples("activity_events"))
    asked, failed = _sum(requests), _sum(requests, status=SERVER_ERROR)
    arrived, rejected = _sum(events), _sum(events, verdict="rejected")
    shares = [part / whole for part, whole in ((failed, asked), (rejected, arrived)) if whole]
    value = max(shares, default=None)
    return SuccessMetric(
        name="errors",
        value=None if value is None else round(value, 6),
        unit="share",
        target=f"< {ERRORS_TARGET:g}",
        met=None if value is None else value < ERRORS_TARGET,
        sample={
            "requests": asked,
            "requests_failed": failed,
            "events": arrived,
            "events_rejected": rejected,
        },
        computed="Of requests, the share that was answered with 5xx; of events, the share that was "
        "rejected; the larger of both, since the start of the process.",
    )


def quantile(buckets: list[tuple[float, float]], share: float) -> float | None:
    """A quantile of a histogram, as Prometheus' `histogram_quantile` has it.

    Args:
        buckets: upper bounds, the last one infinite, and how many are at most that; ascending.
    """
    wanted = share * buckets[-1][1] if buckets else 0
    if not wanted:
        return None
    below, counted = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if math.isinf(bound):
                return below
            return below + (bound - below) * (wanted - counted) / (count - counted)
        below, counted = bound, count
    return below


def _ingest_buckets() -> list[tuple[float, float]]:
    """Of the logging routes together, cumulative."""
    found: dict[float, float] = {}
    for sample in _samples("activity_request_seconds"):
        is_bucket = sample.name.endswith("_bucket")
        if is_bucket and sample.labels["route"] in INGEST_ROUTES:
            bound = float(sample.labels["le"])
            found[bound] = found.get(bound, 0) + sample.value
    return sorted(found.items())


def _samples(name: str) -> Iterator[Sample]:
    for metric in collected(name):
        yield from metric.samples


def _sum(samples: Iterable[Sample], **labels: str) -> int:
    """All of them, or those whose labels begin in this way."""
    return int(
        sum(
            sample.value
            for sample in samples
            if all(sample.labels[name].startswith(start) for name, start in labels.items())
        )
    )
