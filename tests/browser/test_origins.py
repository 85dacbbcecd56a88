"""Pages on another origin than the service: keys, tokens and CORS."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import jwt
import pytest

from benchmarks.tracker_faults import SENT
from benchmarks.tracker_lab import Gateway, Lab, Trial
from tests.conftest import fresh_database, running_service

WRITE_KEY, SECRET = "w" * 40, "s" * 40


@dataclass
class Pages:
    """A page on one origin, and the service behind a gateway on another."""

    trial: Trial
    service: Gateway

    def token(self, email: str) -> str:
        claims = {"email": email, "exp": int(time.time()) + 600}
        return jwt.encode(claims, SECRET, algorithm="HS256")

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.service.requests if "js" not in request.path]


@pytest.fixture(scope="module")
def own_url(server_url: str) -> Iterator[str]:
    """A database of its own: keys end the local mode of every service on it."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
async def pages(lab: Lab, own_url: str) -> AsyncIterator[Pages]:
    async with (
        Lab.opened(lab.playwright, lab.api_url, own_url) as own,
        own.trial("origins") as trial,
    ):
        with running_service(
            DATABASE_URL=own_url,
            ACTIVITY_WRITE_KEYS=WRITE_KEY,
            ACTIVITY_JWT_SECRET=SECRET,
            ACTIVITY_ALLOWED_ORIGINS=trial.gateway.origin,
        ) as server:
            service = Gateway(server.url, lab.client)
            await service.start()
            # The page loads the script from the gateway.
            page = trial.gateway.files["/page"][1].decode()
            page = page.replace('src="/tracker.js"', f'src="{service.origin}/tracker.js"')
            page = page.replace("endpoint: '', ", "")
            trial.gateway.files["/page"] = ("text/html; charset=utf-8", page.encode())
            yield Pages(trial, service)
            await service.stop()


async def test_a_key_needs_no_preflight(pages: Pages) -> None:
    page = await pages.trial.open(key=WRITE_KEY)
    await page.evaluate("record(0, 10)")
    await pages.trial.until(page, SENT)
    assert await pages.trial.numbers() == list(range(10))
    assert pages.methods == ["POST"]
    (request,) = pages.service.ingests
    assert request.headers["content-type"] == "text/plain;charset=UTF-8"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers
    # A write key can only log events, not opt out.
    assert await page.evaluate("tracker.optOut()") is False
    assert pages.methods == ["POST"]


@pytest.mark.fault("T31")
async def test_headers_that_tracing_adds_to_each_request(pages: Pages) -> None:
    page = await pages.trial.open(key=WRITE_KEY)
    await page.evaluate(
        """() => {
          const send = window.fetch
          window.fetch = (url, options) => {
            const added = { baggage: 'a=b', 'sentry-trace': 'c', tracestate: 'd=e',
              traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
              'X-Requested-With': 'XMLHttpRequest', 'x-datadog-trace-id': '1' }
            return send(url, { ...options, headers: { ...options.headers, ...added } })
          }
          record(0, 10)
        }"""
    )
    await pages.trial.until(page, SENT)
    assert await pages.trial.numbers() == list(range(10))
    assert pages.methods == ["OPTIONS", "POST"]
    assert pages.service.ingests[-1].headers["sentry-trace"] == "c"


async def test_an_invalid_key_is_reported(pages: Pages) -> None:
    page = await pages.trial.open(key="x" * 40)
    await page.evaluate("record(0, 10)")
    await pages.trial.until(page, "s.lastError?.status === 401 && s.queueSize === 10")


async def test_a_token_sends_only_its_user_s_events(pages: Pages) -> None:
    ada = pages.trial.email
    bob = f"bob-{ada}"
    page = await (await pages.trial.window.context()).new_page()
    await page.goto(f"{pages.trial.gateway.origin}/page")
    await page.evaluate(
        """([ada, adas, bob, bobs]) => {
          const tokens = { [ada]: adas, [bob]: bobs }
          window.user = ada
          window.tracker = activityEvents.createTracker({
            userEmail: ada, getToken: async () => tokens[user] })
          record(0, 5)
          // Bob signs in before Ada's events are sent: they wait for her token.
          user = bob
          tracker.identify(bob)
          record(5, 5)
        }""",
        [ada, pages.token(ada), bob, pages.token(bob)],
    )
    await pages.trial.until(page, "s.queueSize === 5 && s.lastAckAt")
    assert await pages.trial.numbers() == []
    await page.evaluate("(ada) => { user = ada; tracker.identify(ada) }", ada)
    assert await page.evaluate("tracker.flush()") is True
    assert await pages.trial.numbers() == list(range(5))
    # The Authorization header requires one preflight.
    assert pages.methods.count("OPTIONS") == 1
    assert await page.evaluate("tracker.optOut()") is True
    opted_out = "SELECT analytics_opt_out FROM app_user WHERE email = $1"
    assert await pages.trial.lab.database.fetchval(opted_out, ada) is True


async def test_retry_after_is_exposed_to_other_origins(pages: Pages) -> None:
    """The tracker can only respect an exposed header."""
    answer = await pages.trial.lab.client.get(
        f"{pages.service.origin}/health/live", headers={"Origin": pages.trial.gateway.origin}
    )
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
