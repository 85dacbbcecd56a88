"""`GET /api/insights/next-actions/calibration`: what was served is scored when the next event
comes, and is gone when its user goes."""

from datetime import timedelta
from math import log as ln
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.database.sessions import Database
from app.insights.prediction.calibration import score_all
from app.models import PredictionScore, ServedPrediction
from tests.api.conftest import ADA, BOB, Clock, Json, Log, error_of, event
from tests.conftest import NOW

NEXT = "http://localhost/api/insights/next-actions"
CALIBRATION = f"{NEXT}/calibration"
TABLES = (ServedPrediction, PredictionScore)


async def foretold(client: httpx.AsyncClient, user: str = ADA, limit: int = 20) -> dict[str, float]:
    answer = await client.get(NEXT, params={"user_email": user, "limit": limit})
    assert answer.status_code == 200, answer.text
    return {each["event_type"]: each["probability"] for each in answer.json()["actions"]}


async def calibration(client: httpx.AsyncClient, **params: Any) -> Json:
    answer = await client.get(CALIBRATION, params=params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def comes(log: Log, clock: Clock, event_type: str, user: str = ADA) -> None:
    """A minute later."""
    clock.now += timedelta(minutes=1)
    at = clock.now.isoformat()
    await log(event(event_type=event_type, event_timestamp=at), user_email=user)


async def a_past(log: Log, clock: Clock, user: str = ADA) -> None:
    for name in ("email_opened", "email_archived", "email_opened"):
        await comes(log, clock, name, user)


async def rows(database: Database) -> tuple[int, ...]:
    async with database.read() as session:
        counts = [await session.scalar(select(func.count()).select_from(table)) for table in TABLES]
    return tuple(count or 0 for count in counts)


async def test_a_prediction_is_scored_by_what_comes(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    await a_past(log, clock)
    shares = await foretold(client)
    (first, highest), (second, lower) = shares.items()
    waiting = await calibration(client, user_email=ADA)
    assert (waiting["predictions"], waiting["pending"], waiting["brier"]) == (0, 1, None)

    await comes(log, clock, second)
    found = await calibration(client, user_email=ADA)
    assert (found["predictions"], found["pending"]) == (1, 0)
    assert (found["hit_at_1"], found["hit_at_3"]) == (0, 1)
    assert found["brier"] == pytest.approx(highest**2 + (1 - lower) ** 2, abs=1e-3)
    assert found["log_loss"] == pytest.approx(-ln(lower), abs=1e-3)
    assert found["calibration_error"] == pytest.approx(highest, abs=1e-3)
    (filled,) = (each for each in found["bins"] if each["predictions"])
    assert filled["low"] <= highest < filled["high"]
    assert filled["mean_probability"] == pytest.approx(highest, abs=1e-3)
    assert filled["hit_rate"] == 0
    assert first in {"email_opened", "email_archived"}


async def test_each_time_that_it_was_served_counts(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    await a_past(log, clock)
    first, *_ = await foretold(client)
    # Of how many a client wants, the score doesn't hang.
    await foretold(client, limit=1)
    assert (await calibration(client))["pending"] == 2
    await comes(log, clock, first)
    await foretold(client)
    found = await calibration(client)
    assert (found["predictions"], found["pending"], found["hit_at_1"]) == (2, 1, 1)


async def test_a_prediction_after_a_pause_is_another_one(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    await a_past(log, clock)
    before = await foretold(client)
    clock.now += timedelta(hours=2)
    after = await foretold(client)
    assert before != after
    await comes(log, clock, "email_opened")
    assert (await calibration(client))["predictions"] == 2


async def test_what_was_never_foretold_is_a_miss(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    await a_past(log, clock)
    await foretold(client)
    await comes(log, clock, "invoice_sent")
    found = await calibration(client)
    assert (found["hit_at_1"], found["hit_at_3"]) == (0, 0)
    assert found["log_loss"] == pytest.approx(-ln(1e-6), abs=1e-3)


async def test_users_are_kept_apart_and_summed_up(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    for user in (ADA, BOB):
        await a_past(log, clock, user)
        first, second = await foretold(client, user)
        await comes(log, clock, first if user == ADA else second, user)
    assert (await calibration(client, user_email=ADA))["hit_at_1"] == 1
    assert (await calibration(client, user_email=BOB))["hit_at_1"] == 0
    both = await calibration(client)
    assert (both["predictions"], both["hit_at_1"]) == (2, 0.5)
    unknown = await calibration(client, user_email="nobody@example.com")
    assert (unknown["predictions"], unknown["hit_at_1"]) == (0, None)


async def test_the_days_are_those_on_which_it_was_served(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    await a_past(log, clock)
    first, *_ = await foretold(client)
    await comes(log, clock, first)
    today = {"start": "2026-11-20", "end": "2026-11-21"}
    assert (await calibration(client, **today))["predictions"] == 1
    assert (await calibration(client, start="2026-11-18", end="2026-11-19"))["predictions"] == 0
    refused = await client.get(CALIBRATION, params={"days": 0})
    assert error_of(refused, 422)["code"] == "invalid_request"


@pytest.mark.parametrize("purpose", ["learning", "analytics"])
async def test_who_opts_out_leaves_nothing(
    client: httpx.AsyncClient, log: Log, clock: Clock, database: Database, purpose: str
) -> None:
    await a_past(log, clock)
    first, *_ = await foretold(client)
    await comes(log, clock, first)
    await calibration(client)
    await foretold(client)
    assert await rows(database) == (1, 1)
    answer = await client.put(
        "http://localhost/api/privacy/opt-out", params={"user_email": ADA}, json={purpose: True}
    )
    assert answer.status_code == 200, answer.text
    assert await rows(database) == (0, 0)
    assert await foretold(client) == {}
    assert await rows(database) == (0, 0)


async def test_who_is_erased_leaves_nothing(
    client: httpx.AsyncClient, log: Log, clock: Clock, database: Database
) -> None:
    await a_past(log, clock)
    first, *_ = await foretold(client)
    await comes(log, clock, first)
    await calibration(client)
    await foretold(client)
    receipt = await client.delete("http://localhost/api/privacy/user", params={"user_email": ADA})
    deleted = receipt.json()["deleted"]
    assert (deleted["served_prediction"], deleted["prediction_score"]) == (1, 1)
    assert await rows(database) == (0, 0)


async def test_all_are_scored_now_and_then(
    client: httpx.AsyncClient, log: Log, clock: Clock, database: Database
) -> None:
    for user in (ADA, BOB):
        await a_past(log, clock, user)
        await foretold(client, user)
    await comes(log, clock, "email_archived", BOB)
    await score_all(database, clock.now)
    assert await rows(database) == (1, 1)
    # Ada doesn't come back.
    await score_all(database, NOW + timedelta(days=31))
    assert await rows(database) == (0, 1)
