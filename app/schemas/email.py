"""The normal form of an email address, which identifies a user: made here, and nowhere else.

`docs/decisions/0024-one-form-of-an-address.md` says which spellings are one address, and why.
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
# An address of printable ASCII without a dot at its end, in lower case and in any: nearly all.
_is_lower = re.compile(r"[!-?\[-~]+@[!-?\[-~]*[!-\-/-?\[-~]").fullmatch
_is_plain = re.compile(r"[!-?A-~]+@[!-?A-~]*[!-\-/-?A-~]").fullmatch
# The shape only. Whether mail arrives is no concern here, and git histories, test accounts and
# intranets hold addresses that mail servers would refuse.
_PART = r"[^\s@\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
_SHAPE = re.compile(f"{_PART}@{_PART}")
# Invisible, but not of the category of format characters: joiners, fillers, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Not ASCII, but NFC makes ASCII of them: KELVIN SIGN, GREEK QUESTION MARK, GREEK VARIA.
_ASCII_TWINS = re.compile("[\u212a\u037e\u1fef]")
# Lower case would join them with another letter's: I WITH DOT ABOVE (i and a combining dot), and
# CAPITAL THETA SYMBOL (theta).
_KEPT_CASE = re.compile("([\u0130\u03f4])")
# What an input method for East Asian text makes of ASCII and others (RFC 8265, 3.3: width mapping).
_WIDTHS = {
    code: int(form[1], 16)
    for code in range(0xFF01, 0xFFEF)
    if (form := unicodedata.decomposition(chr(code)).split())
}
_LOWER_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def normalise_email(value: str) -> str:
    """` Ada@Example.COM ` -> `ada@example.com`; `a@xn--mnchen-3ya.example.` -> `a@münchen.example`.

    Raises:
        ValueError: it has not the shape of an address, or holds characters that can't be seen.
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
    """The address that a token claims, which has to be in its normal form already, but for ASCII
    case, spaces around it, and the notation of its domain.

    Who verified the address may take for two people what is one here.

    Raises:
        ValueError: it is no address, or another spelling of one.
    """
    email = normalise_email(value)
    if value.strip(string.whitespace).translate(_LOWER_ASCII) not in {email, _with_a_labels(email)}:
        raise ValueError(f"must be written in its normal form: {email}")
    return email


def may_be_own(email: object, own_email: str) -> bool:
    """Whether it is this user's, or no email at all, and so not another's."""
    try:
        return not isinstance(email, str) or normalise_email(email) == own_email
    except ValueError:
        return True


def form_of_stored(email: str) -> str | None:
    """The form in which an address that an earlier version took is known now; None if in none.

    Characters that can't be seen are refused today. Stored ones go.
    """
    for text in (email, "".join(each for each in email if not _is_invisible(each))):
        try:
            return normalise_email(text)
        except ValueError:
            continue
    return None


def earlier_forms(email: str) -> list[str]:
    """Under which an earlier version may have known the person of this normalised address: it
    lower-cased, and knew of no other spellings."""
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
    # Of a domain, those that are no format characters are left out, as by browsers: of an emoji.
    named = _domain(domain)
    for character in (*filter(_is_invisible, local + named), *filter(_is_format, domain)):
        raise ValueError(f"must not hold invisible characters (U+{ord(character):04X})")
    if twin := _ASCII_TWINS.search(local):
        raise ValueError(f"must not hold U+{ord(twin[0]):04X}, which only looks like ASCII")
    email = f"{_lower(local)}{at}{named}"
    if _SHAPE.fullmatch(email) is None:
        raise ValueError("must be an email address, like ada@example.com")
    return email


def _without_invisible_ends(value: str) -> str:
    """A copied address may bring a byte order mark or the like with it, as it may a space."""
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
    """As people read it: in Unicode, without a dot at the end."""
    labels = domain.replace(IDEOGRAPHIC_FULL_STOP, ".").split(".")
    mapped = ".".join(_mapped(label) for label in labels)
    return ".".join(_u_label(label) for label in mapped.split(".")).rstrip(".")


def _mapped(label: str) -> str:
    """As browsers map it (UTS #46); in NFC and lower case where it is none of a domain name."""
    try:
        return idna.uts46_remap(label, std3_rules=False)
    except idna.IDNAError:
        return _lower(label)


def _u_label(label: str) -> str:
    """An A-label in Unicode, where that is the same label; any other as it is."""
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
