"""What hostile callers send: each attack is a name and one connection's script, told over and over.

The scripts speak raw sockets, as no honest client can send most of it. Bodies are made beforehand,
so that an attack costs its own process little.
"""

import asyncio
import gzip
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

KIB, MIB = 1024, 1024 * 1024
READ_BYTES = 64 * KIB
ANSWER_SECONDS = 10.0
VICTIM = "victim@example.com"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the service listens; the attackers have a public key, and one user's token."""

    port: int
    write_key: str
    token: str


@dataclass(slots=True)
class Attacker:
    """One connection after another, until the time is over; counts the answers by status."""

    target: Target
    until: float
    number: int
    answers: Counter[str] = field(default_factory=Counter)

    def is_on(self) -> bool:
        return time.monotonic() < self.until

    async def exchange(self, *parts: bytes, answers: int = 1) -> None:
        """Sends, and reads until so many answers have begun or the connection ends."""
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.target.port)
            try:
                for part in parts:
                    if not self.is_on():
                        break
                    writer.write(part)
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await writer.drain()
                await self._count(reader, answers)
            finally:
                writer.transport.abort()

    async def _count(self, reader: asyncio.StreamReader, answers: int) -> None:
        async with asyncio.timeout(max(0.01, min(ANSWER_SECONDS, self.until - time.monotonic()))):
            while answers:
                chunk = await reader.read(READ_BYTES)
                if not chunk:
                    self.answers["closed"] += 1
                    return
                for line in chunk.split(b"HTTP/1.1 ")[1:]:
                    self.answers[line[:3].decode("latin-1")] += 1
                    answers -= 1

    async def hold(self, *parts: bytes, reads: bool = True) -> None:
        """Sends, and does not close until the service does or the time is over."""
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.target.port, limit=1)
            try:
                for part in parts:
                    writer.write(part)
                async with asyncio.timeout(max(0.01, self.until - time.monotonic())):
                    if not reads:  # what comes fills the sockets' buffers, and then the service's
                        await asyncio.Event().wait()
                    while await reader.read(READ_BYTES):
                        pass
                self.answers["closed"] += 1
            finally:
                writer.transport.abort()


