"""The rules of the code, read off its syntax tree: nothing of `app` is imported here.

A rule yields what breaks it. What is in `OPEN` is known and reported; an entry that no longer
breaks its rule has to go.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A distribution of its own, below all of `app`.
CLIENT = "clients/python/src/activity_events"

# The rooms: each may import those before it, and none of those beside it.
# A module that stands apart from its room (`database.migrations`) has a layer of its own.
ORDER = (
    {
        "errors",
        "formats",
        "database.embedded_config",
        "database.erasure_hash",
        "database.locks",
        "database.postgres_binaries",
        "database.private_files",
        "database.url",
    },
    {"settings", "database.embedded"},
    {"observability"},
    {"models", "schemas"},
    {"database"},
    {"ingest", "read", "privacy", "auth", "replica"},
    {"analytics", "stream"},
    {"insights", "observability.success_metrics", "database.migrations"},
    {"demo", "database.verify"},
    {"background", "database.verify_rollups"},
    {"dependencies"},
    {"routers", "server.local_mode", "server.fair_scheduling", "server.refused_origins"},
    {"mcp", "server.base_path", "server.middleware"},
    {"main"},
    {"server"},
    {"cli"},
)
PLACE = {name: place for place, names in enumerate(ORDER) for name in names}

LINES_MAX = 320
# One list: the fields of the settings.
LONG = {"app/settings.py"}
ENDPOINT_STATEMENTS_MAX = 8
ENDPOINT_LINES_MAX = 30
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers"}
# The command line, loops, processes of ours, a stranger's callback, what a model's provider sends.
PROCESS_EDGES = {
    "app/cli/main.py",
    "app/background/tasks.py",
    "app/server/workers.py",
    "app/auth/jwks.py",
    "app/ingest/writer.py",
    "app/insights/generation/llm.py",
    f"{CLIENT}/drops.py",
    f"{CLIENT}/events.py",
    f"{CLIENT}/json_times.py",
    f"{CLIENT}/json_values.py",
    f"{CLIENT}/log.py",
    f"{CLIENT}/sender.py",
}
COMMITTING = {
    "app/database/sessions.py",
    "app/database/transaction.py",
    "app/database/lock_retry.py",
    "app/database/migrations.py",
    "app/database/citus.py",
}
PYDANTIC = (
    "app/schemas/",
    "app/routers/",
    "app/mcp/",
    "app/settings.py",
    "app/formats/environment.py",
    "app/ingest/event_fields.py",
    "app/ingest/fast_parser.py",
    "app/cli/main.py",
    "app/cli/privacy.py",
    "app/observability/logs.py",
)
WITHOUT_ROUTES = {
    "app/routers/__init__.py",
    "app/routers/access.py",
    "app/routers/analytics_answer.py",
    "app/routers/static_files.py",
    "app/routers/ingest_body.py",
    "app/routers/openapi.py",
    "app/routers/request_body.py",
    "app/routers/responses.py",
    "app/routers/slashes.py",
}
# The last ones are SQL of their own: no filter of events takes part in it, but their users.
CONDITIONS = {
    "app/read/filters.py",
    "app/read/conditions.py",
    "app/analytics/active_days.py",
    "app/analytics/user_days.py",
    "app/read/sessions.py",
    "app/stream/match.py",
    "app/stream/outbox_reader.py",
    "app/read/user_history.py",
    "app/insights/prediction/training_sample.py",
    "app/observability/success_metrics.py",
}
READING = {"read", "analytics", "stream"}
CONDITION_METHODS = {"in_", "not_in", "is_", "is_not", "like", "ilike", "between", "op", "contains"}

# SQL that is put together, and why nothing of a user is in it.
BUILT_SQL = {
    "app/database/identity_indexes.py create_identity_indexes": "DDL with months of ours",
    "app/database/identity_indexes.py drop_identity_indexes": "DDL with months of ours",
    "app/database/partitions.py ensure_partitions": "DDL with months of ours",
    "app/privacy/retention.py _drop": "DDL with the name of a month",
    "app/database/lock_retry.py with_lock_retry": "DDL with numbers of ours",
    "app/database/citus.py _run": "DDL with names of the model",
    "app/privacy/delete_events.py": "app/database/rollup_sql.py",
    "app/privacy/counted_kinds.py add_kinds_of": "app/database/rollup_kinds.py",
    "app/privacy/move_events.py": "app/database/rollup_sql.py, columns of the model",
    "app/privacy/opt_out.py": "app/database/rollup_sql.py",
    "app/database/verify_rollups.py": "app/database/rollup_sql.py",
    "app/ingest/summaries.py": "app/database/rollup_sql.py",
    "app/read/user_history.py": "app/read/order.py",
    "app/insights/prediction/training_sample.py": "app/read/order.py",
    "app/read/sessions.py": "app/read/order.py",
}

OPEN: dict[str, set[str]] = {}


@dataclass(frozen=True, slots=True)
class Module:
    """A file of `app` or of the Python client; `path` is relative to the repository."""

    path: str
    source: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def name(self) -> str:
        """`app/read/cursor.py` -> `read.cursor`; of the package itself it is empty."""
        parts = self.path.removesuffix(".py").split("/")[1:]
        return ".".join(parts).removesuffix("__init__").rstrip(".")

    @property
    def unit(self) -> str:
        return unit_of(self.name)

    def imports(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                yield from (f"{module}.{alias.name}" for alias in node.names)

    def placed(self) -> Iterator[tuple[str, ast.AST]]:
        """Every node, with the file and the function (or class) at top level that it is in."""
        for top in self.tree.body:
            name = getattr(top, "name", None)
            place = self.path if name is None else f"{self.path} {name}"
            yield from ((place, node) for node in ast.walk(top))

    def calls(self) -> Iterator[tuple[str, str, ast.Call]]:
        """Every call: where it is, the last part of what is called, and the node."""
        for place, node in self.placed():
            if isinstance(node, ast.Call):
                yield place, _last_name(node.func), node


def unit_of(name: str) -> str:
    """The longest part of a module's name that has a place in the order; else its first part."""
    parts = name.split(".")
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((each for each in prefixes if each in PLACE), parts[0])


