"""How the connections of one socket are shared out. Each acceptor stands for a process."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from app.server.accept_balancer import ABSENT, Acceptor, Shares

GIVE_UP_SECONDS = 20


@pytest.mark.parametrize(
    ("counts", "lead"),
    [
        ([0, 0], 0),
        ([1, 0], 0),
        ([2, 0], 2),
        ([0, 2], 0),
        ([5, 9, 3], 2),
        ([4, 9, 3], 0),
        ([12, 10], 0),
        ([13, 10], 3),
        ([110, 100], 0),
        ([114, 100], 14),
        ([7, ABSENT, ABSENT], 0),
        ([7, ABSENT, 1], 6),
    ],
)
def test_who_is_ahead(counts: list[int], lead: int) -> None:
    """Of the first: by more than one, and by more than an eighth."""
    shares = Shares(len(counts))
    for place, count in enumerate(counts):
        shares.tell(place, count)
    assert shares.lead(0) == lead


class Protocol(asyncio.Protocol):
    """Counts itself, and answers with its place."""

    def __init__(self, place: int, connections: set["Protocol"]) -> None:
        self._place, self._connections = place, connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connections.add(self)
        transport.write(b"%d" % self._place)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield listener


def acceptor(listener: socket.socket, shares: Shares, place: int) -> Acceptor:
    connections: set[Protocol] = set()
    return Acceptor(
        listener,
        lambda: Protocol(place, connections),
        lambda: len(connections),
        shares,
        place,
    )


async def places(listener: socket.socket, count: int) -> list[int]:
    """Who takes so many connections, one after the other; all of them stay open until then."""
    found, writers = [], []
    async with asyncio.timeout(GIVE_UP_SECONDS):
        for _ in range(count):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writers.append(writer)
            found.append(int(await reader.read(1)))
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    return found


async def test_connections_are_shared_out(listener: socket.socket) -> None:
    shares = Shares(3)
    with listener.dup() as other:
        first, second = acceptor(listener, shares, 0), acceptor(other, shares, 1)
        found = await places(listener, 40)
        await asyncio.gather(first.close(), second.close())
    assert sorted(set(found)) == [0, 1]
    assert abs(found.count(0) - found.count(1)) <= 6


async def test_one_that_takes_none_holds_up_nobody(listener: socket.socket) -> None:
    """It is there, says that it has none, and hangs."""
    shares = Shares(2)
    shares.tell(1, 0)
    only = acceptor(listener, shares, 0)
    assert await places(listener, 40) == [0] * 40
    await only.close()


async def test_who_has_left_is_not_waited_for(listener: socket.socket) -> None:
    shares = Shares(2)
    with listener.dup() as other:
        first, second = acceptor(listener, shares, 0), acceptor(other, shares, 1)
        await second.close()
        shares.tell(0, 1000)
        assert shares.lead(0) == 0
        assert await places(listener, 10) == [0] * 10
        await first.close()
