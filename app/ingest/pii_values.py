"""Shapes of values under keys that indicate personal data."""

import re

from app.ingest.pii_forms import plain_form
from app.ingest.pii_key_names import Promise, word_set

# What was taken out before, with the pseudonym that an identifier may have: it stays as it is.
MARK = re.compile(r"\[redacted:(?:email|phone|card|iban|ip|token|key)(?::[0-9a-f]{16})?\]")
_PHONE = re.compile(r"(?:[A-Za-z]{2,9}: ?)?\+?[\d(][\d ().+/-]{4,28}\d(?: ?(?:x|ext\.?) ?\d{1,6})?")
_DATE = re.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d.*")
_OFFICIAL = re.compile(r"(?=[^\d]*\d)[A-Za-z0-9][A-Za-z0-9 ./-]{2,30}")
_ZIP = re.compile(r"(?=[^\d]*\d)[A-Za-z0-9][A-Za-z0-9 -]{2,11}")
_AT = re.compile(r"[^\s@]@[^\s@]{0,250}[^\W\d_]{2}")
_LETTER = re.compile(r"[^\W\d_]")
_IBAN = re.compile(r"[A-Za-z]{2}\d\d[A-Za-z0-9 -]{8,40}")
_RANDOM_MIN_CHARS = 20
# Values that stand for a secret, or are none.
SWITCHES = word_set("0 1 on off true false yes no null none undefined")
_MASKED = re.compile(r"[*\u2022.xX#_-]{3,}|\$\{?[A-Z_]{2,}\}?|\{\{.{1,64}\}\}|<[a-z _-]{1,64}>")
# What a form says of a field that has the key.
MESSAGES = word_set(
    "required invalid missing blank empty incorrect wrong weak strong expired mismatch mismatched "
    "taken unknown forbidden short long valid ok error failed present absent changed hidden masked "
    "redacted filtered optional disabled enabled unset set"
)
_ENUM = re.compile(r"[a-z]+(?:[_ -][a-z]+)*")


def has_shape(promise: Promise, value: object, *, nested: bool) -> bool:
    """Whether a value is of the shape that a key promises.

    Args:
        nested: whether the key is of an object around the value's own.
    """
    if isinstance(value, str):
        if MARK.fullmatch(value) is not None:
            return False
        text = plain_form(value).strip()
        if text in MESSAGES and promise is not Promise.ANY:
            return False
        if stands_for(text, ""):
            return promise is Promise.ANY
        return _text_has_shape(promise, text, nested)
    if type(value) is float and value.is_integer() and promise is not Promise.ANY:
        value = int(value)
    if type(value) is int:
        return _number_has_shape(promise, value, nested)
    return type(value) is float and promise is Promise.ANY


def stands_for(value: str, name: str) -> bool:
    """Whether the value of a parameter is none: `token=$TOKEN`, `password=***`, `remember=true`."""
    return (
        value.lower() in SWITCHES
        or value.lower() == name.lower()
        or _MASKED.fullmatch(value) is not None
    )


def _number_has_shape(promise: Promise, value: int, nested: bool) -> bool:
    match promise:
        case Promise.ANY:
            return True
        case Promise.PHONE:
            return 10**6 <= value < 10**15
        case Promise.NUMBER:
            return 100 <= value < 10**16
        case Promise.CARD:
            return 10**11 <= value < 10**19
        case Promise.ZIP:
            return 1000 <= value < 10**9 and not nested
        case Promise.BIRTH:
            return 10**7 <= value < 10**14
        case Promise.IP:
            return 2**24 <= value < 2**32
        case Promise.SECRET:
            return value >= 1000 and not nested
    return False


def _text_has_shape(promise: Promise, text: str, nested: bool) -> bool:
    match promise:
        case Promise.ANY:
            return text != ""
        case Promise.EMAIL:
            return _AT.search(text) is not None
        case Promise.PHONE:
            return (
                _PHONE.fullmatch(text) is not None
                and 6 <= sum(map(str.isdigit, text)) <= 17
                and _DATE.fullmatch(text) is None
            )
        case Promise.NAME | Promise.WEAK_NAME:
            return (
                len(text) <= 200
                and _LETTER.search(text) is not None
                and not set(text) & set('/\\{}<>="')
            )
        case Promise.ADDRESS:
            return re.search(r"\s", text) is not None and _LETTER.search(text) is not None
        case Promise.STREET:
            # A plain word is a result: `{"avs": {"street": "fail"}}`.
            return (
                len(text) > 3
                and _LETTER.search(text) is not None
                and not (text.islower() and text.isalpha())
            )
        case Promise.ZIP:
            return _ZIP.fullmatch(text) is not None
        case Promise.BIRTH:
            return len(text) <= 40 and sum(map(str.isdigit, text)) >= 4
        case Promise.NUMBER:
            return _OFFICIAL.fullmatch(text) is not None
        case Promise.CARD:
            return sum(map(str.isdigit, text)) >= 12 and len(text) <= 40
        case Promise.IBAN:
            return _IBAN.fullmatch(text) is not None
        case Promise.IP:
            return False  # its own shape says it better
        case Promise.SECRET:
            return text != "" and (not nested or _is_random(text))
        case Promise.TOKEN | Promise.SECRET_PART:
            return _is_random(text)


def _is_random(text: str) -> bool:
    """Not a plain word or two, as a status or a kind is."""
    if _DATE.fullmatch(text) is not None:
        return False
    return len(text) >= _RANDOM_MIN_CHARS or _ENUM.fullmatch(text) is None
