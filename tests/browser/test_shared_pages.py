"""Several trackers, services, keys and users on one page or one origin."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from playwright.async_api import Page

from benchmarks.tracker_faults import SENT, UNAVAILABLE
from benchmarks.tracker_lab import Gateway, Lab, Reply, Trial
from tests.conftest import fresh_database, running_service

STATUS = "tracker.status()"
SECRET = "s" * 40
ONE, TWO, OLD = "1" * 40, "2" * 40, "0" * 40
CREATE = "window.{name} = activityEvents.createTracker({options})"
# As a second bundle has it: a copy of the package, which shares nothing but the page.
SECOND_COPY = """async () => {
  const first = window.activityEvents
  new Function(await (await fetch('/tracker.js')).text())()
  window.copy = window.activityEvents
  window.activityEvents = first
}"""


async def blank(trial: Trial) -> Page:
    """A page with the script, and without a tracker."""
    page = await (await trial.window.context()).new_page()
    page.on("pageerror", lambda error: trial.errors.append(str(error)))
    await page.goto(f"{trial.gateway.origin}/page")
    return page


def created(name: str, **options: Any) -> str:
    return CREATE.format(name=name, options=json.dumps(options))


@asynccontextmanager
async def another_service(lab: Lab) -> AsyncIterator[Gateway]:
    """A second address of the service, with its own list of requests."""
    gateway = Gateway(lab.api_url, lab.client)
    await gateway.start()
    yield gateway
    await gateway.stop()


def keys_of(gateway: Gateway) -> set[str | None]:
    return {request.envelope.get("key") for request in gateway.ingests if request.method == "POST"}


@pytest.fixture(scope="module")
def secured_urls(server_url: str) -> Iterator[tuple[str, str]]:
    """A service that has two keys and accepts tokens, and its own database."""
    settings = {"ACTIVITY_WRITE_KEYS": f"{ONE},{TWO}", "ACTIVITY_JWT_SECRET": SECRET}
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, **settings) as server,
    ):
        yield server.url, url


@pytest.fixture
async def secured(lab: Lab, secured_urls: tuple[str, str]) -> AsyncIterator[Lab]:
    async with Lab.opened(lab.playwright, *secured_urls) as secured:
        yield secured


@pytest.mark.fault("T15")
async def test_trackers_of_one_page_share_a_core(lab: Lab) -> None:
    async with lab.trial("one-core") as trial:
        page = await trial.open()
        await page.evaluate(SECOND_COPY)
        await page.evaluate(
            """() => {
              window.b = activityEvents.createTracker({ endpoint: '', ...given })
              window.c = copy.createTracker({ endpoint: location.origin + '/', ...given })
              b.track('trial_event', { metadata: { n: 0 }, immediate: true })
              c.track('trial_event', { metadata: { n: 1 } })
            }"""
        )
        assert await page.evaluate("c.flush()") is True
        assert await trial.numbers() == [0, 1]
        assert [row["session_seq"] for row in await trial.rows()] == [1, 2]
        # One that shuts down does not stop the others.
        await page.evaluate("tracker.shutdown(); tracker.shutdown()")
        assert await page.evaluate("tracker.track('trial_event')") is None
        await page.evaluate("b.track('trial_event', { metadata: { n: 2 } }); b.shutdown()")
        await page.evaluate("c.track('trial_event', { metadata: { n: 3 }, immediate: true })")
        await trial.until_stored(4, 10)
        assert await page.evaluate("c.status().enabled") is True
        await page.evaluate("c.shutdown()")
        assert await page.evaluate("c.status().enabled") is False
        # After all have, a new one starts.
        await page.evaluate("window.tracker = activityEvents.createTracker(given); record(4, 1)")
        await trial.until(page, SENT, 15)
        assert await trial.numbers() == [0, 1, 2, 3, 4]


@pytest.mark.fault("T16")
async def test_what_waits_for_one_service_is_never_sent_to_another(secured: Lab) -> None:
    async with secured.trial("two-services") as trial, another_service(secured) as other:
        trial.gateway.fault = other.fault = UNAVAILABLE
        one = await trial.open(key=ONE)
        two = await trial.open(endpoint=other.origin, key=TWO)
        both = await blank(trial)
        email = trial.email
        await both.evaluate(created("tracker", userEmail=email, key=ONE))
        await both.evaluate(
            created("second", userEmail=email, endpoint=other.origin, key=TWO)
            + "; second.track('trial_event', { metadata: { n: 101 } })"
        )
        await one.evaluate("record(0, 1)")
        await two.evaluate("record(100, 1)")
        await both.evaluate("record(1, 1)")
        for page in (one, two, both):
            await page.close()
        trial.gateway.requests.clear()
        other.requests.clear()
        # Each service is asked for by one page, and gets its own.
        trial.gateway.fault = other.fault = lambda _: Reply(200, {}, b"{}")
        one = await trial.open(key=ONE)
        await trial.until(one, "s.queueSize === 2 && s.lastError", 15)
        two = await trial.open(endpoint=other.origin, key=TWO)
        await trial.until(two, "s.queueSize === 2 && s.lastError", 15)
        numbers = [number for request in trial.gateway.ingests for number in request.numbers]
        others = [number for request in other.ingests for number in request.numbers]
        assert set(numbers) in ({0}, {1}, {0, 1})
        assert set(others) in ({100}, {101}, {100, 101})
        assert (keys_of(trial.gateway), keys_of(other)) == ({ONE}, {TWO})


@pytest.mark.fault("T16")
async def test_an_event_is_sent_with_the_key_it_was_recorded_with(secured: Lab) -> None:
    async with secured.trial("two-keys") as trial:
        page = await blank(trial)
        await page.evaluate(created("tracker", userEmail=trial.email, key=f" {ONE} "))
        await page.evaluate(created("second", userEmail=trial.email, key=TWO))
        await page.evaluate(
            "record(0, 1); second.track('trial_event', { metadata: { n: 1 } }); tracker.flush()"
        )
        await trial.until(page, "s.inFlight === 0 && s.queueSize === 0")
        sent = {
            number: request.envelope["key"]
            for request in trial.gateway.ingests
            for number in request.numbers
        }
        assert sent == {0: ONE, 1: TWO}


@pytest.mark.fault("T16", "T19")
async def test_a_key_that_is_no_longer_valid_is_replaced_by_the_newest(secured: Lab) -> None:
    async with secured.trial("rotated") as trial:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open(key=OLD)
        await page.evaluate("record(0, 12)")
        await page.close()
        trial.gateway.fault = None
        trial.gateway.requests.clear()
        page = await trial.open(key=ONE)
        await trial.until(page, SENT, 15)
        assert sorted(await trial.numbers()) == list(range(12))
        assert [request.envelope["key"] for request in trial.gateway.ingests] == [OLD, ONE]


@pytest.mark.fault("T19")
async def test_a_key_that_comes_later_is_used(secured: Lab) -> None:
    async with secured.trial("late-key") as trial:
        page = await trial.open()
        await page.evaluate("record(0, 10)")
        await trial.until(page, "s.lastError?.status === 401")
        await page.evaluate("(key) => { tracker.configure({ key }); record(10, 1) }", ONE)
        await trial.until(page, SENT, 15)
        assert await trial.numbers() == list(range(11))
        assert trial.gateway.ingests[-1].envelope["key"] == ONE


@pytest.mark.fault("T18")
async def test_the_newest_endpoint_and_options_count(lab: Lab) -> None:
    async with lab.trial("newest") as trial, another_service(lab) as other:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open(flushIntervalMs=3_600_000)
        await page.evaluate("const { track } = tracker; window.track = track; record(0, 1)")
        await page.evaluate(f"tracker.configure({{ endpoint: '{other.origin}', path: '/api/x' }})")
        await page.evaluate("track('trial_event', { metadata: { n: 1 } })")
        await page.evaluate("tracker.configure({ path: undefined, batchSize: 1 }); record(2, 1)")
        await trial.until(page, "s.queueSize === 2 && s.lastError", 15)
        assert {request.path for request in other.ingests} == {"/api/events/log/batch"}
        assert {number for request in other.ingests for number in request.numbers} == {1, 2}
        # What waited for the first one goes there, once a page asks for it again.
        trial.gateway.fault = None
        await trial.open()
        await trial.until_stored(1, 15)
        assert await trial.numbers() == [0]
        assert sum(request.numbers.count(0) for request in other.ingests) == 0


def token_of(email: str, seconds: int = 600) -> str:
    return jwt.encode({"email": email, "exp": int(time.time()) + seconds}, SECRET)


def tokens_seen(trial: Trial) -> list[str]:
    headers = [request.headers for request in trial.gateway.ingests]
    return [each["authorization"].removeprefix("Bearer ") for each in headers]


async def signed_in(trial: Trial, email: str) -> Page:
    page = await blank(trial)
    await page.evaluate(
        """([userEmail, token]) => {
          window.tracker = activityEvents.createTracker({ userEmail, getToken: () => token })
        }""",
        [email, token_of(email)],
    )
    return page


@pytest.mark.fault("T18")
async def test_the_newest_token_is_sent(secured: Lab) -> None:
    async with secured.trial("tokens") as trial:
        page = await signed_in(trial, trial.email)
        second = token_of(trial.email, 900)
        await page.evaluate("record(0, 10)")
        await trial.until(page, SENT, 15)
        await page.evaluate(
            "(token) => { tracker.configure({ getToken: async () => token }); record(10, 10) }",
            second,
        )
        await trial.until(page, SENT, 15)
        seen = tokens_seen(trial)
        assert len(seen) == 2
        assert seen[1] == second != seen[0]


@pytest.mark.fault("T18")
@pytest.mark.parametrize(
    "get_token",
    [
        "() => { throw new Error('x') }",
        "() => Promise.reject('x')",
        "() => ''",
        "() => new Promise(() => {})",
    ],
    ids=["throws", "rejects", "empty", "never"],
)
async def test_a_token_that_does_not_come_holds_back_nothing_for_ever(
    secured: Lab, get_token: str
) -> None:
    async with secured.trial("no-token") as trial:
        page = await blank(trial)
        await page.evaluate(
            f"(userEmail) => {{ window.tracker = activityEvents.createTracker({{ userEmail,"
            f" requestTimeoutMs: 500, getToken: {get_token} }}); record(0, 10) }}",
            trial.email,
        )
        await trial.until(page, "s.lastError?.code === 'no_token' && s.inFlight === 0", 10)
        await page.evaluate(
            "(token) => tracker.configure({ getToken: () => token })", token_of(trial.email)
        )
        await trial.until(page, SENT, 10)
        assert await trial.numbers() == list(range(10))


@pytest.mark.fault("T22")
async def test_visible_windows_of_two_users_both_send(secured: Lab) -> None:
    async with secured.trial("two-users") as trial:
        login = await blank(trial)
        await login.evaluate(
            "window.tracker = activityEvents.createTracker({ getToken: () => '' }); record(50, 1)"
        )
        first = await signed_in(trial, trial.email)
        await trial.until(first, "s.isSender")
        bob = f"bob-{trial.email}"
        second = await signed_in(trial, bob)
        await second.evaluate("record(0, 10)")
        await trial.until(second, SENT + " || s.queueSize === 1", 10)
        await first.bring_to_front()
        await first.evaluate("record(10, 10)")
        await trial.until(first, SENT + " || s.queueSize === 1", 10)
        # The event of the login page became that of the first user who was known.
        assert sorted(await trial.numbers()) == [*range(10, 20), 50]
        bobs = await secured.database.fetchval(
            "SELECT count(*) FROM activity_event JOIN app_user ON app_user.id = user_id"
            " WHERE email = $1",
            bob,
        )
        assert bobs == 10
