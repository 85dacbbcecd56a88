"""Shapes of personal data, and the checks that distinguish them from look-alikes.

Every search is linear in the text: a pattern either starts only where a word does, or reads no
further than a bound, or takes what it has read.
"""

import ipaddress
import re
from collections.abc import Iterator

import phonenumbers
from stdnum import luhn

from app.ingest.pii_finders import (
    WORK_OF_A_PHONE_CHECK,
    WORK_OF_A_TEXT,
    Finder,
    Place,
    Span,
    matches,
)
from app.ingest.pii_key_names import word_set
from app.ingest.pii_secrets import SECRETS

_EMAIL = re.compile(
    r"(?:(?<![\w.%+-])([\w.%+-][\w.%+'-]{0,63}(?:=[\w-]{1,63}\.[\w.-]{1,64})?)|(\"[^\"\n@]{1,64}\"))"
    r"@((?:[\w-]{1,63}\.)+[^\W\d_]{2,24}|(?:[\w-]{1,63}\.)+xn--[a-z0-9-]{2,59})"
    r"(?![^\W_])"
)
_IBAN = re.compile(r"(?<![^\W_])([A-Za-z]{2})\d\d(?=[ .-]?[A-Za-z0-9]{2})")
_IBAN_LENGTHS = {
    pair[:2]: int(pair[2:])
    for pair in word_set(
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
        "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
        "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
        "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
        "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
    )
}
_CARD = re.compile(
    r"(?<![\w.,-])(?:\d{13,19}"
    r"|\d{4}([ \t+./_-]{1,2})\d{4}\1\d{4}\1\d{3,4}(?:\1\d{1,3})?"
    r"|\d{4}([ \t+./_-]{1,2})\d{6}\2\d{4,5})"
    r"(?![\w-]|[.,]\d)"
)
_IP4 = re.compile(r"(?<![\w.-])(?<![A-Za-z]/)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?!\w|:|\.\d)")
_PHONE_PLUS = re.compile(r"(?<![\w+.])\+ ?\(?[1-9][\d .()/-]{5,20}\d(?!\w|[.,]\d)")
_PHONE_00 = re.compile(r"(?<![\w+.,:/-])0[ .-]?0[ .-]?[1-9][\d .()/-]{6,20}\d(?![\w-]|[.,]\d)")
_PHONE_US = re.compile(
    r"(?<![\w.+-])(?:1[-. ])?(?:\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}([-. ])\d{3}\1\d{4})(?![\w-]|\.\d)"
)
_PHONE_NAMED = re.compile(
    r"(?<!\w)(?i:(?:tel|phone|telephone|telefon|mobile|mobil|cell|fax|sms|callto)\.?:\s?"
    r"|(?:wa\.me|whatsapp\.com)/)(\+?[\d(][\d ()/.-]{5,20}\d)(?!\w|[.,]\d)"
)
_DAY = re.compile(r"\+(?:19|20)\d\d[01]\d[0-3]\d")
_CARD_PREFIX = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|(?:5[0678]\d\d|6(?:30|7[0-9])\d?)\d{8,15}"
    r"|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
)
_VERSION_DOMAIN = re.compile(r"\d+(?:x\.|\.\d)", re.IGNORECASE)  # logo@2x.png, lib@1.3.0-rc.next
_DIST_TAGS = word_set(
    "alpha beta canary dev edge experimental insiders latest legacy lts next nightly preview rc "
    "snapshot stable"
)
_FILE_ENDINGS = word_set(
    "png jpg jpeg gif webp avif svg ico heic css scss less js mjs cjs ts tsx jsx json html htm map "
    "woff woff2 ttf otf eot pdf txt csv xml yaml yml toml lock tar tgz gz exe dll jar war log bak "
    "tmp wav mp3 mp4 webm yml service socket timer mount"
)
_SOURCE_CONTROL = word_set("git hg svn bzr gitea gitlab gitolite forgejo")
_MACHINES_ID = re.compile(
    r"(?:message|smtp|ical|content|thread|envelope)_?u?id$|in_reply_to$|inreplyto$|references$"
    r"|(?:^|_)(?:uid|cid)$"
)
_MACHINES_ID_BEFORE = re.compile(
    r"(?:message-id|in-reply-to|references|content-id|uid):?\s{0,3}<?$", re.IGNORECASE
)
_MACHINE_LOCAL_MIN_DIGITS = 8
_VERSION_KEY = re.compile(
    r"version|ver$|^v$|_v$|semver|build|release|firmware|driver|sdk|user_agent|useragent|(?:^|_)browser$"
    r"|(?:^|_)(?:os|browser|tag|oid|kernel|runtime|section|clause|chapter|revision|rev|patch|chart|mask"
    r"|netmask|wildcard)$"
)
_VERSION_WORD = re.compile(
    r"(?:version|ver|release|build|section|chapter|clause|upgraded?|§|rev|firmware)\.?\s?(?:to\s)?v?$",
    re.IGNORECASE,
)
_VERSION_CHANGE = re.compile(
    r"\b(?:up|down)grad(?:e|es|ed|ing)\s(?:from\s)?(?:v?[\d.]+\sto\s)?v?$", re.IGNORECASE
)
_NOBODYS = frozenset({0, 127})  # this network, and this host
_MULTICAST = 224  # and above it what is reserved, and netmasks
_PRIVATE = 10
_PEOPLES_IP6 = tuple(map(ipaddress.ip_network, ("2000::/3", "fc00::/7", "fe80::/10")))
_CHANGE_CHARS = 48
_BACK_CHARS = 24  # how far the text before a match is looked at


