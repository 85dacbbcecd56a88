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
KEY_KNOWN_MAX_CHARS = 64
SLOW_KINDS = frozenset({"phone", "iban"})
SLOW_CHECKS_MAX = 5
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


@dataclass(slots=True)
class Findings:
    """What was found: the first ones, and how many more."""

    named: list[Finding]
    more: int


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

    def redact(self, value: dict[str, Any], field: str) -> tuple[dict[str, Any], Findings]:
        """A copy without personal data, and what was found in it, in order."""
        walk = _Walk(self, field)
        redacted: dict[str, Any] = walk.clean(value, "", False)
        return redacted, walk.findings

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
        found = (snake(key) in self._keys, _Walk(self, "").clean_text(key, ""))
        if len(key) <= KEY_KNOWN_MAX_CHARS:
            if len(self._known) >= KEYS_KNOWN_MAX:
                self._known.clear()
            self._known[key] = found
        return found

    def known(self, key: str) -> tuple[bool, str]:
        return self._known.get(key) or self._look_at(key)


class _Walk:
    """One value, gone through. Its path is put together for what is found and named only: one for
    each of many values below one very long key would cost the product of both."""

    def __init__(self, scanner: PiiScanner, field: str) -> None:
        self.findings = Findings([], 0)
        self._scanner = scanner
        self._trail = [field]
        self._checks = 0

    def clean(self, value: Any, key: str, personal: bool) -> Any:
        if isinstance(value, dict):
            return self._clean_object(value, personal)
        if isinstance(value, list):
            found = []
            for number, item in enumerate(value):
                self._trail.append(f"[{number}]")
                found.append(self.clean(item, key, personal))
                self._trail.pop()
            return found
        if value is None or value == "" or isinstance(value, bool):
            return value
        if personal:
            kind = self._kind_of(value) if isinstance(value, str) else KEY_KIND
            self._note(kind)
            return f"[redacted:{kind}]"
        return self.clean_text(value, key) if isinstance(value, str) else value

    def _clean_object(self, value: dict[str, Any], personal: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, item in value.items():
            is_personal, shown = self._scanner.known(name)
            self._trail.append(f".{shown}")
            if shown != name:
                self._note(shown.partition("[redacted:")[2].partition("]")[0])
                shown = _free_name(shown, found)
            found[shown] = self.clean(item, name, personal or is_personal)
            self._trail.pop()
        return found

    def clean_text(self, value: str, key: str) -> str:
        """A text without what is personal in it."""
        if len(value) < SHORTEST or (
            SUSPECT.search(value) is None and SECRET.search(value) is None
        ):
            return value
        for kind, pattern, is_one in SHAPES:
            times = 0

            def replaced(match: "re.Match[str]", kind: str = kind, is_one: IsOne = is_one) -> str:
                nonlocal times
                if not self._is_one(kind, is_one, match, key):
                    return match.group()
                times += 1
                return f"[redacted:{kind}]"

            value = pattern.sub(replaced, value)
            if times:
                self._note(kind)
        return value

    def _is_one(self, kind: str, is_one: IsOne, match: "re.Match[str]", key: str) -> bool:
        """The check of a shape. Of the slow ones only so many are made; past that, the shape will
        do, as an event could be full of them."""
        if kind in SLOW_KINDS:
            self._checks += 1
            if self._checks > SLOW_CHECKS_MAX:
                return True
        return is_one(match, key)

    def _kind_of(self, value: str) -> str:
        """Of a value that goes for its key: what it looks like, where it is that as a whole."""
        for kind, pattern, is_one in SHAPES:
            match = pattern.fullmatch(value)
            if match is not None and self._is_one(kind, is_one, match, ""):
                return kind
        return KEY_KIND

    def _note(self, kind: str) -> None:
        if len(self.findings.named) < PII_NAMED_MAX:
            self.findings.named.append(Finding(kind, "".join(self._trail)[:PATH_MAX_CHARS]))
        else:
            self.findings.more += 1


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
    text = dump_json(value)
    pii = scanner(settings.pii_keys)
    if not pii.is_suspect(value, text.decode()):
        return text
    redacted, findings = pii.redact(value, field)
    if findings.named and settings.pii_mode == "reject":
        first = findings.named[0]
        raise Rejected(Fault("pii", first.path, f"holds personal data: {_KINDS[first.kind]}"))
    for finding in findings.named:
        message = f"held personal data, which is not kept: {_KINDS[finding.kind]}"
        warnings.append(Warn("pii_redacted", finding.path, message))
    if findings.more:
        message = f"held personal data at {findings.more} more places"
        warnings.append(Warn("pii_redacted", field, message))
    return dump_json(redacted)


def _free_name(name: str, taken: dict[str, Any]) -> str:
    if name not in taken:
        return name
    number = len(taken) + 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
