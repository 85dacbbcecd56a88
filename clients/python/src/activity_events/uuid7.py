"""UUID version 7: an id that says when it was made (RFC 9562, 5.7)."""

import secrets
from datetime import datetime, timedelta, timezone
from uuid import UUID

RANDOM_BITS = 74
TIME_SHIFT = 80
VERSION_SHIFT = 76
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def uuid7(instant: datetime, random: int | None = None) -> UUID:
    """A UUID version 7 of this moment: 48 bits of milliseconds, the rest random.

    Args:
        random: The 74 bits to use instead, for reproducible data.
    """
    milliseconds = (instant - EPOCH) // timedelta(milliseconds=1) & (2**48 - 1)
    if random is None:
        random = secrets.randbits(RANDOM_BITS)
    return UUID(
        int=milliseconds << TIME_SHIFT
        | 0x7 << VERSION_SHIFT
        | (random >> 62) << 64
        | 0b10 << 62
        | random & (2**62 - 1)
    )


def time_of_uuid7(event_id: UUID) -> datetime:
    """Return the time of a UUID version 7, to the millisecond."""
    try:
        return EPOCH + timedelta(milliseconds=event_id.int >> TIME_SHIFT)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)
