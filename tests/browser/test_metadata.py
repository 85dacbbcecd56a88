"""What JSON can't say costs only itself: the event is stored, with a stand-in for the value."""

import json
from typing import Any

import pytest

from benchmarks.tracker_faults import SENT
from benchmarks.tracker_lab import Lab

STATUS = "tracker.status()"
BROKEN = "[Error: broken]"

# The metadata that a page gives, as JavaScript; what is stored of it.
VALUES: dict[str, Any] = {
    "{ a: undefined, b: () => 1, c: Symbol('c'), n: NaN, i: -Infinity }": {"n": None, "i": None},
    "{ at: new Date(0), o: Object.create(null, { x: { value: 1, enumerable: true } }) }": {
        "at": "1970-01-01T00:00:00.000Z",
        "o": {"x": 1},
    },
    "{ n: new Number(1), s: new String('s'), b: new Boolean(false) }": {
        "n": 1,
        "s": "s",
        "b": False,
    },
    "(() => { const c = { n: 1 }; c.self = c; c.list = [c]; return c })()": {
        "n": 1,
        "self": "[Circular]",
        "list": ["[Circular]"],
    },
    "(() => { const shared = { x: 1 }; return { a: shared, b: [shared] } })()": {
        "a": {"x": 1},
        "b": [{"x": 1}],
    },
    "{ big: 12345678901234567890n, list: [1n] }": {"big": "12345678901234567890", "list": ["1"]},
    "{ get bad() { throw new Error('broken') }, good: 1 }": {"bad": BROKEN, "good": 1},
    "{ bad: { toJSON() { throw new Error('broken') } }, good: 1 }": {"bad": BROKEN, "good": 1},
    "{ bad: { toJSON() { return this } }, good: 1 }": {"bad": "[Circular]", "good": 1},
    "{ proxy: new Proxy({}, { get() { throw new Error('broken') } }), good: 1 }": {
        "proxy": BROKEN,
        "good": 1,
    },
    "{ target: document.body, window, list: document.querySelectorAll('body') }": {
        "target": "[object HTMLBodyElement]",
        "window": "[object Window]",
        "list": "[object NodeList]",
    },
    "{ click: new MouseEvent('click'), promise: Promise.resolve(), none: null }": {
        "click": "[object MouseEvent]",
        "promise": "[object Promise]",
        "none": None,
    },
    "{ nativeEvent: new KeyboardEvent('keyup'), target: document.body }": "[object KeyboardEvent]",
    "{ map: new Map([['a', { b: 1n }]]), set: new Set([1, 'x']), bytes: new Uint8Array([1, 2]) }": {
        "map": {"a": {"b": "1"}},
        "set": [1, "x"],
        "bytes": [1, 2],
    },
    "{ error: new TypeError('no such key'), file: new File(['x'], 'x.txt') }": {
        "error": "TypeError: no such key",
        "file": "[object File]",
    },
    "{ half: '\\u{1F4CC}\\u{1F4CC}'.slice(0, 3), nul: 'a\\0b', ['k\\ud83d']: 1 }": {
        "half": "\U0001f4cc\ufffd",
        "nul": "a\ufffdb",
        "k\ufffd": 1,
    },
    "['a', 1]": {"value": ["a", 1]},
    "'text'": {"value": "text"},
    "{ deep: Array(5000).fill().reduce((inner) => [inner], 1) }": "deep",
    "{ huge: 'x'.repeat(100000) }": {"value": "[Too large]"},
    "{ wide: '中'.repeat(30000) }": {"value": "[Too large]"},
}


@pytest.mark.fault("C13", "T13")
async def test_metadata_that_json_can_not_say_costs_only_itself(lab: Lab) -> None:
    async with lab.trial("metadata") as trial:
        page = await trial.open()
        warnings: list[str] = []
        page.on("console", lambda message: warnings.append(message.text))
        for number, value in enumerate(VALUES):
            await page.evaluate(
                f"tracker.track('odd', {{ durationMs: {number}, metadata: {value} }}) && 0"
            )
        await trial.until(page, SENT)
        rows = await lab.database.fetch(
            "SELECT duration_ms, event_metadata::text FROM activity_event"
            " WHERE user_id = (SELECT id FROM app_user WHERE email = $1) ORDER BY duration_ms",
            trial.email,
        )
        stored = {row["duration_ms"]: json.loads(row["event_metadata"]) for row in rows}
        assert list(stored) == list(range(len(VALUES)))
        for number, (value, expected) in enumerate(VALUES.items()):
            if expected == "deep":
                assert json.dumps(stored[number]).count("[") < 40
            elif isinstance(expected, str):
                assert stored[number] == {"value": expected}
            else:
                assert stored[number] == expected, value
        assert (await page.evaluate(STATUS))["dropped"] == 0
        # Once for all of them, on the developer's machine.
        assert sum("JSON has no form" in text for text in warnings) == 1
        assert trial.errors == []


@pytest.mark.fault("C13", "T13")
async def test_odd_calls_lose_no_event(lab: Lab) -> None:
    async with lab.trial("calls") as trial:
        page = await trial.open()
        await page.evaluate(
            """() => {
              const button = document.body.appendChild(document.createElement('button'))
              button.addEventListener('click', tracker.track)
              button.click()
              // A framework's event, in a cycle with the whole page.
              const synthetic = { type: 'submit', target: button, nativeEvent: new Event('submit') }
              synthetic.self = synthetic
              tracker.track(synthetic, synthetic)
              tracker.track('ids', { entityType: 'x', entityId: '' })
              tracker.track('ids', { entityType: 'x', entityId: 1.5 })
              tracker.track('ids', { entityType: 'x', entityId: true })
              tracker.track('ids', { entityType: 'x', entityId: 7n })
              tracker.track('options', null)
              tracker.track('options', 'text')
              tracker.track('options', { durationMs: NaN, get metadata() { throw new Error('x') } })
              tracker.trackBatch(null)
              tracker.trackBatch([null, { type: 'batch' }])
              tracker.trackPageView('/inbox', null)
              tracker.trackTimed('timed', null).complete(null)
            }"""
        )
        await trial.until(page, SENT)
        rows = await lab.database.fetch(
            "SELECT event_type, entity_id FROM activity_event"
            " WHERE user_id = (SELECT id FROM app_user WHERE email = $1) ORDER BY session_seq",
            trial.email,
        )
        types = [row["event_type"] for row in rows]
        assert types[:6] == ["click", "submit", *["ids"] * 4]
        assert [row["entity_id"] for row in rows[2:6]] == [None, "1.5", "true", "7"]
        assert types[6:12] == ["options", "options", "options", "batch", "page_viewed", "timed"]
        assert trial.errors == []


@pytest.mark.fault("C13", "T13")
async def test_an_event_that_is_lost_is_shown_everywhere(lab: Lab) -> None:
    async with lab.trial("shown") as trial:
        page = await trial.open()
        warnings: list[str] = []
        page.on("console", lambda message: warnings.append(message.text))
        await page.evaluate("record(0, 1); tracker.track(''); tracker.track(); record(1, 1)")
        await trial.until_reported(2)
        assert await trial.numbers() == [0, 1]
        status = await page.evaluate(STATUS)
        assert status["dropped"] == 2
        assert len(status["deadLetters"]) == 2
        assert len(warnings) == 2
        assert all("The event is dropped" in text for text in warnings)
        assert trial.errors == []
