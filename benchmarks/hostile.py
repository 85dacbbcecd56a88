"""What hostile callers cost everybody else: how long others wait, and how much memory is taken.

`python -m benchmarks.hostile [--only PATTERN] [--seconds N] [--json]` (make bench-hostile). For
each attack a service of its own is started, with keys, on one PostgreSQL; it is warmed up by honest
requests, and then 60 connections (or more) of a process beside it send the attack, over and over,
with a public write key or one user's token. Meanwhile another caller logs and reads in turn, and
asks for liveness beside, each over a connection that is kept.

The wait is the longest of that caller's requests, and that of the event loop the longest of its
questions for liveness, which need nothing else; the memory is the most that the process held
above what it held before, as the operating system counts it (resident). An attack that uses up a
core leaves the machine to the rest: the row "nothing" is the noise of this machine.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import jwt
import psutil
import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.settings import Settings
from benchmarks.hostile_attacks import MIB, VICTIM, Attack, Attacker, Target, attacks
from benchmarks.ingest import Service, service
from benchmarks.server import cpu_seconds, postgres

SECONDS = 4.0
WAIT_MS_MAX, MEMORY_MIB_MAX = 250.0, 64.0
STEADY_SECONDS = 1.0
SAMPLE_SECONDS = 0.01
PAUSE_SECONDS = 0.01
HISTORY_EVENTS = 20_000
KEYS = {"ACTIVITY_WRITE_KEYS": "w" * 32 + "," + "v" * 32, "ACTIVITY_READ_KEYS": "r" * 32,
        "ACTIVITY_ADMIN_KEYS": "a" * 32, "ACTIVITY_JWT_SECRET": "s" * 32}  # fmt: skip
HONEST_WRITE, HONEST_READ, PUBLIC_WRITE = "v" * 32, "r" * 32, "w" * 32

console = Console(width=120)


@dataclass(slots=True)
class Outcome:
    """What one attack did. `failed` are honest requests that were not answered as they should."""

    name: str
    wait_ms: float = 0.0
    waits: dict[str, float] = field(default_factory=dict)
    memory_mib: float = 0.0
    cpu_share: float = 0.0
    requests: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def lag_ms(self) -> float:
        """The longest answer that takes the event loop alone."""
        return self.waits.get("live", 0.0)

    def holds(self) -> bool:
        return self.wait_ms <= WAIT_MS_MAX and self.memory_mib <= MEMORY_MIB_MAX and not self.failed

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "wait_ms": round(self.wait_ms, 1),
            "lag_ms": round(self.lag_ms, 1),
            "waits_ms": {kind: round(ms, 1) for kind, ms in self.waits.items()},
            "memory_mib": round(self.memory_mib, 1),
            "cpu_share": round(self.cpu_share, 2),
            "honest_requests": self.requests,
            "failed": dict(self.failed),
            "answers": self.answers,
        }


class Honest:
    """The other caller: a write and a list in turn, and liveness beside, until the time is over."""

    def __init__(self, port: int, outcome: Outcome) -> None:
        self._base, self._outcome = f"http://127.0.0.1:{port}", outcome

    async def go_on(self, until: float) -> None:
        await asyncio.gather(self._repeat(until, "write", "read"), self._repeat(until, "live"))

    async def _repeat(self, until: float, *kinds: str) -> None:
        async with httpx.AsyncClient(base_url=self._base, timeout=60) as client:
            while time.monotonic() < until:
                for kind in kinds:
                    await self._ask(client, kind)
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self, client: httpx.AsyncClient, kind: str) -> None:
        started = time.perf_counter()
        try:
            response = await self._request(client, kind)
            good = response.status_code in {200, 201}
            failure = "" if good else f"{kind} {response.status_code}"
        except httpx.HTTPError as error:
            failure = f"{kind} {type(error).__name__}"
        waited = (time.perf_counter() - started) * 1000
        self._outcome.requests += 1
        self._outcome.waits[kind] = max(self._outcome.waits.get(kind, 0.0), waited)
        self._outcome.wait_ms = max(self._outcome.wait_ms, waited)
        if failure:
            self._outcome.failed[failure] += 1

    async def _request(self, client: httpx.AsyncClient, kind: str) -> httpx.Response:
        if kind == "write":
            return await client.post(
                "/api/events/log",
                json={"user_email": "honest@example.com", "event_type": "project_opened"},
                headers={"X-API-Key": HONEST_WRITE},
            )
        if kind == "read":
            return await client.get(
                "/api/events/",
                params={"user_email": "honest@example.com", "limit": 5},
                headers={"X-API-Key": HONEST_READ},
            )
        return await client.get("/health/live")


class MemoryWatch:
    """The most resident memory of a process, looked at a hundred times a second."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.before = self.most = process.memory_info().rss
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.most = max(self.most, self._process.memory_info().rss)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def more_mib(self) -> float:
        return (self.most - self.before) / MIB


