"""No state of a connection is without a timer, and no connection takes what others need.

The server is uvicorn on a socket, as `serve` runs it, with times of about a second.
"""

import asyncio
import contextlib
import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import uvicorn

from app.auth.addresses import address_of
from app.main import create_app
from app.server.connection_limits import ConnectionLimits
from app.server.http_protocol import connections
from app.settings import Settings
from tests.conftest import LiveServer, fresh_database, running_service

ADMIN_KEY = "an-admin-key-of-the-connections-tests"
KEY = {"Authorization": f"Bearer {ADMIN_KEY}"}
AUTHORIZED = f"Authorization: Bearer {ADMIN_KEY}"
SECONDS = 0.8
EACH = 10
# The longest of all: a body under way, and then what is dropped; with time for a slow machine.
PATIENCE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Quick:
    """A server in a thread of this process."""

    port: int
    server: uvicorn.Server


@pytest.fixture(scope="module")
def quick(server_url: str) -> Iterator[Quick]:
    with fresh_database(server_url) as url, served(url) as server:
        yield server


@contextlib.contextmanager
def served(url: str) -> Iterator[Quick]:
    settings = Settings(
        database_url=url, admin_keys=ADMIN_KEY, body_timeout_seconds=SECONDS, log_requests="none"
    )
    limits = ConnectionLimits(
        header_seconds=SECONDS, linger_seconds=SECONDS, unread_seconds=SECONDS
    )
    config = uvicorn.Config(
        create_app(settings, url),
        http=connections(limits),
        ws="none",
        log_config=None,
        log_level="critical",
        proxy_headers=False,
        timeout_keep_alive=1,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
        )
        thread.start()
        until = time.monotonic() + PATIENCE_SECONDS
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.02)
        yield Quick(listener.getsockname()[1], server)
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


LIVE = request("GET /health/live")
POST = "POST /api/events/log"
CHUNKED = "Transfer-Encoding: chunked"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")

