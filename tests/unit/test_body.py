"""A body is read no further than its limits."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest

from app.errors import BodyTimeout, TooLarge, UnreadableBody, UnsupportedMediaType
from app.ingest.body import check_media_type, read_body
from app.settings import Settings

SMALL = Settings(body_max_bytes=2048, body_max_inflated_bytes=4096, event_max_bytes=1024)


class Chunks:
    """A body that arrives piece by piece, and counts how many pieces were asked for."""

    def __init__(self, *chunks: bytes) -> None:
        self.left = list(chunks)
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.left:
            self.read += 1
            yield chunk


async def stuck() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


def pieces(raw: bytes, size: int) -> Chunks:
    return Chunks(*(raw[at : at + size] for at in range(0, len(raw), size)))


async def test_a_body_in_pieces_is_put_together() -> None:
    assert await read_body(Chunks(b'{"a"', b"", b": 1}"), None, SMALL) == b'{"a": 1}'
    assert await read_body(Chunks(), None, SMALL) == b""
    assert await read_body(Chunks(b"x"), " Identity ", SMALL) == b"x"


async def test_a_body_as_large_as_the_limit_is_read() -> None:
    assert await read_body(Chunks(b"x" * 1024, b"y" * 1024), None, SMALL) == (
        b"x" * 1024 + b"y" * 1024
    )


async def test_a_body_past_the_limit_is_read_no_further() -> None:
    chunks = Chunks(b"x" * 1024, b"x" * 1025, b"x", b"x")
    with pytest.raises(TooLarge) as caught:
        await read_body(chunks, None, SMALL)
    assert chunks.read == 2
    assert caught.value.details == {"limit": "body_max_bytes", "value": 2048}


async def test_the_limit_on_the_wire_holds_for_gzip_too() -> None:
    raw = gzip.compress(b"", 0) + b"\x00" * 4096
    with pytest.raises(TooLarge) as caught:
        await read_body(Chunks(raw), "gzip", SMALL)
    assert caught.value.details["limit"] == "body_max_bytes"


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_gzip_in_pieces_of_any_size(size: int) -> None:
    raw = gzip.compress(b'{"a": 1}' * 100)
    assert await read_body(pieces(raw, size), "gzip", SMALL) == b'{"a": 1}' * 100
    assert await read_body(pieces(raw, size), " GZIP ", SMALL) == b'{"a": 1}' * 100


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_several_gzip_members_are_one_body(size: int) -> None:
    raw = gzip.compress(b"[1,") + gzip.compress(b"") + gzip.compress(b"2]")
    assert await read_body(pieces(raw, size), "gzip", SMALL) == b"[1,2]"


async def test_inflated_as_large_as_the_limit() -> None:
    raw = gzip.compress(b"x" * 4096)
    assert await read_body(Chunks(raw), "gzip", SMALL) == b"x" * 4096


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(b"x" * 4097),
        gzip.compress(b"x" * 4096) + gzip.compress(b"y"),
        gzip.compress(b"x" * 1_000_000),
    ],
    ids=["a byte more", "in a second member", "a bomb"],
)
async def test_inflated_past_the_limit(raw: bytes) -> None:
    with pytest.raises(TooLarge) as caught:
        await read_body(Chunks(raw), "gzip", SMALL)
    assert caught.value.details == {"limit": "body_max_inflated_bytes", "value": 4096}


async def test_a_bomb_is_never_inflated_as_a_whole() -> None:
    """64 MiB of zeros in 64 KiB, at once: no more of it is made than the limit of 5 MiB."""
    zeros = zlib.compressobj(9, wbits=31)
    bomb = b"".join(zeros.compress(bytes(1024 * 1024)) for _ in range(64))
    assert len(bomb) < 70_000
    tracemalloc.start()
    with pytest.raises(TooLarge):
        await read_body(Chunks(bomb), "gzip", Settings())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        gzip.compress(b"{}", mtime=0)[:-1],
        gzip.compress(b"{}", mtime=0)[:5],
        gzip.compress(b"{}", mtime=0) + b"{}",
        gzip.compress(b"{}", mtime=0)[:-8] + b"\x00" * 8,  # the checksum
        zlib.compress(b"{}"),
    ],
)
async def test_broken_gzip(raw: bytes) -> None:
    with pytest.raises(UnreadableBody) as caught:
        await read_body(Chunks(raw), "gzip", SMALL)
    assert caught.value.code == "invalid_gzip"


async def test_an_empty_body_is_empty_in_gzip_too() -> None:
    assert await read_body(Chunks(), "gzip", SMALL) == b""
    assert await read_body(Chunks(gzip.compress(b"")), "gzip", SMALL) == b""


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x-gzip", "none"])
async def test_other_encodings(encoding: str) -> None:
    chunks = Chunks(b"{}")
    with pytest.raises(UnsupportedMediaType) as caught:
        await read_body(chunks, encoding, SMALL)
    assert caught.value.details == {"content_encoding": encoding}
    assert chunks.read == 0


async def test_a_client_that_stops_sending() -> None:
    with pytest.raises(BodyTimeout) as caught:
        await read_body(stuck(), None, Settings(body_timeout_seconds=0.01))
    assert caught.value.message == "The body did not arrive within 0.01 seconds."


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'text/plain;charset="utf-8"',
        "text/plain; format=flowed; charset=us-ascii",
        "application/json;charset=utf8;",
    ],
)
def test_media_types(content_type: str) -> None:
    check_media_type(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/html",
        "text/plain; charset=iso-8859-1",
        "application/json; charset=utf-16",
    ],
)
def test_other_media_types(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        check_media_type(content_type)
    assert caught.value.details == {"content_type": content_type}
