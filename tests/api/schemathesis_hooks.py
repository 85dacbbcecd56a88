"""What `test_schemathesis.py` leaves out of its requests."""

from typing import Any
from urllib.parse import urlencode

import schemathesis

# uvicorn refuses a request line of more than 64 KiB before there is a service to answer it.
QUERY_MAX_BYTES = 60_000


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    return len(urlencode(case.query or {}, doseq=True, errors="replace")) <= QUERY_MAX_BYTES
