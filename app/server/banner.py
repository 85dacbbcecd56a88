"""The banner that `serve` prints once it is ready: text, or one JSON line if the log is JSON."""

from datetime import UTC, datetime

import orjson

from app import __version__
from app.formats.printable import printable
from app.observability.logs import LOGGER
from app.routers.pages import is_built
from app.settings import Settings


def greeting(settings: Settings, address: str, access: str, warning: str | None) -> str:
    """Return the banner, with the addresses of the pages and the API.

    Args:
        access: How callers authenticate, in one line.
        warning: What to fix, in one line.
    """
    places = _places(settings, address)
    if settings.log_format == "json":
        line = {
            "time": datetime.now(UTC),
            "level": "info" if warning is None else "warning",
            "logger": LOGGER,
            "event": "ready",
            "version": __version__,
            "workers": settings.workers,
            **{name.lower().replace(" ", "_"): place for name, place in places.items()},
            "access": access,
            **({"warning": warning} if warning else {}),
        }
        return orjson.dumps(line, option=orjson.OPT_UTC_Z).decode()
    more = {"Workers": f"{settings.workers} processes"} if settings.workers > 1 else {}
    if warning:
        more["Warning"] = warning
    data = places.pop("Data")
    lines = {**places, **more, "Access": access, "Data": data}
    return "\n".join(
        [
            f"Activity events {__version__} is ready. Press Ctrl-C to stop.",
            *(f"  {name:<10} {printable(place)}" for name, place in lines.items()),
        ]
    )


def _places(settings: Settings, address: str) -> dict[str, str]:
    places = {}
    if is_built() and "dashboard" in settings.pages:
        places["Dashboard"] = f"{address}/dashboard"
    if is_built() and "demo" in settings.pages:
        places["Demo"] = f"{address}/demo"
    places["API"] = f"{address}/api/events/"
    if "docs" in settings.pages:
        places["API docs"] = f"{address}/docs"
    places["Data"] = (
        "the database at DATABASE_URL"
        if settings.database_url
        else f"{settings.data_dir.resolve()} (embedded PostgreSQL)"
    )
    return places
