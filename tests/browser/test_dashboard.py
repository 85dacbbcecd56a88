"""The dashboard in a real browser: its values equal the API's, and it is accessible."""

import csv
import io
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import jwt
import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from app.demo.habits import character
from benchmarks.tracker_lab import find_chromium
from tests.browser.pages import NARROW, WIDE, ZONE, Look, looking
from tests.conftest import LiveServer, fresh_database, running_service

# The user of the demo product, and a user of the demo data.
ADA, ULLA = "ada@example.com", "ulla@example.com"
PAGES = {
    "overview": "/dashboard",
    "trends": "/dashboard/trends?split_by=event_category&shape=bars",
    "top": "/dashboard/top",
    "users": "/dashboard/users",
    "user": f"/dashboard/users/{quote(ULLA)}",
    "retention": "/dashboard/retention",
    "funnel": "/dashboard/funnel",
    "paths": "/dashboard/paths?anchor=email_opened",
    "durations": "/dashboard/durations",
    "sessions": "/dashboard/sessions",
    "live": "/dashboard/live",
}
ADMIN_KEY, SECRET = "a" * 40, "s" * 40


@pytest.fixture(scope="module")
def demo_url(server_url: str) -> Iterator[str]:
    """The demo data of five weeks."""
    with fresh_database(server_url) as url:
        command = Path(sys.executable).with_name("activity-events")
        arguments = ["demo", "--users", "12", "--days", "35", "--seed", "7"]
        subprocess.run([command, *arguments], env={"DATABASE_URL": url}, check=True)
        yield url


@pytest.fixture(scope="module")
def demo(demo_url: str) -> Iterator[LiveServer]:
    with running_service(DATABASE_URL=demo_url) as server:
        yield server


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
async def test_a_page(
    browser: Browser, demo: LiveServer, name: str, size: tuple[int, int], scheme: str
) -> None:
    async with looking(browser, demo, size, scheme=scheme) as look:
        await look.at(PAGES[name])
        await look.check()
        await look.screenshot(f"{name}-{size[0]}-{scheme}")


@pytest.mark.parametrize("tz", ["Europe/Berlin", "Asia/Kathmandu"])
async def test_values_equal_the_api(browser: Browser, demo: LiveServer, tz: str) -> None:
    window = {"start": "2026-11-01", "end": "2026-11-16", "tz": tz}
    if datetime.now(UTC).date().isoformat() < "2026-12-01":
        # The dates of the URL are whole days, including the end date.
        address = f"start=2026-11-01&end=2026-11-15&tz={quote(tz)}"
    else:
        window, address = {"days": "14", "tz": tz}, f"days=14&tz={quote(tz)}"
    async with looking(browser, demo) as look:
        await look.at(f"/dashboard?{address}")
        summary = await look.get("/api/events/analytics", **window)
        assert summary["total_events"] > 100
        users = await look.get("/api/events/analytics/active-users", **window)
        sessions = await look.get("/api/events/analytics/sessions", **window)
        assert await look.value("Events") == f"{summary['total_events']:,}"
        assert await look.value("Active users") == str(users["active_users"])
        assert await look.value("Sessions") == f"{sessions['total']['sessions']:,}"
        active = [row["stickiness"] for row in users["rows"] if row["dau"]]
        assert await look.value("Stickiness") == f"{sum(active) / len(active) * 100:.1f}%"
        rows = await look.page.locator("tbody tr").all_inner_texts()
        top = await look.get("/api/events/analytics/top", by="event_type", limit=8, **window)
        assert [[part.strip() for part in row.split("\t")[:2]] for row in rows] == [
            [row["value"], f"{row['events']:,}"] for row in top["rows"]
        ]


