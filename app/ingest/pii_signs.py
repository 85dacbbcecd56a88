"""Signs that there may be personal data: cheap, as every event is asked for them."""

import re
import string

from app.ingest.pii_forms import is_odd
from app.ingest.pii_secrets import SECRET

# Whatever is personal by its shape has one of these in it, or the start of a secret.
SUSPECT = re.compile(
    r"[@+=%&\\]|[\"']\s{0,3}:|[(\[{<]\s?(?:[aA][tT]|[dD][oO][tT])|:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]|\(\d"
    r"|(?i:(?:tel|sms|fax|phone|mobile|cell)\.?:)"
    r"|\d(?:\d{3}[ \t+./_-]{0,2}\d{4}[ \t+./_-]{0,2}\d\d|\d\d[-. ]\d{3}[-. ]\d{4}|\d{3}[ -]\d{6}"
    r"|\d{0,2}\.\d{1,3}\.\d)"
    r"|(?<!\d)0[ .-]?0[ .-]?[1-9]"
)
# For a whole JSON text the same, without a regular expression: all digits are one, as is all that
# may stand between groups of them, all that another spelling or a parameter has in it, and all that
# a secret is made of.
SIGN = "@"
# Of the many things that are percent-encoded, escaped or written with an ampersand, those that may
# be a part of an address or a number. All begin with a character, so that the search is fast.
ENCODED_SIGN = re.compile(
    r"%(?:25|40|2[BDEbde]|3[0-9A-Da-d]|[4-7][0-9A-Fa-f]|20\d{3}|[uU]|[Ee][2Ff]|[Cc]2|[Dd][9Bb])"
    r"|&(?:#|amp;[#ac]|commat|period|plus|colon|hyphen|dash|lowbar|equals|nbsp;\d)"
    r"|=(?:40|2[BDEbde]|\\)|\\(?:\\[uUxX]|\"\s{0,3}:|t\d)|PRIVATE KEY"
)
NO_NAME = re.compile(r"[^\w.%\[\]-]")  # no part of a parameter's name
NAME_MAX_CHARS = 64
TO_DIGITS = bytes.maketrans(b"123456789 ._/()[]{}<>AT%&=\\", b"000000000------------at@@@@")
TO_WORDS = bytes.maketrans(
    (string.ascii_letters + string.digits + "_-.").encode(), b"a" * (26 + 26 + 10 + 3)
)
LONG_DIGITS = "0000000000"
# Where they are more than a part of a hash: a card's, or an account's after its country's letters.
LONG_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:\d{10,19}(?![0-9A-Za-z])|[A-Za-z]{2}\d\d[A-Za-z0-9]{0,9}\d{7})"
)
QUOTED_COLON = re.compile(r"' {0,3}:")  # as Python writes an object
# What is shorter than `LONG_WORD`.
SHORT_SECRET = re.compile(
    r"(?i:bearer |basic |authorization\W)|xapp-|xox[abeoprs]-|(?i:tel:) ?[+(\d]"
)
PLUS_DIGITS = ("+0", "+-")
SECRET_MIN_CHARS = 12
LONG_WORD = "a" * 20
COLON_IN_WORD = "a:a"
DOTTED = re.compile(r"\d\.\d{1,3}\.\d{1,3}\.\d")
COLONS = 7  # in an IPv6 address that leaves nothing out
UUID_CHARS = 36
SHORT_ID_MAX_CHARS = 20
# Of a short id: what is no part of a plain word, an account's beginning, groups of a card's digits.
_ID_SIGN = re.compile(r"[^A-Za-z0-9_-]|[A-Za-z]{2}\d\d[A-Za-z0-9-]{11}|\d{4}[-_]\d{4}|xox")
SHORTEST = len("a@b.cd")


def is_plain_id(identifier: str) -> bool:
    """Whether an id is digits, a UUID, or short and without anything that personal data has in it:
    nearly all are, and are asked for once an event."""
    if identifier.isdigit():
        return True
    if len(identifier) == UUID_CHARS and identifier[8:24:5] == "----":
        return identifier.isascii() and identifier.replace("-", "").isalnum()
    return len(identifier) < SHORT_ID_MAX_CHARS and _ID_SIGN.search(identifier) is None


def is_worth_a_look(text: str) -> bool:
    """Whether there may be personal data in a text: nearly all are short words."""
    return len(text) >= SHORTEST and (
        SUSPECT.search(text) is not None
        or (len(text) >= SECRET_MIN_CHARS and SECRET.search(text) is not None)
        or is_odd(text)
    )
