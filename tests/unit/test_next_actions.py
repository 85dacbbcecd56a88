"""What comes next: the model by hand-made counts, and what is foretold from a past."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.insights.prediction.markov import (
    BEGINNING,
    ORDER_MAX,
    chained,
    corrected,
    followers_of,
    logarithms,
    pooled,
    suffixes,
)
from app.insights.prediction.next_actions import Prediction, outlook, predict
from app.insights.prediction.population_model import EMPTY_MODEL, WEIGHTS, Learner, PopulationModel
from app.insights.prediction.training_sample import SampledEvent
from app.read.user_history import Past, PastEvent
from tests.unit.user_history import MONDAY, event, on


def foretold(
    events: Sequence[PastEvent],
    everybody: PopulationModel = EMPTY_MODEL,
    *,
    limit: int = 3,
    now: datetime = MONDAY,
) -> Prediction:
    return predict(Past(tuple(events)), outlook(events, now, everybody), limit)


def everyday(*types: str, days: int = 10) -> list[PastEvent]:
    """The same session on each of the days before Monday."""
    return [
        event(day * 100 + n, name, -24 * 60 * (days - day) + n, session_id=f"s-{day}")
        for day in range(days)
        for n, name in enumerate(types)
    ]


def learnt(sample: Sequence[SampledEvent], now: datetime = MONDAY) -> PopulationModel:
    learner = Learner(sample)
    for _ in learner.steps():
        pass
    return learner.learnt(now)


def sampled(*types: str, users: int = 5, days: int = 10) -> list[SampledEvent]:
    """The same session of some users on each of the days before Monday."""
    return [
        SampledEvent(MONDAY - timedelta(days=days - day, minutes=-n), user, name, f"s-{user}-{day}")
        for day in range(days)
        for n, name in enumerate(types)
        for user in range(users)
    ]


def test_each_context_is_smoothed_by_the_shorter_one() -> None:
    # Five imagined events stand beside the counted ones.
    chain = chained([{"a": 5.0}, {}, {"b": 15.0}], ["a", "b"], [0.5, 0.5])
    # (5 + 5 * 0.5) / 10, then nothing is known, then (0 + 5 * 0.75) / 20, then there is no context.
    assert chain == [
        pytest.approx([0.75, 0.25]),
        pytest.approx([0.75, 0.25]),
        pytest.approx([0.1875, 0.8125]),
        pytest.approx([0.1875, 0.8125]),
    ]


def test_the_pool_is_a_weighted_geometric_mean() -> None:
    logs = logarithms([[0.9, 0.1], [0.5, 0.5]])
    assert pooled(logs, (1.0, 0.0)) == pytest.approx([0.9, 0.1])
    assert pooled(logs, (0.5, 0.5)) == pytest.approx([0.75, 0.25])  # the roots of 9 and of 1
    assert pooled(logs, (0.0, 1.0)) == pytest.approx([0.5, 0.5])
    assert logarithms([[0.0, 1.0]]) == [[log(1e-6), 0.0]]


def test_who_was_right_gains_weight() -> None:
    logs = logarithms([[0.9, 0.1], [0.1, 0.9]])
    weights = corrected((0.5, 0.5), logs, pooled(logs, (0.5, 0.5)), came=0)
    # The gradient of the log loss: log p of what came, less what the pool expects it to be.
    step = 0.002 * (log(0.9) - (log(0.9) + log(0.1)) / 2)
    assert weights == pytest.approx((0.5 + step, 0.5 - step))
    assert exp(log(pooled(logs, weights)[0])) > 0.5


series = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=40).map(
    lambda names: ["", *names] if names else names
)


@given(series, st.lists(st.sampled_from("abc"), max_size=ORDER_MAX), st.booleans())
def test_followers_are_those_of_a_plain_search(
    names: list[str], context: list[str], begun: bool
) -> None:
    key = (*([BEGINNING] if begun and len(context) < ORDER_MAX else []), *context) or (BEGINNING,)
    found, seen = followers_of(names, [1.0] * len(names), key)
    for order, suffix in enumerate(suffixes(key)):
        followers = [
            name
            for n, name in enumerate(names)
            if name and n >= order and tuple(names[n - order : n]) == suffix
        ]
        assert found[order] == {name: followers.count(name) for name in followers}
        assert seen[order] == len(followers)


def test_what_always_follows_is_next() -> None:
    morning = ("page_viewed", "standup_started", "standup_completed", "email_opened")
    begun = [*everyday(*morning, days=20), event(9000, "page_viewed", 0, session_id="today")]
    found = foretold(begun)
    assert found.actions[0].event_type == "standup_started"
    assert found.after == ("", "page_viewed")
    assert (found.samples, found.confidence, found.source) == (20, "medium", "user")
    # Where everybody does the same, it is surer.
    surer = foretold(begun, learnt(sampled(*morning, days=40)))
    assert surer.actions[0].event_type == "standup_started"
    assert surer.actions[0].probability > 0.85 > found.actions[0].probability
    # After a pause, a session begins.
    fresh = foretold(everyday(*morning, days=20), limit=1)
    assert (fresh.actions[0].event_type, fresh.after) == ("page_viewed", ("",))


def test_probabilities_of_one_event() -> None:
    found = outlook([event(1, "email_opened", 0)], MONDAY, PopulationModel(("project_opened",)))
    # Nobody does anything: all four say 1/2. The user did one of the two, once, at this moment:
    # (1 + 5 / 2) / 6. What began the session is no context of what comes next.
    own, even = 3.5 / 6, 0.5
    weights = WEIGHTS[1]
    logit = sum(weights[4:]) * log(own / (1 - own)) + sum(weights[:4]) * log(even / even)
    assert found.probabilities == pytest.approx(
        {"email_opened": 1 / (1 + exp(-logit)), "project_opened": 1 - 1 / (1 + exp(-logit))}
    )


def test_what_is_long_ago_weighs_less() -> None:
    old = [event(n, "email_opened", -85 * 24 * 60 + n * 60, session_id=f"o{n}") for n in range(8)]
    new = [event(50 + n, "project_opened", -24 * 60 + n, session_id=f"n{n}") for n in range(4)]
    found = foretold([*old, *new])
    assert [each.event_type for each in found.actions] == ["project_opened", "email_opened"]


def test_the_next_one_stays_with_its_thing() -> None:
    events = []
    for n in range(6):
        thing = on("email", f"m-{n}")
        events += [
            event(10 * n, "email_opened", -600 + 10 * n, **thing, session_id=f"s{n}"),
            event(10 * n + 1, "email_archived", -599 + 10 * n, **thing, session_id=f"s{n}"),
        ]
    events.append(event(99, "email_opened", 0, **on("email", "m-new"), session_id="today"))
    (action,) = foretold(events, limit=1).actions
    assert (action.event_type, action.entity_type, action.entity_id) == (
        "email_archived",
        "email",
        "m-new",
    )


def test_of_nobody_it_is_what_everybody_does() -> None:
    everybody = learnt(sampled("email_opened", "email_archived"))
    found = foretold([], everybody, limit=1)
    assert [each.event_type for each in found.actions] == ["email_opened"]
    assert found.actions[0].probability > 0.8
    assert (found.source, found.samples, found.confidence) == ("everybody", 0, "not enough data")
    assert predict(Past(opted_out=True), outlook([], MONDAY, everybody), 3).actions == ()
    assert foretold([]).source == "nothing"


def test_a_type_of_few_users_is_told_to_nobody() -> None:
    few = sampled("email_opened", "secret_plan_opened", users=4)
    many = sampled("email_opened", "invoice_sent", users=5)
    alone = learnt(few)
    assert alone.types == ("email_opened",)
    assert (alone.users, alone.events) == (4, 80)
    assert "secret_plan_opened" not in str(alone.contexts)
    assert learnt(many).types == ("email_opened", "invoice_sent")
    assert learnt(many).contexts["", "email_opened"].keys() == {"invoice_sent"}


def test_weights_are_learnt() -> None:
    # Each user goes round in a circle of their own: their own past says most.
    circle = ["email_opened", "project_opened", "standup_started", "page_viewed", "email_archived"]
    apart = [
        SampledEvent(
            MONDAY - timedelta(minutes=2000 - n), user, circle[(n * (user + 1)) % 5], f"s-{user}"
        )
        for n in range(1000)
        for user in range(4)
    ]
    before, after = WEIGHTS[2], learnt(apart).weights[2]
    assert sum(after[4:]) > 1.5 * sum(before[4:])


def test_of_nothing_nothing_is_learnt() -> None:
    assert learnt([]) == EMPTY_MODEL
    assert outlook([], MONDAY, EMPTY_MODEL).probabilities == {}
