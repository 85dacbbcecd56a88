"""Standups and hints, written by a model where there is one, and by rules where there is none or it
fails: in the same shape, from the same context."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.insights.generation.context import Context, distil
from app.insights.generation.hints import (
    Hints,
    HintsSaid,
    compose_email_hints,
    compose_project_hints,
    examine_hints,
    values_of,
)
from app.insights.generation.llm import Generator, Task
from app.insights.generation.prompts import hints_prompt, instructions, standup_prompt
from app.insights.generation.rule_based import compose_standup
from app.insights.generation.standup import Days, Standup, StandupSaid, days_of, examine
from app.read.user_history import Past
from app.read.window import Window

COMPOSER = "composer"

S = TypeVar("S")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Written(Generic[A]):
    """An answer, the context that it cites, and by whom it is: a model's name, or `COMPOSER`; then
    `note` says why it isn't the model's, where there is one. `rejected` counts the model's claims
    that did not hold."""

    answer: A
    context: Context
    generated_by: str
    note: str | None
    rejected: int


async def write_standup(
    generator: Generator | None, past: Past, window: Window, max_tokens: int
) -> tuple[Days, Written[Standup]]:
    """The standup at the end of the window, and the days that it is about."""
    context, days = distil(past, window, "standup", max_tokens), days_of(past, window)
    task = Task(
        StandupSaid,
        instructions("standup"),
        standup_prompt(context, days.today, days.yesterday),
        lambda said: examine(said, context),
    )
    compose = compose_standup
    return days, await _written(generator, context, task, lambda: compose(past, window, context))


async def write_project_hints(
    generator: Generator | None,
    past: Past,
    window: Window,
    max_tokens: int,
    *,
    title: str | None,
    description: str | None,
) -> Written[Hints]:
    """Hints for a project that is being set up; what is suggested is its priority."""
    context = distil(past, window, "project_wizard", max_tokens)
    values = values_of(each.priority for each in past.events if each.entity_type == "project")
    task = Task(
        HintsSaid,
        instructions("project_wizard"),
        hints_prompt(context, {"title": title, "description": description}, values),
        lambda said: examine_hints(said, context, values),
    )
    about = f"{title or ''} {description or ''}"
    return await _written(
        generator, context, task, lambda: compose_project_hints(past, context, about)
    )


async def write_email_hints(
    generator: Generator | None,
    past: Past,
    window: Window,
    max_tokens: int,
    *,
    subject: str | None,
) -> Written[Hints]:
    """Hints for an email that is to be triaged; what is suggested is its label."""
    context = distil(past, window, "email_categorization", max_tokens)
    values = values_of(each.label for each in past.events if each.event_category == "email")
    task = Task(
        HintsSaid,
        instructions("email_categorization"),
        hints_prompt(context, {"subject": subject}, values),
        lambda said: examine_hints(said, context, values),
    )
    return await _written(
        generator, context, task, lambda: compose_email_hints(past, context, subject or "")
    )


async def _written(
    generator: Generator | None, context: Context, task: Task[S, A], compose: Callable[[], A]
) -> Written[A]:
    # Without data, or after an opt-out, no model is called.
    if generator is None or not context.lines:
        return Written(compose(), context, COMPOSER, None, 0)
    made = await generator.generate(task)
    if made.answer is None:
        return Written(compose(), context, COMPOSER, made.failure, made.rejected)
    return Written(made.answer, context, generator.name, None, made.rejected)
