"""The demo product: what is done in it is found in the database, once, and on the dashboard."""

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.pages import NARROW, WIDE, Look, looking
from tests.conftest import LiveServer

VIEWS = {
    "demo": "/demo",
    "demo-projects": "/demo/projects",
    "demo-project": "/demo/projects/p-1",
    "demo-emails": "/demo/emails",
    "demo-calendar": "/demo/calendar",
    "demo-standup": "/demo/standup",
    "demo-wizard": "/demo/projects?wizard",
}


@pytest.fixture
async def hub(browser: Browser, service: LiveServer) -> AsyncIterator[Look]:
    """The hub in a new browser, of a user of its own."""
    async with looking(browser, service, expected=("Failed to fetch",)) as look:
        email = f"hub-{uuid.uuid4().hex[:10]}@example.com"
        await look.page.add_init_script(f"localStorage.setItem('workhub-user', '{email}')")
        look.email = email
        yield look


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", VIEWS)
async def test_a_view(
    browser: Browser, service: LiveServer, name: str, size: tuple[int, int], scheme: str
) -> None:
    async with looking(browser, service, size, scheme=scheme) as look:
        await look.at(VIEWS[name])
        if "wizard" in name:
            await expect(look.page.get_by_role("dialog")).to_be_visible()
        await look.check()
        await look.screenshot(f"{name}-{size[0]}-{scheme}")


async def test_a_day_in_the_hub(hub: Look) -> None:
    page = hub.page
    await hub.at("/demo")
    await create_a_project(page)
    await page.get_by_label("Another task").fill("Count the chairs")
    await page.get_by_role("button", name="Add").click()
    await page.get_by_label("Count the chairs").check()
    await work_through_an_email(page)
    await page.get_by_role("link", name="Calendar").click()
    await page.get_by_role("button", name="month").click()
    await page.get_by_role("button", name="10:00 Team meeting").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await do_the_standup(page)
    await page.get_by_role("searchbox").fill("relaunch")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Website relaunch")).to_be_visible()
    await ask_the_wizard(page, fails=True)
    await ask_the_wizard(page, fails=False)
    await expect(page.get_by_role("heading", level=1)).to_have_text("A new roof")
    await page.get_by_role("button", name="Send now").click()
    await expect(page.get_by_text("all sent")).to_be_visible()

    events = await stored(hub)
    assert Counter(each["event_type"] for each in events) == {
        "page_viewed": 8,
        "modal_opened": 4,
        "modal_closed": 4,
        "project_created": 2,
        "project_opened": 2,
        "project_subtask_created": 1,
        "project_subtask_completed": 1,
        "email_opened": 1,
        "email_feedback_given": 1,
        "email_replied": 1,
        "calendar_view_changed": 1,
        "calendar_event_opened": 1,
        "standup_started": 1,
        "standup_completed": 1,
        "search_performed": 1,
        "ai_wizard_started": 2,
        "ai_wizard_cancelled": 1,
        "ai_wizard_completed": 1,
    }
    assert [each["session_seq"] for each in events] == list(range(1, len(events) + 1))
    assert len({each["session_id"] for each in events}) == 1
    by_type = {each["event_type"]: each for each in reversed(events)}
    created = by_type["project_created"]
    assert (created["entity_type"], created["entity_id"]) == ("project", "p-100")
    assert created["metadata"] == {"priority": "urgent", "source": "form"}
    done = by_type["project_subtask_completed"]
    assert (done["entity_type"], done["entity_id"]) == ("subtask", "t-101")
    assert 0 < done["duration_ms"] < 60_000
    assert by_type["email_replied"]["entity_id"] == by_type["email_opened"]["entity_id"] == "m-1"
    assert by_type["search_performed"]["metadata"] == {"query_length": 8, "results": 1}
    assert by_type["ai_wizard_cancelled"]["metadata"] == {"reason": "error", "step": "plan"}
    assert by_type["ai_wizard_completed"]["duration_ms"] >= 700
    assert by_type["standup_completed"]["metadata"] == {"answered": 2, "has_blockers": False}


async def test_offline_closed_and_back(hub: Look) -> None:
    page = hub.page
    await hub.at("/demo/projects")
    await page.get_by_role("button", name="Send now").click()
    await expect(page.get_by_text("all sent")).to_be_visible()
    await page.get_by_label("Offline").check()
    await create_a_project(page)
    await expect(page.get_by_text("waiting")).to_be_visible()
    queued = len(await stored(hub))
    assert queued == 1
    await page.close()

    again = await page.context.new_page()
    await again.goto(f"{hub.server.url}/demo/projects")
    # What was done is still there, and now it is sent.
    await expect(again.get_by_role("link", name="Chairs")).to_be_visible()
    await again.get_by_role("button", name="Send now").click()
    await expect(again.get_by_text("all sent")).to_be_visible()
    types = Counter(each["event_type"] for each in await stored(hub, again))
    assert types == {
        "page_viewed": 3,
        "modal_opened": 1,
        "modal_closed": 1,
        "project_created": 1,
        "project_opened": 1,
    }


async def test_what_is_done_is_on_the_dashboard_at_once(hub: Look) -> None:
    await hub.at("/demo/emails")
    live = await hub.page.context.new_page()
    await live.goto(f"{hub.server.url}/dashboard/live?user_email={hub.email}")
    await expect(live.get_by_role("heading", name="Live", level=2)).to_be_visible()
    await hub.page.bring_to_front()
    await hub.page.get_by_role("button", name="Export is missing").click()
    await hub.page.get_by_role("button", name="Send now").click()
    await expect(live.get_by_role("button", name="Email opened")).to_be_visible(timeout=2_000)


async def create_a_project(page: Page) -> None:
    await page.get_by_role("link", name="Projects").click()
    await page.get_by_role("button", name="New project").click()
    await page.get_by_label("Title").fill("Chairs")
    await page.get_by_label("Priority").select_option("urgent")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("link", name="Chairs").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Chairs")


async def work_through_an_email(page: Page) -> None:
    await page.get_by_role("link", name="Emails").click()
    await page.get_by_role("button", name="Export is missing").click()
    await page.get_by_role("button", name="Yes").click()
    await page.get_by_role("button", name="Reply").click()


async def do_the_standup(page: Page) -> None:
    await page.get_by_role("link", name="Standup").click()
    await page.get_by_role("button", name="Start").click()
    await page.get_by_label("What did you do").fill("Chairs")
    await page.get_by_label("What are you going").fill("More chairs")
    await page.get_by_role("button", name="Complete").click()
    await expect(page.get_by_text("Done for today")).to_be_visible()


async def ask_the_wizard(page: Page, *, fails: bool) -> None:
    await page.get_by_role("link", name="Projects").click()
    await page.get_by_role("link", name="With the wizard").click()
    await page.get_by_label("What is it about?").fill("A new roof")
    if fails:
        await page.get_by_label("Make the AI fail").check()
    await page.get_by_role("button", name="Make a plan").click()
    if fails:
        await expect(page.get_by_role("alert")).to_have_text("The model is overloaded.")
        await page.get_by_role("button", name="Leave it").click()
    else:
        await page.get_by_role("button", name="Create it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def stored(hub: Look, page: Page | None = None) -> list[dict[str, Any]]:
    """The user's events in the order of their session."""
    url = f"{hub.server.url}/api/events/"
    params: dict[str, str | float | bool] = {
        "user_email": hub.email,
        "limit": 1000,
        "order": "asc",
    }
    response = await (page or hub.page).request.get(url, params=params)
    body = await response.json()
    events: list[dict[str, Any]] = body["events"]
    return sorted(events, key=lambda each: each["session_seq"])
