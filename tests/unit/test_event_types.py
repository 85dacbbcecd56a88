"""What a type says of its category and action."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schemas.event_types import KNOWN_TYPES, as_typescript, category_and_action
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("event_type", "category", "action"),
    [
        # in the table
        ("project_created", "project", "created"),
        ("project_subtask_completed", "project", "completed"),
        ("calendar_event_created", "calendar", "created"),
        ("email_feedback_given", "email", "given"),
        ("modal_opened", "navigation", "opened"),
        ("page_left", "navigation", "left"),
        # by their words
        ("invoice_line_added", "invoice", "added"),
        ("Signed Up", "signed", "up"),
        ("cartItemRemoved", "cart", "removed"),
        ("user.logged-in", "user", "in"),
        ("step2Done", "step2", "done"),
        ("login", "login", "login"),
        ("größe_geändert", "größe", "geändert"),
        ("__private__", "private", "private"),
        # page views, whatever they are called
        ("page_viewed", "navigation", "viewed"),
        ("pageview", "navigation", "viewed"),
        ("$pageview", "navigation", "viewed"),
        ("PageView", "navigation", "viewed"),
        ("Page Viewed", "navigation", "viewed"),
        ("screen", "navigation", "viewed"),
        ("screen_view", "navigation", "viewed"),
        ("page_scrolled", "navigation", "scrolled"),
        # without a word
        ("$$$", "$$$", "$$$"),
        ("-", "-", "-"),
    ],
)
def test_category_and_action(event_type: str, category: str, action: str) -> None:
    assert category_and_action(event_type) == (category, action)


def test_a_page_is_not_every_word_that_begins_with_it() -> None:
    assert category_and_action("pager_called") == ("pager", "called")


@given(st.text(min_size=1, max_size=128))
def test_no_type_is_without_category_and_action(event_type: str) -> None:
    category, action = category_and_action(event_type)
    assert category
    assert action


def test_the_table_holds_what_its_own_rule_says_but_for_navigation() -> None:
    """Else the same event would count differently with a client that fills both in by the rule."""
    for event_type, (category, action) in KNOWN_TYPES.items():
        words = event_type.split("_")
        assert action == words[-1]
        assert category == words[0] or (words[0] in {"page", "modal"} and category == "navigation")


def test_the_tracker_has_the_same_table() -> None:
    generated = ROOT / "frontend" / "tracker" / "src" / "event-types.ts"
    assert generated.read_text() == as_typescript(), "run: make event-types"
