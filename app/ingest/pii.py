"""Personal data in an event: detected by its shape or by the name of its key, and redacted.

Detection does not depend on who is meant: an address, a number with a valid checksum or a secret of
a known form is personal wherever it occurs, in any spelling. Shapes that ordinary values share
(ids, times, versions, amounts) are distinguished by checksum, context or library; doubtful values
are kept.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from app.ingest.pii_finders import WORK_OF_A_TEXT, BatchBudget, Budget, Place, SpentError
from app.ingest.pii_forms import is_odd
from app.ingest.pii_keys import (
    KEY_KNOWN_MAX_CHARS,
    KEYS_KNOWN_MAX,
    PAIR_VALUE,
    KeyRules,
    pair_name,
)
from app.ingest.pii_secrets import SECRET
from app.ingest.pii_shapes import ID_SHAPES, SHAPES
from app.ingest.pii_signs import (
    COLON_IN_WORD,
    COLONS,
    DOTTED,
    ENCODED_SIGN,
    LONG_DIGITS,
    LONG_NUMBER,
    LONG_WORD,
    NAME_MAX_CHARS,
    NO_NAME,
    PLUS_DIGITS,
    QUOTED_COLON,
    SHORT_SECRET,
    SIGN,
    TO_DIGITS,
    TO_WORDS,
    is_plain_id,
    is_worth_a_look,
)
from app.ingest.pii_text import KEY_KIND, Shapes, clean_text
from app.ingest.pii_values import MARK
from app.ingest.pii_walk import Findings, Known, Walk, free_name
from app.schemas.strict_json import dump_json

NAMES_KNOWN_MAX = 20_000


class PiiScanner:
    """Finds and replaces personal data; `keys` are names whose values are personal."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.rules = KeyRules(keys)
        # As a key is spelt.
        self._known: dict[str, Known] = {}
        self._has_promise: dict[str, bool] = {}
        self._parameters: dict[str, bool] = {}
        # In which nothing was found, and what an event may be without.
        self.clean_names: set[str | None] = {None}
        self.clean_ids: set[str | None] = {None}

    def is_suspect(self, value: dict[str, Any], text: str, batch: BatchBudget) -> bool:
        """Whether it takes a closer look; `text` is the value as JSON. Cheap: it is asked for
        every event."""
        raw = text.encode()
        digits = raw.translate(TO_DIGITS).decode("latin-1")
        if SIGN in digits and (
            SIGN in text
            or ENCODED_SIGN.search(text) is not None
            or self._has_parameter(text, batch)
        ):
            return True
        if "::" in text:
            return True
        if (
            "000-0000" in digits
            or "0-000000" in digits
            or ("0-00-00" in digits and ("0-00-00-00" in digits or "00-000-00-00" in digits))
            or "0000--0000" in digits
            or "-at-" in digits
        ):
            return True
        if LONG_DIGITS in digits and LONG_NUMBER.search(text) is not None:
            return True
        if "+" in digits and (PLUS_DIGITS[0] in digits or PLUS_DIGITS[1] in digits):
            return True
        words = raw.translate(TO_WORDS).decode("latin-1")
        if LONG_WORD in words and SECRET.search(text) is not None:
            return True
        # One character is found in no time, and most texts have no space.
        if (
            (
                " " in text
                and ("earer " in text or "asic " in text or "uthoriz" in text or "tel:" in text)
            )
            or ("x" in text and "-" in text and ("xox" in text or "xapp-" in text))
            or ("R" in text and ("EARER " in text or "UTHORIZ" in text))
        ) and SHORT_SECRET.search(text) is not None:
            return True
        if "'" in text and QUOTED_COLON.search(text) is not None:
            return True
        if text.count(".") > 2 and DOTTED.search(text) is not None:
            return True
        if COLON_IN_WORD in words and (
            text.count(":") - text.count('":') >= COLONS or "tel:" in text
        ):
            return True
        if not text.isascii() and is_odd(text):
            return True
        return self._has_key(value, batch)

    def redact(
        self, value: dict[str, Any], field: str, batch: BatchBudget | None = None
    ) -> tuple[dict[str, Any], Findings]:
        """A copy without personal data, and what was found in it, in order.

        Args:
            batch: what all events of a request share; None is one of its own.
        """
        batch = batch or BatchBudget()
        walk = Walk(self.rules, self.known, field, batch)
        try:
            return walk.clean_object(value, None, ""), walk.findings
        except SpentError:
            return self._redact_roughly(value, field, batch)

    def _redact_roughly(
        self, value: dict[str, Any], field: str, batch: BatchBudget
    ) -> tuple[dict[str, Any], Findings]:
        """Without each value that may be personal, as a whole: for what a closer look at it would
        cost."""
        findings = Findings([], 0)
        found: dict[str, Any] = {}
        mark = f"[redacted:{KEY_KIND}]"
        for name, item in value.items():
            is_name = is_worth_a_look(name)
            is_item = self._may_be_personal(name, item, batch)
            shown = free_name(mark, found) if is_name else name
            found[shown] = mark if is_item else item
            if is_name or is_item:
                findings.note(KEY_KIND, [field, ".", shown])
        return found, findings

    def _may_be_personal(self, name: str, item: object, batch: BatchBudget) -> bool:
        if item is None or isinstance(item, bool) or not item:
            return False
        if isinstance(item, str):
            if MARK.fullmatch(item) is not None:
                return False
            return is_worth_a_look(item) or self._looks_personal(name, batch)
        if self._looks_personal(name, batch) or (isinstance(item, int) and item >= 10**12):
            return True
        if not isinstance(item, dict | list):
            return False
        wrapped = {"": item}
        return self.is_suspect(wrapped, dump_json(wrapped).decode(), batch)

    def _looks_personal(self, name: str, batch: BatchBudget) -> bool:
        found = self._has_promise.get(name)
        return self._look_at(name, batch, {}) if found is None else found

    def has_names(self, names: Iterable[str | None], identifiers: Iterable[str | None]) -> bool:
        """Whether there is personal data in one of an event's types, or of its ids."""
        return any(
            name not in self.clean_names and name is not None and self.clean_name(name)[1]
            for name in names
        ) or any(
            identifier not in self.clean_ids
            and identifier is not None
            and self.kinds_in_id(identifier)
            for identifier in identifiers
        )

    def clean_name(self, name: str) -> tuple[str, list[str]]:
        """An event's type, category or the like without personal data, and the kinds of that."""
        if name in self.clean_names:
            return name, []
        text, kinds = self._clean_alone(name, "id")
        if not kinds:
            _remember(name, self.clean_names)
        return text, kinds

    def kinds_in_id(self, identifier: str) -> list[str]:
        """Return the kinds of personal data in the id of an entity or a session: an address, an
        account or a secret."""
        if identifier in self.clean_ids:
            return []
        kinds: list[str] = []
        if not is_plain_id(identifier):
            _, kinds = self._clean_alone(identifier, "id", ID_SHAPES)
        if not kinds:
            _remember(identifier, self.clean_ids)
        return kinds

    def _clean_alone(self, text: str, keys: str, shapes: Shapes = SHAPES) -> tuple[str, list[str]]:
        try:
            return clean_text(text, self.rules, Place(keys, Budget()), shapes)
        except SpentError:
            return f"[redacted:{KEY_KIND}]", [KEY_KIND]

    def _has_parameter(self, text: str, batch: BatchBudget) -> bool:
        known = self._parameters
        for before in text.split("=")[:-1]:
            name = NO_NAME.split(before[-NAME_MAX_CHARS:])[-1]
            found = known.get(name)
            if found is None:
                batch.new_names -= 1
                if batch.new_names < 0:
                    return True
                if len(known) >= KEYS_KNOWN_MAX:
                    known.clear()
                found = known[name] = self.rules.parameters_promise(name) is not None
            if found:
                return True
        return False

    def _has_key(self, value: object, batch: BatchBudget) -> bool:
        if isinstance(value, dict):
            known = self._has_promise
            for key, item in value.items():
                found = known.get(key)
                if self._look_at(key, batch, value) if found is None else found:
                    return True
                if (type(item) is dict or type(item) is list) and self._has_key(item, batch):
                    return True
            return False
        return isinstance(value, list) and any(self._has_key(item, batch) for item in value)

    def _look_at(self, key: str, batch: BatchBudget, around: dict[str, Any]) -> bool:
        if key == PAIR_VALUE:
            name = pair_name(around)
            return name is not None and self.known(name).promise is not None
        batch.new_names -= 1 + len(key) // KEY_KNOWN_MAX_CHARS * WORK_OF_A_TEXT
        if batch.new_names < 0:
            return True
        return self.known(key).promise is not None

    def known(self, key: str) -> Known:
        """Return the promise of a key, and the key without its own personal parts."""
        found = self._known.get(key)
        if found is None:
            shown, _ = self._clean_alone(key, "")
            found = Known(self.rules.promise(key), shown)
            if len(key) <= KEY_KNOWN_MAX_CHARS:
                if len(self._known) >= KEYS_KNOWN_MAX:
                    self._known.clear()
                    self._has_promise.clear()
                self._known[key] = found
                if key != PAIR_VALUE:  # which depends on what is beside it
                    self._has_promise[key] = found.promise is not None
        return found


@lru_cache(maxsize=8)
def scanner(keys: tuple[str, ...]) -> PiiScanner:
    """The scanner of a setting."""
    return PiiScanner(keys)


def _remember(name: str, clean: set[str | None]) -> None:
    if len(clean) >= NAMES_KNOWN_MAX:
        clean.clear()
        clean.add(None)
    clean.add(name)
