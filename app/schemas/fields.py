"""Fields that several models share, with their descriptions for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

_self_explanatory: set[str] = set()


def plain(description: str, **constraints: Any) -> Any:
    """Return a field whose name says enough to an assistant.

    The OpenAPI document has its description. The schemas of MCP tools, which an assistant pays for
    by the token, leave it out (`app.mcp.schemas`).
    """
    _self_explanatory.add(description)
    return Field(description=description, **constraints)


def is_self_explanatory(description: object) -> bool:
    """Tell whether a description belongs to a field made by `plain`."""
    return isinstance(description, str) and description in _self_explanatory


UserEmail = Annotated[str, plain("Email address of the user.")]
KnownUserEmail = Annotated[
    str | None, plain("Email address of the user; null if it is no longer known.")
]
WindowStart = Annotated[datetime, plain("Start of the time window, inclusive.")]
WindowEnd = Annotated[datetime, plain("End of the time window, exclusive.")]
Timezone = Annotated[str, plain("IANA time zone in which days and hours are computed.")]
EventsRead = Annotated[int, plain("Number of events that the response is computed from.")]
OlderTruncated = Annotated[
    bool, plain("True if the window holds more events than are read; the oldest are ignored.")
]
OptedOut = Annotated[
    bool, plain("True if the user opted out of this purpose; the response is then empty.")
]
NextCursor = Annotated[
    str | None, plain("Pass it as `cursor` to get the next page; null on the last page.")
]
EvidenceEventCount = Annotated[
    int, plain("Number of events behind the line, including those not listed in `event_ids`.")
]
