"""Static files, built by `make frontend` or from packages: read once and compressed once."""

import gzip
import hashlib
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.errors import NotFound

STATIC = Path(__file__).parent.parent / "static"
FILES_KEPT = 128
COMPRESSED_FROM_BYTES = 1024
COMPRESSED_TYPES = ("text/", "application/json", "image/svg")
OK = 200
# As they stand in the built pages.
ASSETS = b'="/assets/'
NO_BASE_PATH = b'name="base-path" content=""'

_compressing = threading.Lock()


def base_path_of(request: Request) -> str:
    """Return `ACTIVITY_BASE_PATH`, for pages that do without the service's state."""
    base_path: str = request.app.state.base_path
    return base_path


def built_file(
    request: Request, file: Path, media_type: str, headers: Mapping[str, str], base_path: str = ""
) -> Response:
    """Return the file, or 304 if the caller has the current version.

    Args:
        base_path: The path below which the service is published (`ACTIVITY_BASE_PATH`), for pages:
            they load their files from there.

    Raises:
        NotFound: the file is not built; the message says how to build it.
    """
    changed_at_ns = file.stat().st_mtime_ns if file.is_file() else None
    content, etag = _content(file, changed_at_ns, base_path)
    headers = {**headers, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return fixed_content(request.headers, content, media_type, headers)


def fixed_content(
    request_headers: Headers, content: bytes, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return public content, compressed if the client accepts it."""
    is_compressed = (
        len(content) >= COMPRESSED_FROM_BYTES
        and media_type.startswith(COMPRESSED_TYPES)
        and "gzip" in request_headers.get("accept-encoding", "")
    )
    if is_compressed:
        content = _compressed(content)
        headers = {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(content, media_type=media_type, headers=dict(headers))


class CompressedFiles(StaticFiles):
    """Serves the files of a folder or package, compressed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        headers = Headers(scope=scope)
        if (
            not isinstance(response, FileResponse)
            or response.status_code != OK
            or "range" in headers
            or response.stat_result is None
        ):
            return response
        content, _ = _content(Path(response.path), response.stat_result.st_mtime_ns, "")
        kept = {
            name: value
            for name, value in response.headers.items()
            if name not in {"content-length", "content-type", "accept-ranges"}
        }
        media_type = response.media_type or "application/octet-stream"
        return fixed_content(headers, content, media_type, kept)


def not_built(name: str) -> NotFound:
    return NotFound(f"{name} is not built. Install Node.js 20 or later and run `make frontend`.")


@lru_cache(maxsize=FILES_KEPT)
def _content(file: Path, changed_at_ns: int | None, base_path: str) -> tuple[bytes, str]:
    """Return a file's bytes and ETag."""
    if changed_at_ns is None:
        raise not_built(file.name)
    content = file.read_bytes()
    if base_path:
        content = content.replace(ASSETS, b'="%b/assets/' % base_path.encode())
        content = content.replace(NO_BASE_PATH, NO_BASE_PATH[:-1] + base_path.encode() + b'"')
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _compressed(content: bytes) -> bytes:
    with _compressing:
        return _gzip(content)


@lru_cache(maxsize=FILES_KEPT)
def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
