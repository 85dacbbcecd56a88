"""The language of texts that people read: the worst habits of earlier versions are refused.

Each rule is a pattern, beside an example of what it refuses. `docs/glossary.md` has the words that
are used instead.
"""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app.cli.main import app as command_line
from app.main import create_app
from app.mcp.tools import INSTRUCTIONS, make_server
from app.observability.metrics import REGISTRY
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

HABITS = (
    # Private words for what the field has a word for.
    (r"\bwho(so)?ever\b", "Whoever is on this machine may do everything."),
    (r"\bfore(tell|told)\b", "The next action is foretold."),
    (r"\bg(o|oes|one|oing) on (with|after|where|from)\b", "A stream can be gone on with."),
    (r"\bgoes on\b", "After a failure, the same command goes on."),
    (r"\bmend(s|ed)?\b", "mend it; never retry"),
    (r"\bpolitely\b", "The table is altered politely."),
    (r"\bdeeds?\b", "The deeds of yesterday."),
    (r"\bunzip(s|ped)?\b", "Largest request body once unzipped."),
    (r"\bthe least of\b", "The least of what the service says."),
    (r"\bnine in ten\b", "Half of them, and nine in ten, took at most"),
    (r"\bhow much of\b|\bby how much\b", "By how much the event loop was late."),
    (r"\bwhat there is\b", "What there is most of."),
    (r"\bthe same again\b", "Try the same again."),
    (r"\bso many (days|rows|events|users)\b", "The last so many days."),
    (r"\bunder way\b", "4 streams of yours are under way."),
    (r"\bfor good\b", "Delete everything of a user, for good."),
    (r"\bat one time\b", "Live streams open at one time."),
    (r"\bleft out\b|\bleave it out\b", "not a parameter; leave it out"),
    (r"\bon its way\b", "Requests whose answer failed on its way."),
    (r"\bby its own\b", "The key by its own variable."),
    # Actors that are left open, and things that are called people.
    (r"\b(every|any|some|no)body\b(?! else)", "Everybody on this machine has access."),
    (
        r"\bwho may\b|\bmay (not )?(do|read|log|see|write|be|take)\b",
        "Keys that may log events.",
    ),
    (r"\b(is|are|was|were) told\b|\btells? of\b", "What an assistant is told."),
    (r"\b(is|are) let in\b", "Who is let in."),
    (r"\b(is|are) taken for\b|\btaken (as|in)\b", "It has no offset; taken as UTC."),
    # Unidiomatic negations and existence.
    (r"(?<!there )\b(is|are) no (?!longer\b|more than\b)", "This key is no email address."),
    (r"(?<!there )\b(is|are) none\b", "The proxy is none of ours."),
    (r"\bthere (is|was) (anybody|nothing)\b", "There is nothing."),
    (r"\bcan ?not be told\b|\bcan't be told\b", "Whom it is from can't be told."),
    (r"\blies? (in the (future|past)|before|more|after)\b", "The time lies in the future."),
    # Fragments where a sentence or a noun is expected.
    (r"^(Whom|Whose|Of|By|Who|What)\b(?![^.]*\?)", "Whom."),
    (r"^How (much|wide|they)\b(?![^.]*\?)", "How wide."),
    (r"^(From|Until) (then|before)\b", "From then on, ISO 8601."),
    (r"^(Most|Longest|Largest|Deepest) ", "Most events in one batch."),
    (r"^Do not ask\b", "Do not ask."),
)
# Calls whose texts reach the callers of the API, and those whose texts reach operators.
ERRORS = re.compile(
    r"Fault|Mark|Warn|[A-Za-z]*Error|InvalidRequest|BadCursor|UnreadableBody|MalformedRequest"
    r"|Unauthorized|Forbidden|NotFound|AmbiguousSession|BodyTimeout|IncompleteBody|ResumeExpired"
    r"|TooLarge|UnsupportedMediaType|RateLimited|ShareExceeded|HeadersTooLarge|Unavailable"
    r"|Overloaded|DatabaseUnavailable|TooExpensive|KeysUnreadable|ModelUnavailable|NoData"
    r"|DataInUse|BadParameter|goes_with|failed|refused|of"
)
OUTPUT = re.compile(r"echo|confirm|debug|info|warning|error|exception")