Script = Callable[[Attacker], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Attack:
    """A script, and over how many connections it runs at once."""

    name: str
    script: Script
    connections: int = 60


def request(
    method: str, path: str, *headers: str, body: bytes | None = None, length: int | None = None
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body is not None or length is not None:
        lines.append(f"Content-Length: {len(body or b'') if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


JSON, GZIP = "Content-Type: application/json", "Content-Encoding: gzip"


def sends(make: Callable[[Target], bytes]) -> Script:
    """The same request on a new connection each time."""

    async def script(attacker: Attacker) -> None:
        content = make(attacker.target)
        while attacker.is_on():
            await attacker.exchange(content)

    return script


def posts(body: bytes, *headers: str, path: str = "/api/events/log/batch") -> Script:
    """A body, with the public write key."""
    return sends(
        lambda target: request(
            "POST", path, JSON, f"X-API-Key: {target.write_key}", *headers, body=body
        )
    )


def asks(path: str) -> Script:
    """A question, with one user's token."""
    return sends(lambda target: request("GET", path, f"Authorization: Bearer {target.token}"))


def holds(*parts: bytes, reads: bool = True) -> Script:
    """Connections that are left open."""

    async def script(attacker: Attacker) -> None:
        while attacker.is_on():
            await attacker.hold(*parts, reads=reads)

    return script


def batch(events: list[Any], **envelope: Any) -> bytes:
    return json.dumps({"user_email": VICTIM, **envelope, "events": events}).encode()


def texts(piece: str, size: int = 60_000, events: int = 15) -> bytes:
    """Nearly a megabyte of events, each with one long text of that shape."""
    as_json = len(json.dumps(piece, ensure_ascii=False).encode()) - 2
    text = piece * (size // as_json) + "@"
    event = {"event_type": "t", "metadata": {"text": text}}
    envelope = {"user_email": VICTIM, "events": [event] * events}
    return json.dumps(envelope, ensure_ascii=False).encode()


# Near-misses of every kind of personal data that is looked for.
SHAPES = {
    "tokens": "eyJ",
    "tokens with dots": "eyJhbGciOi.eyJ",
    "addresses": "a.",
    "addresses that end late": "a@a-",
    "IPv4": "999.9.9.9 ",
    "IPv6": "fe80::1:",
    "cards": "4111 1111-",
    "phones": "+44 (0) ",
    "URLs": "http://a?token=",
    "percent signs": "%25",
    "secrets": "password=",
    "keys": "sk_live_",
    "PEM": "-----BEGIN ",
    "fullwidth": "\uff41\uff20",
    "format characters": "a\u200b@",
    "quotes": '\\"',
    "spaces": " ",
}


def _many_types() -> Script:
    numbers = itertools.count()

    async def script(attacker: Attacker) -> None:
        while attacker.is_on():
            # As many distinct types as events, each as long as may be.
            events = [
                {"event_type": f"t{attacker.number}x{next(numbers)}".ljust(128, "y")}
                for _ in range(1000)
            ]
            body = gzip.compress(batch(events), 1)
            key = f"X-API-Key: {attacker.target.write_key}"
            content = request("POST", "/api/events/log/batch", JSON, GZIP, key, body=body)
            await attacker.exchange(content)

    return script


async def _endless_header(attacker: Attacker) -> None:
    line = b"X-Long: " + b"a" * MIB
    while attacker.is_on():
        await attacker.exchange(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", *([line] * 150))


async def _headers_of_a_megabyte(attacker: Attacker) -> None:
    lines = [b"X-%d: " % number + b"a" * MIB + b"\r\n" for number in range(150)]
    while attacker.is_on():
        await attacker.exchange(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", *lines)


async def _small_headers(attacker: Attacker) -> None:
    lines = b"".join(b"a%d: b\r\n" % number for number in range(20_000))
    while attacker.is_on():
        await attacker.exchange(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", *([lines] * 20))


async def _trailers(attacker: Attacker) -> None:
    head = request("POST", "/api/events/log", JSON, "Transfer-Encoding: chunked")
    lines = b"".join(b"a%d: b\r\n" % number for number in range(20_000))
    while attacker.is_on():
        await attacker.exchange(head, b"1\r\n{\r\n0\r\n", *([lines] * 50))


async def _chunk_extension(attacker: Attacker) -> None:
    head = request("POST", "/api/events/log", JSON, "Transfer-Encoding: chunked")
    while attacker.is_on():
        await attacker.exchange(head, b"1;", *([b"a" * MIB] * 50))


async def _one_byte_chunks(attacker: Attacker) -> None:
    key = f"X-API-Key: {attacker.target.write_key}"
    head = request("POST", "/api/events/log/batch", JSON, key, "Transfer-Encoding: chunked")
    while attacker.is_on():
        await attacker.exchange(head, *([b"1\r\n \r\n" * 10_000] * 30))


async def _pipelined(attacker: Attacker) -> None:
    many = request("GET", "/health/live") * 2_000
    while attacker.is_on():
        await attacker.exchange(many, answers=2_000)


async def _forged_tokens(attacker: Attacker) -> None:
    for number in itertools.count():
        if not attacker.is_on():
            return
        token = ("eyJhbGciOiJIUzI1NiIsImtpZCI6Ing" + f"{number:06d}" * 8_000)[:48_000]
        head = f"Authorization: Bearer {token}.{token[:8000]}.x"
        await attacker.exchange(request("GET", "/api/events/", head))


async def _streams(attacker: Attacker) -> None:
    values = quote(json.dumps({"a": [1] * 1_500}))
    paths = itertools.cycle(("/api/events/stream", f"/api/events/stream?metadata={values}"))
    token = f"Authorization: Bearer {attacker.target.token}"
    key = f"X-API-Key: {attacker.target.write_key}"
    event = batch([{"event_type": "s", "metadata": {"a": [2] * 12_000 + [1]}}])
    while attacker.is_on():
        if attacker.number % 4:
            await attacker.hold(request("GET", next(paths), token))
        else:
            await attacker.exchange(request("POST", "/api/events/log/batch", JSON, key, body=event))


async def _resumed_streams(attacker: Attacker) -> None:
    last = "Last-Event-ID: 2026-01-01T00:00:00Z"
    token = f"Authorization: Bearer {attacker.target.token}"
    while attacker.is_on():
        await attacker.exchange(request("GET", "/api/events/stream", token, last))


async def _unread_exports(attacker: Attacker) -> None:
    token = f"Authorization: Bearer {attacker.target.token}"
    while attacker.is_on():
        await attacker.hold(request("GET", "/api/privacy/export", token), reads=False)


def attacks() -> Iterator[Attack]:
    """All of them, by what they aim at."""
    yield from _scanner()
    yield from _bodies()
    yield from _headers()
    yield from _queries()
    yield from _connections()
    yield from _shared_slots()


def _scanner() -> Iterator[Attack]:
    for name, piece in SHAPES.items():
        yield Attack(f"scanner: {name}", posts(texts(piece)))
    addresses = "a@a.io " * 2_300
    event = {"event_type": "t", "metadata": {addresses: addresses}}
    yield Attack("scanner: a key of 16 kB", posts(batch([event] * 20)))


def _bodies() -> Iterator[Attack]:
    plain = "Content-Type: text/plain"
    spaces = gzip.compress(b" " * (5 * MIB))
    whole = request("POST", "/api/events/log", plain, GZIP, body=spaces)
    unfinished = request("POST", "/api/events/log", plain, GZIP, length=len(spaces) + 1) + spaces
    yield Attack("body: spaces, gzip, no key", sends(lambda _: whole))
    yield Attack("body: spaces, gzip, unfinished", holds(unfinished))
    start = b'{"user_email":"a@b","event_type":"t",'
    keys = b",".join(b'"%d":1' % number for number in range(480_000))
    events = b'{"user_email":"a@b","events":['
    for name, raw in {
        "[[],[],...": b"[" + b"[]," * 1_700_000 + b"[]]",
        "a number, many times": start + b'"x":[' + b"1," * 2_500_000 + b"1]}",
        "480,000 unknown keys": start + keys + b"}",
        "two thousand levels": events + b"{}," * 99 + b'{"a":' * 2_000 + b"]}",
        "empty events": events + b"{}," * 1_700_000 + b"{}]}",
        "escapes": start + b'"metadata":{"a":"' + b"\\ud83d" * 850_000 + b'"}}',
        "bytes that are no UTF-8": start + b'"entity_id":"' + b"\xff" * 5_000_000 + b'"}',
    }.items():
        yield Attack(f"body: {name}, gzip", posts(gzip.compress(raw), GZIP))
    numbers = json.dumps({"user_email": VICTIM, "event_type": "t", "x": [1] * 340_000})
    yield Attack("body: a megabyte of one event", posts(numbers.encode(), path="/api/events/log"))
    small = [{"event_type": "t"}] * 1_000
    yield Attack("body: a thousand events", posts(batch(small)))
    default = {"a": "b" * 30_000}
    yield Attack("body: a large default", posts(batch(small, context_snapshot=default)))
    yield Attack("body: one-byte chunks", _one_byte_chunks)


def _headers() -> Iterator[Attack]:
    yield Attack("header: 150 of a megabyte", _headers_of_a_megabyte)
    yield Attack("header: one that never ends", _endless_header)
    yield Attack("header: 400,000 small ones", _small_headers)
    yield Attack("header: trailers", _trailers)
    yield Attack("header: a chunk's extension", _chunk_extension)
    yield Attack("header: forged tokens of 64 kB", _forged_tokens)


def _queries() -> Iterator[Attack]:
    yield Attack("query: 15,000 parameters", asks("/api/events/?" + "a=b&" * 15_000))
    yield Attack("query: 3,000 types", asks("/api/events/?" + "event_type=a&" * 3_000))
    deep = quote('{"a":' * 2_000 + "1" + "}" * 2_000, safe="")
    yield Attack("query: a deep metadata filter", asks(f"/api/events/?metadata={deep}"))


def _connections() -> Iterator[Attack]:
    for name, sent in {
        "nothing is sent": b"",
        "half a header": b"GET / HTTP/1.1\r\nHost: loc",
        "a body that stops": request("POST", "/nope", length=1_000) + b"x",
        "a line after an answer": request("GET", "/health/live") + b"\r\n",
    }.items():
        yield Attack(f"connection: {name}", holds(sent), 300)
    documents = request("GET", "/openapi.json") * 200
    yield Attack("connection: unread answers", holds(documents, reads=False), 60)
    yield Attack("connection: pipelined requests", _pipelined)


def _shared_slots() -> Iterator[Attack]:
    yield Attack("streams: hundred-fold filters", _streams)
    yield Attack("streams: resumed", _resumed_streams)
    yield Attack("exports: unread", _unread_exports)
    yield Attack(
        "reads: lists of nothing", asks("/api/events/?days=365&metadata=%7B%22x%22%3A1%7D")
    )
    funnel = "/api/events/analytics/funnel?step=a&step=b&days=365"
    yield Attack("reads: a funnel of a year", asks(funnel))
    yield Attack("reads: contexts", asks("/api/insights/context?days=90"))
    ready = request("GET", "/health/ready")
    yield Attack("reads: readiness by strangers", sends(lambda _: ready))
    document = request("GET", "/openapi.json", "Accept-Encoding: gzip")
    yield Attack("reads: documents by strangers", sends(lambda _: document))
    yield Attack("kinds: as many types as events", _many_types())
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%b}'
    levels = call % (b"[" * 500_000 + b"]" * 500_000)
    accept = "Accept: application/json, text/event-stream"
    yield Attack(
        "MCP: a large body",
        sends(
            lambda target: request(
                "POST", "/mcp", JSON, f"Authorization: Bearer {target.token}", accept, body=levels
            )
        ),
    )
