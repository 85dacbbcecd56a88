"""Lines of NDJSON that say what was promised to users: their opt-outs, and that they were erased.

They are in a file of their own, or beside events, and `activity-events import` reads both.
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
    """That somebody was erased, by a hash of their email that only the same secret can make.

    `secret_check` tells whether another database has that secret.
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
    """The secret of those hashes: with it, anybody can try whether an address was erased."""

    value: bytes

    def as_json(self) -> dict[str, Any]:
        return {"kind": "erasure_secret", "value": self.value.hex()}


PrivacyLine = UserLine | ErasureLine | SecretLine
PRIVACY_KINDS = frozenset({"user", "erasure", "erasure_secret"})
