"""The client for Python backends: sends events exactly once, and reads them.

    from app.client import ActivityClient

    with ActivityClient("http://127.0.0.1:8000") as client:
        client.track("project_created", user_email="ada@example.com", entity_id=42)

`log` and `log_batch` return once the events are committed; `track` returns at once. An event gets
its id and its time here, once, and every attempt repeats both: however often it is sent again, here
or by the caller, it is counted once.
"""

from app.client.async_client import AsyncActivityClient
from app.client.errors import (
    AccessDenied,
    ActivityError,
    InvalidRequest,
    NoAnswer,
    RateLimited,
    TooExpensive,
    TooLarge,
    Unavailable,
)
from app.client.events import make_event
from app.client.outbox import Counts
from app.client.queries import Context
from app.client.results import EventResult, EventWarning
from app.client.retry import Backoff
from app.client.sync_client import ActivityClient

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
    "make_event",
]
