"""All patterns, and all readers of what callers send: twice the text takes twice the time.

The patterns are found by walking the modules of `app`. Each is given what it is made of, again and
again: its characters, its classes and its parts, behind a beginning that matches and before an end
that doesn't. The readers are given those parts of all patterns that hostile input is known for.
"""

import ast
import gzip
import importlib
import io
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest

import app
from app.errors import ActivityError
from app.formats.origins import normalise_origin
from app.ingest.body import BodyLimits, _Reader, in_utf8, media_type_of
from app.ingest.body_budget import BodyBudget
from app.ingest.event_ids import hashed_event_id, parse_event_id
from app.ingest.import_csv import csv_records
from app.ingest.import_formats import normalised as normalised_path
from app.ingest.import_json import json_values
from app.ingest.import_values import time_text, typed_event
from app.ingest.pii import scanner
from app.ingest.pii_finders import Budget
from app.ingest.pii_forms import forms, plain_form
from app.ingest.pii_keys import KeyRules, words
from app.ingest.pii_urls import parameters, userinfos
from app.ingest.prepare import prepare_batch, prepare_single
from app.ingest.results import Rejected
from app.insights.generation.context import Context
from app.insights.generation.escaping import entity_name, quoted, type_name
from app.insights.generation.grounding import fault_of, harmless, tidy
from app.insights.generation.token_estimate import tokens_at_most
from app.mcp.arguments import normalised as normalised_arguments
from app.mcp.bounds import Shape, visible
from app.mcp.request_body import readable_body
from app.observability.logs import scrubbed
from app.read.conditions import parse_step
from app.read.cursor import decode_cursor, decode_session_cursor
from app.read.filters import EventFilter
from app.read.metadata_filter import json_text
from app.read.metadata_values import canonical
from app.schemas.analytics import TopResponse
from app.schemas.email import may_be_own, normalise_email
from app.schemas.event_types import category_and_action
from app.schemas.instant import instant_fault, parse_date, parse_utc, with_plus
from app.schemas.lenient_json import read_batch_json, read_event_json
from app.schemas.names import normalise_name
from app.schemas.strict_json import parse_json, repaired, stored_text
from app.settings import PII_KEYS, Settings
from app.stream.match import Matcher, contains
from app.stream.outbox_reader import parse_resume_position
from tests.conftest import NOW

pytestmark = pytest.mark.usefixtures("no_garbage_collection")

RATIO_MAX = 2.5
# A ratio says something from this time on; what takes less at this length is fast enough.
SECONDS_MIN = 0.002
CHARS_FIRST, CHARS_LAST = 1_000, 4_000
BYTES_FIRST, BYTES_LAST = 2_000, 4_000
ATTEMPTS = 5
ROOT = Path(app.__file__).parent
parser: Any = importlib.import_module("re._parser")

UNITS = [
    "a", "0", " ", "\n", ",", ":", '"', "'", "\\", "{", "[", "}", "]", "(", ")", "<", ">", "=",
    "&", "%", "@", ".", "-", "+", "/", "?", "#", "\\u", '\\"', '{"', '":', "[[", "{}", "[]",
    '{"a":', '"",', "],", "},", " :", "\t:", "null,", "1e9,", "NaN,", "\ud83d", "\x00", "\xe9",
    "e\u0301", "\u200b", "\uff20", "\ufdfa", "%40", "%2540", "&#64;", "&amp;", "=40", "a@",
    "@a.", "a.", "eyJ", "eyJa.", "999.9.9.9 ", "1:", "::", "//", "a://b@", "//u:p@h ", "a=",
    "a=b&", '"a":', "'a':", "Bearer a", "+1 ", "4111 ", "DE89 ", "-----BEGIN PRIVATE KEY-----",
    "a_", "_a", "aB", "A", "{{", "[1,", '"a",', '{"event_type":"a"},', '{"event_type":',
    '"events":[', "]}", ", ,", "\r\n", ";", '""', '"\n', 'a,"', "www.", "javascript:",
    "[redacted:email]", "?a=b", 'W/"',
]  # fmt: skip


# --- timing ---


def best(run: Callable[[Any], object], given: Any, rounds: int = 2) -> float:
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        run(given)
        taken.append(time.process_time() - start)
    return min(taken)