def _is_email(match: "re.Match[str]", place: Place) -> bool:
    """Not a version pin (`react@canary.next`), a picture (`logo@2x.png`), `git@host` or the id that
    a program made for a message."""
    plain, quoted, domain = match.groups()
    labels = domain.lower().split(".")
    if _VERSION_DOMAIN.match(domain) is not None or labels[-1] in _FILE_ENDINGS:
        return False
    if set(labels) <= _DIST_TAGS:
        return False
    if quoted is not None:
        return True
    following = match.string[match.end() : match.end() + 1]
    before = match.string[max(0, match.start() - _BACK_CHARS) : match.start()]
    local = plain.lower()
    if local == "git" or (
        local in _SOURCE_CONTROL and (following in {":", "/"} or "://" in before)
    ):
        return False
    word = re.split(r"[\s<]", before)[-1] + local
    digits = sum(map(str.isdigit, local))
    if any(map(str.isdigit, word)) and (
        _MACHINES_ID.search(place.keys) or _MACHINES_ID_BEFORE.search(before)
    ):
        return False
    return not (
        digits >= _MACHINE_LOCAL_MIN_DIGITS
        and before.endswith("<")
        and following == ">"
        and not before[:-1].strip()
    )


def _ibans(text: str, place: Place) -> Iterator[Span]:
    """Find IBANs by the length of their country and their check digits (ISO 13616)."""
    done = 0
    for match in _IBAN.finditer(text):
        if place.budget.candidates < 0:
            return
        length = _IBAN_LENGTHS.get(match.group(1).upper())
        if length is None or match.start() < done:
            continue
        place.budget.candidates -= 1
        account: list[str] = []
        end = match.start()
        for character in text[match.start() : match.start() + 2 * length]:
            if character.isascii() and character.isalnum():
                account.append(character)
            elif character not in " .-":
                break
            end += 1
            if len(account) == length:
                break
        following = text[end : end + 1]
        if len(account) < length or following.isalnum():
            continue
        joined = "".join(account[4:] + account[:4])
        if int("".join(str(int(character, 36)) for character in joined)) % 97 == 1:
            done = end
            yield match.start(), end


def _is_card(match: "re.Match[str]", place: Place) -> bool:
    digits = re.sub(r"\D", "", match.group())
    if digits == match.group() and (
        place.is_id or match.string[match.start() - 1 : match.start()] == "/"
    ):
        return False  # an order's number, also as a part of a path
    return _CARD_PREFIX.fullmatch(digits) is not None and bool(luhn.is_valid(digits))


