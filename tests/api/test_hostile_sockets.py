"""Requests that are broken below the body: lengths, chunks, and clients that stall or vanish."""

import json
import select
import socket
from uuid import uuid4

import httpx
import pytest

from tests.conftest import LiveServer

pytestmark = pytest.mark.usefixtures("still_serving")

BODY_TIMEOUT_SECONDS = 2  # as `live` is told
# Below the seconds for which an idle connection is kept: one that is still open by then was not
# closed for its stalling.
PATIENCE_SECONDS = BODY_TIMEOUT_SECONDS + 2
CLOSED = b"<closed>"


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@example.com"


def good(email: str) -> bytes:
    return json.dumps({"user_email": email, "event_type": "project_created"}).encode()


def request(*headers: str, path: str = "/log") -> bytes:
    lines = [f"POST /api/events{path} HTTP/1.1", "Host: localhost"]
    return "\r\n".join([*lines, "Content-Type: application/json", *headers, "", ""]).encode()


def connect(live: LiveServer) -> socket.socket:
    return socket.create_connection((live.host, live.port), timeout=PATIENCE_SECONDS)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received + CLOSED


def exchange(live: LiveServer, sent: bytes, *, then_end: bool = False) -> bytes:
    with connect(live) as connection:
        connection.sendall(sent)
        if then_end:
            connection.shutdown(socket.SHUT_WR)
        return answer(connection)


def events_of(client: httpx.Client, email: str) -> int:
    return len(client.get("/", params={"user_email": email}).json()["events"])


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 10"],  # too short: the rest is no request
        ["Content-Length: -1"],
        ["Content-Length: ten"],
        ["Content-Length: +10"],
        ["Content-Length: 0x10"],
        ["Content-Length: 1e2"],
        ["Content-Length: " + "9" * 30],
        ["Content-Length: 10", "Content-Length: 11"],
        ["Content-Length: 10", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked"],  # but no chunks
        ["Transfer-Encoding: gzip"],
        [],
    ],
)
def test_lengths_that_are_wrong(
    live: LiveServer, live_client: httpx.Client, email: str, headers: list[str]
) -> None:
    received = exchange(live, request(*headers, "Connection: close") + good(email))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.endswith(CLOSED)
    assert events_of(live_client, email) == 0


def test_chunks(live: LiveServer, live_client: httpx.Client, email: str) -> None:
    body = good(email)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = request("Transfer-Encoding: chunked", "Connection: close")
    assert exchange(live, head + chunks).startswith(b"HTTP/1.1 201 ")
    assert events_of(live_client, email) == 1


