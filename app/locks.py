"""Advisory locks: what each class of them is for, and its keys."""

import zlib

# The class of the advisory locks that serialise a person's first event and their erasure.
EMAIL_LOCK_CLASS = 0x656D6C


def email_lock(email: str) -> int:
    """The key of that lock."""
    return zlib.crc32(email.encode()) - 2**31


# The class of the advisory locks that an ingest takes on its users, shared or not. All users share
# its keys: few enough for the server's lock table, enough to keep strangers apart.
USER_LOCK_CLASS = 0x75736572
USER_LOCK_KEYS = 256


def user_lock(user_id: int) -> int:
    """The key of that lock."""
    return user_id % USER_LOCK_KEYS


# The class of the advisory locks of the UTC days whose rollups get a new kind of events, by the
# days since 2000.
KINDS_LOCK_CLASS = 0x6B696E64
