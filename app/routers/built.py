"""Files that `make frontend` builds, as they were last built."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from app.errors import NotFound

STATIC = Path(__file__).parent.parent / "static"


def built_file(
    request: Request, file: Path, media_type: str, headers: Mapping[str, str]
) -> Response:
    """The file, or 304 where the caller has it.

    Raises:
        NotFound: it is not built; the message says how.
    """
    content, etag = _content(file, file.stat().st_mtime_ns if file.is_file() else None)
    headers = {**headers, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def not_built(name: str) -> NotFound:
    return NotFound(f"{name} is not built: install Node.js 20 or later, and `make frontend`.")


@lru_cache(maxsize=8)
def _content(file: Path, changed_at_ns: int | None) -> tuple[bytes, str]:
    """The file's bytes, and their ETag."""
    if changed_at_ns is None:
        raise not_built(file.name)
    content = file.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'
