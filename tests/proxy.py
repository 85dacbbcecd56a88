"""A TCP proxy before PostgreSQL that does what networks do: lead elsewhere, cut, fall silent."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.database.url.parse import parse_database_url

CHUNK_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends RST


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy: "Proxy", client: asyncio.StreamWriter) -> None:
        self._proxy, self.client = proxy, client
        self.server: asyncio.StreamWriter | None = None
        self._forwards = asyncio.Event()
        self._forwards.set()

    def stall(self) -> None:
        """Takes what comes, and passes nothing on, not even an end."""
        self._forwards.clear()

    def cut(self) -> None:
        """Both ends are told, by RST."""
        for writer in (self.client, self.server):
            if writer is not None and not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, RESET
                )
                writer.transport.abort()

    async def run(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            answers, self.server = await self._proxy.connect()
            await asyncio.gather(
                self._pump(reader, self.server, lambda data: self._proxy.on_request(self, data)),
                self._pump(answers, self.client, lambda data: self._proxy.on_answer(self, data)),
            )
        for writer in (self.client, self.server):
            if writer is not None:
                writer.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passes: Callable[[bytes], bool],
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._forwards.wait()
            if passes(data):
                writer.write(data)
        await self._forwards.wait()
        if writer.can_write_eof():
            writer.write_eof()


class Proxy:
    """`on_request` and `on_answer` see what is passed on, and say whether it is."""

    def __init__(self, url: str) -> None:
        self.url = ""
        self.links: list[Link] = []
        self.on_request: Callable[[Link, bytes], bool] = lambda _, __: True
        self.on_answer: Callable[[Link, bytes], bool] = lambda _, __: True
        self.lead_to(url)

    def lead_to(self, url: str) -> None:
        """New connections lead there; those that are open stay where they are."""
        self._target = parse_database_url(url)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = self._target.hosts[0]
        port = self._target.ports[0] if self._target.ports else 5432
        if host.startswith("/"):
            return await asyncio.open_unix_connection(Path(host) / f".s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self, writer)
        self.links.append(link)
        await link.run(reader)

    def stall(self) -> None:
        """The connections that there are fall silent; new ones work."""
        for link in self.links:
            link.stall()

    def cut(self) -> None:
        for link in self.links:
            link.cut()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy on loopback; its `url` is that of the same database through it."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    target = parse_database_url(url)
    password = f":{target.password}" if target.password else ""
    proxy.url = (
        f"postgresql://{target.user or 'postgres'}{password}@127.0.0.1:{port}/{target.database}"
        "?sslmode=disable"
    )
    try:
        yield proxy
    finally:
        server.close()
        for link in proxy.links:
            link.cut()
