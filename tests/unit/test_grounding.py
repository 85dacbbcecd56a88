"""What of a model's claims is believed."""

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.insights.generation.context import Context, Line
from app.insights.generation.grounding import (
    CLAIMS_MAX,
    Claim,
    Examination,
    GroundedClaim,
    citations,
    fault_of,
    harmless,
    tidy,
)
from app.insights.generation.hints import HintsSaid, SuggestedValue, examine_hints
from app.insights.generation.standup import StandupSaid, examine

MINE = [str(UUID(int=n)) for n in range(1, 5)]
THEIRS = str(UUID(int=99))
LINES = (
    Line("summary", "3 actions on 1 day; most active on Thu 19 Nov (3)", (MINE[2], MINE[1]), 3),
    Line("projects", 'project p-42 "B\\u00fcro example.org": project opened x2', (MINE[0],), 1),
    Line(
        "completed", 'Thu 19 Nov 16:45 project subtask completed "t_7f/b" (75 min)', (MINE[2],), 1
    ),
)
CONTEXT = Context("", LINES, 0, 0, "", 3, truncated=False, opted_out=False)

FAULTS: list[tuple[str, list[int], str | None]] = [
    ("Opened project p-42.", [2], None),
    ('Opened "Büro example.org", twice.', [2], None),
    ("Completed a sub-task at 16:45 (75 min).", [3], None),
    ("Follow-up: did 3 things, all on Thu 19 Nov.", [1], None),
    ("Fine.", [1, 2, 3], None),
    ("", [1], "it is empty"),
    ("x" * 301, [1], "more than 300 characters"),
    ("No citation.", [], "it cites no line"),
    ("No such line.", [4], "it cites a line that does not exist"),
    ("Nor this one.", [0], "it cites a line that does not exist"),
    ("Nor this one.", [1, -1], "it cites a line that does not exist"),
    ("So many.", [1] * 21, "it cites more than 20 lines"),
    ("Zero\u200bwidth.", [1], "it has hidden characters"),
    ("Turned \u202earound.", [1], "it has hidden characters"),
    ("A bell\x07.", [1], "it has hidden characters"),
    ("Half a \ud800 character.", [1], "it has hidden characters"),
    ("<b>Bold</b>", [1], "it has markup"),
    ("![x](y)", [1], "it has markup"),
    ("[a link](somewhere)", [1], "it has markup"),
    ("`code`", [1], "it has markup"),
    ("{{template}}", [1], "it has markup"),
    ("**bold**", [1], "it has markup"),
    ("&lt;script&gt;", [1], "it has markup"),
    ("See https://evil.example/x", [1], "it has a link"),
    ("See hxxp://evil", [1], "it has a link"),
    ("See HTTPS://EXAMPLE.ORG", [2], "it has a link"),
    ("See //evil.example", [1], "it has a link"),
    ("See www.evil.example.", [1], "it has a link"),
    ("Write to mailto:a@b.example", [1], "it has a link"),
    ("javascript:alert", [1], "it has a link"),
    ("See example.org/?q=secret", [2], "it has a link"),
    ("See example.org:8080", [2], "it has a link"),
    ("See evil.example.", [1], "it names an address that its lines don't have"),
    ("See (evil.example)", [1], "it names an address that its lines don't have"),
    ("Ask bob@example.com about it.", [1], "it names an address that its lines don't have"),
    ("Ask 10.0.0.1 about it.", [1], "it names an address that its lines don't have"),
    ('Opened "example.org".', [1], "it names an address that its lines don't have"),
    ("Opened project p-43.", [2], "it names a thing that its lines don't have"),
    ("Opened project p-42.", [1], "it names a thing that its lines don't have"),
    (f"Did {THEIRS}.", [1], "it names a thing that its lines don't have"),
    (f"Did {MINE[2]}.", [1], None),
    (f"Did {MINE[2]}.", [2], "it names a thing that its lines don't have"),
    ("Read email m-3a9d7210.", [1], "it names a thing that its lines don't have"),
]


@pytest.mark.parametrize(("text", "cites", "fault"), FAULTS)
def test_what_is_believed(text: str, cites: list[int], fault: str | None) -> None:
    assert fault_of(text, cites, CONTEXT) == fault


@pytest.mark.parametrize(
    ("said", "tidied"),
    [
        ("  Two\n lines\tand [1] more [2, 3]. ", "Two lines and more."),
        ("B\\u00fcro \\ud83d\\ude00", "Büro 😀"),
        ("\\u003cb\\u003e", "<b>"),
        ("ｈｔｔｐ：//evil", "http://evil"),  # noqa: RUF001 (letters that only look plain)
        ("half \\ud800 a pair", "half \ud800 a pair"),
    ],
)
def test_it_is_looked_at_as_it_will_be_read(said: str, tidied: str) -> None:
    assert tidy(said) == tidied


def test_a_claim_has_the_events_of_its_lines() -> None:
    found = Examination(CONTEXT)
    assert found.claims("today", [Claim("Did [1] it.", [3, 1, 1]), Claim("No.", [])]) == (
        GroundedClaim("Did it.", (1, 3), (MINE[2], MINE[1])),
    )
    assert (found.kept, found.faults) == (1, ["today 2: it cites no line"])
    (first, last) = citations(
        CONTEXT, [GroundedClaim("a", (3, 1), ()), GroundedClaim("b", (1,), ())]
    )
    assert (first.number, first.events, last.number, last.text) == (1, 3, 3, LINES[2].text)


@pytest.mark.parametrize("text", ["a" * 30_000, "a." * 15_000, " " * 1_000_000, "[1" * 500_000])
def test_what_is_very_long_takes_no_time(text: str) -> None:
    began = time.process_time()
    assert Examination(CONTEXT).claim("today", Claim(text, [1])) is None
    assert len(harmless(text)) <= 80
    assert time.process_time() - began < 1


def test_a_standup_keeps_what_holds() -> None:
    good, bad = Claim("Good.", [1]), Claim("Bad.", [9])
    standup, found = examine(
        StandupSaid([good, bad], [bad], [good] * (CLAIMS_MAX + 2), bad), CONTEXT
    )
    assert [len(each) for each in (standup.yesterday, standup.today, standup.blockers)] == [1, 0, 8]
    assert standup.one_thing is None
    assert (found.kept, len(found.faults)) == (9, 5)
    assert len(standup.claims()) == 9


@pytest.mark.parametrize(
    ("value", "cites", "kept"),
    [("HIGH ", [1], "high"), ("severe", [1], None), ("high", [], None), ("", [1], None)],
)
def test_a_suggestion_is_what_the_user_has_used(
    value: str, cites: list[int], kept: str | None
) -> None:
    said = HintsSaid([], SuggestedValue(value, "As before.", cites))
    hints, found = examine_hints(said, CONTEXT, ("low", "high"))
    assert (hints.suggestion.value if hints.suggestion else None) == kept
    assert (found.kept, len(found.faults)) == ((1, 0) if kept else (0, 1))


@given(st.text())
def test_what_a_user_wrote_is_never_a_fault_of_a_composed_claim(text: str) -> None:
    said = f'Did "{harmless(text)}" again'
    assert fault_of(said, [1], CONTEXT) in {None, "it names a thing that its lines don't have"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Büro-Umzug", "Büro-Umzug"),
        ("a\nb\u200bc <i>", "a b c i"),
        ("see https://evil.example/x now", "see ... now"),
        ("x" * 100, "x" * 77 + "..."),
    ],
)
def test_what_a_user_wrote_stays_readable(text: str, said: str) -> None:
    assert harmless(text) == said