# What is sent, and how the answer begins; None where there is none.
STATES: dict[str, tuple[bytes, int | None]] = {
    "nothing": (b"", None),
    "line breaks and nothing": (b"\r\n\r\n", None),
    "half a request line": (b"GET /health/li", None),
    "half a header": (LIVE[:-2], None),
    "idle after an answer": (LIVE, 200),
    "a line break after an answer": (LIVE + b"\r\n", 200),
    "half a second header": (LIVE + b"G", 200),
    "half a third header": (LIVE + LIVE + b"GET / HT", 200),
    "HTTP/1.0": (b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200),
    "a body under way": (request(POST, AUTHORIZED, "Content-Length: 9", body=b"{"), 408),
    "no byte of a body": (request(POST, AUTHORIZED, "Content-Length: 9"), 408),
    "an announced body": (
        request(POST, AUTHORIZED, "Content-Length: 9", "Expect: 100-continue"),
        100,
    ),
    "a beacon under way": (
        request(POST, "Content-Type: text/plain", "Content-Length: 9", body=b"{"),
        408,
    ),
    "an unfinished chunk": (request(POST, AUTHORIZED, CHUNKED, body=b"9\r\n{"), 408),
    "half a chunk's length": (request(POST, AUTHORIZED, CHUNKED, body=b"9"), 408),
    "half a chunk's extension": (request(POST, AUTHORIZED, CHUNKED, body=b"9;a="), 408),
    "no last chunk": (request(POST, AUTHORIZED, CHUNKED, body=b"1\r\n{\r\n"), 408),
    "half a trailer": (request(POST, AUTHORIZED, CHUNKED, body=b"0\r\nA: b"), 408),
    "a body for nobody": (request("POST /nope", "Content-Length: 9", body=b"{"), 404),
    "a stranger's body": (
        request(POST, "Content-Type: application/json", "Content-Length: 9", body=b"{"),
        401,
    ),
    "a stranger's chunk": (
        request(POST, "Content-Type: application/json", CHUNKED, body=b"9\r\n{"),
        401,
    ),
    "a body too large": (request(POST, AUTHORIZED, "Content-Length: 9999999"), 413),
    "a body of a GET": (request("GET /health/live", "Content-Length: 9", body=b"{"), 200),
    "a body of a DELETE": (
        request("DELETE /api/events/cleanup", AUTHORIZED, "Content-Length: 9", body=b"{"),
        200,
    ),
    "a body of another method": (
        request("PUT /api/events/log", AUTHORIZED, CHUNKED, body=b"9\r\n{"),
        405,
    ),
    "the body of an assistant": (request("POST /mcp", AUTHORIZED, "Content-Length: 9"), 408),
    "another protocol": (request("GET /health/live", *UPGRADE, body=b"\x81\x05hello"), 200),
    "another protocol after a body": (
        request("POST /nope", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 9"),
        404,
    ),
    "a tunnel": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "a header too large": (request("GET /", "A: " + "a" * 70_000), 431),
    "too many headers": (request("GET /", *["A: a"] * 101), 431),
}


def connect(port: int, rcvbuf: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(PATIENCE_SECONDS)
    if rcvbuf is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    connection.connect(("127.0.0.1", port))
    return connection


def whole_answer(client: socket.socket) -> bytes:
    """One answer, with the body that its header announces."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


def is_served(port: int) -> bool:
    """Whether a known caller's event is taken, over a connection of its own."""
    event = {"user_email": "ada@example.com", "event_type": "a", "event_id": str(uuid4())}
    url = f"http://127.0.0.1:{port}/api/events/log"
    return httpx.post(url, json=event, headers=KEY, timeout=30).status_code == 201


@pytest.mark.fault("S4")
def test_no_state_of_a_connection_is_without_a_timer(quick: Quick) -> None:
    with contextlib.ExitStack() as stack:
        state_of: dict[socket.socket, str] = {}
        for name, (sent, _) in STATES.items():
            for _ in range(EACH):
                connection = stack.enter_context(connect(quick.port))
                connection.sendall(sent)
                state_of[connection] = name
        assert len(state_of) > 300
        assert is_served(quick.port)
        received = until_closed(state_of)
    statuses = {(state_of[each], status_of(answer)) for each, answer in received.items()}
    assert statuses == {(name, status) for name, (_, status) in STATES.items()}
    wait_until_closed(quick)
    assert is_served(quick.port)


def status_of(answer: bytes) -> int | None:
    return int(answer.split()[1]) if answer else None


def until_closed(state_of: dict[socket.socket, str]) -> dict[socket.socket, bytes]:
    """What each receives until the server closes it."""
    selector = selectors.DefaultSelector()
    received = dict.fromkeys(state_of, b"")
    for each in state_of:
        selector.register(each, selectors.EVENT_READ)
    until = time.monotonic() + PATIENCE_SECONDS
    open_ = set(received)
    while open_ and time.monotonic() < until:
        for key, _ in selector.select(0.1):
            connection: Any = key.fileobj
            try:
                chunk = connection.recv(65536)
            except ConnectionResetError:
                chunk = b""
            received[connection] += chunk
            if not chunk:
                selector.unregister(connection)
                open_.discard(connection)
    selector.close()
    assert {state_of[each] for each in open_} == set()
    return received


def wait_until_closed(quick: Quick) -> None:
    """The server has no connection any more, though its clients may keep theirs."""
    until = time.monotonic() + PATIENCE_SECONDS
    while quick.server.server_state.connections:
        assert time.monotonic() < until, len(quick.server.server_state.connections)
        time.sleep(0.05)


FILE = request("GET /docs/static/swagger-ui-bundle.js", "Accept-Encoding: identity")


@pytest.mark.fault("S4")
@pytest.mark.parametrize(
    "sent",
    [
        FILE * 12,
        FILE.replace(b"Host", b"Connection: close\r\nHost"),
        LIVE * 12,
        request("POST /nope", "Content-Length: 9", body=b"{"),
        request(POST, AUTHORIZED, "Content-Length: 9", body=b"{"),
        request("GET /", "A: " + "a" * 70_000),
    ],
    ids=["many", "large", "small", "early", "late", "refused"],
)
def test_an_answer_that_nobody_reads_is_given_up(quick: Quick, sent: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(connect(quick.port, rcvbuf=4096))
            client.sendall(sent)
        time.sleep(0.2)
        wait_until_closed(quick)
        assert is_served(quick.port)


@pytest.mark.fault("S4")
def test_a_slow_reader_who_gets_on_has_the_whole_answer(quick: Quick) -> None:
    with connect(quick.port, rcvbuf=4096) as client:
        client.sendall(FILE.replace(b"Host", b"Connection: close\r\nHost"))
        received = 0
        began = time.monotonic()
        while chunk := client.recv(64 * 1024):
            received += len(chunk)
            if time.monotonic() - began < 2.5 * SECONDS:
                time.sleep(0.02)
    assert received > 1_000_000


@pytest.mark.fault("S4")
def test_an_early_answer_arrives_though_the_body_is_still_being_sent(quick: Quick) -> None:
    body = b" " * 400_000
    head = request(POST, "Content-Type: application/json", f"Content-Length: {len(body)}")
    with connect(quick.port) as client:
        client.sendall(head)
        time.sleep(0.2)  # the answer is there before the body
        client.sendall(body)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"}}")


def test_a_request_goes_on_over_the_same_connection(quick: Quick) -> None:
    """What closes a connection is not the body, nor that it comes in two parts."""
    body = json.dumps({"user_email": "ada@example.com", "event_type": "a"}).encode()
    head = request(
        POST, AUTHORIZED, "Content-Type: application/json", f"Content-Length: {len(body)}"
    )
    with connect(quick.port) as client:
        for pause in (0.0, 0.1, 0.0):
            client.sendall(head)
            time.sleep(pause)
            client.sendall(body)
            assert whole_answer(client).startswith(b"HTTP/1.1 201 ")
        client.sendall(LIVE * 5)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 5:
            answers += client.recv(65536)


ENDLESS = {
    "header": (b"GET / HTTP/1.1\r\nA: ", b"a"),
    "headers": (b"GET / HTTP/1.1\r\n", b"A: %b\r\n" % (b"a" * 1000)),
    "names": (b"GET / HTTP/1.1\r\n", b"a"),
    "empty headers": (b"GET / HTTP/1.1\r\n", b"a:\r\n"),
    "address": (b"GET /", b"a"),
    "query": (b"GET /?", b"a=1&"),
    "line breaks": (b"", b"\r\n"),
    "trailer": (request(POST, AUTHORIZED, CHUNKED, body=b"1\r\n{\r\n0\r\nA: "), b"a"),
    "trailers": (request(POST, AUTHORIZED, CHUNKED, body=b"0\r\n"), b"A: a\r\n"),
    "extension": (request(POST, AUTHORIZED, CHUNKED, body=b"1;"), b"a"),
    "extensions": (request(POST, AUTHORIZED, CHUNKED), b"1;%b\r\n{\r\n" % (b"a" * 5000)),
    "zeros": (request(POST, AUTHORIZED, CHUNKED), b"0"),
}


@pytest.mark.fault("S2")
@pytest.mark.parametrize("endless", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_takes_no_memory(quick: Quick, endless: tuple[bytes, bytes]) -> None:
    start, unit = endless
    block = unit * (1024 * 1024 // len(unit))
    process = psutil.Process()
    before = process.memory_info().rss
    sent = 0
    began = time.monotonic()
    with connect(quick.port) as client:
        client.sendall(start)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < 64 * len(block):
                client.sendall(block)
                sent += len(block)
        assert sent < 64 * len(block)
        # Long before a timer: for what was sent.
        assert time.monotonic() - began < 5
    wait_until_closed(quick)
    assert process.memory_info().rss - before < 16 * 1024 * 1024
    assert is_served(quick.port)


@pytest.mark.fault("S2")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("GET /health/live", "A: " + "a" * 60_000), 200),
        (request("GET /health/live", *["A: a"] * 99), 200),
        (request("GET /health/live", *["A: a"] * 100), 431),  # the host is one, too
        (request("GET /health/live?" + "a" * 60_000), 200),
        (request("GET /health/live?" + "a" * 66_000), 431),
        (request("GET /health/live", "A: " + "a" * 66_000), 431),
    ],
)
def test_the_limits_of_a_header(quick: Quick, sent: bytes, status: int) -> None:
    with connect(quick.port) as client:
        client.sendall(sent)
        answer = whole_answer(client)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        if status == 431:
            assert b'"code":"headers_too_large"' in answer
            assert b'"header_max_bytes":65536' in answer
            assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.fault("S23")
def test_a_trailer_is_no_header(quick: Quick) -> None:
    body = json.dumps({"user_email": "ada@example.com", "event_type": "a"}).encode()
    chunks = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(body), body, AUTHORIZED.encode())
    with connect(quick.port) as client:
        client.sendall(request(POST, "Content-Type: application/json", CHUNKED, body=chunks))
        assert whole_answer(client).startswith(b"HTTP/1.1 401 ")


