"""What is tracked while a process ends, in a fork, or where no thread can be started, is sent."""

import asyncio
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.client.conftest import Service
from tests.client.test_faults import free_port
from tests.conftest import ROOT

pytestmark = pytest.mark.fault("G3")

SOURCE = ROOT / "clients" / "python" / "src"
TIMEOUT_SECONDS = 60
# The client's versions of Python. Those that are not installed here are left to other machines.
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
HEAD = """
import atexit, os, sys, threading, time
def report(events, reason): print(len(events), reason, file=sys.stderr)
def track(client, count=1):
    for _ in range(count):
        event_id = client.track("page_viewed", user_email=sys.argv[1])
        os.write(1, f"{event_id}\\n".encode())  # at once: other processes write, too
"""
MADE = "client = activity_events.ActivityClient(on_drop=report)\n"
MADE_ASYNC = "client = activity_events.AsyncActivityClient(on_drop=report)\n"
SCRIPTS = {
    "the first event in an exit handler": f"""
import activity_events
{MADE}
atexit.register(lambda: track(client, 3))
""",
    "an exit handler after the client's own": f"""
atexit.register(lambda: track(client, 3))
import activity_events
{MADE}
""",
    "events before and after the client's own exit handler": f"""
atexit.register(lambda: track(client, 3))
import activity_events
{MADE}
track(client, 3)
""",
    "a thread that outlives the main one": f"""
import activity_events
{MADE}
def work():
    time.sleep(0.5)
    track(client, 3)
threading.Thread(target=work).start()
""",
    "a flush in an exit handler": f"""
import activity_events
{MADE}
def leave():
    track(client, 3)
    assert client.flush(5) is True
    client.close()
atexit.register(leave)
""",
    "an event loop in an exit handler": f"""
import activity_events, asyncio
{MADE_ASYNC}
async def leave():
    track(client, 3)
    assert await client.flush(5) is True
    await client.close()
atexit.register(lambda: asyncio.run(leave()))
""",
    "an event loop that ends without a close": f"""
import activity_events, asyncio
{MADE_ASYNC}
async def main():
    track(client, 3)
asyncio.run(main())
""",
    "no thread can be started": f"""
import activity_events
{MADE}
threading.stack_size(1 << 46)
try:
    threading.Thread(target=print).start()
except RuntimeError:
    track(client, 250)
    assert client.counts.delivered >= 200
""",
    "a child of multiprocessing that is forked": f"""
import activity_events, multiprocessing
{MADE}
track(client)
process = multiprocessing.get_context("fork").Process(target=track, args=(client, 3))
process.start()
process.join()
""",
    "children of a pool": f"""
import activity_events, multiprocessing
{MADE}
def work(_): track(client)
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(work, range(3))
    pool.close()
    pool.join()
""",
    "a child of os.fork that exits": f"""
import activity_events, os
{MADE}
track(client)
child = os.fork()
track(client)
if child:
    assert os.waitpid(child, 0)[1] == 0
""",
}


def interpreters() -> list[Path]:
    """This one, and one of each other version that is installed with httpx."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": Path(sys.executable)}
    for name in filter(None, os.environ.get("CLIENT_PYTHONS", "").split(os.pathsep)):
        version = subprocess.check_output([name, "--version"], text=True).split()[1]
        found.setdefault(".".join(version.split(".")[:2]), Path(name))
    return [found[version] for version in VERSIONS if version in found]


def run(script: str, url: str, python: Path | str = sys.executable) -> tuple[str, list[str], str]:
    """The user, what is printed, and the errors of a script that must succeed."""
    email = f"{uuid.uuid4().hex}@example.com"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "ACTIVITY_URL": url}
    # Python warns of forks beside threads; and a fork leaves its parent's connections alone.
    strict = ["-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore::ResourceWarning"]
    done = subprocess.run(
        [python, *strict, "-c", HEAD + script, email],
        env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return email, done.stdout.split(), done.stderr


@pytest.mark.fault("newcomer-50")
@pytest.mark.parametrize("python", interpreters(), ids=str)
@pytest.mark.parametrize("name", SCRIPTS)
def test_each_event_is_stored(service: Service, python: Path, name: str) -> None:
    email, printed, errors = run(SCRIPTS[name], service.url, python)
    assert errors == ""
    assert len(printed) >= 3
    assert asyncio.run(service.stored(email)) == sorted(printed)


@pytest.mark.parametrize(
    "name",
    ["the first event in an exit handler", "events before and after the client's own exit handler"],
)
def test_an_exit_in_vain_ends_and_says_so(name: str) -> None:
    began_at = time.monotonic()
    script = SCRIPTS[name].replace("track(client, 3)", "track(client, 300)")
    _, printed, errors = run(script, f"http://127.0.0.1:{free_port()}")
    assert time.monotonic() - began_at < 25
    dropped = re.findall(r"^(\d+) (?:close_timed_out|closed|no_answer)$", errors, re.MULTILINE)
    assert sum(map(int, dropped)) == len(printed)
    assert "Traceback" not in errors


@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_what_is_tracked_too_late_is_dropped_in_a_line(service: Service, python: Path) -> None:
    """By an object that lives until the interpreter takes its modules apart."""
    script = f"""
import activity_events
{MADE}
class Late:
    def __del__(self, client=client, email=sys.argv[1]):
        print(client.track("page_viewed", user_email=email), client.counts.dropped)
late = Late()
"""
    _, printed, errors = run(script, service.url, python)
    assert printed == ["None", "1"]
    assert errors.splitlines() == ["1 activity events dropped: closed", "1 closed"]


def test_a_client_that_is_closed_says_so(service: Service) -> None:
    script = """
import activity_events, asyncio
client = activity_events.ActivityClient(on_drop=report)
client.close()
client.close()
assert client.track("page_viewed", user_email="ada@example.com") is None
assert client.flush(1) is True
async def main():
    other = activity_events.AsyncActivityClient()
    await other.close()
    await other.close()
    try:
        await other.log("page_viewed", user_email="ada@example.com")
    except activity_events.ActivityError as error:
        print(error.code, len(error.events))
try:
    client.log("page_viewed", user_email="ada@example.com")
except activity_events.ActivityError as error:
    print(error.code, len(error.events))
asyncio.run(main())
"""
    _, printed, errors = run(script, service.url)
    assert printed == ["closed", "1", "closed", "1"]
    assert errors.splitlines()[-1] == "1 closed"
