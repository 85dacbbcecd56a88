"""Personal data in metadata: found by its shape or by the name of its key, and taken out.

Nothing here knows who is meant: an address, a number with a valid checksum or a secret of a known
form is personal wherever it stands. Shapes that ordinary values share (ids, times, versions,
amounts) are told apart by checksum, context or library; what is doubtful stays.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.ingest.pii_shapes import (
    COLONS,
    DOTTED,
    LONG_WORD,
    SECRET,
    SHAPES,
    SUSPECT,
    TO_DIGITS,
    TO_WORDS,
    IsOne,
    snake,
)
from app.ingest.verdict import Rejected, Warn
from app.schemas.strict_json import Fault, dump_json
from app.settings import Settings

# A key's value is personal for its name alone. Compared in snake case, as a whole.
KEY_KIND = "key"
KEYS_KNOWN_MAX = 10_000
SHORTEST = len("a@b.cd")

PII_NAMED_MAX = 20
_KINDS = {
    "email": "an email address",
    "phone": "a phone number",
    "card": "a payment card number",
    "iban": "a bank account number",
    "ip": "an IP address",
    "token": "a token or key",
    "key": "the name of the key says so",
}
PATH_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data: of what kind, and under which path. Never the data itself."""

    kind: str
    path: str


class PiiScanner:
    """Finds and replaces personal data; `keys` are names whose values are personal."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = frozenset(snake(key) for key in keys)
        # As a key is spelt: whether it is one of them, and how it may be shown.
        self._known: dict[str, tuple[bool, str]] = {}

    def is_suspect(self, value: dict[str, Any], text: str) -> bool:
        """Whether it takes a closer look; `text` is the value as JSON. Cheap: it is asked for
        every event."""
        if "@" in text or "::" in text:
            return True
        raw = text.encode()
        digits = raw.translate(TO_DIGITS).decode("latin-1")
        if "000-0000" in digits or "0000000000" in digits or "+0" in digits:
            return True
        if LONG_WORD in raw.translate(TO_WORDS) and SECRET.search(text) is not None:
            return True
        if "PRIVATE KEY" in text:
            return True
        if text.count(".") > 2 and DOTTED.search(text) is not None:
            return True
        if text.count(":") - text.count('":') >= COLONS:
            return True
        return self._has_key(value)

    def redact(self, value: dict[str, Any], field: str) -> tuple[dict[str, Any], list[Finding]]:
        """A copy without personal data, and what was found in it, in order."""
        findings: list[Finding] = []
        redacted: dict[str, Any] = self._walk(value, field, "", False, findings)
        return redacted, findings

    def _has_key(self, value: object) -> bool:
        if isinstance(value, dict):
            known = self._known
            for key, item in value.items():
                if (known.get(key) or self._look_at(key))[0]:
                    return True
                if (type(item) is dict or type(item) is list) and self._has_key(item):
                    return True
            return False
        return isinstance(value, list) and any(self._has_key(item) for item in value)

    def _look_at(self, key: str) -> tuple[bool, str]:
        """Whether a key's value is personal, and the key without what is personal in itself."""
        if len(self._known) >= KEYS_KNOWN_MAX:
            self._known.clear()
        found = self._known[key] = (snake(key) in self._keys, self._text(key, "", "", []))
        return found

    def _walk(
        self, value: Any, path: str, key: str, personal: bool, findings: list[Finding]
    ) -> Any:
        if isinstance(value, dict):
            found: dict[str, Any] = {}
            for name, item in value.items():
                is_personal, shown = self._known.get(name) or self._look_at(name)
                place = f"{path}.{shown}"
                if shown is not name and shown != name:
                    findings.append(Finding(shown[len("[redacted:") :].partition("]")[0], place))
                    shown = _free_name(shown, found)
                found[shown] = self._walk(item, place, name, personal or is_personal, findings)
            return found
        if isinstance(value, list):
            return [
                self._walk(item, f"{path}[{number}]", key, personal, findings)
                for number, item in enumerate(value)
            ]
        if value is None:
            return None
        if isinstance(value, str) and not value:
            return value
        if personal and not isinstance(value, bool):
            kind = self._kind_of(value) if isinstance(value, str) else KEY_KIND
            findings.append(Finding(kind, path))
            return f"[redacted:{kind}]"
        return self._text(value, path, key, findings) if isinstance(value, str) else value

    def _kind_of(self, value: str) -> str:
        """Of a value that goes for its key: what it looks like, where it is that as a whole."""
        for kind, pattern, is_one in SHAPES:
            match = pattern.fullmatch(value)
            if match is not None and is_one(match, ""):
                return kind
        return KEY_KIND

    def _text(self, value: str, path: str, key: str, findings: list[Finding]) -> str:
        if len(value) < SHORTEST or (
            SUSPECT.search(value) is None and SECRET.search(value) is None
        ):
            return value
        for kind, pattern, is_one in SHAPES:
            found = False

            def replaced(match: "re.Match[str]", kind: str = kind, is_one: IsOne = is_one) -> str:
                nonlocal found
                if not is_one(match, key):
                    return match.group()
                found = True
                return f"[redacted:{kind}]"

            changed = pattern.sub(replaced, value)
            if found:
                value = changed
                findings.append(Finding(kind, path))
        return value


@lru_cache(maxsize=8)
def scanner(keys: tuple[str, ...]) -> PiiScanner:
    """The scanner of a setting."""
    return PiiScanner(keys)


def without_pii(
    value: dict[str, Any], field: str, settings: Settings, warnings: list[Warn]
) -> bytes:
    """The value as JSON text, without personal data; what was taken out is warned of.

    Raises:
        Rejected: there is some, and the setting is to refuse it.
    """
    redacted, findings = scanner(settings.pii_keys).redact(value, field)
    if findings and settings.pii_mode == "reject":
        first = findings[0]
        raise Rejected(Fault("pii", first.path, f"holds personal data: {_KINDS[first.kind]}"))
    for finding in findings[:PII_NAMED_MAX]:
        warnings.append(
            Warn(
                "pii_redacted",
                finding.path[:PATH_MAX_CHARS],
                f"held personal data, which is not kept: {_KINDS[finding.kind]}",
            )
        )
    if len(findings) > PII_NAMED_MAX:
        more = len(findings) - PII_NAMED_MAX
        warnings.append(Warn("pii_redacted", field, f"held personal data at {more} more places"))
    return dump_json(redacted)


def _free_name(name: str, taken: dict[str, Any]) -> str:
    if name not in taken:
        return name
    return next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)