def is_linear(
    run: Callable[[Any], object], of: Callable[[int], Any], first: int, last: int
) -> bool:
    """Doubles the size, and compares the time of each that says something with that of half."""
    size, before = first, best(run, of(first), 1)
    while size < last:
        size *= 2
        now = best(run, of(size), 1)
        if now > SECONDS_MIN and now > RATIO_MAX * before and not is_linear_at(size, run, of):
            return False
        before = now
    return True


def is_linear_at(size: int, run: Callable[[Any], object], of: Callable[[int], Any]) -> bool:
    """Again where the machine was disturbed: what is quadratic is so each time, and goes on to
    be."""
    return any(
        best(run, of(size)) < RATIO_MAX * max(best(run, of(size // 2)), SECONDS_MIN / RATIO_MAX)
        or best(run, of(2 * size)) < RATIO_MAX * best(run, of(size))
        for _ in range(ATTEMPTS)
    )


# --- patterns ---


def modules() -> Iterator[Any]:
    for info in pkgutil.walk_packages(app.__path__, "app."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def patterns_in(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(getattr(value, "__self__", None), re.Pattern):
        yield value.__self__  # type: ignore[attr-defined]
    elif depth < 3 and isinstance(value, dict):
        for each in (*value.keys(), *value.values()):
            yield from patterns_in(each, depth + 1)
    elif depth < 3 and isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from patterns_in(each, depth + 1)


def inline_patterns() -> Iterator[re.Pattern[Any]]:
    """Those that a function of `re` is called with, where they are constants."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield re.compile(node.args[0].value)


def all_patterns() -> dict[str, re.Pattern[Any]]:
    found: dict[str, re.Pattern[Any]] = {}
    for module in modules():
        for name, value in vars(module).items():
            for pattern in patterns_in(value):
                found.setdefault(f"{module.__name__}.{name}: {pattern.pattern!r:.40}", pattern)
    unique = {id(pattern): (name, pattern) for name, pattern in reversed(found.items())}
    texts = {pattern.pattern for _, pattern in unique.values()}
    inline = {p.pattern: p for p in inline_patterns() if p.pattern not in texts}
    return dict(unique.values()) | {f"inline {text!r:.60}": p for text, p in inline.items()}


def searching_names() -> set[str]:
    """The names of patterns that are looked for anywhere in a text, or handed on; all others are
    only matched at one place, by `match` or `fullmatch`."""
    names: set[str] = set()
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text())
        anchored = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in {"match", "fullmatch", "pattern"}
        }
        names |= {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and id(node) not in anchored
        }
    return names


def bound_to_match() -> set[int]:
    """Patterns of which a module keeps only their `match` or `fullmatch`."""
    return {
        id(value.__self__)
        for module in modules()
        for value in vars(module).values()
        if isinstance(getattr(value, "__self__", None), re.Pattern)
        and value.__name__ in {"match", "fullmatch"}
    }


PATTERNS = all_patterns()
BOUND_TO_MATCH = bound_to_match()
SEARCHED = searching_names()


def sample(parsed: Any, many: int) -> str:
    """A text that a parsed pattern matches, roughly; what repeats does so up to `many` times."""
    return "".join(sample_of(op, value, many) for op, value in parsed)


def sample_of(op: Any, value: Any, many: int) -> str:
    match str(op):
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "a" if value != ord("a") else "b"
        case "ANY":
            return "a"
        case "IN":
            return characters_of(value)[0]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low, high, inner = value
            return sample(inner, many) * int(max(low, min(high, many)))
        case "SUBPATTERN":
            return sample(value[-1], many)
        case "ATOMIC_GROUP":
            return sample(value, many)
        case "BRANCH":
            return sample(value[1][0], many)
    return ""


def characters_of(items: Any) -> str:
    """One of each part of a class; of a negated one, what it does not name."""
    found: str = ""
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    for op, value in items:
        match str(op):
            case "LITERAL":
                found += chr(value)
            case "RANGE":
                found += chr(value[0])
            case "CATEGORY":
                found += {"D": "0", "S": " ", "W": "a"}.get(str(value)[9:10], "a")
    if not negated:
        return found or "a"
    matching = re.compile("[^" + re.escape(found) + "]")
    candidates: list[str] = ["a", "0", *" -.@\"'<(\n"]
    return next(each for each in candidates if matching.match(each))


def units_of(parsed: Any) -> Iterator[tuple[str, str]]:
    """What to repeat, and what stands before it in the pattern."""
    before = ""
    for op, value in parsed:
        inner: list[Any] = []
        match str(op):
            case "IN":
                for each in characters_of(value):
                    yield before, each
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                inner = [value[2]]
            case "SUBPATTERN":
                inner = [value[-1]]
            case "ATOMIC_GROUP":
                inner = [value]
            case "BRANCH":
                inner = list(value[1])
            case "ASSERT" | "ASSERT_NOT":
                inner = [value[1]]
            case "LITERAL":
                yield before, chr(value)
        for each in inner:
            yield from ((before + prefix, unit) for prefix, unit in units_of(each))
            for many in (1, 3):
                yield before, sample(each, many)
        before += sample_of(op, value, 1)
    for many in (0, 1, 3):
        yield "", sample(parsed, many)


def shapes_of(pattern: re.Pattern[Any]) -> set[tuple[str, str, str]]:
    parsed = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    text = isinstance(pattern.pattern, str)
    found = {(prefix[:200], unit[:200]) for prefix, unit in units_of(parsed) if unit}
    found |= {("", unit) for unit in "a0 -.@"}
    if len(found) > 120:  # many like each other, as of forms that differ by their first letters
        found = set(sorted(found, key=lambda each: (len(each[1]), each))[:: len(found) // 100])
    return {
        (prefix, unit, end)
        for prefix, unit in found
        for end in ("", "\x01")
        if text or (prefix + unit).isascii()
    }


@pytest.mark.fault("S1")
@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_is_linear(name: str) -> None:
    pattern = PATTERNS[name]
    is_searched = name.startswith("inline") or name.partition(":")[0].split(".")[-1] in SEARCHED
    is_searched = is_searched and id(pattern) not in BOUND_TO_MATCH

    def run(text: Any) -> None:
        pattern.fullmatch(text)
        pattern.match(text)
        if is_searched:
            for _ in pattern.finditer(text):
                pass

    slow = []
    for prefix, unit, end in shapes_of(pattern):

        def of(size: int, shape: tuple[str, str, str] = (prefix, unit, end)) -> str | bytes:
            before, each, after = shape
            text = before + each * (size // len(each)) + after
            return text if isinstance(pattern.pattern, str) else text.encode("utf-8", "replace")

        if not is_linear(run, of, CHARS_FIRST, CHARS_LAST):
            slow.append((prefix, unit, end))
    assert slow == []


def test_all_patterns_are_found() -> None:
    """Also in tuples, as bound methods, and where they are written in place."""
    found = {pattern.pattern for pattern in PATTERNS.values()}
    names = {name.partition(":")[0] for name in PATTERNS}
    assert {"app.ingest.pii_shapes._EMAIL", "app.schemas.email._is_plain"} <= names
    assert r"[^A-Za-z0-9]+" in found  # inline
    assert len(found) > 80


def test_what_is_quadratic_is_noticed() -> None:
    def of(size: int) -> str:
        return "a" * size

    searching = re.compile(r"a+b")
    assert not is_linear(searching.search, of, CHARS_FIRST, 8 * CHARS_LAST)
    assert is_linear(re.compile("b").search, of, CHARS_FIRST, 8 * CHARS_LAST)


# --- readers ---

SETTINGS = Settings(event_max_bytes=256 * 1024)
SCANNER = scanner(SETTINGS.pii_keys)
RULES = KeyRules(PII_KEYS)
MATCHER = Matcher(EventFilter(metadata=orjson.dumps({"a": [[n] for n in range(50)]}).decode()))
NOTHING = Context("", (), 0, 0, "", 0, truncated=False, opted_out=False)
AT = "2026-11-20T11:00:00Z"


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def batch(**fields: Any) -> bytes:
    event = {"event_type": "a", "event_id": "e", "event_timestamp": AT, **fields}
    return orjson.dumps({"user_email": "a@x.io", "events": [event]})


def storable(text: str) -> str:
    return stored_text(text)


def parts(text: str, size: int) -> list[str]:
    text = storable(text)
    return [text[at : at + size] for at in range(0, len(text), size)]


def prepare(body: bytes) -> object:
    return prepare_batch(body, NOW, SETTINGS)


def gzipped_members(text: str) -> bytes:
    return gzip.compress(raw(text)[:20], mtime=0) * (len(text) // 20)


def consume(values: Iterable[Any]) -> int:
    return sum(1 for _ in values)


def csv(text: str) -> None:
    names, records = csv_records(io.BufferedReader(io.BytesIO(raw(text))), 1 << 20)
    consume(records)
    del names


def csv_below_a_header(text: str) -> None:
    csv("user_email,event_type,metadata\n" + text)


def json_file(text: str) -> None:
    consume(json_values(io.BufferedReader(io.BytesIO(raw(text))), 1 << 20))


def body_in_chunks(body: bytes) -> None:
    limits = BodyLimits("body_max_bytes", 1 << 24, 1 << 28, 10)
    with BodyBudget(1 << 30).share("anybody") as share:
        reader = _Reader(limits, share)
        for at in range(0, len(body), 16 * 1024):
            reader.feed(body[at : at + 16 * 1024])
    in_utf8(reader.close("gzip"), "application/json; charset=latin1")


READERS: dict[str, Callable[[str], object]] = {
    "json": lambda text: parse_json(raw(text)),
    "json in a string": lambda text: parse_json(b'{"a":"' + raw(text) + b'"}'),
    "lenient batch": lambda text: read_batch_json(raw(text)),
    "lenient batch, in its events": lambda text: read_batch_json(b'{"events":[' + raw(text)),
    "lenient batch, after its events": lambda text: read_batch_json(
        b'{"events":[{"event_type":"a"}],' + raw(text)
    ),
    "lenient batch, in an event": lambda text: read_batch_json(
        b'{"events":[{"event_type":"a","metadata":' + raw(text) + b'},{"event_type":"b"}]}'
    ),
    "lenient event": lambda text: read_event_json(b'{"event_type":"a",' + raw(text) + b"}"),
    "body": lambda text: prepare(raw(text)),
    "body of one event": lambda text: prepare_single(raw(text), NOW, SETTINGS),
    "body of events": lambda text: prepare(b'{"user_email":"a@x.io","events":[' + raw(text)),
    "metadata": lambda text: prepare(batch(metadata={"a": storable(text)})),
    "metadata of a personal key": lambda text: prepare(batch(metadata={"name": storable(text)})),
    "key of metadata": lambda text: prepare(batch(metadata={storable(text): "ada@example.com"})),
    "keys of metadata": lambda text: prepare(
        batch(metadata={f"{n}{part}": 1 for n, part in enumerate(parts(text, 20))})
    ),
    "list in metadata": lambda text: prepare(batch(metadata={"a": parts(text, 50)})),
    "metadata that is text": lambda text: prepare(batch(metadata=storable(text))),
    "context": lambda text: prepare(batch(context_snapshot={"a": storable(text)})),
    "names": lambda text: prepare(batch(event_type=storable(text), entity_type=storable(text))),
    "ids": lambda text: prepare(batch(event_id=storable(text), entity_id=storable(text))),
    "numbers": lambda text: prepare(batch(duration_ms=storable(text), session_seq=storable(text))),
    "times": lambda text: prepare(batch(event_timestamp=storable(text), sent_at=storable(text))),
    "address": lambda text: prepare(batch(user_email=storable(text))),
    "unknown field": lambda text: prepare(batch(**{storable(text): storable(text)})),
    "unknown fields": lambda text: prepare(
        batch(**{f"{n}{part}": {} for n, part in enumerate(parts(text, 8))})
    ),
    "gzip of many members": lambda text: body_in_chunks(gzipped_members(text)),
    "latin body": lambda text: in_utf8(raw(text) + b"\xff", "text/plain; charset=latin1"),
    "media type": media_type_of,
    "event id": lambda text: (parse_event_id(text), hashed_event_id(storable(text))),
    "address in a query": normalise_email,
    "address of a token": lambda text: may_be_own(text, "a@x.io"),
    "name": lambda text: (normalise_name(text), category_and_action(text)),
    "instant": lambda text: (instant_fault(text), with_plus(text), parse_utc(text)),
    "date": parse_date,
    "cursor": lambda text: decode_cursor(text, "desc"),
    "cursor of sessions": decode_session_cursor,
    "Last-Event-ID": parse_resume_position,
    "metadata filter": lambda text: json_text(text, "metadata"),
    "step": parse_step,
    "matching": lambda text: contains({"a": [*text]}, {"a": [*text[:50]]}),
    "matching lists": lambda text: MATCHER.decide(
        {}, orjson.dumps({"a": [[n] for n in range(len(text) // 8)]}).decode()
    ),
    "JSON of the metadata": lambda text: canonical(orjson.dumps({"a": storable(text)}).decode()),
    "repair": lambda text: repaired(
        {f"{text[:9]}{n}": text[:9] for n in range(len(text) // 9)}, "", 9
    ),
    "CSV": csv,
    "CSV below a header": csv_below_a_header,
    "JSON file": json_file,
    "JSON array file": lambda text: json_file("[" + text),
    "values of a file": lambda text: typed_event(
        {"metadata": text, "session_seq": text, "duration_ms": text, "received_at": text}, "s", []
    ),
    "time of a file": lambda text: time_text(text, "a", None),
    "column of a file": normalised_path,
    "scanner": lambda text: SCANNER.redact({"a": text}, "metadata"),
    "scanner of names": lambda text: (SCANNER.clean_name(text), SCANNER.kinds_in_id(text)),
    "forms": lambda text: (consume(forms(text, Budget())), plain_form(text)),
    "words of a key": words,
    "promise of a key": lambda text: (RULES.promise(text), RULES.parameters_promise(text)),
    "parameters": lambda text: (consume(parameters(text, RULES)), consume(userinfos(text))),
    "token": jwt.get_unverified_header,
    "origin": normalise_origin,
    "MCP body": lambda text: readable_body(raw(text)),
    "MCP arguments": lambda text: normalised_arguments({"user_email": text, "event_types": [text]}),
    "MCP answer": visible,
    "MCP answer that is cut": lambda text: Shape([TopResponse]).fit(
        {"rows": [{"value": text[n : n + 99]} for n in range(0, len(text), 99)]}, 500
    ),
    "what a model says": lambda text: (tidy(text), fault_of(text[:300], [], NOTHING)),
    "quoting": lambda text: (quoted(text), type_name(text), entity_name((text, text))),
    "harmless": harmless,
    "tokens": tokens_at_most,
    "log line": scrubbed,
}  # fmt: skip
REFUSALS = (ActivityError, ValueError, Rejected, jwt.PyJWTError)


@pytest.mark.fault("S1")
@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_linear(name: str) -> None:
    def run(text: Any) -> None:
        with suppress(*REFUSALS):
            READERS[name](text)

    def shape(unit: str) -> Callable[[int], str]:
        return lambda size: unit * (size // len(unit.encode("utf-8", "replace")))

    slow = [unit for unit in UNITS if not is_linear(run, shape(unit), BYTES_FIRST, BYTES_LAST)]
    assert slow == []


# --- batches: what is done for an event, and what for all of them ---

EVENT = {"event_type": "a", "event_timestamp": AT, "user_email": "a@x.io"}
BATCHES: dict[str, Callable[[int], dict[str, Any]]] = {
    "plain": lambda n: {"events": [{**EVENT, "event_id": f"e{k}"} for k in range(n)]},
    "one id for all": lambda n: {"events": [{**EVENT, "event_id": "e"}] * n},
    "users": lambda n: {"events": [{**EVENT, "user_email": f"u{k}@x.io"} for k in range(n)]},
    "a default context with findings": lambda n: {
        "context_snapshot": {f"k{k}": f"a{k}@x.io" for k in range(100)},
        "events": [EVENT] * n,
    },
    "a large default context": lambda n: {
        "context_snapshot": {"a": "b" * (2_000_000 // n)},
        "events": [EVENT] * n,
    },
    "unknown fields of the envelope": lambda n: {
        **{f"k{k}": k for k in range(20 * n)},
        "events": [EVENT] * n,
    },
    "unknown fields of each event": lambda n: {
        "events": [{**EVENT, **{f"k{k}": k for k in range(100)}} for _ in range(n)]
    },
    "repairs of each event": lambda n: {
        "events": [{**EVENT, "metadata": {"a": ["\x00"] * 100}} for _ in range(n)]
    },
    "what is no event": lambda n: {"events": [1, "a", None, []] * (n // 4)},
}


@pytest.mark.fault("S1")
@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_is_linear(name: str) -> None:
    def of(events: int) -> bytes:
        return orjson.dumps({"user_email": "a@x.io", **BATCHES[name](events)})

    def run(body: bytes) -> None:
        with suppress(*REFUSALS):
            prepare_batch(body, NOW, SETTINGS)

    assert is_linear(run, of, 125, 1_000)
