"""The demo product in a real browser; the stored events are read from the database."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

from app.routers.pages import is_built
from benchmarks.tracker_lab import SETTLE_SECONDS, Lab
from tests.browser.pages import NARROW, WIDE, problems
from tests.conftest import LiveServer, fresh_database, running_service

KEY = "ae_write_" + secrets.token_hex(24)
POLL_SECONDS = 0.1
SIZES = {"wide": WIDE, "small": NARROW}
VIEWS = ["", "/projects", "/projects/p-17", "/emails", "/emails/m-8", "/calendar", "/standup"]


@dataclass
class Visitor:
    """A user of the demo in a separate browser context."""

    lab: Lab
    url: str
    context: BrowserContext
    # Errors and warnings on the console, and uncaught exceptions.
    console_errors: list[str] = field(default_factory=list)

    async def open(self, path: str = "") -> Page:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.on("console", self._on_console)
        await page.goto(f"{self.url}/demo{path}")
        await page.get_by_role("heading", level=1).wait_for()
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console_errors.append(message.text)

    async def stored(self, page: Page, email: str, until: str) -> list[asyncpg.Record]:
        """Return the stored events of the panel's session, once they include this type."""
        session_id = await panel(page).locator(".numbers code").inner_text()
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                rows: list[asyncpg.Record] = await self.lab.database.fetch(
                    "SELECT email, event_type, entity_type, entity_id, event_metadata,"
                    " duration_ms, session_seq"
                    " FROM activity_event JOIN app_user ON app_user.id = user_id"
                    " WHERE session_id = $1 ORDER BY event_timestamp, session_seq",
                    session_id,
                )
                if any(row["event_type"] == until for row in rows):
                    break
                await asyncio.sleep(POLL_SECONDS)
        assert {row["email"] for row in rows} == {email}
        assert [row["session_seq"] for row in rows] == list(range(1, len(rows) + 1))
        return rows


@pytest.fixture
async def visitor(lab: Lab, browser: Browser, service: LiveServer) -> AsyncIterator[Visitor]:
    if not is_built():
        pytest.skip("LEFT OUT: the demo is not built (make frontend)")
    context = await browser.new_context()
    visitor = Visitor(lab, service.url, context)
    yield visitor
    await context.close()
    assert visitor.console_errors == []


@pytest.fixture(scope="module")
def guarded(server_url: str) -> Iterator[LiveServer]:
    """A service that requires keys."""
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_WRITE_KEYS=KEY) as server,
    ):
        yield server


def summaries(rows: Iterable[asyncpg.Record]) -> list[tuple[Any, ...]]:
    """Return each event as (type, entity, metadata)."""
    return [
        (
            row["event_type"],
            f"{row['entity_type']}/{row['entity_id']}" if row["entity_type"] else None,
            json.loads(row["event_metadata"] or "{}"),
        )
        for row in rows
    ]


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Activity tracker")


async def go(page: Page, name: str) -> None:
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
    await page.get_by_role("heading", level=1).wait_for()


