"""`GET /api/insights/...`: through HTTP, with what users have decided."""

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Json, Log, error_of, event

HOST = "http://localhost"
WINDOW = {"start": "2026-11-20", "end": "2026-11-21"}


async def ask(client: httpx.AsyncClient, what: str, **params: str | int) -> Json:
    answer = await client.get(
        f"{HOST}/api/insights/{what}", params={**WINDOW, "user_email": ADA, **params}
    )
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def a_day(log: Log) -> list[Json]:
    events = [
        event(
            event_type=name,
            event_timestamp=f"2026-11-20T10:{n:02}:00Z",
            entity_type="email",
            entity_id=f"m-{n // 2}",
            metadata={"label": "customer"},
        )
        for n, name in enumerate(["email_opened", "email_replied"] * 6)
    ]
    await log(*events, session_id="s-1")
    return events


async def test_a_context(client: httpx.AsyncClient, log: Log) -> None:
    events = await a_day(log)
    await log(event(event_timestamp="2026-11-20T11:00:00Z"), user_email=BOB)
    body = await ask(client, "context", purpose="email_categorization")
    assert body["lines"][0]["text"] == (
        "12 actions on 1 day in 1 session; most active on Fri 20 Nov (12)"
    )
    assert body["lines"][1]["text"] == (
        'emails labelled "customer": email opened x6, email replied x6'
    )
    assert body["lines"][1]["event_ids"] == [each["event_id"] for each in reversed(events)]
    assert (body["events_read"], body["truncated"], body["opted_out"]) == (12, False, False)
    again = await ask(client, "context", purpose="email_categorization")
    assert again["context_hash"] == body["context_hash"]
    text = await client.get(
        f"{HOST}/api/insights/context",
        params={**WINDOW, "user_email": ADA, "format": "text", "purpose": "email_categorization"},
    )
    assert text.text == body["text"]
    assert text.headers["content-type"] == "text/plain; charset=utf-8"


async def test_patterns(client: httpx.AsyncClient, log: Log) -> None:
    await a_day(log)
    body = await ask(client, "patterns", tz="Asia/Kathmandu")
    assert body["email_response_time"] == {
        "value": {"median_ms": 60_000},
        "samples": 6,
        "confidence": "low",
        "spread": {"p25_ms": 60_000, "p75_ms": 60_000, "mean_ms": 60_000},
    }
    assert body["most_productive_hours"]["value"] == [15]
    assert body["avg_task_completion_time"] == {
        "value": None,
        "samples": 0,
        "confidence": "not enough data",
        "spread": None,
    }


@pytest.mark.parametrize(
    ("purpose", "hidden", "shown"),
    [("ai_context", "context", "patterns"), ("learning", "patterns", "context")],
)
async def test_an_opt_out_holds(
    client: httpx.AsyncClient, log: Log, purpose: str, hidden: str, shown: str
) -> None:
    await a_day(log)
    url = f"{HOST}/api/privacy/opt-out"
    await client.put(url, params={"user_email": ADA}, json={purpose: True})
    found = await ask(client, hidden)
    assert (found["opted_out"], found["events_read"]) == (True, 0)
    assert found.get("text", "") == ""
    assert (await ask(client, shown))["events_read"] == 12
    await client.put(url, params={"user_email": ADA}, json={"analytics": True})
    assert (await ask(client, shown))["events_read"] == 0


async def test_of_nobody_and_of_whom(client: httpx.AsyncClient) -> None:
    body = await ask(client, "context", user_email="nobody@example.com")
    assert (body["text"], body["lines"], body["opted_out"]) == ("", [], False)
    answer = await client.get(f"{HOST}/api/insights/context")
    assert error_of(answer, 422)["code"] == "invalid_request"


async def test_next_actions(client: httpx.AsyncClient, log: Log) -> None:
    await a_day(log)
    url = f"{HOST}/api/insights/next-actions"
    body: Json = (await client.get(url, params={"user_email": ADA, "limit": 1})).json()
    assert body["events_read"] == 12
    (action,) = body["actions"]
    # The day is over: a session begins as that one did.
    assert (action["event_type"], body["after"], body["source"]) == ("email_opened", [""], "user")
    other: Json = (await client.get(url, params={"user_email": BOB})).json()
    assert other["source"] == "everybody"
    assert [each["event_type"] for each in other["actions"]] == ["email_opened", "email_replied"]
    assert sum(each["probability"] for each in other["actions"]) == pytest.approx(1, abs=1e-4)


async def archive_newsletters(log: Log) -> list[str]:
    """Twelve newsletters are archived, ten other emails left. The ids of the former, last first."""
    archived = []
    for n in range(22):
        label = "newsletter" if n < 12 else "customer"
        said = {"entity_type": "email", "entity_id": f"m-{n}", "metadata": {"label": label}}
        at = f"2026-11-{15 + n % 5}T1{n // 5}"
        opened = event(event_type="email_opened", event_timestamp=f"{at}:10:00Z", **said)
        ended = event(event_type="email_archived", event_timestamp=f"{at}:12:00Z", **said)
        await log(opened, *([ended] if n < 12 else []), session_id=f"s-{n}")
        if n < 12:
            archived.append((ended["event_timestamp"], ended["event_id"]))
    return [event_id for _, event_id in sorted(archived, reverse=True)]


async def test_suggestions(client: httpx.AsyncClient, log: Log) -> None:
    archived = await archive_newsletters(log)
    url = f"{HOST}/api/insights/next-actions"
    body: Json = (await client.get(url, params={"user_email": ADA})).json()
    assert body["suggestions"] == [
        {
            "kind": "email_rule",
            "text": 'You archive emails labelled "newsletter" soon after opening them, 100% of the'
            " time, 12 times in the last 7 days: a rule could do that.",
            "evidence": {
                "times": 12,
                "out_of": 12,
                "share": 1.0,
                "lower_bound": 0.7575,
                "lift": 2.7294,
                "last_week": 12,
            },
            "threshold": {"lower_bound": 0.75, "out_of": 10, "last_week": 3, "lift": 1.5},
            "event_ids": archived,
        }
    ]
    other: Json = (await client.get(url, params={"user_email": BOB})).json()
    assert other["suggestions"] == []
    await client.put(
        f"{HOST}/api/privacy/opt-out", params={"user_email": ADA}, json={"learning": True}
    )
    hidden: Json = (await client.get(url, params={"user_email": ADA})).json()
    assert (hidden["suggestions"], hidden["opted_out"]) == ([], True)


async def test_suggestions_have_a_zone(client: httpx.AsyncClient) -> None:
    url = f"{HOST}/api/insights/next-actions"
    answer = await client.get(url, params={"user_email": ADA, "tz": "Europe/Atlantis"})
    assert error_of(answer, 422)["code"] == "invalid_request"
    answer = await client.get(url, params={"user_email": ADA, "tz": "Asia/Kathmandu"})
    assert answer.status_code == 200
