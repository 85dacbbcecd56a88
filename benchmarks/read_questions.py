"""What `benchmarks.read` asks."""

from dataclasses import dataclass
from urllib.parse import urlencode

STEPS = ("project_created", "project_opened", "project_archived")
ANCHOR = "email_opened"
DAYS = (7, 30, 365)

PATHS: dict[str, tuple[str, dict[str, object]]] = {
    "analytics": ("/api/events/analytics", {}),
    "timeseries": ("/api/events/analytics/timeseries", {}),
    "top": ("/api/events/analytics/top", {}),
    "heatmap": ("/api/events/analytics/heatmap", {}),
    "active-users": ("/api/events/analytics/active-users", {}),
    "retention": ("/api/events/analytics/retention", {}),
    "sessions": ("/api/events/analytics/sessions", {}),
    "funnel": ("/api/events/analytics/funnel", {"step": STEPS}),
    "paths": ("/api/events/analytics/paths", {"anchor": ANCHOR}),
    "durations": ("/api/events/analytics/durations", {}),
    "query": ("/api/events/", {"limit": 100}),
}
# Of one user each, and of as many days as they are asked of.
INSIGHTS = (("context", 7), ("context", 30), ("patterns", 30), ("next-actions", 365))


@dataclass(frozen=True, slots=True)
class Question:
    """`name` is like `analytics.user.7d`; `who` the user, or nobody for all."""

    name: str
    kind: str
    who: int | None
    days: int
    path: str


def questions(typical: int, busiest: int, session: str) -> list[Question]:
    """Each kind for a typical user, the busiest and all, over each of `DAYS`; and one session."""
    found = []
    for days in DAYS:
        for label, who in (("user", typical), ("busiest", busiest), ("all", None)):
            for kind, (path, options) in PATHS.items():
                users = {} if who is None else {"user_email": f"user{who}@example.com"}
                query = urlencode({**options, **users, "days": days}, doseq=True)
                found.append(
                    Question(f"{kind}.{label}.{days}d", kind, who, days, f"{path}?{query}")
                )
    for label, who in (("user", typical), ("busiest", busiest)):
        for kind, days in INSIGHTS:
            window = {} if kind == "next-actions" else {"days": days}
            query = urlencode({"user_email": f"user{who}@example.com", **window})
            path = f"/api/insights/{kind}?{query}"
            found.append(Question(f"{kind}.{label}.{days}d", kind, who, days, path))
    path = f"/api/events/session/{session}?user_email=user{typical}@example.com"
    found.append(Question("session.user.7d", "session", typical, 7, path))
    return found
