"""Projects: begun by hand or by the wizard, opened, worked on, archived; sub-tasks and goals."""

from collections.abc import Iterator
from typing import Any

from app.demo.plans import Begun, Plans, Project, Task
from app.demo.streams import short_hash
from app.demo.today import Act, Today, step_ms

OPENED_A_DAY = 3.2
UPDATED_SHARE = 0.35
GOAL_ADDED_SHARE = 0.14
GOAL_COMPLETED_SHARE = 0.16
DELETED_SHARE = 0.06
MODAL_BEFORE_MS = (6_000, 40_000)
UPDATED_FIELDS = ("title", "priority", "due_on", "description")


def project_work(day: Today, plans: Plans) -> Iterator[Act]:
    """All of a day's acts about projects."""
    begun = plans.begun(day.person, day.on)
    yield from _wizard(begun)
    yield from _by_hand(day, begun)
    open_projects = plans.open_projects(day.person, day.on)
    yield from _opened(day, open_projects)
    for project in open_projects:
        if project.ends_on == day.on and project.finished:
            yield from _ended(day, project)
    for task in plans.tasks(day.person, day.on):
        yield _task(task, "created", task.created_at_ms)
        if task.lag_ms is not None:
            yield _task(task, "completed", task.created_at_ms + task.lag_ms, task.lag_ms)
    rng = day.stream("due tasks")
    for task in plans.due_tasks(day.person, day.on):
        yield _task(task, "completed", day.moment_ms(rng), rng.randrange(600_000, 9_000_000))


def _wizard(begun: Begun) -> Iterator[Act]:
    for attempt in begun.attempts:
        entity = ("wizard", attempt.id)
        started: dict[str, Any] = {"source": "dashboard"}
        yield Act(attempt.started_at_ms, "ai_wizard_started", "/wizard", entity, started)
        ended_at_ms = attempt.started_at_ms + attempt.took_ms
        if attempt.project is None:
            why = {"reason": attempt.reason, "step": attempt.step}
            yield Act(ended_at_ms, "ai_wizard_cancelled", "/wizard", entity, why, attempt.took_ms)
        else:
            made = {"suggested_tasks": 3 + len(attempt.project.title) % 5}
            yield Act(ended_at_ms, "ai_wizard_completed", "/wizard", entity, made, attempt.took_ms)
            yield _created(attempt.project, "/wizard", "wizard")


def _by_hand(day: Today, begun: Begun) -> Iterator[Act]:
    rng = day.stream("by hand")
    for project in begun.projects:
        shown_ms = rng.randrange(*MODAL_BEFORE_MS)
        modal = {"modal": "new_project"}
        yield Act(project.created_at_ms - shown_ms, "modal_opened", "/projects", None, modal)
        yield _created(project, "/projects", "manual")
        closed_at_ms = project.created_at_ms + 60
        yield Act(closed_at_ms, "modal_closed", "/projects", None, modal, shown_ms + 60)


def _created(project: Project, page: str, source: str) -> Act:
    said = {"title": project.title, "priority": project.priority, "source": source}
    return Act(project.created_at_ms, "project_created", page, ("project", project.id), said)


def _opened(day: Today, open_projects: list[Project]) -> Iterator[Act]:
    """Times at which a project is opened, and what is then done to it as a whole."""
    if not open_projects:
        return
    rng = day.stream("opened")
    for place in range(day.how_many(rng, OPENED_A_DAY)):
        project = rng.choice(open_projects)
        page, entity = f"/projects/{project.id}", ("project", project.id)
        at = day.moment_ms(rng)
        yield Act(at, "project_opened", page, entity, {"priority": project.priority})
        if rng.random() < UPDATED_SHARE:
            at += step_ms(rng)
            yield Act(at, "project_updated", page, entity, {"changed": rng.choice(UPDATED_FIELDS)})
        goal = {"goal": f"g-{short_hash(project.id, day.on, place)}"}
        if rng.random() < GOAL_ADDED_SHARE:
            at += step_ms(rng)
            yield Act(at, "project_goal_added", page, entity, goal)
        elif project.finished and rng.random() < GOAL_COMPLETED_SHARE:
            at += step_ms(rng)
            yield Act(at, "project_goal_completed", page, entity, goal)


def _ended(day: Today, project: Project) -> Iterator[Act]:
    rng = day.stream(f"ended {project.id}")
    at, entity = day.moment_ms(rng), ("project", project.id)
    said = {"priority": project.priority}
    yield Act(at, "project_archived", f"/projects/{project.id}", entity, said)
    if rng.random() < DELETED_SHARE:
        yield Act(at + step_ms(rng), "project_deleted", "/projects", entity, said)


def _task(task: Task, action: str, at_ms: int, duration_ms: int | None = None) -> Act:
    said = {"project": task.project.id, "priority": task.project.priority}
    page = f"/projects/{task.project.id}"
    kind = f"project_subtask_{action}"
    return Act(at_ms, kind, page, ("subtask", task.id), said, duration_ms)
