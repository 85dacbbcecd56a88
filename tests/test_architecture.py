"""The rules of the code, read off its syntax tree: nothing of `app` is imported here.

A rule yields what breaks it. What is in `OPEN` is known and reported; an entry that no longer
breaks its rule has to go.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each may import those before it. Names side by side don't know of one another.
ORDER = (
    {"uuid7", "printable"},
    {"client"},
    {"settings_environment"},
    {"database_url"},
    {
        "settings_data",
        "settings_http",
        "settings_listen",
        "settings_pii",
        "settings_replica",
        "settings_urls",
        "settings_watch",
        "origins",
    },
    {"settings_access"},
    {"settings", "errors", "programs", "private_files", "embedded_config", "workers"},
    {"watch"},
    {"slots"},
    {"schemas", "models", "totals", "embedded", "locks", "tombstones"},
    {"models_insights", "models_access", "rollup_kinds"},
    {"db_connection", "db_slots"},
    {"db_errors"},
    {"db_freshness", "db_writer"},
    {"db_engines"},
    {"db"},
    {"ddl"},
    {"ingest", "read", "privacy", "auth", "replica"},
    {"insights", "demo"},
    {"identity_indexes", "version_table"},
    {"migrate", "distribute"},
    {"verify"},
    {"verify_rollups"},
    {"duties"},
    {"gauges", "readiness"},
    {"deps"},
    {"routers"},
    {"mcp"},
    {
        "answers_out",
        "connection_limits",
        "local_mode",
        "parsing_turns",
        "turns",
        "unread_answer",
    },
    {"connection", "edge", "sharing", "greeting"},
    {"main", "server"},
    {"access_at_start"},
    {"serve"},
    {"cli_environment", "console"},
    {"cli_asking"},
    {"cli_export"},
    {"cli_import"},
    {"cli_privacy", "cli_analytics", "cli_demo", "cli_cluster", "cli_mcp"},
    {"cli"},
)
PLACE = {name: place for place, names in enumerate(ORDER) for name in names}

LINES_MAX = 300
ENDPOINT_STATEMENTS_MAX = 8
ENDPOINT_LINES_MAX = 30
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers"}
# The command line, loops, processes of ours, a stranger's callback, what a model's provider sends.
PROCESS_EDGES = {
    "app/cli.py",
    "app/duties.py",
    "app/workers.py",
    "app/auth/jwks.py",
    "app/ingest/writer.py",
    "app/insights/generate.py",
    "app/client/drops.py",
    "app/client/task.py",
    "app/client/thread.py",
}
COMMITTING = {"app/db.py", "app/db_writer.py", "app/ddl.py", "app/migrate.py", "app/distribute.py"}
PYDANTIC = (
    "app/schemas/",
    "app/routers/",
    "app/mcp/",
    "app/settings.py",
    "app/settings_access.py",
    "app/settings_data.py",
    "app/settings_environment.py",
    "app/settings_http.py",
    "app/settings_listen.py",
    "app/settings_pii.py",
    "app/settings_replica.py",
    "app/settings_watch.py",
    "app/ingest/event_fields.py",
    "app/ingest/plain.py",
    "app/cli.py",
    "app/cli_privacy.py",
    "app/watch/logs.py",
)
WITHOUT_ROUTES = {
    "app/routers/__init__.py",
    "app/routers/access.py",
    "app/routers/analytics_answer.py",
    "app/routers/built.py",
    "app/routers/ingest_body.py",
    "app/routers/received.py",
    "app/routers/responses.py",
    "app/routers/slashes.py",
}
# The last ones are SQL of their own: no filter of events takes part in it, but their users.
CONDITIONS = {
    "app/read/filters.py",
    "app/read/conditions.py",
    "app/read/active_days.py",
    "app/read/user_days.py",
    "app/read/sessions.py",
    "app/read/matching.py",
    "app/read/arrivals.py",
    "app/read/past.py",
    "app/read/sample.py",
    "app/read/success.py",
}
CONDITION_METHODS = {"in_", "not_in", "is_", "is_not", "like", "ilike", "between", "op", "contains"}

# SQL that is put together, and why nothing of a user is in it.
BUILT_SQL = {
    "app/identity_indexes.py create_identity_indexes": "DDL takes no bound values; months are ours",
    "app/identity_indexes.py drop_identity_indexes": "DDL takes no bound values; months are ours",
    "app/privacy/partitions.py ensure_partitions": "DDL takes no bound values; months are ours",
    "app/privacy/retention.py _drop": "DDL takes no bound values; the name is that of a month",
    "app/ddl.py alter_politely": "settings and DDL take no bound values; numbers of ours",
    "app/distribute.py _run": "DDL takes no bound values; tables and columns of the model",
    "app/privacy/cleanup.py": "what the totals share, from app/totals.py",
    "app/privacy/counted_kinds.py add_kinds_of": "statements of app/rollup_kinds.py",
    "app/privacy/move_events.py": "what the totals share, from app/totals.py; columns of the model",
    "app/privacy/opt_out.py": "what the totals share, from app/totals.py",
    "app/verify_rollups.py": "what the totals share, from app/totals.py",
    "app/ingest/summaries.py": "what the totals share, from app/totals.py",
    "app/read/past.py": "the order of events, from app/read/order.py",
    "app/read/sample.py": "the order of events, from app/read/order.py",
    "app/read/sessions.py": "the order of events, from app/read/order.py",
}

OPEN: dict[str, set[str]] = {}


@dataclass(frozen=True, slots=True)
class Module:
    """A file of `app`; `path` is relative to the repository."""

    path: str
    source: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def unit(self) -> str:
        """`app/read/cursor.py` -> `read`; `app/db.py` -> `db`; the package itself has none."""
        first = self.path.removeprefix("app/").split("/")[0].removesuffix(".py")
        return "" if first == "__init__" else first

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


def _last_name(node: ast.AST) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", None) or ""


def _names_in(node: ast.AST) -> set[str]:
    return {_last_name(each) for each in ast.walk(node)}


def imports_point_one_way(module: Module) -> Iterator[str]:
    if module.unit == "":
        yield from (module.path for name in module.imports() if name.startswith(("app", ".")))
        return
    if module.unit not in PLACE:
        yield f"{module.path} has no place in the order"
        return
    for name in module.imports():
        parts = name.split(".")
        if parts[0] == "":
            yield f"{module.path} imports by a relative name"
        elif parts[0] == "app" and parts[1] != "__version__":
            there = PLACE.get(parts[1], len(ORDER))
            if parts[1] != module.unit and there >= PLACE[module.unit]:
                yield f"{module.path} imports {parts[1]}"


def depends_is_at_home_in_deps(module: Module) -> Iterator[str]:
    if module.path != "app/deps.py":
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
    if module.unit != "read" or module.path in CONDITIONS:
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
    if len(module.source.splitlines()) > LINES_MAX:
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
        depends_is_at_home_in_deps,
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
    ("imports_point_one_way", "app/ingest/x.py", "def f():\n    import app.privacy.cleanup"),
    ("imports_point_one_way", "app/schemas/x.py", "from app.models import Base"),
    ("imports_point_one_way", "app/db.py", "from app.deps import Service"),
    ("imports_point_one_way", "app/embedded.py", "from app.db import Database"),
    ("imports_point_one_way", "app/db.py", "from .settings import Settings"),
    ("imports_point_one_way", "app/new.py", ""),
    ("imports_point_one_way", "app/__init__.py", "from app.db import Database"),
    ("depends_is_at_home_in_deps", "app/routers/x.py", "a = fastapi.Depends(f)"),
    ("depends_is_at_home_in_deps", "app/routers/x.py", "from fastapi import Depends as D"),
    ("routers_hold_no_sql", "app/routers/x.py", "from sqlalchemy import text"),
    ("endpoints_are_short", "app/routers/x.py", "@router.get('')\ndef f():\n" + "    a = 1\n" * 9),
    ("one_router_each", "app/routers/x.py", ""),
    ("one_router_each", "app/routers/x.py", "a = APIRouter()\nb = APIRouter()"),
    ("conditions_are_built_in_one_place", "app/read/x.py", "a = ActivityEvent.user_id == 1"),
    ("conditions_are_built_in_one_place", "app/read/a/x.py", "a = tuple_(*keys) < last"),
    ("conditions_are_built_in_one_place", "app/read/x.py", "a = users.in_([1])"),
    ("conditions_are_built_in_one_place", "app/read/x.py", "a = 'SELECT 1 WHERE true'"),
    ("only_one_place_commits", "app/ingest/x.py", "async def f(s):\n    await s.commit()"),
    ("only_one_place_commits", "app/cli.py", "async def f(e):\n    async with e.begin(): ..."),
    ("nothing_swallows_everything", "app/x.py", "try: ...\nexcept: ..."),
    ("nothing_swallows_everything", "app/x.py", "try: ...\nexcept (OSError, Exception): ..."),
    ("nothing_swallows_everything", "app/x.py", "with suppress(BaseException): ..."),
    ("names_say_what_is_inside", "app/read/utils.py", ""),
    ("files_are_short", "app/x.py", "\n" * 301),
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
        for path in sorted((ROOT / "app").rglob("*.py"))
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