async def attack_for(attack: Attack, target: Target, seconds: float) -> dict[str, int]:
    """Runs one attack in this process; the answers that it got, by status."""
    until = time.monotonic() + seconds
    attackers = [Attacker(target, until, number) for number in range(attack.connections)]
    tasks = [asyncio.ensure_future(attack.script(attacker)) for attacker in attackers]
    await asyncio.wait(tasks, timeout=seconds + 5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return dict(sum((attacker.answers for attacker in attackers), Counter()))


def attacking(name: str, target: Target, seconds: float, ready: Any, answers: Any) -> None:
    """The process of the attackers: it yields to what it attacks."""
    os.nice(5)
    [attack] = [each for each in attacks() if each.name == name]
    ready.set()
    answers.put(uvloop.run(attack_for(attack, target, seconds)))


async def warm_up(port: int) -> None:
    """Each kind of request that the service must be able to answer, a few times."""
    outcome = Outcome("warm up")
    await Honest(port, outcome).go_on(time.monotonic() + STEADY_SECONDS)
    events = [{"event_type": "project_opened", "metadata": {"n": n, "t": "x" * 500}}
              for n in range(1000)]  # fmt: skip
    body = {"user_email": "honest@example.com", "events": events}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for _ in range(8):
            await asyncio.gather(*(
                client.post("/api/events/log/batch", json=body, headers={"X-API-Key": key})
                for key in (HONEST_WRITE, HONEST_WRITE, HONEST_WRITE, HONEST_WRITE)
            ))  # fmt: skip
            for path in ("/api/events/analytics", "/api/insights/context", "/openapi.json",
                         "/api/insights/patterns", "/api/insights/next-actions"):  # fmt: skip
                await client.get(path, params={"user_email": "honest@example.com"},
                                 headers={"X-API-Key": HONEST_READ})  # fmt: skip
    assert not outcome.failed, outcome.failed


def measure(attack: Attack | None, running: Service, seconds: float) -> Outcome:
    """One attack on one service; without an attack, its noise."""
    outcome = Outcome(attack.name if attack else "nothing")
    claims = {"email": VICTIM, "iat": int(time.time()), "exp": int(time.time()) + 600}
    target = Target(running.port, PUBLIC_WRITE, jwt.encode(claims, "s" * 32))
    context = multiprocessing.get_context("spawn")
    answers, ready = context.Queue(), context.Event()
    attackers = None
    if attack is not None:
        attackers = context.Process(
            target=attacking, args=(attack.name, target, seconds, ready, answers), daemon=True
        )
        attackers.start()
        ready.wait(60)
    with MemoryWatch(running.process) as memory:
        cpu, began = cpu_seconds(running.process.pid), time.monotonic()
        asyncio.run(Honest(running.port, outcome).go_on(began + seconds + STEADY_SECONDS))
        used = cpu_seconds(running.process.pid) - cpu
        outcome.cpu_share = used / (time.monotonic() - began)
    if attackers is not None:
        outcome.answers = answers.get(timeout=30)
        attackers.join(30)
    outcome.memory_mib = memory.more_mib()
    return outcome


@contextmanager
def quiet_service(url: str) -> Iterator[Service]:
    """With keys, without a line for each request."""
    before = {name: os.environ.get(name) for name in (*KEYS, "ACTIVITY_LOG_REQUESTS")}
    os.environ.update({**KEYS, "ACTIVITY_LOG_REQUESTS": "none"})
    try:
        with service(url) as running:
            yield running
            running.process.kill()  # what is still asked of it need not be answered
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


async def fill(url: str) -> None:
    """The attackers' own user has a history, and others have more."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO app_user (email) VALUES ($1), ('honest@example.com')", VICTIM
        )
        await connection.execute(
            """
            INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,
              event_category, event_action, event_metadata, session_id, device_type, received_at)
            SELECT u.id, now() - n * interval '1 minute', gen_random_uuid(),
              (ARRAY['a', 'b', 'page_viewed'])[1 + n % 3], 'project', 'opened',
              jsonb_build_object('text', repeat('x', 400)), 's' || n / 50, 'desktop', now()
            FROM app_user AS u, generate_series(1, $1::int) AS n WHERE u.email = $2
            """,
            HISTORY_EVENTS, VICTIM,
        )  # fmt: skip
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def line_of(outcome: Outcome) -> str:
    """For who watches: the table comes at the end."""
    return (
        f"{outcome.name}: {outcome.wait_ms:.0f} ms, event loop {outcome.lag_ms:.0f} ms, "
        f"{outcome.memory_mib:.0f} MiB"
    )


def table_of(outcomes: list[Outcome]) -> Table:
    table = Table(title="What hostile callers cost everybody else")
    heads = ("attack", "longest wait, ms", "event loop, ms", "memory, MiB more", "CPU", "answers")
    for head in (*heads, "holds"):
        table.add_column(head, justify="left" if head in {"attack", "answers"} else "right")
    for outcome in outcomes:
        answers = ", ".join(f"{status}: {n}" for status, n in sorted(outcome.answers.items()))
        failed = "".join(f" [{n} {kind}]" for kind, n in outcome.failed.items())
        table.add_row(
            outcome.name,
            f"{outcome.wait_ms:.0f}",
            f"{outcome.lag_ms:.0f}",
            f"{outcome.memory_mib:.0f}",
            f"{outcome.cpu_share:.2f}",
            answers.replace("[", "\\["),
            ("yes" if outcome.holds() else "NO") + failed.replace("[", "\\["),
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a pattern (Python's) for the attacks' names")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each attack")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    chosen = [each for each in attacks() if re.search(options.only, each.name)]
    outcomes: list[Outcome] = []
    with postgres(Settings(), {"fsync": "off"}) as url:
        asyncio.run(fill(url))
        for attack in track([None, *chosen], "attacking", console=console):
            with quiet_service(url) as running:
                asyncio.run(warm_up(running.port))
                outcomes.append(measure(attack, running, options.seconds))
            console.print(line_of(outcomes[-1]), highlight=False)
    console.print(table_of(outcomes))
    worst_wait = max(each.wait_ms for each in outcomes)
    worst_memory = max(each.memory_mib for each in outcomes)
    console.print(
        f"longest wait {worst_wait:.0f} ms (bar {WAIT_MS_MAX:.0f}), most memory "
        f"{worst_memory:.0f} MiB (bar {MEMORY_MIB_MAX:.0f}); "
        f"{sum(not each.holds() for each in outcomes)} of {len(outcomes)} do not hold"
    )
    if options.json:
        print(json.dumps({"bars": {"wait_ms": WAIT_MS_MAX, "memory_mib": MEMORY_MIB_MAX},
                          "attacks": [each.as_dict() for each in outcomes]}))  # fmt: skip


if __name__ == "__main__":
    main()
