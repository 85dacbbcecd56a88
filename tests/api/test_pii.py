"""Personal data in metadata does not reach the database."""

import httpx

from tests.api.conftest import ADA, Log, event, stored


async def test_what_is_stored_has_no_address(client: httpx.AsyncClient, log: Log) -> None:
    given = event(metadata={"to": "carl@example.com", "note": "hi"})
    body = {"user_email": ADA, "events": [given]}
    answer = (await client.post("/log/batch", json=body)).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 0)
    (result,) = answer["results"]
    assert (result["status"], result["warnings"][0]["code"]) == ("accepted", "pii_redacted")
    assert result["warnings"][0]["field"] == "metadata.to"
    assert "carl" not in (await client.get("/")).text
    assert (await stored(client))[0]["metadata"] == {"to": "[redacted:email]", "note": "hi"}
    # A retry is the same event, and says nothing else.
    again = (await client.post("/log/batch", json=body)).json()
    assert again["duplicates"] == 1
    assert "payload_mismatch" not in str(again)
