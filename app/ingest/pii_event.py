"""Personal data in the fields of an event: replaced with a warning, or the event is refused."""

import hmac
from typing import Any, NamedTuple

from app.ingest.pii import scanner
from app.ingest.pii_finders import BatchBudget
from app.ingest.results import Rejected, Warn
from app.ingest.rows import as_text
from app.schemas.event import EventIn
from app.schemas.names import NAME_MAX_CHARS
from app.schemas.strict_json import Fault, dump_json
from app.settings import Settings

_KINDS = {
    "email": "an email address",
    "phone": "a phone number",
    "card": "a payment card number",
    "iban": "a bank account number",
    "ip": "an IP address",
    "token": "a token or key",
    "key": "the key name indicates it",
}
_IDENTIFIERS = frozenset({"entity_id", "session_id"})
PSEUDONYM_HEX_DIGITS = 16
_PSEUDONYM_USE = b"identifier of an event\0"


def without_pii(
    value: dict[str, Any],
    field: str,
    settings: Settings,
    warnings: list[Warn],
    budget: BatchBudget,
) -> bytes:
    """The value as JSON text, without personal data; what was taken out is warned of.

    Args:
        budget: what all events of a request share.

    Raises:
        Rejected: there is some, and the setting is to refuse it.
    """
    text = dump_json(value)
    pii = scanner(settings.pii_keys)
    if not pii.is_suspect(value, text.decode(), budget):
        return text
    redacted, findings = pii.redact(value, field, budget)
    for finding in findings.named:
        _warn(finding.kind, finding.path, settings, warnings)
    if findings.more:
        message = f"contained personal data in {findings.more} more places"
        warnings.append(Warn("pii_redacted", field, message))
    return dump_json(redacted)


class Names(NamedTuple):
    """The fields of an event that name what it was about."""

    event_type: str
    event_category: str | None
    event_action: str | None
    entity_type: str | None
    entity_id: str | None
    session_id: str | None
    device_type: str | None


def names_without_pii(given: EventIn, settings: Settings, warnings: list[Warn]) -> Names:
    """An event's types and ids without personal data.

    In a type it is replaced by a mark. An id is replaced as a whole, as it is looked up as a whole:
    with a secret the mark has a pseudonym in it, the same for the same id, so that what belongs
    together stays together.

    Raises:
        Rejected: there is some, and the setting is to refuse it.
    """
    names = Names(
        given["event_type"],
        given.get("event_category"),
        given.get("event_action"),
        given.get("entity_type"),
        as_text(given.get("entity_id")),
        as_text(given.get("session_id")),
        given.get("device_type"),
    )
    if settings.pii_mode == "off":
        return names
    pii = scanner(settings.pii_keys)
    replaced: dict[str, str] = {}
    for field, value in names._asdict().items():
        if value is None:
            continue
        if field in _IDENTIFIERS:
            kinds = pii.kinds_in_id(value)
            shown = _pseudonym(value, kinds[0], settings) if kinds else value
        else:
            shown, kinds = pii.clean_name(value)
            if len(shown) > NAME_MAX_CHARS:
                shown = f"[redacted:{kinds[0]}]"
        for kind in kinds:
            _warn(kind, field, settings, warnings)
        if kinds:
            replaced[field] = shown
    return names._replace(**replaced)


def _pseudonym(identifier: str, kind: str, settings: Settings) -> str:
    """Return a pseudonym; without the operator's secret only a mark, because anyone could compute
    the hash of a guessed address."""
    if settings.erasure_secret is None:
        return f"[redacted:{kind}]"
    secret = settings.erasure_secret.get_secret_value().encode()
    digest = hmac.digest(secret, _PSEUDONYM_USE + identifier.encode(), "sha256")
    return f"[redacted:{kind}:{digest.hex()[:PSEUDONYM_HEX_DIGITS]}]"


def _warn(kind: str, field: str, settings: Settings, warnings: list[Warn]) -> None:
    if settings.pii_mode == "reject":
        raise Rejected(Fault("pii", field, f"contains personal data: {_KINDS[kind]}"))
    message = f"contained personal data, which was replaced: {_KINDS[kind]}"
    warnings.append(Warn("pii_redacted", field, message))
