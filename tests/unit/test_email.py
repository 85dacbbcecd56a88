"""One person, one spelling."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schemas.email import claimed_email, earlier_forms, form_of_stored, normalise_email


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
        ("ada@[192.168.0.1]", "ada@[192.168.0.1]"),
        ("root@build_host", "root@build_host"),
        ("o'neill+x=y@Ex-ample.com", "o'neill+x=y@ex-ample.com"),
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


@pytest.mark.fault("A9")
@pytest.mark.parametrize(
    ("spelling", "kept"),
    [
        ("ju\u0308rgen@mu\u0308nchen.example", "jürgen@münchen.example"),
        ("JU\u0308RGEN@MÜNCHEN.Example", "jürgen@münchen.example"),
        ("jürgen@xn--mnchen-3ya.example", "jürgen@münchen.example"),
        ("jürgen@XN--MNCHEN-3YA.EXAMPLE.", "jürgen@münchen.example"),
        ("dot@x.io.", "dot@x.io"),
        ("dot@x.io..", "dot@x.io"),
        ("dot@x\u3002io\uff61", "dot@x.io"),  # the full stops of East Asian text
        ("\uff41da@x.io", "ada@x.io"),
        ("\uff21\uff24\uff21\uff20\uff38\uff0e\uff29\uff2f", "ada@x.io"),
        ("ada@\uff58.io", "ada@x.io"),
        ("\ufeffada@x.io", "ada@x.io"),
        ("ada@x.io\u200b", "ada@x.io"),
        (" \u200e ada@x.io \u200f\n", "ada@x.io"),
        ("nguye\u0302\u0303n@x.vn", "nguyễn@x.vn"),
        ("nguy\u00ea\u0303n@x.vn", "nguyễn@x.vn"),  # half composed
        ("\u1112\u1161\u11ab@x.kr", "한@x.kr"),
        ("\uff76\uff9e@x.jp", "ガ@x.jp"),  # halfwidth, with its voicing mark apart
        ("\u212bke@x.se", "åke@x.se"),  # ANGSTROM SIGN is canonically Å
        ("j\u030ca@x.io", "ǰa@x.io"),
        ("J\u030cA@x.io", "ǰa@x.io"),  # composed in lower case alone
        ("a@xn--fa-hia.de", "a@faß.de"),
        ("a@FAẞ.de", "a@faß.de"),
        ("a@xn--i-7iq.ws", "a@i❤.ws"),
        ("a@i❤\ufe0f.ws", "a@i❤.ws"),
        ("a@\u212aelvin.io", "a@kelvin.io"),  # of a domain, as browsers have it
        ("ΝΙΚΟΣ@x.gr", "νικος@x.gr"),
        ("STRASSE@x.de", "strasse@x.de"),
        ("straße@x.de", "straße@x.de"),
        ("a@xn--.x", "a@xn--.x"),
        ("a@xn--a-.x", "a@xn--a-.x"),  # encodes ASCII alone: no A-label
        ("a@xn--99999999.x", "a@xn--99999999.x"),  # no Punycode
        ("xn--mnchen-3ya@x.io", "xn--mnchen-3ya@x.io"),  # before the at sign it means nothing
        ("a@münchen_intern", "a@münchen_intern"),
        ("a@\ue000.x", "a@\ue000.x"),  # no domain name by IDNA
    ],
)
def test_every_spelling_of_an_address_is_one(spelling: str, kept: str) -> None:
    assert normalise_email(spelling) == kept
    assert normalise_email(kept) == kept


@pytest.mark.fault("A9")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0130bo@x.io", "i\u0307bo@x.io"),
        ("\u0130bo@x.io", "ibo@x.io"),
        ("\u0131bo@x.io", "ibo@x.io"),
        ("straße@x.de", "strasse@x.de"),
        ("a@faß.de", "a@fass.de"),
        ("νικος@x.gr", "νικοσ@x.gr"),
        ("\u03f4@x.gr", "\u03b8@x.gr"),  # CAPITAL THETA SYMBOL
        ("\ufb01n@x.io", "fin@x.io"),  # a ligature
        ("\U0001d41ada@x.io", "ada@x.io"),  # MATHEMATICAL BOLD SMALL A
        ("\u24d0da@x.io", "ada@x.io"),  # in a circle
        ("a²@x.io", "a2@x.io"),
        ("\u0430da@x.io", "ada@x.io"),  # CYRILLIC SMALL LETTER A
        ("\u017fam@x.io", "sam@x.io"),  # LATIN SMALL LETTER LONG S
        ("jurgen@x.io", "jürgen@x.io"),
    ],
)
def test_what_only_looks_alike_stays_apart(one: str, other: str) -> None:
    assert normalise_email(one) != normalise_email(other)


@pytest.mark.fault("A9")
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("a\u200bda@x.io", "invisible characters (U+200B)"),
        ("ada\u200b@x.io", "invisible characters (U+200B)"),
        ("ada@\ufeffx.io", "invisible characters (U+FEFF)"),
        ("a\u00adda@x.io", "invisible characters (U+00AD)"),
        ("ada@x\u00ad.io", "invisible characters (U+00AD)"),
        ("ada@x.i\u200do", "invisible characters (U+200D)"),
        ("a\u202eda@x.io", "invisible characters (U+202E)"),
        ("a\u2060da@x.io", "invisible characters (U+2060)"),
        ("a\u034fda@x.io", "invisible characters (U+034F)"),
        ("a\ufe0fda@x.io", "invisible characters (U+FE0F)"),
        ("a\u3164da@x.io", "invisible characters (U+3164)"),
        ("a\U000e0061da@x.io", "invisible characters (U+E0061)"),
        ("\u212aate@x.io", "must not contain U+212A, which only looks like ASCII"),
        ("a\u037eb@x.io", "must not contain U+037E, which only looks like ASCII"),
        ("a\u0085da@x.io", "must be an email address"),
        ("a\u3000da@x.io", "must be an email address"),
        ("ada@x.io\uff20y", "must be an email address"),
        ("ada@.", "must be an email address"),
        ("\u200b", "must be an email address"),
        ("é" * 243 + "@example.com", "must have at most 254 characters"),
        ("x@" + "xn--mnchen-3ya." * 100_000, "must have at most 254 characters"),
    ],
)
def test_what_can_not_be_told_from_another_is_refused(address: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        normalise_email(address)


@pytest.mark.fault("S12")
@pytest.mark.parametrize(
    ("claim", "email"),
    [
        ("kate@x.io", "kate@x.io"),
        (" Kate@X.io\n", "kate@x.io"),
        ("jürgen@münchen.example", "jürgen@münchen.example"),
        ("jürgen@xn--mnchen-3ya.example", "jürgen@münchen.example"),
        ("kate@XN--MNCHEN-3YA.example", "kate@münchen.example"),
    ],
)
def test_a_token_claims_an_address(claim: str, email: str) -> None:
    assert claimed_email(claim) == email


@pytest.mark.fault("S12")
@pytest.mark.parametrize(
    "claim",
    [
        "\u212aate@x.io",
        "kate@\u212aelvin.io",
        "\uff4bate@x.io",
        "kate\uff20x.io",
        "kate@x\u3002io",
        "kate@x.io.",
        "kate@x.io\u200b",
        "\ufeffkate@x.io",
        "\u00a0kate@x.io",
        "ju\u0308rgen@x.io",
        "JÜRGEN@x.io",
        "kate@MÜNCHEN.example",
        "kate@mu\u0308nchen.example",
        "kate",
    ],
)
def test_a_token_with_another_spelling_is_refused(claim: str) -> None:
    with pytest.raises(ValueError, match=r"must be|must not"):
        claimed_email(claim)


@pytest.mark.fault("A9")
def test_the_forms_that_an_earlier_version_stored() -> None:
    assert earlier_forms("ada@x.io") == ["ada@x.io."]
    nfd = "ju\u0308rgen@mu\u0308nchen.example"
    forms = earlier_forms("jürgen@münchen.example")
    assert len(forms) == 11
    assert {nfd, f"{nfd}.", "jürgen@xn--mnchen-3ya.example", "jürgen@münchen.example."} < {*forms}
    assert {"i\u0307bo@x.io", "I\u0307bo@x.io"} < {*earlier_forms("\u0130bo@x.io")}
    for form in forms:
        assert normalise_email(form) == "jürgen@münchen.example"


@pytest.mark.fault("A9")
@pytest.mark.parametrize(
    ("stored", "form"),
    [
        ("ada@x.io", "ada@x.io"),
        ("a\u200bda\u00ad@x.io.", "ada@x.io"),
        ("ada@x.io7\x1f", "ada@x.io7"),
        ("a\u037eb@x.io", None),
        ("ada@.", None),
    ],
)
def test_the_form_of_what_is_stored(stored: str, form: str | None) -> None:
    assert form_of_stored(stored) == form


@given(st.text("aK\u212a\u0130i\u0307\u00adü\uff41\u200b.-xn3y@\u1112\u1161ßẞΣς", max_size=12))
def test_normalising_oddities_twice_changes_nothing_more(text: str) -> None:
    for address in (f"{text}@x.io", f"a@{text}", f"a@xn--{text}"):
        try:
            once = normalise_email(address)
        except ValueError:
            continue
        assert normalise_email(once) == once
        assert {normalise_email(form) for form in earlier_forms(once)} <= {
            once, once.lower(), normalise_email(once.lower())}  # fmt: skip


@given(st.emails() | st.from_regex(r"\A[^\s@]{1,20}@[^\s@]{1,20}\Z"))
def test_normalising_twice_changes_nothing_more(address: str) -> None:
    try:
        once = normalise_email(address)
    except ValueError:
        return
    assert normalise_email(once) == once
    assert normalise_email(f"  {once}\t") == once