def _last_name(node: ast.AST) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", None) or ""


def _names_in(node: ast.AST) -> set[str]:
    return {_last_name(each) for each in ast.walk(node)}


def imports_point_one_way(module: Module) -> Iterator[str]:
    if module.path.startswith(CLIENT):
        return
    if module.unit == "":
        yield from (module.path for name in module.imports() if name.startswith(("app", ".")))
        return
    if module.unit not in PLACE:
        yield f"{module.path} has no place in the order"
        return
    for name in module.imports():
        package, _, rest = name.partition(".")
        if package == "":
            yield f"{module.path} imports by a relative name"
        elif package == "app" and rest != "__version__":
            unit = unit_of(rest)
            there = PLACE.get(unit, len(ORDER))
            if unit != module.unit and there >= PLACE[module.unit]:
                yield f"{module.path} imports {unit}"


def the_client_needs_nothing_but_httpx(module: Module) -> Iterator[str]:
    if module.path.startswith(CLIENT):
        allowed = {*sys.stdlib_module_names, "activity_events", "httpx", "typing_extensions"}
        yield from (
            f"{module.path} imports {name}"
            for name in module.imports()
            if name.split(".")[0] not in allowed
        )


def depends_is_at_home_in_dependencies(module: Module) -> Iterator[str]:
    if module.path != "app/dependencies.py":
        used = {name for _, name, _ in module.calls()} | {
            name.split(".")[-1] for name in module.imports()
        }
        yield from (module.path for name in ("Depends", "Security") if name in used)


def routers_hold_no_sql(module: Module) -> Iterator[str]:
    if module.unit == "routers":
        for name in module.imports():
            if name.split(".")[0] in {"sqlalchemy", "asyncpg"} or name.startswith("app.models"):
                yield module.path


