"""Parameters and userinfo of URLs, and of whatever else is written as `name=value`."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from app.ingest.pii_key_names import Promise
from app.ingest.pii_keys import KeyRules
from app.ingest.pii_values import has_shape, stands_for

# A name, then its value up to what ends one, also a parameter of a URL that is the value. In quotes
# on both sides also with a colon between, as in JSON. Each starts where a word does and is
# bounded, so that the search is linear.
_PARAMETER = re.compile(
    r"(?<![\w.%\[\]-])([\w.%\[\]-]{1,64})=(?!=)"
    r"((?:[^?&;#\s\"'<>|,\]})]|\?(?![\w.%\[\]-]{1,64}=)){1,4096}+)"
    r"|[\"']([\w.-]{1,64})[\"']\s{0,3}:\s{0,3}\"((?:[^\"\\]|\\.){1,4096}+)\""
    r"|[\"']([\w.-]{1,64})[\"']\s{0,3}:\s{0,3}'([^']{1,4096}+)'"
)
PLAIN_GROUP = 2
_REST = re.compile(r"\?[^&;#\s\"'<>|,\]})]{1,4096}+")
_USERINFO = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}:|(?<![\w/:]))//([^\s/?#\"'<>]{1,256})@", re.IGNORECASE
)
_TOKEN_MIN_CHARS = 16
_CODE_MIN_CHARS = 6


def parameters(text: str, rules: KeyRules) -> Iterator[tuple[int, int]]:
    """The values of parameters whose names say that they are personal."""
    weak: list[tuple[int, int]] = []
    has_sign = False
    done = 0
    for match in _PARAMETER.finditer(text):
        if match.start() < done:
            continue
        group = match.lastindex or 2
        promise = rules.parameters_promise(match.group(group - 1))
        if promise is None:
            continue
        value = unquote_plus(match.group(group))
        if stands_for(value, match.group(group - 1)):
            continue
        if promise is Promise.WEAK_NAME:
            if has_shape(promise, value, nested=False):
                weak.append(match.span(group))
            continue
        if promise is Promise.TOKEN:
            found = _is_secret(match.group(group - 1), value)
        else:
            found = has_shape(promise, _numbered(promise, value), nested=False)
        if found or promise is Promise.EMAIL:
            has_sign = True
        if found:
            start, done = match.span(group)
            if group == PLAIN_GROUP and (rest := _REST.match(text, done)):
                done = rest.end()  # a password may have a question mark in it
            yield start, done
    if has_sign:
        yield from weak


def userinfos(text: str) -> Iterator[tuple[int, int]]:
    """`user:password` before a host, and a long name alone, which is a token."""
    if "//" not in text or "@" not in text:
        return
    for match in _USERINFO.finditer(text):
        given = match.group(1)
        _, colon, password = given.partition(":")
        if (colon and password) or (len(given) >= _TOKEN_MIN_CHARS and re.search(r"\d", given)):
            yield match.span(1)


def _numbered(promise: Promise, value: str) -> str | int:
    is_number = promise is Promise.ZIP and value.isdigit()
    return int(value) if is_number else value


def _is_secret(name: str, value: str) -> bool:
    """Whether a parameter that can be harmless (`code=404`, `key=name`) is a secret."""
    last = re.split(r"[^A-Za-z0-9]+", name)[-1].lower()
    if last.endswith("token") or last in {"authorization", "cookie", "jwt", "samlresponse"}:
        return value != ""
    if last in {"otp", "pin"} or (last == "code" and len(value) == _CODE_MIN_CHARS):
        return value.isdigit() and len(value) >= 4
    has_digit = re.search(r"\d", value) is not None
    has_letter = re.search(r"[A-Za-z]", value) is not None
    if last in {"sig", "signature", "hmac", "sid", "sessionid", "session", "ticket"}:
        return len(value) >= _CODE_MIN_CHARS and has_digit
    return len(value) >= 20 or (len(value) >= 8 and has_digit and has_letter)
