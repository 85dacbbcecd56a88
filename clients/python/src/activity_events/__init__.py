"""The client for Python backends: sends events exactly once, and reads them.

    from activity_events import ActivityClient

    with ActivityClient("http://127.0.0.1:8000") as client:
        client.track("project_created", user_email="ada@example.com", entity_id=42)

`log` and `log_batch` return once the events are committed; `track` returns at once. An event gets
its id and its time here, once, and every attempt repeats both: however often it is sent again, here
or by the caller, it is counted once.
"""

from activity_events.async_client import AsyncActivityClient
from activity_events.errors import (
    AccessDenied,
    ActivityError,
    InvalidRequest,
    NoAnswer,
    RateLimited,
    TooExpensive,
    TooLarge,
    Unavailable,
)
from activity_events.events import make_event
from activity_events.outbox import Counts
from activity_events.queries import Context
from activity_events.results import EventResult, EventWarning
from activity_events.retry import Backoff
from activity_events.sync_client import ActivityClient
from activity_events.version import __version__

__all__ = [
    "AccessDenied",
    "ActivityClient",
    "ActivityError",
    "AsyncActivityClient",
    "Backoff",
    "Context",
    "Counts",
    "EventResult",
    "EventWarning",
    "InvalidRequest",
    "NoAnswer",
    "RateLimited",
    "TooExpensive",
    "TooLarge",
    "Unavailable",
    "__version__",
    "make_event",
]
