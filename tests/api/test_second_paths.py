"""Second paths to the same code, under names that ad blockers leave alone."""

import httpx
import pytest
from pydantic import ValidationError

from app.settings import Settings
from tests.api.conftest import ADA, Log, error_of, event
from tests.api.credentials import READ_KEY, WRITE_KEY, bearer
from tests.api.test_middleware import service

QUESTIONS = (
    *("", "/timeseries", "/top", "/active-users", "/retention", "/funnel?step=a&step=b"),
    *("/paths?anchor=project_created", "/durations", "/heatmap", "/sessions"),
)


@pytest.mark.fault("D3")
@pytest.mark.parametrize("question", QUESTIONS)
async def test_reports_are_analytics(client: httpx.AsyncClient, log: Log, question: str) -> None:
    """The dashboard asks for reports."""
    await log(event(), event(event_type="email_opened"))
    answers = [
        await client.get(f"http://localhost{prefix}{question}")
        for prefix in ("/api/events/analytics", "/api/reports")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].headers["etag"] == answers[1].headers["etag"]


async def test_reports_have_the_same_rights(settings: Settings) -> None:
    async with service(settings, write_keys=WRITE_KEY, read_keys=READ_KEY) as client:
        assert (await client.get("/api/reports")).status_code == 401
        assert (await client.get("/api/reports", headers=bearer(WRITE_KEY))).status_code == 403
        assert (await client.get("/api/reports", headers=bearer(READ_KEY))).status_code == 200


@pytest.mark.fault("C9")
async def test_the_tracker_has_the_paths_of_the_settings(settings: Settings) -> None:
    """The names are the product's own."""
    paths = {"tracker_script_path": "/js/app.js", "tracker_batch_path": "in/"}
    body = {"user_email": ADA, "events": [event()]}
    async with service(settings, write_keys=WRITE_KEY, read_keys=READ_KEY, **paths) as client:
        assert (await client.post("/in", json=body)).status_code == 401
        for path in ("/in", "/in/", "/api/events/log/batch"):
            answer = await client.post(path, json=body, headers=bearer(WRITE_KEY))
            assert answer.status_code == 200, answer.text
        beacon = {**body, "key": WRITE_KEY}
        answer = await client.post("/in", json=beacon, headers={"Content-Type": "text/plain"})
        assert answer.json()["duplicates"] == 1
        listed = await client.get("/api/events/", headers=bearer(READ_KEY))
        assert len(listed.json()["events"]) == 1
        scripts = [await client.get(path) for path in ("/js/app.js", "/tracker.js")]
        assert scripts[0].status_code == scripts[1].status_code
        assert scripts[0].headers.get("etag") == scripts[1].headers.get("etag")
    async with service(settings, write_keys=WRITE_KEY) as client:
        answer = await client.post("/in", json=body, headers=bearer(WRITE_KEY))
        assert error_of(answer, 404)["code"] == "not_found"


@pytest.mark.parametrize("path", ["/api/in", "/docs/x.js", "/tracker.js", "/a b", "/../x", "/a//b"])
def test_a_path_of_the_service_is_refused(path: str) -> None:
    for name in ("tracker_script_path", "tracker_batch_path"):
        with pytest.raises(ValidationError, match="must"):
            Settings.model_validate({name: path})