def endpoints_are_short(module: Module) -> Iterator[str]:
    if module.unit != "routers":
        return
    for node in module.tree.body:
        if not isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            continue
        routes = [each for each in node.decorator_list if "router" in _names_in(each)]
        body = node.body[1:] if ast.get_docstring(node) else node.body
        statements = sum(isinstance(each, ast.stmt) for top in body for each in ast.walk(top))
        lines = (node.end_lineno or 0) - body[0].lineno + 1
        if routes and (statements > ENDPOINT_STATEMENTS_MAX or lines > ENDPOINT_LINES_MAX):
            yield f"{module.path} {node.name}"


def one_router_each(module: Module) -> Iterator[str]:
    if module.unit == "routers":
        made = sum(name == "APIRouter" for _, name, _ in module.calls())
        if made != (0 if module.path in WITHOUT_ROUTES else 1):
            yield module.path


def conditions_are_built_in_one_place(module: Module) -> Iterator[str]:
    """Of the read path: comparisons of an event's columns, and WHERE in text."""
    if module.unit not in READING or module.path in CONDITIONS:
        return
    for place, node in module.placed():
        compares = isinstance(node, ast.Compare) and _names_in(node) & {"ActivityEvent", "tuple_"}
        calls = isinstance(node, ast.Call) and _last_name(node.func) in CONDITION_METHODS
        text = isinstance(node, ast.Constant) and "WHERE" in str(node.value).split()
        if compares or calls or text:
            yield place


def only_one_place_commits(module: Module) -> Iterator[str]:
    if module.path not in COMMITTING:
        for place, name, call in module.calls():
            if isinstance(call.func, ast.Attribute) and name in {"commit", "begin", "begin_nested"}:
                yield place


def nothing_swallows_everything(module: Module) -> Iterator[str]:
    if module.path in PROCESS_EDGES:
        return
    for place, node in module.placed():
        if isinstance(node, ast.ExceptHandler):
            caught = {""} if node.type is None else _names_in(node.type)
        elif isinstance(node, ast.Call) and _last_name(node.func) == "suppress":
            caught = {_last_name(each) for each in node.args}
        else:
            continue
        if caught & {"Exception", "BaseException"} or caught == {""}:
            yield place


def names_say_what_is_inside(module: Module) -> Iterator[str]:
    if VAGUE_NAMES & set(module.path.removesuffix(".py").split("/")):
        yield module.path


def files_are_short(module: Module) -> Iterator[str]:
    if len(module.source.splitlines()) > LINES_MAX and module.path not in LONG:
        yield module.path


def sql_is_constant(module: Module) -> Iterator[str]:
    """User text reaches SQL as bound values only."""
    for place, name, call in module.calls():
        is_sql = name in {"text", "literal_column"}
        built = is_sql and not (call.args and isinstance(call.args[0], ast.Constant))
        if name == "exec_driver_sql" or (built and place not in BUILT_SQL):
            yield place


def pydantic_stays_at_the_edge(module: Module) -> Iterator[str]:
    if not module.path.startswith(PYDANTIC):
        for name in module.imports():
            if name.split(".")[0] in {"pydantic", "pydantic_settings"}:
                yield module.path


RULES: dict[str, Callable[[Module], Iterator[str]]] = {
    rule.__name__: rule
    for rule in (
        imports_point_one_way,
        the_client_needs_nothing_but_httpx,
        depends_is_at_home_in_dependencies,
        routers_hold_no_sql,
        endpoints_are_short,
        one_router_each,
        conditions_are_built_in_one_place,
        only_one_place_commits,
        nothing_swallows_everything,
        names_say_what_is_inside,
        files_are_short,
        sql_is_constant,
        pydantic_stays_at_the_edge,
    )
}

