"""A receipt of an erasure can be checked, and not be forged."""

import hashlib
import json

import httpx
import pytest

from tests.api.conftest import ADA, Json, Log, error_of, event

pytestmark = pytest.mark.fault("S23")

USER = "http://localhost/api/privacy/user"
VERIFY = "http://localhost/api/privacy/receipts/verify"


async def receipt_of(client: httpx.AsyncClient) -> Json:
    answer = await client.delete(USER, params={"user_email": ADA})
    assert answer.status_code == 200, answer.text
    receipt: Json = answer.json()
    return receipt


async def genuine(client: httpx.AsyncClient, receipt: Json) -> bool:
    answer = await client.post(VERIFY, json=receipt)
    assert answer.status_code == 200, answer.text
    assert answer.json()["receipt_id"] == receipt["receipt_id"]
    found: bool = answer.json()["genuine"]
    return found


async def test_only_what_was_signed_is_genuine(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(), event())
    receipt = await receipt_of(client)
    assert await genuine(client, receipt)
    # However it was written down.
    assert await genuine(client, dict(sorted(receipt.items(), reverse=True)))
    moved = {**receipt, "erased_at": receipt["erased_at"].replace("Z", "+00:00")}
    assert await genuine(client, moved)
    forged = [
        {**receipt, "deleted": {**receipt["deleted"], "activity_event": 3}},
        {**receipt, "remaining": {}},
        {**receipt, "receipt_id": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11"},
        {**receipt, "finished_at": "2026-11-20T13:00:00Z"},
        {**receipt, "signature": ""},
        {**receipt, "signature": receipt["signature"][:-1] + "g"},
    ]
    # What a receipt was once signed with: anybody can compute it.
    plain = {name: value for name, value in forged[0].items() if name != "signature"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    forged.append({**plain, "signature": hashlib.sha256(text).hexdigest()})
    for each in forged:
        assert not await genuine(client, each), each


async def test_a_clean_up_s_receipt_is_signed_too(client: httpx.AsyncClient, log: Log) -> None:
    await log(event())
    cleaned = await client.delete("/cleanup", params={"user_email": ADA})
    assert await genuine(client, cleaned.json()["receipt"])


async def test_what_is_no_receipt_is_said(client: httpx.AsyncClient) -> None:
    receipt = await receipt_of(client)
    for wrong, field in (
        ({**receipt, "deleted": {"activity_event": "3"}}, "deleted.activity_event"),
        ({**receipt, "sha256": "x"}, "sha256"),
        ({**receipt, "erased_at": "yesterday"}, "erased_at"),
        ({name: value for name, value in receipt.items() if name != "signature"}, "signature"),
    ):
        error = error_of(await client.post(VERIFY, json=wrong), 422)
        assert field in error["message"], error
