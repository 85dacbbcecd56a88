"""Signed receipts of erasures: this service can verify its own, and nobody else can forge one.

The signature is an HMAC-SHA256 under a key that is derived from the erasure secret, over the other
fields of the receipt as JSON with sorted keys and instants in UTC.
"""

import hmac
from datetime import UTC, datetime
from typing import Any

import orjson

from app.database.sessions import Database
from app.privacy.erase import Receipt
from app.privacy.erasure_secret import erasure_secret
from app.settings import Settings

SIGNATURE = "signature"
KEY_USE = b"activity-events: receipts of erasures"


async def signed(database: Database, settings: Settings, receipt: Receipt) -> dict[str, Any]:
    """The receipt as it is handed out."""
    plain = receipt.as_json()
    return plain | {SIGNATURE: _signature(await _key(database, settings), plain)}


async def is_genuine(database: Database, settings: Settings, receipt: dict[str, Any]) -> bool:
    """Whether this service, with this erasure secret, signed exactly that."""
    plain = {name: value for name, value in receipt.items() if name != SIGNATURE}
    expected = _signature(await _key(database, settings), plain)
    given = str(receipt.get(SIGNATURE, "")).strip().lower()
    return hmac.compare_digest(expected.encode(), given.encode())


async def _key(database: Database, settings: Settings) -> bytes:
    async with database.transaction() as session:
        secret = await erasure_secret(session, settings)
    return hmac.digest(secret, KEY_USE, "sha256")


def _signature(key: bytes, receipt: dict[str, Any]) -> str:
    instants = {name: _utc(value) for name, value in receipt.items()}
    text = orjson.dumps(instants, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hmac.new(key, text, "sha256").hexdigest()


def _utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
