"""Success metrics: four targets of the service, and their current values.

Losses show in the sessions: the tracker numbers a session's events from 1 without gaps, so a
missing number is a lost event. Speed and reliability come from the service's own metrics since the
start of its processes.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from prometheus_client.samples import Sample
from sqlalchemy import func, select, text

from app.database.rollup_sql import Level
from app.database.sessions import Database
from app.models import ActivityRollup
from app.observability.metrics import collected
from app.settings import Settings

CAPTURE_TARGET = 0.99
OVERHEAD_TARGET_MS = 50.0
EVENTS_PER_WEEK_TARGET = 10.0
ERRORS_TARGET = 0.001

WEEK_DAYS = 7
SESSIONS_MAX = 10_000
# No browser's session is as long: another client numbers differently.
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
        computed="Number of distinct stored session_seq values divided by the sum of the highest "
        "values, over sessions with session_seq that began in the window (a sample of at most "
        f"{SESSIONS_MAX}). Events lost after a session's last stored event are not detected.",
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
        computed="Events of the last whole weeks (7 UTC days each; the last one ends yesterday), "
        "divided by the sum of each week's active users.",
    )


def overhead() -> SuccessMetric:
    """Measure the response time of logging requests."""
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
        computed="95th percentile of the response time of logging requests since the start of the "
        "process, from activity_request_seconds, interpolated linearly within a bucket. "
        "`make bench-tracker` measures the tracker itself.",
    )


def errors() -> SuccessMetric:
    """Measure failed requests and rejected events: the larger of the two shares."""
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
        computed="The larger of two shares since the start of the process: requests that failed "
        "with 5xx, and events that were rejected.",
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
    """Return the cumulative buckets of all logging routes."""
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