@pytest.mark.fault("S4")
def test_more_requests_at_once_than_are_queued(quick: Quick) -> None:
    """Those that were taken in are answered; then the connection ends."""
    with connect(quick.port) as client:
        client.sendall(LIVE * 20_000)
        answers = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(65536):
                answers += chunk
    assert 16 <= answers.count(b"HTTP/1.1 200 ") < 20_000
    assert b"\r\nconnection: close\r\n" in answers


@pytest.fixture(scope="module")
def narrow(server_url: str) -> Iterator[LiveServer]:
    """A service that may have 256 files open."""
    with (
        fresh_database(server_url) as url,
        running_service(
            inside=["prlimit", "--nofile=256:256"],
            DATABASE_URL=url,
            ACTIVITY_ADMIN_KEYS=ADMIN_KEY,
        ) as server,
    ):
        yield server


@pytest.mark.fault("S4")
def test_300_connections_of_each_kind_at_256_files(narrow: LiveServer) -> None:
    """A caller who is known is served, over a connection it has and over a new one."""
    with httpx.Client(base_url=narrow.url, headers=KEY, timeout=30) as known:
        assert known.get("/api/events/", params={"limit": 1}).status_code == 200
        for name in ("nothing", "half a header", "a body for nobody", "a beacon under way"):
            with contextlib.ExitStack() as stack:
                for _ in range(300):
                    stranger = stack.enter_context(connect(narrow.port))
                    with contextlib.suppress(ConnectionError):
                        stranger.sendall(STATES[name][0])
                assert is_served(narrow.port), name
                assert known.get("/api/events/", params={"limit": 1}).status_code == 200, name
    assert psutil.Process(narrow.process.pid).num_fds() < 256


@pytest.mark.fault("S4")
def test_an_address_of_a_network() -> None:
    assert address_of(("192.0.2.7", 1)) == "192.0.2.7"
    assert address_of(("::ffff:192.0.2.7", 1)) == "192.0.2.7"
    assert address_of(("2001:db8:1:2:3:4:5:6", 1)) == address_of(("2001:db8:1:2::9", 2))
    assert address_of(("2001:db8:1:3::9", 1)) != address_of(("2001:db8:1:2::9", 2))
    assert address_of(None) == ""