async def test_the_view_is_stored_in_the_url(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        page = look.page
        await look.at("/dashboard")
        everything = await look.value("Events")
        await page.get_by_role("button", name="7 days").click()
        await expect(page).to_have_url(f"{demo.url}/dashboard/?days=7")
        await page.get_by_text("+ Filter").click()
        await page.get_by_label("Email").fill(ULLA)
        await page.get_by_role("button", name="Add filter").click()
        await expect(page).to_have_url(f"{demo.url}/dashboard/?days=7&user_email={quote(ULLA)}")
        await look.drawn()
        own = await look.get("/api/events/analytics", days=7, user_email=ULLA)
        await expect(page.get_by_label("Events", exact=True).locator(".stat-value")).to_have_text(
            f"{own['total_events']:,}"
        )
        await page.get_by_role("link", name="Trends").click()
        await expect(page).to_have_url(
            f"{demo.url}/dashboard/trends?days=7&user_email={quote(ULLA)}"
        )
        for _ in range(3):
            await page.go_back()
        await expect(page).to_have_url(f"{demo.url}/dashboard")
        await look.drawn()
        assert await look.value("Events") == everything
        # Another user with the same URL sees the same values.
        await look.at(f"/dashboard?days=7&user_email={quote(ULLA)}")
        assert await look.value("Events") == f"{own['total_events']:,}"
        await page.get_by_role("button", name=f"Remove {ULLA}").click()
        await expect(page).to_have_url(f"{demo.url}/dashboard/?days=7")


async def test_csv_export(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        await look.at("/dashboard/users?days=7&tz=UTC")
        text = await look.download("Export CSV of Top users")
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        top = await look.get("/api/events/analytics/top", by="user", limit=50, days=7)
        assert [(row["User"], int(row["Events"])) for row in rows] == [
            (row["value"], row["events"]) for row in top["rows"]
        ]


async def test_the_theme_is_stored(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo, scheme="light") as look:
        await look.at("/dashboard")
        theme = "document.documentElement.dataset.theme"
        assert await look.page.evaluate(theme) == "light"
        await look.page.get_by_role("button", name="Dark theme").click()
        assert await look.page.evaluate(theme) == "dark"
        await look.page.reload()
        assert await look.page.evaluate(theme) == "dark"


async def test_keyboard_navigation(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        page = look.page
        await look.at("/dashboard")
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("Skip to content")).to_be_focused()
        for _ in range(2):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Breakdowns", exact=True)).to_be_focused()
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await page.evaluate(outline) == "solid"
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Breakdowns")


async def test_an_event_appears_live_within_two_seconds(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        await look.at("/dashboard/live")
        await expect(look.page.get_by_role("heading", name="Live", level=2)).to_be_visible()
        event = {"event_type": "email_opened", "entity_type": "email", "entity_id": "m-live"}
        await look.log({"event_id": str(uuid.uuid4()), **event}, user_email=ULLA)
        await expect(look.page.get_by_text("email/m-live")).to_be_visible(timeout=2_000)
        await look.page.get_by_role("button", name="Email opened").click()
        await expect(look.page.get_by_text('"event_category": "email"')).to_be_visible()


async def test_demo_events_appear_live(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        hub = look.page
        await hub.goto(f"{demo.url}/demo/emails")
        live = await hub.context.new_page()
        await live.goto(
            f"{demo.url}/dashboard/live?user_email={quote(ADA)}&event_type=email_opened"
        )
        await expect(live.get_by_role("heading", name="Live", level=2)).to_be_visible()
        await hub.bring_to_front()
        async with hub.expect_response("**/api/events/log/batch") as answering:
            await hub.get_by_role("main").get_by_role("listitem").get_by_role("link").first.click()
        assert (await answering.value).status == 200
        await expect(live.get_by_role("button", name="Email opened").first).to_be_visible(
            timeout=2_000
        )


async def test_a_session_from_list_to_timeline(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        listed = await look.get("/api/events/sessions", days=30, limit=25)
        first = listed["sessions"][0]
        await look.at("/dashboard/sessions")
        await (
            look.page.get_by_role("table", name="Sessions, newest first")
            .get_by_role("link")
            .first.click()
        )
        await look.drawn()
        await expect(look.page.get_by_role("heading", level=1)).to_have_text(
            f"Session {first['session_id']}"
        )
        assert await look.value("Events") == str(first["total_events"])
        await expect(look.page.locator(".event")).to_have_count(min(first["total_events"], 100))
        await look.check()


async def test_a_session_keeps_its_id_and_the_view(browser: Browser, demo: LiveServer) -> None:
    """The id contains reserved characters."""
    user, session_id = f"odd-{uuid.uuid4().hex[:8]}@example.com", "100%/41 %a"
    async with looking(browser, demo) as look:
        page = look.page
        await look.log(
            {"event_type": "page_viewed", "event_id": str(uuid.uuid4())},
            user_email=user,
            session_id=session_id,
        )
        await look.at(f"/dashboard/sessions?days=7&tz=Asia/Kathmandu&user_email={quote(user)}")
        table = page.get_by_role("table", name="Sessions, newest first")
        await table.get_by_role("link").first.click()
        await look.drawn()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Session {session_id}")
        await expect(page.get_by_role("region", name="Started")).to_contain_text("Asia/Kathmandu")
        assert await look.value("Events") == "1"
        await look.check()


async def test_sessions_are_paginated(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        await look.at("/dashboard/sessions")
        rows = look.page.get_by_role("table", name="Sessions, newest first").locator("tbody tr")
        for shown in (25, 50, 75):
            await expect(rows).to_have_count(shown)
            await look.page.get_by_role("button", name="Show more").click()


async def test_a_bucket_too_small_for_the_window(browser: Browser, demo: LiveServer) -> None:
    """The bucket comes from the URL, or the window was extended."""
    async with looking(browser, demo) as look:
        await look.at("/dashboard/trends?bucket=hour&days=7")
        await expect(look.page.get_by_role("combobox", name="Interval")).to_have_value("hour")
        await look.page.get_by_role("button", name="12 months").click()
        await look.drawn()
        await expect(look.page.get_by_role("combobox", name="Interval")).to_have_value("week")
        await look.check()


async def test_a_page_that_fails_to_load_leaves_the_others(
    browser: Browser, demo: LiveServer
) -> None:
    """Its script is missing, as after a deployment of a new version."""
    async with looking(browser, demo, expected=("Failed to", "ERR_FAILED", "fetch")) as look:
        await look.page.route("**/assets/**/durations*.js", lambda route: route.abort())
        await look.page.goto(f"{demo.url}/dashboard/durations")
        await expect(look.page.get_by_role("alert")).to_be_visible()
        await look.page.get_by_role("link", name="Trends").click()
        await look.drawn()
        assert await look.page.locator(".failure").count() == 0


async def test_empty_states(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo) as look:
        for path in ("", "/trends", "/top", "/users/nobody@example.com", "/sessions"):
            await look.at(f"/dashboard{path}?start=2020-01-01&end=2020-01-02")
            assert await look.page.locator(".empty").count() > 0, path
            assert await look.page.locator(".failure").count() == 0


async def test_an_error_is_shown_and_retried(browser: Browser, demo: LiveServer) -> None:
    async with looking(browser, demo, expected=("504",)) as look:

        async def fail(route: Route) -> None:
            error = {"code": "invalid", "message": "The moon is in the way.", "details": {}}
            await route.fulfill(status=504, json={"error": error})

        await look.page.route("**/api/reports/timeseries*", fail)
        await look.page.goto(f"{demo.url}/dashboard/trends")
        await expect(look.page.get_by_text("The moon is in the way.").first).to_be_visible()
        await look.page.unroute("**/api/reports/timeseries*")
        await look.page.get_by_role("button", name="Try again").first.click()
        await look.drawn()
        assert await look.page.locator(".failure").count() == 0


async def test_privacy_controls(browser: Browser, demo: LiveServer) -> None:
    user = f"leaving-{uuid.uuid4().hex[:8]}@example.com"
    events = [{"event_type": "page_viewed", "event_id": str(uuid.uuid4())} for _ in range(3)]
    async with looking(browser, demo) as look:
        page = look.page
        await look.log(*events, user_email=user, session_id="s-last")
        await look.at(f"/dashboard/users/{quote(user)}")
        assert await look.value("Events") == "3"
        await page.get_by_role("checkbox", name="AI context").uncheck()
        opted = await opted_out(look, user)
        assert opted == {"analytics": False, "ai_context": True, "learning": False}
        lines = (await look.download("Download")).splitlines()
        assert sum('"page_viewed"' in line for line in lines) == 3
        await page.get_by_role("button", name="Delete user data …").click()
        delete = page.get_by_role("button", name="Delete user data", exact=True)
        await page.get_by_label("Type the email to confirm").fill(ULLA)
        await expect(delete).to_be_disabled()
        await page.get_by_label("Type the email to confirm").fill(user)
        await delete.click()
        await expect(page.get_by_role("heading", name="User data deleted")).to_be_visible()
        await expect(page.get_by_text("activity_event").locator("..")).to_contain_text("3")
        await look.check()
        await page.get_by_role("button", name="Done").click()
        await expect(page.get_by_text("No events in this period.").first).to_be_visible()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_suggestion_is_shown(
    browser: Browser, demo: LiveServer, size: tuple[int, int]
) -> None:
    user = character("archives_newsletters").email
    async with looking(browser, demo, size) as look:
        await look.at(f"/dashboard/users/{quote(user)}")
        response = await look.get("/api/insights/next-actions", user_email=user, tz=ZONE)
        (first, *_) = response["suggestions"]
        assert first["text"].startswith('You archive emails labelled "newsletter" soon after')
        suggestions = look.page.get_by_role("region", name="Suggestions")
        shown = suggestions.get_by_role("listitem").filter(has_text=first["text"])
        evidence = first["evidence"]
        counts = f"{evidence['times']} of {evidence['out_of']} · {evidence['last_week']} last week"
        await shown.get_by_text(counts, exact=True).click()
        await expect(shown.locator("code")).to_contain_text(first["event_ids"][0])
        await look.check()
        await look.screenshot(f"user-suggestions-{size[0]}")


async def opted_out(look: Look, user: str) -> object:
    for _ in range(50):
        opt_out = await look.get("/api/privacy/opt-out", user_email=user)
        if opt_out["ai_context"]:
            break
        await look.page.wait_for_timeout(100)
    return opt_out


@pytest.mark.fault("D1")
async def test_a_machine_whose_zone_is_unknown(demo: LiveServer) -> None:
    """`Intl` calls it `Etc/Unknown`, which is no zone to anybody."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox"],
            env={**os.environ, "TZ": ":bogus"},
        )
        async with looking(browser, demo, zone=None) as look:
            for path in ("/dashboard", "/dashboard/live"):
                await look.at(path)
                await look.check()
                await expect(look.page.get_by_text("Times are in UTC")).to_be_visible()
            await expect(look.page.get_by_role("status").get_by_text("Live")).to_be_visible()
            await look.log({"event_type": "zone_tested", "user_email": ADA})
            await expect(look.page.get_by_text("Zone tested").first).to_be_visible()
        await browser.close()


@pytest.mark.fault("D1")
@pytest.mark.parametrize("tz", ["utc", "europe/london", "+02:00", "Mars/Olympus"])
async def test_zones_of_a_link(browser: Browser, demo: LiveServer, tz: str) -> None:
    """Names in any case; otherwise the browser's zone, and a word about it."""
    async with looking(browser, demo) as look:
        await look.at(f"/dashboard?tz={quote(tz)}")
        await look.check()
        is_known = tz.islower()
        await expect(look.page.get_by_label("Time zone")).to_have_value(
            {"utc": "UTC", "europe/london": "Europe/London"}.get(tz, ZONE)
        )
        note = look.page.get_by_text(f"Unknown time zone “{tz}”")
        await expect(note).to_have_count(0 if is_known else 1)


@pytest.mark.fault("D4")
async def test_users_whose_address_looks_encoded(browser: Browser, demo: LiveServer) -> None:
    """`a%2fb` and `a/b` are two users, each with a page of their own."""
    async with looking(browser, demo) as look:
        users = ["a%2fb@example.com", "a/b@example.com", "50%@example.com"]
        for user in users:
            await look.log({"event_type": "encoded", "user_email": user})
            await look.at(f"/dashboard/top?days=1&user_email={quote(user, safe='')}")
            await look.page.goto(f"{demo.url}/dashboard/users/{quote(user, safe='')}?days=1")
            await look.drawn()
            await expect(look.page.get_by_role("heading", level=1)).to_have_text(user)


@pytest.mark.fault("D2")
async def test_windows_of_other_years_name_the_year(browser: Browser, demo: LiveServer) -> None:
    """On axes and in tables."""
    year = datetime.now(UTC).year - 1
    async with looking(browser, demo) as look:
        at = f"{year}-12-31T22:00:00Z"
        await look.log({"event_type": "a_b", "user_email": ADA, "event_timestamp": at})
        await look.at(f"/dashboard/trends?start={year}-12-01&end={year}-12-31&tz=UTC")
        await expect(look.page.locator(".chart").first).to_contain_text(f"Dec {year}")
        await expect(look.page.locator("tbody").last).to_contain_text(f"Dec {year}")


async def test_sign_in(browser: Browser, demo_url: str) -> None:
    """The last test of this file: keys end the database's local mode."""
    keys = {"ACTIVITY_ADMIN_KEYS": ADMIN_KEY, "ACTIVITY_JWT_SECRET": SECRET}
    with running_service(DATABASE_URL=demo_url, **keys) as server:
        async with looking(browser, server, expected=("401",)) as look:
            page = look.page
            await page.goto(f"{server.url}/dashboard")
            await sign_in(page, "x" * 40)
            await expect(page.get_by_role("alert")).to_be_visible()
            await look.check()
            await sign_in(page, ADMIN_KEY)
            await look.drawn()
            await expect(page.get_by_role("link", name="Overview")).to_be_visible()
            all_users = await look.value("Active users")
            assert int(all_users) > 5
            await page.reload()
            await look.drawn()
            assert await look.value("Active users") == all_users
            await page.get_by_role("button", name="Sign out").click()
            # A user token shows only the user's own data.
            claims = {"email": ULLA, "exp": int(time.time()) + 600}
            await sign_in(page, jwt.encode(claims, SECRET, algorithm="HS256"))
            await look.drawn()
            assert await look.value("Active users") == "1"
            # Another tab is not signed in.
            other = await page.context.new_page()
            await other.goto(f"{server.url}/dashboard")
            await expect(other.get_by_label("Key or token")).to_be_visible()


async def sign_in(page: Page, credential: str) -> None:
    await page.get_by_label("Key or token").fill(credential)
    await page.get_by_role("button", name="Sign in").click()
