"""Normalise email addresses, which identify users. Nothing else does so.

`docs/decisions/0024-one-form-of-an-address.md` says which spellings are the same address, and why.
"""

import re
import string
import unicodedata
from typing import Annotated

import idna
from pydantic import AfterValidator, Field

EMAIL_MAX_CHARS = 254  # RFC 5321, 4.5.3.1.3
# A decomposed character has up to four code points, and an A-label is longer than its U-label.
UNNORMALISED_MAX_CHARS = 4 * EMAIL_MAX_CHARS
A_LABEL = "xn--"
IDEOGRAPHIC_FULL_STOP = "\u3002"
# Printable ASCII without a final dot, in lower case and in any case: nearly all addresses.
_is_lower = re.compile(r"[!-?\[-~]+@[!-?\[-~]*[!-\-/-?\[-~]").fullmatch
_is_plain = re.compile(r"[!-?A-~]+@[!-?A-~]*[!-\-/-?A-~]").fullmatch
# The shape only. Deliverability does not matter here: git histories, test accounts and intranets
# contain addresses that mail servers would reject.
_PART = r"[^\s@\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
_SHAPE = re.compile(f"{_PART}@{_PART}")
# Invisible, but not in the category of format characters: joiners, fillers, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Not ASCII, but NFC maps them to ASCII: KELVIN SIGN, GREEK QUESTION MARK, GREEK VARIA.
_ASCII_TWINS = re.compile("[\u212a\u037e\u1fef]")
# Lower-casing would merge them with another letter: I WITH DOT ABOVE (i and a combining dot), and
# CAPITAL THETA SYMBOL (theta).
_KEPT_CASE = re.compile("([\u0130\u03f4])")
# Full-width and half-width forms from East Asian input methods (RFC 8265, 3.3: width mapping).
_WIDTHS = {
    code: int(form[1], 16)
    for code in range(0xFF01, 0xFFEF)
    if (form := unicodedata.decomposition(chr(code)).split())
}
_LOWER_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def normalise_email(value: str) -> str:
    """Return the normal form of an email address.

    ` Ada@Example.COM ` becomes `ada@example.com`, `a@xn--mnchen-3ya.example.` becomes
    `a@münchen.example`.

    Raises:
        ValueError: the text is not shaped like an address, or contains invisible characters.
    """
    if _is_lower(value) and A_LABEL not in value and len(value) <= EMAIL_MAX_CHARS:
        return value
    email = value.strip()
    if not _is_plain(email) or A_LABEL in (email := email.lower()):
        email = _normalise_with_care(value)
    if len(email) > EMAIL_MAX_CHARS:
        raise ValueError(f"must have at most {EMAIL_MAX_CHARS} characters")
    return email


def claimed_email(value: str) -> str:
    """Return the normal form of the address in a token.

    The address must already be normalised, apart from ASCII case, surrounding spaces and the
    notation of its domain: the issuer may treat as two people what is one address here.

    Raises:
        ValueError: the text is not an address, or is another spelling of one.
    """
    email = normalise_email(value)
    if value.strip(string.whitespace).translate(_LOWER_ASCII) not in {email, _with_a_labels(email)}:
        raise ValueError(f"must be written in its normal form: {email}")
    return email


def may_be_own(email: object, own_email: str) -> bool:
    """Tell whether a value is this user's address, or no address at all."""
    try:
        return not isinstance(email, str) or normalise_email(email) == own_email
    except ValueError:
        return True


def form_of_stored(email: str) -> str | None:
    """Return the normal form of an address stored by an earlier version; None if it has none.

    Invisible characters, which earlier versions accepted, are removed.
    """
    for text in (email, "".join(char for char in email if not _is_invisible(char))):
        try:
            return normalise_email(text)
        except ValueError:
            continue
    return None


