"""An email address as the name of a user: trimmed and lower-cased here, once, and nowhere else."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

EMAIL_MAX_CHARS = 254  # RFC 5321, 4.5.3.1.3
# Its shape only. Whether mail arrives is no concern here, and git histories, test accounts and
# intranets hold addresses that mail servers would refuse.
_SHAPE = re.compile(r"[^\s@\x00-\x1f\x7f\ud800-\udfff]+@[^\s@\x00-\x1f\x7f\ud800-\udfff]+")


def normalise_email(value: str) -> str:
    """` Ada@Example.COM ` -> `ada@example.com`.

    Raises:
        ValueError: it has not the shape of an address.
    """
    email = value.strip().lower()
    if len(email) > EMAIL_MAX_CHARS:
        raise ValueError(f"must have at most {EMAIL_MAX_CHARS} characters")
    if _SHAPE.fullmatch(email) is None:
        raise ValueError("must be an email address, like ada@example.com")
    return email


EmailAddress = Annotated[
    str,
    Field(
        min_length=1,
        json_schema_extra={
            "pattern": r"^\s*[^\s@]+@[^\s@]+\s*$",
            "minLength": 3,
            "maxLength": EMAIL_MAX_CHARS,
        },
    ),
    AfterValidator(normalise_email),
]
