"""What `test_schemathesis.py` leaves out of its requests, and adds to what may answer them."""

from typing import Any
from urllib.parse import urlencode

import schemathesis

# uvicorn refuses a request line of more than 64 KiB before there is a service to answer it.
QUERY_MAX_BYTES = 60_000
# It has no end.
STREAM = "/api/events/stream"


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Make second media types (CSV) part of the responses, where generators must not see them."""
    del raw_schema["paths"][STREAM]
    for item in raw_schema["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                for media_type in response.get("x-other-media-types", {}):
                    response["content"][media_type] = {"schema": {"type": "string"}}


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    return len(urlencode(case.query or {}, doseq=True, errors="replace")) <= QUERY_MAX_BYTES
