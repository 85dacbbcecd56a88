"""Labels on the leaves of a payload: what is personal in it, and what is not scored.

A leaf without a label must stay as it is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Personal:
    """A value, or a key, with personal data in it; nothing of `parts` may be left of it."""

    kind: str
    value: object
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unscored:
    """A value about which reasonable people differ: a city, a login, a display name alone."""

    value: object


def _label(kind: str, value: object, parts: tuple[str, ...]) -> Personal:
    return Personal(kind, value, parts or (str(value),))


def email(value: object, *parts: str) -> Personal:
    return _label("email", value, parts)


def phone(value: object, *parts: str) -> Personal:
    return _label("phone", value, parts)


def card(value: object, *parts: str) -> Personal:
    return _label("card", value, parts)


def iban(value: object, *parts: str) -> Personal:
    return _label("iban", value, parts)


def ip(value: object, *parts: str) -> Personal:
    return _label("ip", value, parts)


def token(value: object, *parts: str) -> Personal:
    return _label("token", value, parts)


def key(value: object, *parts: str) -> Personal:
    """Personal for the name of its key: a name, a postal address, a password."""
    return _label("key", value, parts)


def either(value: object) -> Unscored:
    return Unscored(value)
