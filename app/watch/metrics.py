"""What the service counts of itself, for Prometheus (`GET /metrics`).

Labels are of closed sets: templates of routes, codes, kinds; never a user's value. What is counted
by the event is added up first, so that a request, or a transaction, pays once. The processes of one
service answer as one (`app/watch/shared.py`).
"""

from collections import Counter as Counts
from collections.abc import Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from app import __version__
from app.watch import shared

if shared.IS_SHARED:
    values.ValueClass = values.MultiProcessValue(shared.place)  # type: ignore[no-untyped-call]
disable_created_metrics()  # type: ignore[no-untyped-call]  # else there would be twice as many lines, for nobody

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

REQUESTS = Counter(
    "activity_requests",
    "Requests that were answered, by the status of the answer.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "activity_request_seconds",
    "From a request's header to that of its answer: with what is written, all of its work.",
    ["route", "method"],
    buckets=SECONDS,
    registry=REGISTRY,
)
ANSWERS_BROKEN = Counter(
    "activity_answers_broken",
    "Answers that ended before they were whole, by why: failed, or the client went.",
    ["why"],
    registry=REGISTRY,
)
EVENTS = Counter(
    "activity_events",
    "Events that arrived, by what became of them; code says why one was rejected or suppressed.",
    ["verdict", "code"],
    registry=REGISTRY,
)
REDACTED = Counter(
    "activity_pii_redacted_events",
    "Events in which personal data was replaced, by the field that held it.",
    ["field"],
    registry=REGISTRY,
)
GROUP_EVENTS = Histogram(
    "activity_group_events", "Events of one transaction.", buckets=SIZES, registry=REGISTRY
)
GROUP_REQUESTS = Histogram(
    "activity_group_requests", "Requests of one transaction.", buckets=SIZES, registry=REGISTRY
)
QUEUE_WAIT_SECONDS = Histogram(
    "activity_queue_wait_seconds",
    "How long the oldest request of a transaction had waited for it.",
    buckets=SECONDS,
    registry=REGISTRY,
)
FLUSH_SECONDS = Histogram(
    "activity_flush_seconds",
    "From taking requests off the queue to their commit, with what had to be tried again.",
    buckets=SECONDS,
    registry=REGISTRY,
)
FLUSHES = Counter(
    "activity_flushes",
    "Groups that were written, or of which some could not be.",
    ["outcome"],
    registry=REGISTRY,
)
DATABASE_ERRORS = Counter(
    "activity_database_errors",
    "Failures of the database that a request, or a duty, met.",
    ["kind"],
    registry=REGISTRY,
)
QUEUE_EVENTS = Gauge(
    "activity_queue_events",
    "Events that wait to be written.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
QUEUE_BYTES = Gauge(
    "activity_queue_bytes",
    "Bytes of bodies that wait to be written.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
QUEUE_AGE_SECONDS = Gauge(
    "activity_queue_age_seconds",
    "How long the oldest request on the queue has waited.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
POOL_IN_USE = Gauge(
    "activity_pool_connections_in_use",
    "Connections to the database that are in use.",
    ["pool"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
POOL_MAX = Gauge(
    "activity_pool_connections_max",
    "Connections to the database that callers share; the service has a few more for itself.",
    ["pool"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
STREAM_READERS = Gauge(
    "activity_stream_readers",
    "Live streams that are open.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
SLOT_REFUSALS = Counter(
    "activity_slot_refusals",
    "Requests that got no slot: their caller's share was used up, or all slots were taken.",
    ["slots", "reason"],
    registry=REGISTRY,
)
LOOP_LAG_SECONDS = Histogram(
    "activity_event_loop_lag_seconds",
    "By how much the event loop was late for an appointment: everybody waited so long.",
    buckets=SECONDS,
    registry=REGISTRY,
)
DATABASE_UP = Gauge(
    "activity_database_up",
    "Whether the database answered when it was asked last.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
DUTY_LAST_SUCCESS = Gauge(
    "activity_duty_last_success_timestamp_seconds",
    "When a duty was last done, by whichever process.",
    ["duty"],
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
DUTY_FAILURES = Counter(
    "activity_duty_failures", "Duties that failed.", ["duty"], registry=REGISTRY
)
UNFINISHED = Gauge(
    "activity_privacy_unfinished",
    "Erasures and opt-outs that were cut off and are not finished yet.",
    ["kind"],
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
RETENTION_OVERDUE = Gauge(
    "activity_retention_overdue",
    "Whether events are kept for longer than was promised.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
OLDEST_EVENT = Gauge(
    "activity_oldest_event_timestamp_seconds",
    "The time of the oldest event that is kept; 0 where there is none.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
STANDBYS = Gauge(
    "activity_database_standbys",
    "Servers that the database streams its changes to.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
REPLICATION_LAG_BYTES = Gauge(
    "activity_database_replication_lag_bytes",
    "How far the slowest of them is behind; 0 where there is none.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
INFO = Gauge(
    "activity_build_info",
    "Always 1; the version is in the label.",
    ["version"],
    multiprocess_mode="max",
    registry=REGISTRY,
)

VERDICTS = ("accepted", "duplicate", "suppressed", "rejected")
ERROR_KINDS = (
    "access",
    "connection",
    "data",
    "deadlock",
    "lock_timeout",
    "other",
    "pool",
    "read_only",
    "resources",
    "statement_timeout",
)
OUTCOMES = ("committed", "failed")
SLOTS = (
    "analytics",
    "exports",
    "generations",
    "predictions",
    "queue",
    "reads",
    "replays",
    "streams",
    "writes",
)
REFUSAL_REASONS = ("full", "share")


def begin() -> None:
    """Makes series that are 0 so far: one that only begins with its first failure shows no rise."""
    INFO.labels(__version__).set(1)
    for verdict in VERDICTS:
        EVENTS.labels(verdict, "")
    for kind in ERROR_KINDS:
        DATABASE_ERRORS.labels(kind)
    for why in ("failed", "client"):
        ANSWERS_BROKEN.labels(why)
    for name in SLOTS:
        for reason in REFUSAL_REASONS:
            SLOT_REFUSALS.labels(name, reason)
    for outcome in OUTCOMES:
        FLUSHES.labels(outcome)


def count_events(verdict: str, number: int, codes: Iterable[str | None] | None = None) -> None:
    """Some events of one request.

    Args:
        codes: why, of those where there is a reason; the others have none.
    """
    if not number:
        return
    if codes is not None:
        for code, times in Counts(code for code in codes if code).items():
            EVENTS.labels(verdict, code).inc(times)
            number -= times
    if number:
        EVENTS.labels(verdict, "").inc(number)


def count_redacted(fields: Iterable[str]) -> None:
    """Fields of events in which personal data was replaced: an event's field once."""
    for field, times in Counts(fields).items():
        REDACTED.labels(field).inc(times)


def registry() -> CollectorRegistry:
    """Of this process; or of all that share a folder, with this one's memory and files."""
    if not shared.IS_SHARED:
        return REGISTRY
    whole = CollectorRegistry()
    MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
    ProcessCollector(registry=whole)
    PlatformCollector(registry=whole)
    return whole


def exposition() -> bytes:
    """All of it, in Prometheus' text format."""
    return generate_latest(registry())


def collected(*names: str) -> Iterator[Metric]:
    """Some metrics as they stand; names are without `_total`."""
    for metric in registry().collect():
        if metric.name in names:
            yield metric


begin()
