"""A body is read no further than its limits."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterable, AsyncIterator

import pytest

from app.errors import BodyTimeout, IncompleteBody, TooLarge, UnreadableBody, UnsupportedMediaType
from app.ingest import body as bodies
from app.ingest.body import BodyLimits, check_media_type
from app.ingest.body_budget import BodyBudget
from app.settings import Settings

SMALL = Settings(body_max_bytes=2048, body_max_inflated_bytes=4096, event_max_bytes=1024)


async def read_body(
    chunks: AsyncIterable[bytes],
    encoding: str | None,
    settings: Settings,
    content_type: str | None = None,
) -> bytes:
    """As a caller who is known sends it; whatever becomes of it, its share is given back."""
    given = {"content-encoding": encoding, "content-type": content_type}
    headers = {name: value for name, value in given.items() if value is not None}
    budget = BodyBudget(settings.bodies_max_bytes)
    try:
        with budget.share("key:a") as share:
            return await bodies.read_body(chunks, headers, BodyLimits.of(settings), share)
    finally:
        assert budget.free_bytes == settings.bodies_max_bytes


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


ZIPPED = gzip.compress(b"{}", mtime=0)


@pytest.mark.fault("A4")
@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("end", [1, 2, 5, 10, len(ZIPPED) - 8, len(ZIPPED) - 1])
async def test_gzip_that_ends_too_early_is_to_be_sent_again(end: int, size: int) -> None:
    for raw in (ZIPPED[:end], ZIPPED + ZIPPED[: max(end, 2)]):
        with pytest.raises(IncompleteBody) as caught:
            await read_body(pieces(raw, size), "gzip", SMALL)
        assert (caught.value.status, caught.value.code) == (408, "incomplete_body")
        assert caught.value.message == "The gzip data is incomplete. Retry the request."


@pytest.mark.fault("A4")
@pytest.mark.parametrize(
    "raw",
    [
        ZIPPED[:-8] + b"\x00" * 8,  # the checksum
        ZIPPED[:10] + b"\xff" * 8,
        b"\x1f\x8b\x07" + ZIPPED[3:],
        zlib.compress(b"{}"),
        b"\0" * 100,
        b"nonsense",
    ],
)
async def test_broken_gzip(raw: bytes) -> None:
    with pytest.raises(UnreadableBody) as caught:
        await read_body(Chunks(raw), "gzip", SMALL)
    assert caught.value.code == "invalid_gzip"


@pytest.mark.fault("A4")
@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    "encoding", ["gzip", "x-gzip", "X-GZIP", "gzip, gzip", "identity, gzip", "br", "utf-8", "*", ""]
)
async def test_json_is_json_whatever_its_label_says(encoding: str, size: int) -> None:
    for raw in (b'{"a":1}', b" \r\n[1]", b'\xef\xbb\xbf{"a":1}'):
        assert await read_body(pieces(raw, size), encoding, SMALL) == raw


@pytest.mark.fault("A4")
@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    "encoding", [None, "", "identity", "x-gzip", "gzip,gzip", "gzip, identity"]
)
async def test_gzip_is_gzip_whatever_its_label_says(encoding: str | None, size: int) -> None:
    assert await read_body(pieces(ZIPPED, size), encoding, SMALL) == b"{}"
    assert await read_body(pieces(gzip.compress(ZIPPED), size), encoding, SMALL) == b"{}"


@pytest.mark.fault("A4")
@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("garbage", [b"\0", b"\0" * 512, b"more", b"\x1f", b"\r\n", b"\0\0x"])
async def test_what_follows_whole_gzip_is_padding(garbage: bytes, size: int) -> None:
    assert await read_body(pieces(ZIPPED + garbage, size), "gzip", SMALL) == b"{}"
    padded = gzip.compress(b"[1,") + b"\0" * 9 + gzip.compress(b"2]")
    assert await read_body(pieces(padded, size), "gzip", SMALL) == b"[1,2]"


async def test_gzip_within_gzip_has_the_same_limit() -> None:
    bomb = gzip.compress(gzip.compress(b" " * 1_000_000))
    with pytest.raises(TooLarge) as caught:
        await read_body(Chunks(bomb), "gzip", SMALL)
    assert caught.value.details == {"limit": "body_max_inflated_bytes", "value": 4096}


async def test_an_empty_body_is_empty_in_gzip_too() -> None:
    assert await read_body(Chunks(), "gzip", SMALL) == b""
    assert await read_body(Chunks(gzip.compress(b"")), "gzip", SMALL) == b""


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "none"])
async def test_other_encodings(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        await read_body(Chunks(b"\x8b\x01\x80{}\x03"), encoding, SMALL)
    assert caught.value.details == {"content_encoding": encoding}


async def test_a_client_that_stops_sending() -> None:
    with pytest.raises(BodyTimeout) as caught:
        await read_body(stuck(), None, Settings(body_timeout_seconds=0.01))
    assert caught.value.message == "The body did not arrive within 0.01 seconds."


@pytest.mark.fault("A5")
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        ";charset=utf-8",
        "application/json",
        "application/json, application/json",
        "Application/JSON; charset=UTF-8",
        'text/plain;charset="utf-8"',
        "text/plain; format=flowed; charset=us-ascii",
        "application/json;charset=utf8;",
        "application/cloudevents+json",
        "application/vnd.api+json; version=1",
        "application/reports+json",
        "text/json",
        "text/plain; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json; charset=nonsense",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ],
)
async def test_media_types(content_type: str | None) -> None:
    check_media_type(content_type)
    assert await read_body(Chunks(b'{"a":1}'), None, SMALL, content_type) == b'{"a":1}'


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/xml",
        "application/x-ndjson",
        "text/html",
        "image/png",
    ],
)
def test_other_media_types(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        check_media_type(content_type)
    assert caught.value.details == {"content_type": content_type}


@pytest.mark.fault("A5")
async def test_a_form_is_json_or_it_is_a_form() -> None:
    content_type = "application/x-www-form-urlencoded"
    assert await read_body(Chunks(b" \n{}"), None, SMALL, content_type) == b" \n{}"
    for raw in (b"event_type=x", b"%7B%7D", b"x"):
        with pytest.raises(UnsupportedMediaType) as caught:
            await read_body(Chunks(raw), None, SMALL, content_type)
        assert caught.value.details == {"content_type": content_type}


@pytest.mark.fault("A5")
@pytest.mark.parametrize(
    ("content_type", "raw", "text"),
    [
        ("text/plain;charset=iso-8859-1", b'{"a":"\xe9\x80"}', '{"a":"é€"}'),
        ('text/plain; Charset="Latin1"', b'{"a":"\xe9\x81"}', '{"a":"é\x81"}'),
        ("application/json; charset=windows-1252", b'{"a":"\x93"}', '{"a":"“"}'),
        ("application/json; charset=iso-8859-1", '{"a":"é"}'.encode(), '{"a":"é"}'),
        ("application/json; charset=utf-16", '{"a":"é"}'.encode("utf-16-le"), '{"a":"é"}'),
        ("application/json; charset=utf-16be", '{"a":"é"}'.encode("utf-16-be"), '{"a":"é"}'),
    ],
)
async def test_a_charset_counts_where_the_bytes_are_not_utf_8(
    content_type: str, raw: bytes, text: str
) -> None:
    assert (await read_body(Chunks(raw), None, SMALL, content_type)).decode() == text
    zipped = gzip.compress(raw)
    assert (await read_body(Chunks(zipped), "gzip", SMALL, content_type)).decode() == text