@pytest.mark.fault("S2")
def test_chunks_come_in_any_pieces(live: LiveServer, live_client: httpx.Client, email: str) -> None:
    """Far more of them than are parsed at once, and another request behind them."""
    events = [{"event_type": "a_b", "metadata": {"text": "x" * 900}} for _ in range(200)]
    body = json.dumps({"user_email": email, "events": events}).encode()
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    head = request("Transfer-Encoding: chunked", path="/log/batch")
    last = request("Transfer-Encoding: chunked", "Connection: close")
    received = exchange(live, head + chunks + last + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b'"accepted":200' in received
    assert received.count(b"HTTP/1.1 422 ") == 1


@pytest.mark.fault("S2")
def test_chunks_of_a_byte_are_few(live: LiveServer) -> None:
    """Each costs the parser a call: no client sends hundreds of thousands."""
    head = request("Transfer-Encoding: chunked", path="/log/batch")
    received = exchange(live, head + b"1\r\n \r\n" * 20_000)
    assert received.startswith(b"HTTP/1.1 431 ")


def test_chunks_past_the_limit(live_client: httpx.Client) -> None:
    """No length is announced; reading stops at the limit all the same."""
    headers = {"Content-Type": "application/json"}
    response = live_client.post("/log", content=(b" " * 65536 for _ in range(32)), headers=headers)
    assert response.status_code == 413
    assert response.json()["error"]["details"]["limit"] == "body_max_bytes"


def test_clients_that_stall(live: LiveServer, live_client: httpx.Client, email: str) -> None:
    """A whole event, but less than was announced: no event, and the connection is closed."""
    body = good(email)
    stalled = [
        request(f"Content-Length: {len(body) + 1}") + body,
        request("Content-Length: 5000", path="/log/batch"),
        request("Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body),
        request("Content-Length: 500", "Content-Encoding: gzip") + b"\x1f\x8b",
    ]
    connections = [connect(live) for _ in stalled]
    for connection, sent in zip(connections, stalled, strict=True):
        connection.sendall(sent)
    # While they stall, others are served.
    assert live_client.get("/").status_code == 200
    for connection in connections:
        with connection:
            received = answer(connection)
        assert received.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nconnection: close\r\n" in received.lower()
        assert b'"code":"body_timeout"' in received
        assert received.endswith(CLOSED)
    assert events_of(live_client, email) == 0


def test_a_body_that_trickles(live: LiveServer, live_client: httpx.Client, email: str) -> None:
    """A byte now and then does not keep the connection open; meanwhile others are served."""
    sent = 0
    with connect(live) as connection:
        connection.sendall(request("Content-Length: 10000"))
        while not select.select([connection], [], [], 0.1)[0]:
            assert sent < 10 * PATIENCE_SECONDS
            connection.sendall(b" ")
            sent += 1
            assert live_client.get("/", params={"user_email": email}).status_code == 200
        received = answer(connection)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert received.endswith(CLOSED)
    assert sent > 5


def test_clients_that_vanish(live: LiveServer, live_client: httpx.Client, email: str) -> None:
    body = good(email)
    for headers, part in (
        ([f"Content-Length: {len(body) + 1}"], body),
        ([f"Content-Length: {len(body)}"], body[:-1]),
        (["Transfer-Encoding: chunked"], b"%x\r\n%s\r\n" % (len(body), body)),
        (["Transfer-Encoding: chunked"], b"%x\r\n%s" % (len(body), body)),
        (["Content-Length: 100", "Content-Encoding: gzip"], b"\x1f\x8b"),
    ):
        assert exchange(live, request(*headers) + part, then_end=True) == CLOSED
    assert events_of(live_client, email) == 0


@pytest.mark.parametrize(
    "query",
    [
        "days=-1",
        "days=1000000000",
        "days=%00",
        "start=0000-01-01",
        "start=9999-12-31T23:59:59-23:59",
        "tz=%FF%FE",
        "user_email=%00",
        "user_email=%ED%A0%80",
        "%00=1",
        "%FF=1",
        "limit=0",
        "limit=abc",
        "order=%00",
        "&&&=&=",
        "a" * 20_000,
    ],
)
def test_queries_that_are_hostile(live_client: httpx.Client, query: str) -> None:
    for path in ("/", "/analytics", "/session/s"):
        response = live_client.get(f"{path}?{query}")
        assert response.status_code == 422
        assert response.json()["error"]["message"]
    assert live_client.delete(f"/cleanup?{query}").status_code == 422


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /api/events/log HTTP/1.1\r\nHost: loc",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nG",
    ],
    ids=["nothing", "half a header", "half a second header"],
)
def test_a_header_that_never_ends(live: LiveServer, sent: bytes) -> None:
    with connect(live) as connection:
        connection.sendall(sent)
        received = answer(connection)
    assert received.endswith(CLOSED)
    assert (b"200 OK" in received) == sent.startswith(b"GET")


def test_a_header_that_trickles(live: LiveServer) -> None:
    with connect(live) as connection:
        closed = False
        for byte in request("Content-Length: 2"):
            connection.sendall(bytes([byte]))
            closed = bool(select.select([connection], [], [], 0.2)[0])
            if closed:
                break
        assert closed
        assert answer(connection) == CLOSED
