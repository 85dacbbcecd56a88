"""Lines of NDJSON that carry users' opt-outs and erasures.

They are in a file of their own or between events; `activity-events import` reads both.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

OPT_OUTS = ("analytics_opt_out", "ai_context_opt_out", "learning_opt_out")


@dataclass(frozen=True, slots=True)
class UserLine:
    """A user's profile. `opt_outs` are in the order of `OPT_OUTS`."""

    email: str
    created_at: datetime
    opt_outs: tuple[bool, ...]

    def as_json(self) -> dict[str, Any]:
        flags = dict(zip(OPT_OUTS, self.opt_outs, strict=True))
        return {
            "kind": "user",
            "user_email": self.email,
            "created_at": self.created_at,
            **flags,
        }


@dataclass(frozen=True, slots=True)
class ErasureLine:
    """An erased user, identified by a keyed hash of the email address.

    `secret_check` shows whether another database has the same key.
    """

    id: UUID
    email_hash: bytes
    erased_at: datetime
    opt_outs: tuple[bool, ...]
    secret_check: str

    def as_json(self) -> dict[str, Any]:
        flags = dict(zip(OPT_OUTS, self.opt_outs, strict=True))
        return {
            "kind": "erasure",
            "erasure_id": str(self.id),
            "email_hash": self.email_hash.hex(),
            "erased_at": self.erased_at,
            **flags,
            "secret_check": self.secret_check,
        }


@dataclass(frozen=True, slots=True)
class SecretLine:
    """The key of those hashes. Anyone who has it can test whether an address was erased."""

    value: bytes

    def as_json(self) -> dict[str, Any]:
        return {"kind": "erasure_secret", "value": self.value.hex()}


PrivacyLine = UserLine | ErasureLine | SecretLine
PRIVACY_KINDS = frozenset({"user", "erasure", "erasure_secret"})
