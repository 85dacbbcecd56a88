"""Ids of events that came without one, derived from their content.

Equal events of one file are counted: the n-th of them has the id of the content and n. So the id
does not depend on the event's place in the file: rows may be inserted, sorted or split off, and the
events that were imported before are still known.
"""

import json
import sqlite3
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson

from activity_events.uuid7 import EPOCH, RANDOM_BITS, uuid7

DIGEST_BYTES = 16
# Memory for counting; what exceeds it goes to a temporary file, at about 40 bytes an event.
CACHE_KIB = 32 * 1024


class ContentIds:
    """Issues the ids of one file, in memory that does not grow with the file.

    A set of hashes in Python would take about 100 bytes an event. SQLite's private temporary
    database keeps its pages in a cache of `CACHE_KIB` and spills the rest to disk.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")

    def close(self) -> None:
        self._database.close()

    def next_id(self, content: dict[str, Any], event_timestamp: datetime) -> UUID:
        """Return the id of the next event with this content.

        It is a UUID version 7 of the event's own time, so that it lies beside its neighbours in
        indexes; version 8, all hash, where the time is before 1970.
        """
        digest = blake2b(canonical_json(content), digest_size=DIGEST_BYTES).digest()
        occurrence = self._count(digest)
        hashed = blake2b(digest + str(occurrence).encode(), digest_size=DIGEST_BYTES).digest()
        bits = int.from_bytes(hashed)
        if event_timestamp >= EPOCH:
            return uuid7(event_timestamp, bits & (1 << RANDOM_BITS) - 1)
        return UUID(int=bits & ~(0xF << 76 | 0b11 << 62) | 0x8 << 76 | 0b10 << 62)

    def _count(self, digest: bytes) -> int:
        statement = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO NOTHING"
        if self._database.execute(statement, (digest,)).rowcount:
            return 1
        self._database.execute("UPDATE seen SET times = times + 1 WHERE digest = ?", (digest,))
        row = self._database.execute("SELECT times FROM seen WHERE digest = ?", (digest,))
        return int(row.fetchone()[0])


def canonical_json(value: object) -> bytes:
    """One spelling for equal content: keys sorted, and 1.0 as 1."""
    plain = _canonical(value)
    try:
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # whole numbers of more than 64 bits
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()


def _canonical(value: object) -> object:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
