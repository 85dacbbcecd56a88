"""The fields of an exported event, in the order of a file's columns."""

# By field: the column of the table.
EXPORT_FIELDS = {
    "event_id": "event_id",
    "user_email": "user_email",
    "event_timestamp": "event_timestamp",
    "event_type": "event_type",
    "event_category": "event_category",
    "event_action": "event_action",
    "entity_type": "entity_type",
    "entity_id": "entity_id",
    "metadata": "event_metadata",
    "session_id": "session_id",
    "session_seq": "session_seq",
    "device_type": "device_type",
    "context_snapshot": "context_snapshot",
    "duration_ms": "duration_ms",
    "received_at": "received_at",
}
