"""What is kept of an erased person's secret: names, and how one secret is told from another."""

import hmac

OWN_SECRET = "erasure"  # noqa: S105 (a name): made by the service where the settings have none
FINGERPRINT = "erasure_fingerprint"
# What the fingerprint is a keyed hash of: no email.
FINGERPRINT_OF = b"activity-events: the secret of its erasures"


def fingerprint(secret: bytes) -> bytes:
    """What tells a secret from another without giving it away."""
    return hmac.digest(secret, FINGERPRINT_OF, "sha256")
