"""One person, one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schemas.email import normalise_email


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada@Example.COM\n", "ada@example.com"),
        ("a@b", "a@b"),
        ("first.last+tag@sub.example.co.uk", "first.last+tag@sub.example.co.uk"),
        ("JÖRG@BÜCHER.example", "jörg@bücher.example"),
        ("ada@localhost", "ada@localhost"),
        ("12345+ada@users.noreply.github.com", "12345+ada@users.noreply.github.com"),
        ("\u00a0ada@example.com\u2003", "ada@example.com"),
        ("x" * 242 + "@example.com", "x" * 242 + "@example.com"),  # 254 characters
    ],
)
def test_normalised(given_: str, kept: str) -> None:
    assert normalise_email(given_) == kept


@pytest.mark.parametrize(
    "address",
    [
        "",
        "   ",
        "ada",
        "@",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada@home@example.com",
        "ada lovelace@example.com",
        "ada@exam\tple.com",
        "ada\u0000@example.com",
        "ada\u007f@example.com",
        "ada\ud800@example.com",
        "ada@example.com, bob@example.com",
    ],
)
def test_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="must be an email address"):
        normalise_email(address)


def test_an_address_has_at_most_254_characters() -> None:
    with pytest.raises(ValueError, match="must have at most 254 characters"):
        normalise_email("x" * 243 + "@example.com")


@given(st.emails() | st.from_regex(r"\A[^\s@]{1,20}@[^\s@]{1,20}\Z"))
def test_normalising_twice_changes_nothing_more(address: str) -> None:
    try:
        once = normalise_email(address)
    except ValueError:
        return
    assert normalise_email(once) == once
    assert normalise_email(f"  {once}\t") == once
