"""The search for personal data costs as much as there is text, whatever the text is."""

import time
from datetime import timedelta
from typing import Any

import orjson
import pytest

from app.ingest.pii import PiiScanner
from app.ingest.pii_finders import BatchBudget
from app.ingest.prepare import prepare_batch
from app.settings import PII_KEYS, Settings
from tests.conftest import NOW

pytestmark = pytest.mark.usefixtures("no_garbage_collection")

BYTES = 3_000
GROWTH = 8
# What is quadratic takes 64 times as long; between them a disturbed machine makes no difference.
RATIO_MAX = 24
ATTEMPTS = 3
# Of an ordinary batch's time, in the same test; without a budget for the whole batch it was 250.
TIMES_OF_AN_ORDINARY_BATCH_MAX = 20
# Quadratic, it was 8 seconds and more.
SECONDS_OF_AN_EVENT_MAX = 4
SHAPES = [
    "eyJ", "eyJ-", "eyJaaaaaaaa.", "999.9.9.9 ", "%40", "%2540", "%e2%82%ac", "a@", "@", "a@a.",
    "a'", "'", "(at)", "[at]", "a (at) b (dot) ", "=40", "&#64;", "a&amp;", "\\", "\\u0040",
    "\u200b", "\uff20", "a\uff20", "\u0660", "\ufdfa", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ",
    "Bearer ", "Bearer a1", "Basic ", "authorization: ", "sk-", "SG.", "xoxb-", "//", "a://b@",
    "//u:p@h ", "token=", "token=a&", "a=", '"a":"', '"a"@', "+1 ", "0049 ", "4111 ", "DE89 ",
    "de89370400440532013000 ", "::", "1:", "2001:db8::1 ", "tel:", "ada@example.com ",
    "+1 415-555-2671 ", "4111111111111111 ", "[redacted:email]", "<a@b>", "version ", "a", "0", " ",
]  # fmt: skip


def seconds(scanner: PiiScanner, value: dict[str, Any]) -> float:
    """Of the processor, which other programs on the machine don't change much."""
    text = orjson.dumps(value).decode()
    start = time.process_time()
    scanner.is_suspect(value, text, BatchBudget())
    scanner.redact(value, "metadata")
    return time.process_time() - start


def is_linear(scanner: PiiScanner, short: dict[str, Any], long: dict[str, Any]) -> bool:
    return seconds(scanner, long) < RATIO_MAX * max(seconds(scanner, short), 0.0005)


@pytest.mark.fault("S1")
@pytest.mark.parametrize("shape", SHAPES)
def test_time_grows_as_the_text_does(shape: str) -> None:
    scanner = PiiScanner(PII_KEYS)
    times = BYTES // len(shape.encode())
    for of in (
        lambda count: {"a": shape * count},
        lambda count: {"a": shape * count + "@"},
        lambda count: {shape * count: 1},
        lambda count: {"a": [shape * 20] * (count // 20)},
    ):
        # Again where the machine was disturbed: what is quadratic is so each time.
        assert any(is_linear(scanner, of(times), of(GROWTH * times)) for _ in range(ATTEMPTS))


@pytest.mark.fault("S1")
@pytest.mark.parametrize(
    "value",
    [
        {"a": "eyJ" * 21_600 + "@"},
        {"a": "999.9.9.9 " * 3_150},
        {"k" * 16_000: ["ada@example.com"] * 1_000},
    ],
)
def test_what_stopped_the_process(value: dict[str, Any]) -> None:
    assert seconds(PiiScanner(PII_KEYS), value) < SECONDS_OF_AN_EVENT_MAX


@pytest.mark.fault("S1")
def test_past_a_number_of_candidates_the_text_goes_as_a_whole() -> None:
    """An event of ordinary size has no room for so many."""
    text = "a@b.io " * 4_001
    kept, findings = PiiScanner(PII_KEYS).redact({"a": text, "b": "a@b.io", "c": "hello"}, "m")
    assert kept == {"a": "[redacted:key]", "b": "[redacted:key]", "c": "hello"}
    assert [finding.path for finding in findings.named] == ["m.a", "m.b"]


def batch_of(metadata: dict[str, Any]) -> tuple[bytes, int]:
    """A body of up to five megabytes, and its number of events; `{0}` in a key is the event's."""
    count = min(5_000_000 // len(orjson.dumps(metadata)), 150)
    events = [
        {
            "event_type": "file_opened",
            "event_id": f"e-{index}",
            "event_timestamp": (NOW - timedelta(hours=1)).isoformat(),
            "metadata": {key.replace("{0}", str(index)): value for key, value in metadata.items()},
        }
        for index in range(count)
    ]
    return orjson.dumps({"user_email": "ada@example.com", "events": events}), count


def seconds_of_batch(body: bytes) -> float:
    """Of the processor, the better of two."""
    taken = []
    for _ in range(2):
        start = time.process_time()
        prepare_batch(body, NOW, Settings())
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize(
    "metadata",
    [
        {f"{{0}}k{number}": 1 for number in range(2_000)},
        {"a": "a@b.io " * 3_900},
        {"a": "ada@example.com or 4111 1111 1111 1111, +49 30 901820. " * 90},
        {"password": ["x"] * 6_000},
        {"a": "1.2.3.4 " * 3_000},
        {"a": [4111111111111112] * 1_400},
    ],
)
def test_all_events_of_a_batch_share_one_budget(metadata: dict[str, Any]) -> None:
    """Each of these events is within its own bounds; five megabytes of them are prepared in the
    time that an ordinary batch takes, as what may be personal goes as a whole at some point."""
    body, count = batch_of(metadata)
    ordinary, _ = batch_of({f"key_{number}": "opened the file twice" for number in range(1_000)})
    taken, most = seconds_of_batch(body), TIMES_OF_AN_ORDINARY_BATCH_MAX
    assert taken < most * seconds_of_batch(ordinary)
    prepared = prepare_batch(body, NOW, Settings())
    assert len(prepared.rows) == count
    assert "@b.io" not in str(prepared.rows)
    assert prepared.rows == prepare_batch(body, NOW, Settings()).rows


def test_past_the_budget_of_a_batch_what_is_not_suspect_stays() -> None:
    scanner, budget = PiiScanner(PII_KEYS), BatchBudget(work=0)
    given = {
        "a": "mail a@b.io", "b": "hello", "c": 3, "d": True, "e": None, "f": {"g": ["h"]},
        "i": {"j": ["a@b.io"]}, "password": "x", "k": "[redacted:email]", "a@b.io": 1,
    }  # fmt: skip
    kept, findings = scanner.redact(given, "m", budget)
    assert kept == {
        "a": "[redacted:key]", "b": "hello", "c": 3, "d": True, "e": None, "f": {"g": ["h"]},
        "i": "[redacted:key]", "password": "[redacted:key]", "k": "[redacted:email]",
        "[redacted:key]": 1,
    }  # fmt: skip
    assert [finding.path for finding in findings.named] == [
        "m.a", "m.i", "m.password", "m.[redacted:key]",
    ]  # fmt: skip
