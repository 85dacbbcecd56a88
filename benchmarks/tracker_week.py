"""An active week of one user: twenty sessions, each with a fault in it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from playwright.async_api import Page

from benchmarks.tracker_faults import SENT, UNAVAILABLE, too_large
from benchmarks.tracker_lab import Reply, Request, Trial, crash, hang, status

SESSIONS = 20
EVENTS_PER_SESSION = 52
FAULT_SECONDS = 3.0
# The half hour that ends a session is not waited for: its last event is made older, and the tab is
# told of it as of another tab's writing.
AGE_SESSION = """() => {
  const key = `activity<${location.origin}>.s`, parts = (localStorage[key] ?? '').split(' ')
  if (!parts[2]) return
  parts[2] -= 3600e3
  localStorage[key] = parts.join(' ')
  dispatchEvent(new StorageEvent('storage', { key, newValue: localStorage[key] }))
}"""


@dataclass
class Week:
    trial: Trial
    chance: random.Random
    page: Page | None = None
    tracked: int = 0
    faults: list[str] = field(default_factory=list)

    async def open(self) -> Page:
        if self.page is None or self.page.is_closed():
            self.page = await self.trial.open()
        return self.page

    async def record(self, count: int, page: Page | None = None) -> None:
        """Events in bursts of a few, as a person makes them."""
        page = page or await self.open()
        while count > 0:
            burst = min(count, self.chance.randint(1, 5))
            size = self.chance.choice([20, 200, 1500])
            await page.evaluate(f"record({self.tracked}, {burst}, pad({size}))")
            self.tracked += burst
            count -= burst
            await asyncio.sleep(self.chance.random() * 0.1)

    async def with_gateway(self, fault: Callable[[Request], Reply | None]) -> None:
        self.trial.gateway.fault = fault
        await self.record(20)
        await asyncio.sleep(FAULT_SECONDS * self.chance.random())
        self.trial.gateway.fault = None


async def nothing(week: Week) -> None:
    await week.record(20)


async def unavailable(week: Week) -> None:
    await week.with_gateway(UNAVAILABLE)


async def limited(week: Week) -> None:
    await week.with_gateway(status(429, Retry_After="2"))


async def hung(week: Week) -> None:
    await week.with_gateway(hang)
    await week.trial.window.kill()


async def small_only(week: Week) -> None:
    await week.with_gateway(too_large(8000))


async def refused(week: Week) -> None:
    await week.open()
    await week.trial.gateway.stop()
    await week.record(20)
    await asyncio.sleep(FAULT_SECONDS)
    await week.trial.gateway.start()


async def answer_lost(week: Week) -> None:
    def cut(_: Request) -> Reply | None:
        week.trial.gateway.on_answer = None
        raise ConnectionError

    week.trial.gateway.on_answer = cut
    await week.record(20)


async def offline(week: Week) -> None:
    page = await week.open()
    await page.context.set_offline(True)
    await week.record(20)
    await asyncio.sleep(FAULT_SECONDS)
    await page.context.set_offline(False)


async def renderer_crash(week: Week) -> None:
    await week.record(20)
    await crash(await week.open())


async def browser_killed(week: Week) -> None:
    await week.record(20)
    await asyncio.sleep(0.05)
    await week.trial.window.kill()


async def navigation(week: Week) -> None:
    page = await week.open()
    first, week.tracked = week.tracked, week.tracked + 20
    await page.evaluate(f"record({first}, 20, pad(1000)); location.href = '/page?elsewhere'")
    await page.wait_for_url("**/page?elsewhere")
    await page.close()


async def second_tab(week: Week) -> None:
    page = await week.open()
    other = await week.trial.open()
    await other.bring_to_front()
    await week.record(10, other)
    await page.bring_to_front()
    await week.record(10)
    await other.close()


async def closed(week: Week) -> None:
    await week.record(20)
    await (await week.open()).close()


FAULTS: list[Callable[[Week], Awaitable[None]]] = [
    nothing,
    unavailable,
    limited,
    hung,
    small_only,
    refused,
    answer_lost,
    offline,
    renderer_crash,
    browser_killed,
    navigation,
    second_tab,
    closed,
]


async def live_week(trial: Trial, seed: int) -> Week:
    """Every fault at least once, in an order of the seed's; in the end all is sent."""
    week = Week(trial, random.Random(seed))
    faults = FAULTS + week.chance.choices(FAULTS, k=SESSIONS - len(FAULTS))
    week.chance.shuffle(faults)
    for fault in faults:
        page = await week.open()
        await page.evaluate(AGE_SESSION)
        before = week.tracked
        await week.record(10)
        await fault(week)
        week.faults.append(fault.__name__)
        if week.page is not None and (trial.window.browser is None or week.page.is_closed()):
            week.page = None
        await week.record(EVENTS_PER_SESSION - (week.tracked - before))
    await trial.until(await week.open(), SENT)
    return week