def earlier_forms(email: str) -> list[str]:
    """Return the forms in which an earlier version may have stored this normalised address.

    Earlier versions only converted addresses to lower case.
    """
    forms = {email}
    if not email.isascii():
        local, _, domain = email.rpartition("@")
        cases = (local, local.lower())
        locals_ = {form(text) for text in cases for form in (_composed, _decomposed)}
        domains = {domain, _decomposed(domain), _with_a_labels(email).rpartition("@")[2]}
        forms |= {f"{local}@{domain}" for local in locals_ for domain in domains}
    forms |= {f"{form}." for form in forms}
    return sorted(forms - {email})


def _normalise_with_care(value: str) -> str:
    email = _without_invisible_ends(value)
    if len(email) > UNNORMALISED_MAX_CHARS:
        raise ValueError(f"must have at most {EMAIL_MAX_CHARS} characters")
    local, at, domain = email.translate(_WIDTHS).rpartition("@")
    # Like browsers, drop invisible characters of a domain that are not format characters (emoji).
    named = _domain(domain)
    for character in (*filter(_is_invisible, local + named), *filter(_is_format, domain)):
        raise ValueError(f"must not contain invisible characters (U+{ord(character):04X})")
    if twin := _ASCII_TWINS.search(local):
        raise ValueError(f"must not contain U+{ord(twin[0]):04X}, which only looks like ASCII")
    email = f"{_lower(local)}{at}{named}"
    if _SHAPE.fullmatch(email) is None:
        raise ValueError("must be an email address, such as ada@example.com")
    return email


def _without_invisible_ends(value: str) -> str:
    """Strip spaces and invisible characters, such as a byte order mark that was copied along."""
    start, end = 0, len(value)
    while start < end and (value[start].isspace() or _is_invisible(value[start])):
        start += 1
    while start < end and (value[end - 1].isspace() or _is_invisible(value[end - 1])):
        end -= 1
    return value[start:end]


def _is_invisible(character: str) -> bool:
    return _is_format(character) or _INVISIBLE.match(character) is not None


def _is_format(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def _lower(text: str) -> str:
    parts = _KEPT_CASE.split(_composed(text))
    return _composed("".join(part if n % 2 else part.lower() for n, part in enumerate(parts)))


def _domain(domain: str) -> str:
    """Return a domain as people read it: in Unicode, without a final dot."""
    labels = domain.replace(IDEOGRAPHIC_FULL_STOP, ".").split(".")
    mapped = ".".join(_mapped(label) for label in labels)
    return ".".join(_u_label(label) for label in mapped.split(".")).rstrip(".")


def _mapped(label: str) -> str:
    """Map a label like browsers (UTS #46); if it is not a valid one, to lower case in NFC."""
    try:
        return idna.uts46_remap(label, std3_rules=False)
    except idna.IDNAError:
        return _lower(label)


def _u_label(label: str) -> str:
    """Decode an A-label to Unicode if both are the same label; return others unchanged."""
    if not label.startswith(A_LABEL):
        return label
    try:
        decoded = label.removeprefix(A_LABEL).encode("ascii").decode("punycode")
        same = _mapped(decoded) == decoded and _a_label(decoded) == label
    except UnicodeError:
        return label
    readable = same and "." not in decoded and not any(map(_is_invisible, decoded))
    return decoded if readable and _SHAPE.fullmatch(f"a@{decoded}") else label


def _a_label(label: str) -> str:
    return label if label.isascii() else f"{A_LABEL}{label.encode('punycode').decode()}"


def _with_a_labels(email: str) -> str:
    local, _, domain = email.rpartition("@")
    return f"{local}@{'.'.join(_a_label(label) for label in domain.split('.'))}"


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


EmailAddress = Annotated[
    str,
    Field(
        min_length=1,
        json_schema_extra={
            "pattern": r"^\s*[^\s@]+@[^\s@]+\s*$",
            "minLength": 3,
            "maxLength": EMAIL_MAX_CHARS,
        },
    ),
    AfterValidator(normalise_email),
]
