"""Keys that indicate personal values, and the shapes of such values.

A thing may share a person's key: a count of `mobile` visits, an `email` object with an id, the
`name` of a repository. So a key alone decides nothing: its value must have the shape of what the
key promises, and `name` counts only where other signs of a person are near.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from app.ingest.pii_forms import is_odd, plain_form
from app.ingest.pii_key_names import (
    ABOUT_SECRET,
    AGAIN,
    COUNTED_BESIDE,
    DELIVERED,
    ENDS,
    NEUTRAL,
    NO_PART,
    NO_SECRET,
    OF_A_PLACE,
    PARAMETERS,
    PASSWORDS,
    PERSON,
    PERSON_TYPES,
    PERSONS_OBJECT,
    PLURAL,
    PROMISES,
    SAME,
    SECRETS,
    SIGNS,
    SUFFIXES,
    THING,
    WORDS_MAX,
    Promise,
)
from app.ingest.pii_values import has_shape

KEYS_KNOWN_MAX = 10_000
KEY_KNOWN_MAX_CHARS = 64
PAIR_VALUE = "value"
PAIR_KEYS = ("key", "name")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_A-Za-z]+")


@lru_cache(maxsize=KEYS_KNOWN_MAX)
def _words_of_known(key: str) -> tuple[str, ...]:
    return _words(key)


def words(key: str) -> tuple[str, ...]:
    """`Full-Name`, `fullName`, `FULL_NAME` -> `("full", "name")`; digits are none."""
    return _words_of_known(key) if len(key) <= KEY_KNOWN_MAX_CHARS else _words(key)


def _words(key: str) -> tuple[str, ...]:
    if is_odd(key):
        key = plain_form(key)
    return tuple(word.lower() for word in _WORD.findall(unicodedata.normalize("NFKC", key)))


def snake(key: str) -> str:
    return "_".join(words(key))


def pair_name(value: Mapping[str, object]) -> str | None:
    """The name in an object that is a name and its value: `{"key": "user.email", "value": ...}`."""
    if PAIR_VALUE not in value:
        return None
    for key in PAIR_KEYS:
        name = value.get(key)
        if isinstance(name, str):
            return name if len(name) <= KEY_KNOWN_MAX_CHARS else None
    return None


class KeyRules:
    """Rules for keys: by the setting, and for secrets always."""

    def __init__(self, keys: Iterable[str]) -> None:
        given = {"".join(words(key)): key for key in keys}
        rules = {name: PROMISES.get(name, Promise.ANY) for name in given}
        rules |= {
            same: rules[base] for same, base in SAME.items() if base in rules and same not in rules
        }
        self._rules: Mapping[str, Promise] = SECRETS | rules
        self._persons_names = "fullname" in rules or "username" in rules

    def promise(self, key: str) -> Promise | None:
        """Return what the key promises; None if nothing personal."""
        return self._of_words(words(key))

    def parameters_promise(self, key: str) -> Promise | None:
        """The same of a parameter of a URL, where more names mean a secret."""
        named = words(key)
        joined = "".join(named)
        return self._of_words(named) or PARAMETERS.get(joined) or PARAMETERS.get(joined[1:]) or None

    def _of_words(self, named: Sequence[str]) -> Promise | None:
        if not named:
            return None
        whole = self._rules.get("".join(named))
        if whole is not None:
            return whole
        last = named[-1]
        if self._persons_names and last == "name" and len(named) > 1 and named[-2] in PERSON:
            return Promise.NAME
        for count in range(min(WORDS_MAX, len(named)), 0, -1):
            found = self._of_suffix(named[-count:], named[:-count])
            if found is not None:
                return found
        if len(last) > len("email"):
            for end in ENDS:
                if last.endswith(end) and end in self._rules:
                    return self._rules[end]
        return self._of_secret(named)

    def _of_secret(self, named: Sequence[str]) -> Promise | None:
        """Whether a key contains a password's name, or begins with a secret's."""
        if any(word in NO_PART or word in ABOUT_SECRET for word in named):
            return None
        has_password = any(
            word in PASSWORDS
            or (word.startswith("password") and word.removeprefix("password") in AGAIN)
            for word in named
        )
        if has_password and any(
            word in AGAIN or word.removeprefix("password") in AGAIN for word in named
        ):
            return Promise.SECRET
        if has_password:
            return Promise.SECRET_PART
        for count in range(min(WORDS_MAX, len(named) - 1), 0, -1):
            found = self._rules.get("".join(named[:count]))
            if found is Promise.SECRET:
                return Promise.SECRET_PART
            if found is Promise.TOKEN and (named[count] in NEUTRAL or named[count] in AGAIN):
                return Promise.SECRET_PART
        return None

    def _of_suffix(self, suffix: Sequence[str], before: Sequence[str]) -> Promise | None:
        joined = "".join(suffix)
        found = self._rules.get(joined)
        if found is None and joined.endswith("s"):
            found = self._rules.get(joined[:-1]) or self._rules.get(joined.removesuffix("es"))
            if found not in PLURAL:
                return None
        if found is Promise.ADDRESS:
            return found if not before or before[-1] in OF_A_PLACE else None
        if found not in SUFFIXES or found is None:
            return None
        if before and found in {Promise.TOKEN, Promise.SECRET} and before[-1] in NO_SECRET:
            return None
        return found


def below(promise: Promise, key: str) -> Promise | None:
    """Return what an object's promise means for the value under one of its own keys."""
    named = words(key)
    if promise is Promise.ANY:
        return promise
    if any(word in NO_PART for word in named):
        return None
    if not named or named[-1] in NEUTRAL:
        return promise
    if promise in {Promise.NAME, Promise.WEAK_NAME}:
        return None
    return promise


def _is_persons(value: Mapping[str, object], key: str, promises: Mapping[str, Promise]) -> bool:
    """Whether an object is about a person, so that its `name` is one's.

    Args:
        key: the nearest key around it.
        promises: those of its keys that promise anything.
    """
    around = [word for word in words(key) if word != "id"]
    if around:
        last = {around[-1], around[-1].removesuffix("s"), "".join(around)}
        if last & THING:
            return False
        if last & PERSONS_OBJECT:
            return True
        # Even where it is null, a phone or an address beside is a person's.
        if last & DELIVERED and {Promise.PHONE, Promise.ADDRESS} & set(promises.values()):
            return True
    kind = value.get("type")
    if isinstance(kind, str) and kind.lower() in PERSON_TYPES:
        return True
    return any(
        promise in SIGNS and has_shape(promise, value[name], nested=False)
        for name, promise in promises.items()
    )


def _counts_devices(value: Mapping[str, object]) -> bool:
    """Whether an object counts by kinds of devices or channels: `{"mobile": 1, "desktop": 3}`."""
    return any(
        type(item) in {int, float} and name.lower() in COUNTED_BESIDE
        for name, item in value.items()
    )


def kept_promises(
    value: Mapping[str, object], around: str, promises: dict[str, Promise]
) -> dict[str, Promise]:
    """Without those that keys of this object can't mean: a bare `name` where there is no sign of a
    person, and `mobile` where devices are counted."""
    weak = [name for name, promise in promises.items() if promise is Promise.WEAK_NAME]
    if weak and not _is_persons(value, around, promises):
        promises = {name: each for name, each in promises.items() if name not in weak}
    if Promise.PHONE in promises.values() and _counts_devices(value):
        promises = {name: each for name, each in promises.items() if each is not Promise.PHONE}
    return promises
