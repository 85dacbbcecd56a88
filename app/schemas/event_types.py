"""What an event type says about itself: the category and the action, where the client gives none.

The known types are one table, shared with the tracker. A type that is not in it is as welcome: its
category is its first word and its action the last.
"""

import re

# type -> (category, action)
KNOWN_TYPES: dict[str, tuple[str, str]] = {
    "project_created": ("project", "created"),
    "project_opened": ("project", "opened"),
    "project_updated": ("project", "updated"),
    "project_archived": ("project", "archived"),
    "project_deleted": ("project", "deleted"),
    "project_goal_added": ("project", "added"),
    "project_goal_completed": ("project", "completed"),
    "project_subtask_created": ("project", "created"),
    "project_subtask_completed": ("project", "completed"),
    "standup_started": ("standup", "started"),
    "standup_completed": ("standup", "completed"),
    "standup_skipped": ("standup", "skipped"),
    "email_opened": ("email", "opened"),
    "email_replied": ("email", "replied"),
    "email_archived": ("email", "archived"),
    "email_categorized": ("email", "categorized"),
    "email_feedback_given": ("email", "given"),
    "calendar_event_opened": ("calendar", "opened"),
    "calendar_event_created": ("calendar", "created"),
    "calendar_view_changed": ("calendar", "changed"),
    "ai_wizard_started": ("ai", "started"),
    "ai_wizard_completed": ("ai", "completed"),
    "ai_wizard_cancelled": ("ai", "cancelled"),
    "ai_suggestion_accepted": ("ai", "accepted"),
    "ai_suggestion_dismissed": ("ai", "dismissed"),
    "search_performed": ("search", "performed"),
    "modal_opened": ("navigation", "opened"),
    "modal_closed": ("navigation", "closed"),
    "page_viewed": ("navigation", "viewed"),
    "page_left": ("navigation", "left"),
}

PAGE_VIEWED = "page_viewed"

_WORD_BREAK = re.compile(r"[^0-9A-Za-z\u0080-\U0010ffff]+|(?<=[a-z0-9])(?=[A-Z])")


def category_and_action(event_type: str) -> tuple[str, str]:
    """`project_subtask_completed` -> `("project", "completed")`; `Signed Up` -> `("signed", "up")`.

    A page view is `navigation`, whatever it is called: `page_viewed`, `pageview`, `$pageview`.
    """
    known = KNOWN_TYPES.get(event_type)
    if known is not None:
        return known
    words = [word.lower() for word in _WORD_BREAK.split(event_type) if word]
    if not words:
        return event_type, event_type
    if words[0] in {"page", "pageview", "screen"}:
        return "navigation", "viewed" if len(words) == 1 or words[-1] == "view" else words[-1]
    return words[0], words[-1]
