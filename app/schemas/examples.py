"""Example responses for the OpenAPI document."""

from typing import Any

ID = "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11"
AT = "2026-11-20T09:15:00Z"
EVENT: dict[str, Any] = {
    "event_id": ID,
    "user_email": "ada@example.com",
    "event_timestamp": AT,
    "event_type": "project_created",
    "event_category": "project",
    "event_action": "created",
    "entity_type": "project",
    "entity_id": "42",
    "metadata": {"priority": "high"},
    "session_id": "s-7f3a",
    "session_seq": 1,
    "device_type": "desktop",
    "context_snapshot": None,
    "duration_ms": None,
    "received_at": AT,
}
LISTED_SESSION: dict[str, Any] = {
    "session_id": "s-7f3a",
    "user_email": "ada@example.com",
    "started_at": AT,
    "ended_at": AT,
    "duration_ms": 0,
    "total_events": 1,
}
SESSION: dict[str, Any] = {
    **LISTED_SESSION,
    "events_by_type": {"project_created": 1},
    "device_type": "desktop",
    "first_page": None,
    "last_page": None,
}
RECEIPT: dict[str, Any] = {
    "receipt_id": ID,
    "erased_at": AT,
    "finished_at": AT,
    "deleted": {
        "activity_event": 3,
        "activity_session": 1,
        "activity_user_day": 1,
        "stray_event": 0,
        "app_user": 1,
    },
    "remaining": {
        "activity_event": 0,
        "activity_session": 0,
        "activity_user_day": 0,
        "stray_event": 0,
        "app_user": 0,
    },
    "signature": "0f1e...",
}
BATCH: dict[str, Any] = {
    "batch_id": ID,
    "received": 2,
    "accepted": 1,
    "duplicates": 0,
    "suppressed": 0,
    "rejected": 1,
    "server_time": AT,
    "results": [
        {
            "index": 1,
            "event_id": None,
            "status": "rejected",
            "code": "missing_field",
            "field": "event_type",
            "message": "is missing",
            "warnings": [],
        }
    ],
    "warnings": [],
}
FILE = '{"event_id":"0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11","event_type":"project_created"}\n'
WINDOW: dict[str, Any] = {
    "start": "2026-11-16T00:00:00Z",
    "end": "2026-11-18T00:00:00Z",
    "timezone": "Europe/London",
    "generated_at": "2026-11-18T09:30:00Z",
    "source": "totals",
    "rows_read": 96,
    "truncated": False,
}
STEPS: list[dict[str, Any]] = [
    {"step": 1, "event_type": "project_created", "users": 4, "share_of_first": 1.0,
     "share_of_previous": 1.0, "dropped": 3, "median_ms": None, "p90_ms": None},
    {"step": 2, "event_type": "standup_completed", "users": 1, "share_of_first": 0.25,
     "share_of_previous": 0.25, "dropped": None, "median_ms": 60000.0, "p90_ms": 60000.0},
]  # fmt: skip
STATS: dict[str, Any] = {
    "sessions": 2,
    "events": 5,
    "events_per_session": 2.5,
    "bounces": 1,
    "bounce_rate": 0.5,
    "mean_length_ms": 30000.0,
    "median_length_ms": 30000.0,
    "p90_length_ms": 54000.0,
}
