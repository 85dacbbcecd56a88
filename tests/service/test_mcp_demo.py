"""The MCP tools about people who did much: those of the demo, with the tools' own defaults."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.insights.generation.token_estimate import tokens_at_most
from tests.api.credentials import READ_KEY
from tests.conftest import LiveServer, fresh_database, running_service
from tests.service.test_mcp import READING, TRANSPORTS, asked, by_http, text_of
from tests.service.test_transfer import run

BUSY = ("nadia@example.com", "stella@example.com", "petra@example.com", "arno@example.com")
USERS, DAYS = 12, 30


@pytest.fixture(scope="module")
def service(server_url: str) -> Iterator[LiveServer]:
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_READ_KEYS=READ_KEY) as server,
    ):
        run(url, "demo", "--users", str(USERS), "--days", str(DAYS))
        yield server


@pytest.fixture(scope="module")
def everybody(service: LiveServer) -> list[str]:
    answer = httpx.get(
        f"{service.url}/api/events/analytics/top",
        params={"by": "user", "days": DAYS, "limit": 100},
        headers={"X-API-Key": READ_KEY},
    )
    return [row["value"] for row in answer.json()["rows"]]


@TRANSPORTS
@pytest.mark.fault("H1")
async def test_every_tool_answers_about_who_is_busy(service: LiveServer, connected: Any) -> None:
    async with connected(service.url, READ_KEY) as client:
        for user in BUSY:
            recent = await asked(client, "recent_activity", user_email=user)
            event = recent["events"][0]
            assert (
                re.search(r"\.\.\.", json.dumps([event["event_id"], event["session_id"]])) is None
            )
            for tool in READING:
                given: dict[str, Any] = {"user_email": user}
                if tool == "session":
                    given["session_id"] = event["session_id"]
                found = await asked(client, tool, **given)
                assert tokens_at_most(json.dumps(found)) <= 7_000


@pytest.mark.fault("H1")
async def test_each_line_of_a_standup_cites_whole_ids(
    service: LiveServer, everybody: list[str]
) -> None:
    assert len(everybody) == USERS
    shortened = 0
    async with by_http(service.url, READ_KEY) as client:
        for user in everybody:
            found = await asked(client, "standup_context", user_email=user)
            numbers = [int(each) for each in re.findall(r"^\[(\d+)\]", found["text"], re.MULTILINE)]
            assert numbers == list(range(1, len(found["lines"]) + 1))
            for line in found["lines"]:
                assert line["event_ids"]
                assert [str(UUID(each)) for each in line["event_ids"]] == line["event_ids"]
                shortened += len(line["event_ids"]) < min(line["events"], 20)
            datetime.fromisoformat(found["start"])
    assert shortened > 0


@pytest.mark.fault("H1")
@pytest.mark.parametrize("days", [1, 30])
@pytest.mark.parametrize("max_tokens", [100, 1_500, 32_000])
async def test_a_context_of_any_length_answers(
    service: LiveServer, everybody: list[str], days: int, max_tokens: int
) -> None:
    purposes = ("standup", "project_wizard", "email_categorization")
    async with by_http(service.url, READ_KEY) as client:
        for user in everybody[:3]:
            for purpose in purposes:
                given = {"user_email": user, "purpose": purpose, "days": days}
                result = await client.call_tool(
                    "standup_context", {**given, "max_tokens": max_tokens}
                )
                assert not result.is_error, text_of(result)
