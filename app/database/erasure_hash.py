"""The hash that is stored of an erased person, and the fingerprint of its secret."""

import hmac

OWN_SECRET = "erasure"  # noqa: S105 (a name): made by the service where the settings have none
FINGERPRINT = "erasure_fingerprint"
# What the fingerprint is a keyed hash of: no email.
FINGERPRINT_OF = b"activity-events: the secret of its erasures"


def fingerprint(secret: bytes) -> bytes:
    """Return a fingerprint that identifies a secret without revealing it."""
    return hmac.digest(secret, FINGERPRINT_OF, "sha256")


def email_hash(secret: bytes, email: str) -> bytes:
    """Return the hash that is stored of an erased person; it reveals nothing without the secret."""
    return hmac.digest(secret, email.encode(), "sha256")