Texts = Iterator[tuple[str, str]]


def of_openapi() -> Texts:
    """Summaries and descriptions, and nothing else: names, patterns and examples are data."""

    def walk(value: Any, place: str) -> Texts:
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield from walk(item, f"{place}/{number}")
        if not isinstance(value, dict):
            return
        for name, item in value.items():
            if name in {"description", "summary"} and isinstance(item, str):
                yield f"{place}/{name}", item
            elif name not in {"example", "examples", "enum", "default"}:
                yield from walk(item, f"{place}/{name}")

    yield from walk(create_app(Settings(), "postgresql://unused").openapi(), "openapi")


def of_settings() -> Texts:
    for name, field in Settings.model_fields.items():
        yield f"settings {name}", field.description or ""


def of_commands() -> Texts:
    def walk(command: Any, name: str) -> Texts:
        yield name, command.help or ""
        for parameter in command.params:
            yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""
        for word, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, f"{name} {word}")

    yield from walk(get_command(command_line), "activity-events")


def of_metrics() -> Texts:
    for metric in REGISTRY.collect():
        if metric.name.startswith("activity_"):
            yield metric.name, metric.documentation


def of_tools() -> Texts:
    yield "mcp instructions", INSTRUCTIONS
    server = make_server(lambda _: pytest.fail("no tool is called"))
    for tool in asyncio.run(server.list_tools()):
        yield f"mcp {tool.name}", tool.description or ""
        for name, schema in tool.input_schema.get("properties", {}).items():
            yield f"mcp {tool.name} {name}", schema.get("description", "")


def of_messages() -> Texts:
    """Texts in calls that make an error, a warning, a line of output or of the log."""
    client = ROOT / "clients" / "python" / "src"
    for path in sorted([*(ROOT / "app").rglob("*.py"), *client.rglob("*.py")]):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", None) or getattr(call.func, "id", None) or ""
            if ERRORS.fullmatch(name) or OUTPUT.fullmatch(name):
                for argument in call.args:
                    yield f"{path.relative_to(ROOT)}:{call.lineno}", text_of(argument)


def text_of(node: ast.expr) -> str:
    """A constant, or an f-string with `...` for its values."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(text_of(part) for part in values)
        case ast.FormattedValue():
            return "..."
        case ast.IfExp(body=body, orelse=other):
            return f"{text_of(body)} / {text_of(other)}"
        case ast.BinOp(left=left, right=right):
            return text_of(left) + text_of(right)
        case _:
            return ""


def habits_of(text: str) -> list[str]:
    """The patterns that a text breaks: in its prose, not in the names that it quotes."""
    prose = re.sub(r"`[^`]*`|https?://\S+", "``", text)
    return [habit for habit, _ in HABITS if re.search(habit, prose, re.IGNORECASE)]


@pytest.mark.parametrize(("habit", "example"), HABITS, ids=[example for _, example in HABITS])
def test_each_rule_catches_its_example(habit: str, example: str) -> None:
    assert habit in habits_of(example)


@pytest.mark.parametrize(
    ("source", "least"),
    [
        (of_openapi, 300),
        (of_settings, 50),
        (of_commands, 80),
        (of_metrics, 25),
        (of_tools, 25),
        (of_messages, 300),
    ],
    ids=["openapi", "settings", "commands", "metrics", "tools", "messages"],
)
def test_texts_for_people_have_none_of_the_habits(source: Any, least: int) -> None:
    texts = [(place, text) for place, text in source() if text]
    assert len(texts) >= least, f"only {len(texts)} texts were collected"
    broken = [f"{place}: {text!r} ({habits_of(text)})" for place, text in texts if habits_of(text)]
    assert broken == []
