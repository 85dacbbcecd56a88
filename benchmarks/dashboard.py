"""How long the dashboard takes in a real browser: its first page, and what follows a click.

`python -m benchmarks.dashboard [--events N] [--data FOLDER] [--json]` (make bench-dashboard).
Chromium, on the service with N events (one million). The first load begins with an empty cache,
and ends when every number and every chart is drawn; an interaction begins with a click and ends the
same way. Bytes are those of the scripts, as gzip has them (level 9).
"""

import argparse
import asyncio
import gzip
import json
import statistics
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, ViewportSize, async_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.read import history, service
from benchmarks.tracker_lab import find_chromium

EVENTS = 1_000_000
ROUNDS = 7
SIZE = ViewportSize(width=1440, height=900)

DRAWN = """
() => !document.querySelector('.loading, [aria-busy=true]')
  && document.querySelector('h1')
  && [...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg'))
"""
# In the page, frame by frame, as asking from here takes longer than what is measured.
UNTIL_DRAWN = f"""
() => new Promise((resolve) => {{
  const drawn = {DRAWN}
  let quiet = 0
  const look = () => {{
    quiet = drawn() ? quiet + 1 : 0
    if (quiet > 1) resolve(performance.now())
    else requestAnimationFrame(look)
  }}
  requestAnimationFrame(look)
}})
"""
# What is clicked, by its role and its name.
CLICKS = (
    ("window: 7 days", "button", "7 days"),
    ("window: 30 days", "button", "30 days"),
    ("page: trends", "link", "Trends"),
    ("page: users", "link", "Users"),
    ("page: sessions", "link", "Sessions"),
    ("page: overview", "link", "Overview"),
)

console = Console(width=100)


async def first_load(browser: Browser, base: str) -> tuple[float, dict[str, int]]:
    """Milliseconds until all is drawn, and the scripts that were loaded by then, gzipped."""
    context = await browser.new_context(viewport=SIZE, timezone_id="Europe/Berlin")
    page = await context.new_page()
    scripts: dict[str, int] = {}

    async def weigh(response: Any) -> None:
        if response.url.endswith(".js"):
            scripts[response.url.rsplit("/", 1)[1]] = len(gzip.compress(await response.body(), 9))

    page.on("response", weigh)
    await page.goto(f"{base}/dashboard", wait_until="commit")
    took = await page.evaluate(UNTIL_DRAWN)
    await page.wait_for_load_state("networkidle")
    await context.close()
    return took, scripts


async def entry_bytes(browser: Browser, base: str) -> int:
    """The scripts that the page names itself: what is there before anything is drawn."""
    page = await browser.new_page()
    await page.goto(f"{base}/dashboard")
    names = await page.evaluate(
        "() => [...document.querySelectorAll('script[src], link[rel=modulepreload]')]"
        ".map((each) => each.src || each.href)"
    )
    total = 0
    for name in names:
        total += len(gzip.compress(await (await page.request.get(name)).body(), 9))
    await page.close()
    return total


async def interactions(browser: Browser, base: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name, _, _ in CLICKS}
    for _ in range(ROUNDS):
        page = await (await browser.new_context(viewport=SIZE)).new_page()
        await page.goto(f"{base}/dashboard")
        await page.evaluate(UNTIL_DRAWN)
        await page.wait_for_load_state("networkidle")
        for name, role, title in CLICKS:
            found[name].append(await clicked(page, role, title))
        await page.context.close()
    return found


async def clicked(page: Page, role: Any, title: str) -> float:
    place = page.get_by_role(role, name=title, exact=True)
    element = await place.element_handle()
    # Clicked in the page, so that the clock begins with the click.
    return float(
        await page.evaluate(
            f"async (element) => {{ const began = performance.now(); element.click();"
            f" return await ({UNTIL_DRAWN})() - began }}",
            element,
        )
    )


async def measure(base: str) -> dict[str, Any]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        await first_load(browser, base)  # the service's own first time
        loads = [await first_load(browser, base) for _ in range(ROUNDS)]
        clicks = await interactions(browser, base)
        entry = await entry_bytes(browser, base)
        await browser.close()
    return {
        "first_load_ms": statistics.median(took for took, _ in loads),
        "first_load_max_ms": max(took for took, _ in loads),
        "entry_gzip_bytes": entry,
        "first_page_gzip_bytes": sum(loads[-1][1].values()),
        "interactions_ms": {
            name: {"median": statistics.median(took), "max": max(took)}
            for name, took in clicks.items()
        },
    }


def show(result: dict[str, Any], events: int) -> None:
    table = Table(title=f"The dashboard at {events:,} events")
    for head in ("", "median", "longest"):
        table.add_column(head, justify="right" if head else "left")
    load, longest = result["first_load_ms"], result["first_load_max_ms"]
    table.add_row("first load, until all is drawn", f"{load:.0f} ms", f"{longest:.0f} ms")
    for name, took in result["interactions_ms"].items():
        table.add_row(name, f"{took['median']:.0f} ms", f"{took['max']:.0f} ms")
    entry, everything = result["entry_gzip_bytes"], result["first_page_gzip_bytes"]
    table.add_row("scripts before the first paint, gzip", f"{entry:,} B", "")
    table.add_row("with the charts, and what is fetched ahead", f"{everything:,} B", "")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="how many are loaded")
    parser.add_argument("--data", type=Path, help="keep the databases in this folder")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    began = time.perf_counter()
    with history(options.events, options.data) as url, service(url) as port:
        result = asyncio.run(measure(f"http://127.0.0.1:{port}"))
    show(result, options.events)
    console.print(f"measured in {time.perf_counter() - began:.0f} s", highlight=False)
    if options.json:
        print(json.dumps({"events": options.events, **result}))


if __name__ == "__main__":
    main()
