"""`GET /clients/`: the client packages that were built with this service, ready to be installed."""

import re
from functools import lru_cache
from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.errors import NotFound
from app.routers.access import GuardedRoute, public
from app.routers.docs import CSP, HTML, policy_of
from app.routers.static_files import STATIC, base_path_of, built_file, fixed_content

PACKAGES = STATIC / "clients"
# File names of packages: pip and npm read the name and the version from them.
WHEEL = re.compile(r"activity_events-(\d[\w.+!]*)-py3-none-any\.whl")
TARBALL = re.compile(r"activity-events-tracker-(\d[\w.+-]*)\.tgz")
# A version that is built anew in a checkout keeps its name.
HEADERS = {"Cache-Control": "public, no-cache", "Cross-Origin-Resource-Policy": "cross-origin"}
NAME_SHOWN_CHARS = 100
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Client packages</title>
<style>
  :root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
  body {{ max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }}
  pre {{ padding: 0.75rem; overflow-x: auto; background: #8882; }}
</style>
<h1>Client packages</h1>
{packages}
<p>How to use them: <a href="{base}docs/">documentation</a>.</p>
</html>
"""
PACKAGE = """<h2>{title} {version}</h2>
<pre>{command} {url}</pre>
<p><a href="{url}">{name}</a></p>"""
NONE = "<p>{message}</p>"
TO_BUILD = "`make run` and `make install` build them; the npm package needs Node.js 20.19 or later."

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.get("/clients/")
@public
async def clients_page(request: Request) -> Response:
    """List the packages with their versions and the commands that install them.

    Its links make the page usable with `pip install --find-links`, too.
    """
    base = f"{str(request.base_url).rstrip('/')}{base_path_of(request)}/"
    content = page(base, sorted(_packages())).encode()
    headers = {CSP: policy_of(content), "Cache-Control": "no-cache"}
    return fixed_content(request.headers, content, HTML, headers)


@router.get("/clients/{name}")
@public
async def client_package(request: Request, name: str) -> Response:
    """Return a package.

    Raises:
        NotFound: there is no such package, or it isn't built.
    """
    file = _packages().get(name)
    if file is None:
        raise NotFound(f"There is no client package {name[:NAME_SHOWN_CHARS]!r}. {_available()}")
    media_type = "application/zip" if WHEEL.fullmatch(name) else "application/gzip"
    return built_file(request, file, media_type, HEADERS)


def page(base: str, names: list[str]) -> str:
    """Return the page of these packages below a base URL."""
    packages = []
    for name in names:
        wheel, tarball = WHEEL.fullmatch(name), TARBALL.fullmatch(name)
        found = wheel or tarball
        assert found is not None  # noqa: S101 (others are not listed)
        packages.append(
            PACKAGE.format(
                title="Python client" if wheel else "Tracker for browsers (npm)",
                version=escape(found[1]),
                command="pip install" if wheel else "npm install",
                url=escape(f"{base}clients/{name}"),
                name=escape(name),
            )
        )
    if len(packages) < len((WHEEL, TARBALL)):
        packages.append(NONE.format(message=escape(f"Not every package is built. {TO_BUILD}")))
    return PAGE.format(packages="\n".join(packages), base=escape(base))


def _available() -> str:
    names = sorted(_packages())
    return f"Available: {', '.join(names)}." if names else f"None is built. {TO_BUILD}"


def _packages() -> dict[str, Path]:
    """Return the packages by their names: the name in a request never reaches the disk."""
    changed_at_ns = PACKAGES.stat().st_mtime_ns if PACKAGES.is_dir() else None
    return _packages_in(PACKAGES, changed_at_ns)


@lru_cache(maxsize=1)
def _packages_in(folder: Path, changed_at_ns: int | None) -> dict[str, Path]:
    if changed_at_ns is None:
        return {}
    return {
        file.name: file
        for file in folder.iterdir()
        if WHEEL.fullmatch(file.name) or TARBALL.fullmatch(file.name)
    }