def is_cards_number(digits: str, place: Place) -> bool:
    """Whether digits alone are a card's."""
    if _CARD_PREFIX.fullmatch(digits) is None:
        return False
    place.budget.batch.work -= WORK_OF_A_TEXT
    return not place.is_id and bool(luhn.is_valid(digits))


def _ip4s(text: str, place: Place) -> Iterator[Span]:
    if "." in text and _VERSION_KEY.search(place.keys) is None:
        yield from _FIND_IP4(text, place)


def _is_ip4(match: "re.Match[str]", _: Place) -> bool:
    parts = [int(part) for part in match.group().split(".")]
    if max(parts) > 255 or parts[0] in _NOBODYS or parts[0] >= _MULTICAST:
        return False
    before = match.string[max(0, match.start() - _BACK_CHARS) : match.start()]
    change = match.string[max(0, match.start() - _CHANGE_CHARS) : match.start()]
    if _VERSION_WORD.search(before) is not None or _VERSION_CHANGE.search(change) is not None:
        return False
    if before.endswith("@"):  # ada@10.0.0.8 to log in, backend@2.3.0.12 of a package
        return parts[0] == _PRIVATE or max(parts) > 99
    # The last is a host's number: 120.0.0.0 is a version, and 203.0.113.0/24 a network.
    return parts[-1] != 0 or match.string[match.end() : match.end() + 1] == "/"


_FIND_IP4 = matches(_IP4, _is_ip4)


def _is_ip6(match: "re.Match[str]", _: Place) -> bool:
    try:
        address = ipaddress.IPv6Address(match.group())
    except ValueError:
        return False
    if "::" not in match.group() and max(map(len, match.group().split(":"))) < 3:
        return False  # 00:11:22:33:44:55:66:77 is a device's
    return any(address in network for network in _PEOPLES_IP6)


def _is_phone(match: "re.Match[str]", place: Place) -> bool:
    if _DAY.fullmatch(match.group()) is not None:
        return False  # a line that a patch adds
    return _is_valid_phone(match.group(), place)


def _is_phone_00(match: "re.Match[str]", place: Place) -> bool:
    given = match.group()
    if given.isdigit() and place.is_id:
        return False
    return _is_valid_phone("+" + re.sub(r"^0[ .-]?0", "", given), place)


def _is_phone_named(match: "re.Match[str]", _: Place) -> bool:
    return 7 <= sum(map(str.isdigit, match.group(1))) <= 15


def _is_valid_phone(given: str, place: Place) -> bool:
    if place.budget.phone_checks <= 0:
        return True
    place.budget.phone_checks -= 1
    place.budget.batch.work -= WORK_OF_A_PHONE_CHECK
    try:
        number = phonenumbers.parse(given, "US")
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)


_EMAILS = ("email", matches(_EMAIL, _is_email, sign="@"))
_ACCOUNTS = ("iban", _ibans)
_CARDS = ("card", matches(_CARD, _is_card))
_PHONES = ("phone", matches(_PHONE_PLUS, _is_phone, sign="+"))
# In this order: a token may have an address in it, and a card's digits a phone's.
SHAPES: tuple[tuple[str, Finder], ...] = (
    *SECRETS,
    _EMAILS,
    _ACCOUNTS,
    _CARDS,
    ("ip", _ip4s),
    ("ip", matches(_IP6, _is_ip6, sign=":")),
    _PHONES,
    ("phone", matches(_PHONE_00, _is_phone_00)),
    ("phone", matches(_PHONE_US, _is_phone)),
    ("phone", matches(_PHONE_NAMED, _is_phone_named, group=1)),
)
# What is looked for in an identifier: 212-555-0187 is an order's number there, 4.18.0.1 a version.
ID_SHAPES = (*SECRETS, _EMAILS, _ACCOUNTS, _CARDS, _PHONES)
