"""`GET /api/admin/success-metrics`: four targets, computed by hand."""

from datetime import timedelta

import httpx
import pytest

from app.observability.success_metrics import quantile
from tests.api.conftest import ADA, BOB, Clock, Json, Log, event, refused

URL = "http://localhost/api/admin/success-metrics"
NAMES = ["capture_rate", "overhead_p95", "events_per_active_user_and_week", "errors"]


async def ask(client: httpx.AsyncClient, **params: object) -> dict[str, Json]:
    response = await client.get(URL, params={name: str(each) for name, each in params.items()})
    assert response.status_code == 200, response.text
    found = response.json()
    assert list(found) == ["days", "generated_at", "metrics"]
    assert [each["name"] for each in found["metrics"]] == NAMES
    return {each["name"]: each for each in found["metrics"]}


def numbered(*numbers: int | None, at: str = "2026-11-20T11:00:00Z") -> list[Json]:
    """A session's events, by their numbers."""
    return [event(session_seq=number, event_timestamp=at) for number in numbers]


async def test_before_there_is_anything_nothing_is_claimed(client: httpx.AsyncClient) -> None:
    found = await ask(client)
    for name in ("capture_rate", "events_per_active_user_and_week"):
        assert (found[name]["value"], found[name]["met"]) == (None, None)
    assert found["capture_rate"]["sample"] == {"sessions": 0, "events": 0, "numbers_given": 0}


async def test_a_number_that_is_not_there_is_an_event_that_was_lost(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(*numbered(1, 2, 3, 4), session_id="whole")
    await log(*numbered(2, 4, 4, 5), session_id="lost-two")  # 1 and 3; 4 was given twice
    await log(*numbered(None, None), session_id="without-numbers")
    await log(*numbered(200_000), session_id="numbered-in-another-way")
    await log(*numbered(1, 2), session_id="whole", user_email=BOB)  # an id is a user's own
    capture = (await ask(client))["capture_rate"]
    assert capture["sample"] == {"sessions": 3, "events": 9, "numbers_given": 11}
    assert (capture["value"], capture["met"]) == (0.818182, False)
    assert (capture["target"], capture["unit"]) == (">= 0.99", "share of events")


async def test_99_of_100_are_enough(client: httpx.AsyncClient, log: Log) -> None:
    await log(*numbered(*(n for n in range(1, 101) if n != 50)), session_id="s")
    capture = (await ask(client))["capture_rate"]
    assert (capture["value"], capture["met"]) == (0.99, True)


async def test_only_sessions_that_began_in_the_window(client: httpx.AsyncClient, log: Log) -> None:
    early, late = "2026-11-17T11:00:00Z", "2026-11-20T11:00:00Z"
    await log(*numbered(1, 9, at=early), session_id="before")
    await log(*numbered(1, at=early), *numbered(9, at=late), session_id="straddling")
    await log(*numbered(1, 2, at=late), session_id="within")
    sample = {"sessions": 1, "events": 2, "numbers_given": 2}
    assert (await ask(client, days=2))["capture_rate"]["sample"] == sample
    assert (await ask(client, days=7))["capture_rate"]["sample"]["sessions"] == 3


async def test_who_has_opted_out_is_in_none_of_it(client: httpx.AsyncClient, log: Log) -> None:
    yesterday = "2026-11-19T11:00:00Z"
    await log(*numbered(5, at=yesterday), session_id="s", user_email=BOB)
    await log(*numbered(1, at=yesterday), session_id="s")
    opt_out = "http://localhost/api/privacy/opt-out"
    await client.put(opt_out, params={"user_email": BOB}, json={"analytics": True})
    found = await ask(client)
    assert found["capture_rate"]["sample"] == {"sessions": 1, "events": 1, "numbers_given": 1}
    use = found["events_per_active_user_and_week"]["sample"]
    assert use == {"weeks": 4, "user_weeks": 1, "events": 1}


async def test_events_by_users_and_weeks(client: httpx.AsyncClient, log: Log, clock: Clock) -> None:
    # The weeks end with yesterday, the 19th: the last one begins with the 13th.
    ada = {"user_email": ADA}
    await log(*[event(event_timestamp="2026-11-13T00:00:00Z") for _ in range(20)], **ada)
    await log(*[event(event_timestamp="2026-11-12T23:59:59Z") for _ in range(6)], **ada)
    await log(*[event(event_timestamp="2026-11-19T23:59:59Z") for _ in range(4)], user_email=BOB)
    await log(*[event(event_timestamp="2026-11-20T00:00:00Z") for _ in range(50)], **ada)
    use = (await ask(client, days=14))["events_per_active_user_and_week"]
    assert use["sample"] == {"weeks": 2, "user_weeks": 3, "events": 30}
    assert (use["value"], use["met"], use["target"]) == (10.0, True, ">= 10")
    use = (await ask(client, days=3))["events_per_active_user_and_week"]
    assert use["sample"] == {"weeks": 1, "user_weeks": 2, "events": 24}
    clock.now += timedelta(days=1)
    use = (await ask(client, days=7))["events_per_active_user_and_week"]
    assert use["sample"] == {"weeks": 1, "user_weeks": 2, "events": 54}
    assert use["value"] == 27


async def test_the_process_s_own_share(client: httpx.AsyncClient, log: Log) -> None:
    """They are of the whole process: what is added is compared."""
    before = await ask(client)
    await log(event(), event())
    await client.post("/log", json={"user_email": ADA, "event_type": ""})
    after = await ask(client)
    requests = [each["overhead_p95"]["sample"]["requests"] for each in (before, after)]
    assert requests[1] - requests[0] == 2
    assert after["overhead_p95"]["value"] > 0
    assert after["overhead_p95"]["unit"] == "ms"
    errors = {
        name: after["errors"]["sample"][name] - before["errors"]["sample"][name]
        for name in before["errors"]["sample"]
    }
    assert errors == {"requests": 3, "requests_failed": 0, "events": 3, "events_rejected": 1}
    sample = after["errors"]["sample"]
    shares = (
        sample["requests_failed"] / sample["requests"],
        sample["events_rejected"] / sample["events"],
    )
    assert after["errors"]["value"] == pytest.approx(max(shares), abs=1e-6)
    assert after["errors"]["met"] == (max(shares) < 0.001)


@pytest.mark.parametrize("days", ["0", "32", "x"])
async def test_days_that_are_none(client: httpx.AsyncClient, days: str) -> None:
    response = await client.get(URL, params={"days": days})
    assert response.status_code == 422
    assert response.json()["error"]["details"]["fields"][0]["field"] == "days"


async def test_other_parameters_are_refused(client: httpx.AsyncClient) -> None:
    refused(await client.get(URL, params={"user_email": ADA}), 422, "invalid_request", "user_email")


async def test_without_a_database(stranded: httpx.AsyncClient) -> None:
    assert (await stranded.get(URL)).status_code == 503


INF = float("inf")


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ([], 0.95, None),
        ([(1.0, 0.0), (INF, 0.0)], 0.95, None),
        ([(1.0, 10.0), (INF, 10.0)], 0.5, 0.5),
        ([(1.0, 50.0), (2.0, 100.0), (INF, 100.0)], 0.95, 1.9),
        ([(1.0, 0.0), (2.0, 100.0), (INF, 100.0)], 0.5, 1.5),
        ([(1.0, 10.0), (2.0, 10.0), (INF, 100.0)], 0.95, 2.0),
    ],
)
def test_quantiles(
    buckets: list[tuple[float, float]], share: float, expected: float | None
) -> None:
    assert quantile(buckets, share) == pytest.approx(expected)
