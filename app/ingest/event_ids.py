"""The id of an event: a UUID in any spelling, or any other text, hashed to one."""

import hashlib
import re
from uuid import UUID

# Fixed for ever: another one would make every hashed event that is sent again a new one.
NAMESPACE = UUID("6f0c2f0e-7b1d-5d0a-9a55-0f5f6c1e9b31")
_UUID = re.compile(
    r"(?:urn:uuid:)?(\{)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})(?(1)\})",
    re.IGNORECASE,
)


def hashed_event_id(text: str) -> UUID:
    """The UUIDv5 of a foreign id: the same text is the same id, everywhere and always."""
    name = NAMESPACE.bytes + text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha1(name, usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)


def parse_event_id(text: str) -> UUID | None:
    """The UUID that `text` is, in any of the usual spellings; None where it is another text."""
    match = _UUID.fullmatch(text)
    return None if match is None else UUID(match.group(2))