async def click(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


def viewed(page: str) -> tuple[Any, ...]:
    return ("page_viewed", None, {"page": page})


def modal(change: str, name: str) -> tuple[Any, ...]:
    return (f"modal_{change}", None, {"modal": name})


async def test_events_are_stored_in_order(visitor: Visitor) -> None:
    page = await visitor.open()
    await go(page, "Projects")
    await click(page, "New project")
    await page.get_by_label("Title").fill("Moon landing")
    await page.get_by_label("Priority").select_option("high")
    await click(page, "Create project")
    await page.get_by_role("link", name="Spring launch").click()
    await page.get_by_label("Rehearse the rollback with support").check()

    await go(page, "Emails")
    await page.get_by_role("link", name="Can we see the planner").click()
    await page.get_by_label("Reply to").fill("Gladly.")
    await click(page, "Send reply")
    await click(page, "Correct")

    await go(page, "Calendar")
    await click(page, "Month")

    await go(page, "Standup")
    await click(page, "Start standup")
    await page.get_by_label("What did you do yesterday?").fill("Wrote tests.")
    await page.get_by_label("What will you do today?").fill("Run them.")
    await click(page, "Complete standup")
    await page.get_by_label("Search", exact=True).fill("launch")
    await panel(page).get_by_text("search_performed").wait_for()
    await page.get_by_label("Search", exact=True).fill("")
    await click(page, "Reset demo")

    rows = await visitor.stored(page, "ada@example.com", until="demo_reset")
    assert summaries(rows) == [
        viewed("/"),
        viewed("/projects"),
        modal("opened", "new_project"),
        (
            "project_created",
            "project/p-252",
            {"title": "Moon landing", "priority": "high", "source": "form"},
        ),
        modal("closed", "new_project"),
        viewed("/projects/:id"),
        ("project_opened", "project/p-17", {"priority": "urgent"}),
        (
            "project_subtask_completed",
            "subtask/t-212",
            {
                "title": "Rehearse the rollback with support",
                "project": "p-17",
                "page": "project",
            },
        ),
        (
            "project_goal_completed",
            "goal/g-21",
            {"title": "Nothing breaks on the day", "project": "p-17"},
        ),
        viewed("/emails"),
        viewed("/emails/:id"),
        ("email_opened", "email/m-8", {"label": "customer", "unread": True}),
        ("email_replied", "email/m-8", {"label": "customer", "reply_length": 7}),
        ("email_feedback_given", "email/m-8", {"label": "customer", "feedback": "up"}),
        viewed("/calendar"),
        ("calendar_view_changed", None, {"view": "month", "from": "week"}),
        viewed("/standup"),
        ("standup_started", rows[17]["entity_type"] + "/" + rows[17]["entity_id"], {}),
        (
            "standup_completed",
            "standup/" + rows[17]["entity_id"],
            {"has_blockers": False, "words": 4},
        ),
        ("search_performed", None, {"query_length": 6, "results": 1}),
        ("demo_reset", None, {"open_subtasks": 7}),
    ]
    assert re.fullmatch(r"s-\d{4}-\d\d-\d\d", rows[17]["entity_id"])
    assert rows[18]["duration_ms"] > 0


async def test_the_wizard_is_completed_cancelled_and_fails(visitor: Visitor) -> None:
    page = await visitor.open("/projects")
    await page.get_by_label("Signed in as").select_option("grace@example.com")

    async def begin() -> None:
        await click(page, "Plan with AI")
        await page.get_by_label("What would you like to achieve?").fill("A help centre")

    await begin()
    await click(page, "Draft a plan")
    await page.get_by_label("Everyone knows about it").uncheck()
    await click(page, "Create project")
    await page.get_by_role("heading", name="A help centre", level=1).wait_for()

    await go(page, "Projects")
    await begin()
    await page.keyboard.press("Escape")
    await begin()
    await page.get_by_label("Simulate an AI error").check()
    await click(page, "Draft a plan")
    await page.get_by_role("alert").wait_for()
    await click(page, "Close")
    await go(page, "Standup")
    await click(page, "Skip today")

    rows = await visitor.stored(page, "grace@example.com", until="standup_skipped")
    wizard = {"wizard": "project"}
    outcome = {"project": "p-252", "accepted": 2, "suggested": 3}
    goal = {"suggestion": "goal"}
    project = "project/p-252"
    error = {"reason": "error", "step": "thinking", "error": "model_unavailable"}
    opened, closed = modal("opened", "ai_wizard"), modal("closed", "ai_wizard")
    started = ("ai_wizard_started", None, wizard)
    assert summaries(rows)[:-1] == [
        started,
        opened,
        ("ai_suggestion_accepted", project, {**goal, "title": "We know what good looks like"}),
        ("ai_suggestion_accepted", project, {**goal, "title": "A first version is in use"}),
        ("ai_suggestion_dismissed", project, {**goal, "title": "Everyone knows about it"}),
        (
            "project_created",
            project,
            {"title": "A help centre", "priority": "medium", "source": "wizard"},
        ),
        ("ai_wizard_completed", None, {**wizard, **outcome}),
        closed,
        viewed("/projects/:id"),
        ("project_opened", project, {"priority": "medium"}),
        viewed("/projects"),
        started,
        opened,
        ("ai_wizard_cancelled", None, {"reason": "user", "step": "describe"}),
        closed,
        started,
        opened,
        ("ai_wizard_cancelled", None, error),
        closed,
        viewed("/standup"),
    ]
    (completed,) = [row for row in rows if row["event_type"] == "ai_wizard_completed"]
    # The simulated AI takes 900 ms.
    assert completed["duration_ms"] >= 900


async def test_offline_events_are_delivered_once(visitor: Visitor) -> None:
    page = await visitor.open("/emails/m-7")
    await page.get_by_label("Signed in as").select_option("linus@example.com")
    await page.get_by_role("switch", name="Go offline").check()
    tracker = panel(page)
    await tracker.get_by_text("offline,").wait_for()
    await page.get_by_label("Label").select_option("customer")
    await click(page, "Archive")
    await page.get_by_role("link", name="Your statement").click()
    await tracker.get_by_text("Last error: no response").wait_for()
    # The tracker says so in the console, too.
    visitor.console_errors = [each for each in visitor.console_errors if "no_response" not in each]
    assert await tracker.locator("[data-state=queued]").count() >= 5
    await page.close()
    page = await visitor.open("/calendar")
    await page.get_by_role("button", name="Day", exact=True).click()

    rows = await visitor.stored(page, "linus@example.com", until="calendar_view_changed")
    assert summaries(rows) == [
        ("email_categorized", "email/m-7", {"label": "customer", "from": "team"}),
        ("email_archived", "email/m-7", {"label": "customer"}),
        viewed("/emails"),
        viewed("/emails/:id"),
        ("email_opened", "email/m-6", {"label": "finance", "unread": True}),
        viewed("/calendar"),
        ("calendar_view_changed", None, {"view": "day", "from": "week"}),
    ]
    await page.locator("[data-state=acknowledged]").nth(1).wait_for()


async def test_a_service_that_requires_a_key(visitor: Visitor, guarded: LiveServer) -> None:
    visitor.url = guarded.url
    page = await visitor.open()
    await panel(page).get_by_text("Last error: 401").wait_for()
    # The browser reports a refused request, and the tracker says why.
    expected = re.compile("401|missing_credentials")
    visitor.console_errors = [each for each in visitor.console_errors if not expected.search(each)]
    await panel(page).get_by_role("textbox", name="Write key").fill(KEY)
    await panel(page).get_by_role("button", name="Save").click()
    await panel(page).get_by_text("online, 0 queued").wait_for()
    assert await panel(page).get_by_text("Last error").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_accessibility(visitor: Visitor, size: str, theme: str) -> None:
    page = await visitor.open()
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for path in VIEWS:
        await page.goto(f"{visitor.url}/demo{path}")
        await page.get_by_role("heading", level=1).wait_for()
        assert await problems(page) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
    await page.goto(f"{visitor.url}/demo/projects")
    await click(page, "Plan with AI")
    assert await problems(page) == []
