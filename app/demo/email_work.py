"""Emails: opened some at a time, and some of them answered, archived, categorised, rated."""

from collections.abc import Iterator

from app.demo.habits import NEWSLETTER
from app.demo.streams import chosen, lags_ms, short_hash
from app.demo.today import Act, Today, step_ms

PAGE = "/email"
BATCH_MAX = 4
LABELS = (("customer", 0.4), ("team", 0.35), ("invoice", 0.15), ("calendar", 0.1))
ARCHIVED_OTHERS_SHARE = 0.25
CATEGORIZED_SHARE = 0.16
FEEDBACK_SHARE = 0.3


def email_work(day: Today) -> Iterator[Act]:
    """All of a day's acts about emails, but for the first one of a morning routine."""
    rng = day.stream("emails")
    habits = day.habits
    lags = lags_ms(rng, habits.reply_median_minutes, habits.reply_spread)
    left = day.how_many(rng, habits.emails_a_day)
    while left > 0:
        batch = min(left, rng.randint(1, BATCH_MAX))
        left -= batch
        newsletters = [rng.random() < habits.newsletter_share for _ in range(batch)]
        replied = [
            not newsletter and rng.random() < habits.reply_share for newsletter in newsletters
        ]
        reply_lags = [next(lags) if each else None for each in replied]
        at = day.moment_with_lag_ms(rng, max((each or 0 for each in reply_lags), default=0))
        for place in range(batch):
            entity = ("email", f"m-{short_hash(day.person.email, day.on, 'email', left, place)}")
            label = NEWSLETTER if newsletters[place] else chosen(rng, LABELS)
            yield Act(at, "email_opened", PAGE, entity, {"label": label})
            lag = reply_lags[place]
            if lag is not None:
                said = {"label": label, "length": rng.randrange(40, 1_200)}
                yield Act(at + lag, "email_replied", PAGE, entity, said)
            at += step_ms(rng)
            if rng.random() < CATEGORIZED_SHARE:
                yield Act(at, "email_categorized", PAGE, entity, {"label": label, "by": "ai"})
                at += step_ms(rng)
                if rng.random() < FEEDBACK_SHARE:
                    rating = rng.choice(("helpful", "helpful", "wrong"))
                    yield Act(at, "email_feedback_given", PAGE, entity, {"rating": rating})
                    at += step_ms(rng)
            share = habits.archives_newsletters if newsletters[place] else ARCHIVED_OTHERS_SHARE
            if lag is None and rng.random() < share:
                yield Act(at, "email_archived", PAGE, entity, {"label": label})
                at += step_ms(rng)
