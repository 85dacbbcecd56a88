"""What is the same for everybody is compressed once, however often strangers ask for it."""

import gzip

import httpx
import pytest
from fastapi import FastAPI

from app.routers import static_files

PATHS = ("/openapi.json", "/docs/static/swagger-ui-bundle.js", "/docs/static/swagger-ui.css")


@pytest.mark.fault("S19")
@pytest.mark.parametrize("path", PATHS)
async def test_it_is_compressed_once(app: FastAPI, path: str) -> None:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        first = await client.get(path)
        before = static_files._gzip.cache_info()
        again = [await client.get(path) for _ in range(5)]
        head = await client.head(path)
    after = static_files._gzip.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 6)
    assert plain.status_code == first.status_code == head.status_code == 200
    assert "content-encoding" not in plain.headers
    assert first.headers["content-encoding"] == head.headers["content-encoding"] == "gzip"
    assert first.headers["content-length"] == head.headers["content-length"]
    assert int(first.headers["content-length"]) < len(plain.content) / 2
    for answer in (plain, first, head):
        assert answer.headers["content-type"] == plain.headers["content-type"]
        assert "accept-encoding" in answer.headers["vary"].lower()
    assert {answer.content for answer in (first, *again)} == {plain.content}


@pytest.mark.fault("S19")
async def test_a_part_of_a_file_and_a_file_that_is_known(app: FastAPI) -> None:
    path = PATHS[1]
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        whole = await client.get(path)
        part = await client.get(path, headers={"Range": "bytes=0-9"})
        known = await client.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[:10])
    assert (known.status_code, known.content) == (304, b"")
    assert len(gzip.compress(whole.content)) > 1000
