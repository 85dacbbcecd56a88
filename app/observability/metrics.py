"""Metrics of the service, for Prometheus (`GET /metrics`).

Label values come from closed sets: route templates, codes, kinds; never from users. Counts per
event are summed first, so that a request or a transaction increments each counter once. The
processes of one service report one result (`app/observability/shared_metrics.py`).
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
from app.observability import shared_metrics
from app.observability.build_info import commit

if shared_metrics.IS_SHARED:
    values.ValueClass = values.MultiProcessValue(shared_metrics.place)  # type: ignore[no-untyped-call]
disable_created_metrics()  # type: ignore[no-untyped-call]  # else there are twice as many lines, of no use

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

REQUESTS = Counter(
    "activity_requests",
    "Requests, by status code of the response.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "activity_request_seconds",
    "Time from the request header to the response header; for writes it includes the commit.",
    ["route", "method"],
    buckets=SECONDS,
    registry=REGISTRY,
)
ANSWERS_BROKEN = Counter(
    "activity_answers_broken",
    "Responses that were cut off: because they failed, or because the client disconnected.",
    ["why"],
    registry=REGISTRY,
)
EVENTS = Counter(
    "activity_events",
    "Received events, by result; the code is the reason of a rejection or suppression.",
    ["verdict", "code"],
    registry=REGISTRY,
)
REDACTED = Counter(
    "activity_pii_redacted_events",
    "Events with redacted personal data, by the field that held it.",
    ["field"],
    registry=REGISTRY,
)
GROUP_EVENTS = Histogram(
    "activity_group_events", "Events per write transaction.", buckets=SIZES, registry=REGISTRY
)
GROUP_REQUESTS = Histogram(
    "activity_group_requests", "Requests per write transaction.", buckets=SIZES, registry=REGISTRY
)
QUEUE_WAIT_SECONDS = Histogram(
    "activity_queue_wait_seconds",
    "Time that the oldest request of a write transaction waited in the queue.",
    buckets=SECONDS,
    registry=REGISTRY,
)
FLUSH_SECONDS = Histogram(
    "activity_flush_seconds",
    "Time from taking requests off the write queue to their commit, including retries.",
    buckets=SECONDS,
    registry=REGISTRY,
)
FLUSHES = Counter(
    "activity_flushes",
    "Write transactions, by outcome; failed means that some of their requests failed.",
    ["outcome"],
    registry=REGISTRY,
)
DATABASE_ERRORS = Counter(
    "activity_database_errors",
    "Database errors in requests and background tasks.",
    ["kind"],
    registry=REGISTRY,
)
QUEUE_EVENTS = Gauge(
    "activity_queue_events",
    "Events in the write queue.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
QUEUE_BYTES = Gauge(
    "activity_queue_bytes",
    "Bytes of request bodies in the write queue.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
QUEUE_AGE_SECONDS = Gauge(
    "activity_queue_age_seconds",
    "Age of the oldest request in the write queue.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
POOL_IN_USE = Gauge(
    "activity_pool_connections_in_use",
    "Database connections in use.",
    ["pool"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
POOL_MAX = Gauge(
    "activity_pool_connections_max",
    "Maximum database connections for requests; the service uses a few more for itself.",
    ["pool"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
STREAM_READERS = Gauge(
    "activity_stream_readers",
    "Open live streams.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
SLOT_REFUSALS = Counter(
    "activity_slot_refusals",
    "Requests that got no slot: the caller had used up its share, or no slot was free.",
    ["slots", "reason"],
    registry=REGISTRY,
)
LOOP_LAG_SECONDS = Histogram(
    "activity_event_loop_lag_seconds",
    "Event-loop lag: the delay of a timer, which all requests of the process share.",
    buckets=SECONDS,
    registry=REGISTRY,
)
DATABASE_UP = Gauge(
    "activity_database_up",
    "Whether the database responded to the last check.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
DUTY_LAST_SUCCESS = Gauge(
    "activity_duty_last_success_timestamp_seconds",
    "Time of the last success of a background task, in any process.",
    ["duty"],
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
DUTY_FAILURES = Counter(
    "activity_duty_failures",
    "Failed runs of background tasks.",
    ["duty"],
    registry=REGISTRY,
)
UNFINISHED = Gauge(
    "activity_privacy_unfinished",
    "Interrupted erasures and opt-outs that are not finished yet.",
    ["kind"],
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
RETENTION_OVERDUE = Gauge(
    "activity_retention_overdue",
    "Whether events are stored for longer than the retention period.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
OLDEST_EVENT = Gauge(
    "activity_oldest_event_timestamp_seconds",
    "Time of the oldest stored event; 0 if there are no events.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
STANDBYS = Gauge(
    "activity_database_standbys",
    "Streaming replicas of the database.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
REPLICATION_LAG_BYTES = Gauge(
    "activity_database_replication_lag_bytes",
    "Replication lag of the slowest streaming replica; 0 if there is no replica.",
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)
INFO = Gauge(
    "activity_build_info",
    "Always 1; the labels hold the version and the commit.",
    ["version", "commit"],
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
    """Create the series with value 0; a series that starts with its first failure shows no
    increase."""
    INFO.labels(__version__, commit()).set(1)
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
    """Count events of one request.

    Args:
        codes: The reasons of the events that have one.
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
    """Count redacted fields; each field of an event counts once."""
    for field, times in Counts(fields).items():
        REDACTED.labels(field).inc(times)


def registry() -> CollectorRegistry:
    """Return the registry of this process, or one of all processes that share a folder; memory and
    file descriptors are always those of this process."""
    if not shared_metrics.IS_SHARED:
        return REGISTRY
    whole = CollectorRegistry()
    MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
    ProcessCollector(registry=whole)
    PlatformCollector(registry=whole)
    return whole


def exposition() -> bytes:
    """Return all metrics in the Prometheus text format."""
    return generate_latest(registry())


def collected(*names: str) -> Iterator[Metric]:
    """Yield the current state of some metrics; names are without `_total`."""
    for metric in registry().collect():
        if metric.name in names:
            yield metric


begin()