PLANTED = [
    ("imports_point_one_way", "app/read/x.py", "from app.ingest import body"),
    ("imports_point_one_way", "app/ingest/x.py", "def f():\n    import app.privacy.delete_events"),
    ("imports_point_one_way", "app/schemas/x.py", "from app.models import Base"),
    ("imports_point_one_way", "app/database/sessions.py", "from app.dependencies import Service"),
    (
        "imports_point_one_way",
        "app/database/embedded.py",
        "from app.database.sessions import Database",
    ),
    ("imports_point_one_way", "app/database/sessions.py", "from .settings import Settings"),
    ("imports_point_one_way", "app/new.py", ""),
    ("imports_point_one_way", "app/__init__.py", "from app.database.sessions import Database"),
    ("the_client_needs_nothing_but_httpx", f"{CLIENT}/x.py", "from app import __version__"),
    ("the_client_needs_nothing_but_httpx", f"{CLIENT}/x.py", "import pydantic"),
    ("the_client_needs_nothing_but_httpx", f"{CLIENT}/x.py", "from .events import encode"),
    ("depends_is_at_home_in_dependencies", "app/routers/x.py", "a = fastapi.Depends(f)"),
    ("depends_is_at_home_in_dependencies", "app/routers/x.py", "from fastapi import Depends as D"),
    ("routers_hold_no_sql", "app/routers/x.py", "from sqlalchemy import text"),
    ("endpoints_are_short", "app/routers/x.py", "@router.get('')\ndef f():\n" + "    a = 1\n" * 9),
    ("one_router_each", "app/routers/x.py", ""),
    ("one_router_each", "app/routers/x.py", "a = APIRouter()\nb = APIRouter()"),
    ("conditions_are_built_in_one_place", "app/read/x.py", "a = ActivityEvent.user_id == 1"),
    ("conditions_are_built_in_one_place", "app/read/a/x.py", "a = tuple_(*keys) < last"),
    ("conditions_are_built_in_one_place", "app/read/x.py", "a = users.in_([1])"),
    ("conditions_are_built_in_one_place", "app/read/x.py", "a = 'SELECT 1 WHERE true'"),
    ("only_one_place_commits", "app/ingest/x.py", "async def f(s):\n    await s.commit()"),
    ("only_one_place_commits", "app/cli/main.py", "async def f(e):\n    async with e.begin(): ..."),
    ("nothing_swallows_everything", "app/x.py", "try: ...\nexcept: ..."),
    ("nothing_swallows_everything", "app/x.py", "try: ...\nexcept (OSError, Exception): ..."),
    ("nothing_swallows_everything", "app/x.py", "with suppress(BaseException): ..."),
    ("names_say_what_is_inside", "app/read/utils.py", ""),
    ("files_are_short", "app/x.py", "\n" * 321),
    ("sql_is_constant", "app/x.py", "a = text(f'SELECT {b}')"),
    ("sql_is_constant", "app/x.py", "a = sqlalchemy.text('SELECT ' + b)"),
    ("sql_is_constant", "app/x.py", "a = text(b)"),
    ("sql_is_constant", "app/x.py", "a = literal_column(b)"),
    ("pydantic_stays_at_the_edge", "app/read/x.py", "from pydantic import BaseModel"),
    ("pydantic_stays_at_the_edge", "app/ingest/x.py", "import pydantic"),
]


def modules() -> list[Module]:
    return [
        Module(path.relative_to(ROOT).as_posix(), path.read_text())
        for folder in ("app", CLIENT)
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


@pytest.mark.parametrize("rule", RULES)
def test_the_code_keeps_the_rule(rule: str) -> None:
    broken = {each for module in modules() for each in RULES[rule](module)}
    assert sorted(broken - OPEN.get(rule, set())) == []
    assert sorted(OPEN.get(rule, set()) - broken) == [], "fixed: take it out of OPEN"


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_the_rule_finds_what_breaks_it(rule: str, path: str, source: str) -> None:
    assert list(RULES[rule](Module(path, source))) != []


def test_every_rule_is_tried_and_all_of_the_code_is_read() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(RULES)
    assert len(modules()) > 40
    places = {place for module in modules() for place, _ in module.placed()}
    assert [place for place in BUILT_SQL if place not in places] == []


def test_tests_have_names_that_say_what_is_inside_too() -> None:
    named = [
        path.stem for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
    ]
    assert VAGUE_NAMES & set(named) == set()
