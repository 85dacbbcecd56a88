"""What personal data looks like: shapes, and the checks that tell them from what only looks so."""

import ipaddress
import re
import string
from collections.abc import Callable

import phonenumbers
from stdnum import iban, luhn

# Whatever is personal by its shape has one of these in it, or the start of a secret.
SUSPECT = re.compile(
    r"[@+]|:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]|\(\d"
    r"|\d(?:\d{3}[ -]?\d{4}[ -]?\d\d|\d\d[-. ]\d{3}[-. ]\d{4}|\d{3}[ -]\d{6}|\d{0,2}\.\d{1,3}\.\d)"
)
# For a whole JSON text the same, without a regular expression: all digits are one, as is all that
# may stand between groups of them, and all that a secret is made of.
TO_DIGITS = bytes.maketrans(b"123456789 .()", b"000000000----")
TO_WORDS = bytes.maketrans(
    (string.ascii_letters + string.digits + "_-.").encode(), b"a" * (26 + 26 + 10 + 3)
)
LONG_WORD = b"a" * 20
DOTTED = re.compile(r"\d\.\d{1,3}\.\d{1,3}\.\d")
COLONS = 7  # in an IPv6 address that leaves nothing out
SECRET_STARTS = (
    "eyJ",
    "AKIA",
    "AIza",
    "ghp_",
    "gho_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "npm_",
    "xox",
    "k_live_",
    "k_test_",
    "sk-",
    "SG.",
    "Bearer ",
    "ae_",
    "PRIVATE KEY",
)

SECRET = re.compile("|".join(map(re.escape, SECRET_STARTS)))

_TOKEN = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?<!\w)(?:AKIA[0-9A-Z]{16}(?!\w)"
    r"|AIza[\w-]{30,}"
    r"|gh[pousr]_[A-Za-z0-9]{30,}"
    r"|github_pat_\w{22,}"
    r"|glpat-[\w-]{20,}"
    r"|npm_[A-Za-z0-9]{30,}"
    r"|xox[abeoprs]-[\w-]{10,}"
    r"|[spr]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|sk-[\w-]{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|ae_(?:write|read|admin)_[a-z0-9]{8}_[\w-]{20,})"
    r"|Bearer\s+[\w.~+/-]{20,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----)?",
    re.DOTALL,
)
_EMAIL = re.compile(
    r"(?<![\w.%+-])([\w.%+'-]{1,64})@((?:[\w-]{1,63}\.)+[^\W\d_]{2,24})(?![\w-])(?!:[\w~.-]+/)"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_CARD = re.compile(
    r"(?<![\w.,-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?"
    r"|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?![\w-]|[.,]\d)"
)
_IP4 = re.compile(r"(?<![\w.-])(?<![A-Za-z]/)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:.])")
_PHONE_PLUS = re.compile(r"(?<![\w+.])\+[1-9][\d .()/-]{5,20}\d(?![\w]|[.,]\d)")
_PHONE_US = re.compile(
    r"(?<![\w.+-])(?:1[-. ])?(?:\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}([-. ])\d{3}\1\d{4})(?![\w-]|\.\d)"
)
_CARD_PREFIX = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
)
_NO_DOMAIN = re.compile(r"\d+(?:x\.|\.\d)", re.IGNORECASE)  # logo@2x.png, left-pad@1.3.0-rc.next
# Digits without separators under such a key are a name of something, not a card.
_ID_KEY = re.compile(
    r"(?:^|_)(?:id|ids|trace|span|hash|sha|digest|checksum|uuid|ref|order|tracking|serial|number|at|ms)$"
)
_VERSION_KEY = re.compile(r"version|build|release|firmware|driver|sdk|user_agent|browser|os$")
_VERSION_WORD = re.compile(r"(?:version|ver|release|build|section|chapter)\.?\s*$", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


IsOne = Callable[["re.Match[str]", str], bool]


def _always(_: "re.Match[str]", __: str) -> bool:
    return True


def _is_email(match: "re.Match[str]", _: str) -> bool:
    """Not a version pin (`left-pad@1.3.0-rc.next`), a picture (`logo@2x.png`) or `git@host`."""
    local, domain = match.groups()
    return local != "git" and _NO_DOMAIN.match(domain) is None


def _is_iban(match: "re.Match[str]", _: str) -> bool:
    return bool(iban.is_valid(match.group(), check_country=False))


def _is_card(match: "re.Match[str]", key: str) -> bool:
    digits = match.group().replace(" ", "").replace("-", "")
    if digits == match.group() and _ID_KEY.search(snake(key)):
        return False
    return _CARD_PREFIX.fullmatch(digits) is not None and bool(luhn.is_valid(digits))


def _is_ip4(match: "re.Match[str]", key: str) -> bool:
    if _VERSION_KEY.search(snake(key)) or _VERSION_WORD.search(match.string[: match.start()]):
        return False
    return _is_somebodys(match.group())


def _is_ip6(match: "re.Match[str]", _: str) -> bool:
    return sum(each.isdigit() for each in match.group()) > 1 and _is_somebodys(match.group())


def _is_somebodys(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_unspecified or found.is_multicast)


def _is_phone(match: "re.Match[str]", _: str) -> bool:
    try:
        number = phonenumbers.parse(match.group(), "US")
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)


# In this order: a token may have an address in it, and a card's digits a phone's.
SHAPES: tuple[tuple[str, "re.Pattern[str]", IsOne], ...] = (
    ("token", _TOKEN, _always),
    ("email", _EMAIL, _is_email),
    ("iban", _IBAN, _is_iban),
    ("card", _CARD, _is_card),
    ("ip", _IP4, _is_ip4),
    ("ip", _IP6, _is_ip6),
    ("phone", _PHONE_PLUS, _is_phone),
    ("phone", _PHONE_US, _is_phone),
)


def snake(key: str) -> str:
    return _NO_WORD.sub("_", _CAMEL.sub("_", key).lower()).strip("_")
