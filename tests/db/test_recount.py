"""Every analytics answer beside a recount by DuckDB, on random events and windows."""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from app.analytics.active_users import active_users
from app.analytics.durations import durations
from app.analytics.funnel import FunnelStep, funnel
from app.analytics.funnel_chains import FunnelSplit, Order, UsersWho
from app.analytics.heatmap import heatmap
from app.analytics.paths import paths
from app.analytics.retention import retention
from app.analytics.sessions import SessionStats, sessions
from app.analytics.summary import summary
from app.analytics.timeseries import Split, Timeseries, timeseries
from app.analytics.top import top
from app.database.sessions import Database, ReadSession
from app.read.conditions import Direction, Step
from app.read.filters import EventFilter
from app.read.time_buckets import UNITS, Period, Unit
from app.read.window import Window
from app.settings import Settings
from tests.conftest import NOW, fresh_database
from tests.db.random_log import (
    BUSY,
    CHANGES,
    HIDDEN,
    START,
    TYPES,
    Made,
    change_of,
    random_events,
    store_all,
)
from tests.db.recount import Reached, Recount, best_chains, links

SEED = 20261120
TENTH = 0.0501  # milliseconds are rounded to a tenth
MICROSECOND = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

T = TypeVar("T")

FILTERS = [
    *[EventFilter()] * 5,
    EventFilter(user_email=(BUSY[0],)),
    EventFilter(user_email=(BUSY[1],)),
    EventFilter(user_email=("u100@example.com",)),
    EventFilter(user_email=(HIDDEN[0],)),
    EventFilter(user_email=(HIDDEN[0],), own=True),
    EventFilter(user_email=("nobody@example.com",)),
    EventFilter(user_email=(BUSY[2], "u101@example.com")),
    EventFilter(user_email=(BUSY[3], HIDDEN[0])),
    EventFilter(event_type=("task_done",)),
    EventFilter(event_type=("email_opened", "zebra", "none_such")),
    EventFilter(device_type=("mobile",)),
    EventFilter(event_category=("email", "task"), device_type=("tv", "desktop")),
    EventFilter(event_action=("created",)),
    EventFilter(user_email=(BUSY[0],), event_type=("task_opened", "page_viewed")),
    EventFilter(metadata='{"priority": "high"}'),
    EventFilter(metadata='{"n": 3, "priority": "low"}'),
    EventFilter(entity_type=("task", "file")),
    EventFilter(entity_id=("e3",), event_category=("email",)),
    EventFilter(session_id=("s7", "s8", "s9")),
]


@dataclass(frozen=True, slots=True)
class Log:
    """One database for all questions, and the recount of it."""

    events: list[Made]
    recount: Recount
    runner: asyncio.Runner
    database: Database

    def ask(self, question: Callable[[ReadSession], Awaitable[T]]) -> T:
        async def answer() -> T:
            async with self.database.read(heavy=True) as session:
                return await question(session)

        return self.runner.run(answer())


@pytest.fixture(scope="module")
def log(server_url: str) -> Iterator[Log]:
    events = random_events(SEED)
    with fresh_database(server_url) as url, asyncio.Runner() as runner:
        runner.run(store_all(url, events))
        database = Database(url, Settings(database_url=url, statement_timeout_ms=60_000))
        yield Log(events, Recount(events), runner, database)
        runner.run(database.dispose())


def check(examples: int) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Runs a function on cases that are the same each time."""

    def decorate(function: Callable[..., None]) -> Callable[[], None]:
        drawn = given(st.data())(function)
        # Not made smaller when it fails: each try is a question about 100,000 events.
        chosen = settings(
            max_examples=examples,
            phases=[Phase.generate],
            deadline=None,
            derandomize=True,
            database=None,
        )(drawn)
        chosen()
        return chosen

    return decorate


def draw_instant(data: st.DataObject, log: Log, zone: str) -> datetime:
    """Anywhere in the log's year, on or beside an event or a moment at which something begins."""
    where = data.draw(
        st.sampled_from(["any", "event", "quarter", "utc", "local", "change", "change"])
    )
    any_moment = START - DAY + data.draw(st.integers(0, 402 * 86_400_000_000)) * MICROSECOND
    if where == "any":
        return any_moment
    if where == "quarter":
        return any_moment - (any_moment - NOW) % (15 * MINUTE)
    if where == "event":
        at = log.events[data.draw(st.integers(0, len(log.events) - 1))].at
    elif where == "utc":
        at = any_moment.replace(hour=0, minute=0, second=0, microsecond=0)
    elif where == "local" or not CHANGES[zone]:
        day = any_moment.date()
        at = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    else:
        at = change_of(data.draw(st.sampled_from(CHANGES[zone])))
        at += data.draw(st.sampled_from([0, 0, -60, -10, 10, 20, 60, 15, 30])) * MINUTE
    return at + data.draw(st.sampled_from([0, 0, 0, -1, 1, 500_000])) * MICROSECOND


def draw_window(data: st.DataObject, log: Log, at_most: timedelta) -> Window:
    zone = data.draw(st.sampled_from(sorted(CHANGES)))
    start = draw_instant(data, log, zone)
    if data.draw(st.booleans()):
        length = data.draw(st.sampled_from([MINUTE, HOUR, 5 * HOUR, DAY, 9 * DAY, 90 * DAY]))
        end = start + length
    else:
        start, end = sorted((start, draw_instant(data, log, zone)))
    if data.draw(st.booleans()) and end - start > at_most:
        start = end - at_most
    return Window(start, min(end, start + at_most), zone)


def draw_case(
    data: st.DataObject, log: Log, at_most: timedelta = 402 * DAY
) -> tuple[EventFilter, Window]:
    """A filter and a window; their events are picked in DuckDB."""
    filter_, window = data.draw(st.sampled_from(FILTERS)), draw_window(data, log, at_most)
    log.recount.pick(filter_, window)
    return filter_, window


def source_of(filter_: EventFilter, *, user_days: bool) -> str:
    """Where the counts of a filter should come from."""
    is_plain = filter_ == EventFilter(user_email=filter_.user_email, own=filter_.own)
    if user_days and is_plain and len(filter_.user_email) == 1:
        return "user_days"
    beyond_kinds = (filter_.entity_type, filter_.entity_id, filter_.session_id, filter_.metadata)
    return "events" if filter_.user_email or any(beyond_kinds) else "totals"


def test_summary(log: Log) -> None:
    seen = set()

    @check(40)
    def _(data: st.DataObject) -> None:
        filter_, window = draw_case(data, log)
        found = log.ask(lambda session: summary(session, filter_, window))
        recount = log.recount
        assert found.about.source == source_of(filter_, user_days=True)
        seen.add(found.about.source)
        assert found.total_events == recount.one("SELECT count(*) FROM picked")
        for counts, value in (
            (found.events_by_category, "category"),
            (found.events_by_type, "type"),
            (found.events_by_device, "coalesce(device, 'unknown')"),
        ):
            assert list(counts.items()) == list(recount.counts(value).items())
        assert found.most_common_action == next(iter(recount.counts("action")), None)
        by_day = recount.rows(
            "SELECT day, count(id) FROM day LEFT JOIN picked ON CAST(local AS DATE) = day"
            " GROUP BY day ORDER BY day"
        )
        assert list(found.events_by_day.items()) == by_day
        most = max(((events, day) for day, events in by_day if events), default=(0, None))
        assert found.most_active_day == most[1]
        by_hour = recount.rows("SELECT hour(local), count(*) FROM picked GROUP BY 1")
        assert {h: n for h, n in enumerate(found.events_by_hour) if n} == dict(by_hour)
        assert found.unique_sessions == recount.one(
            "SELECT count(*) FROM (SELECT DISTINCT email, session_id FROM picked"
            " WHERE session_id IS NOT NULL)"
        )
        means = recount.rows(
            "SELECT type, avg(duration_ms) FROM picked WHERE duration_ms IS NOT NULL GROUP BY 1"
        )
        assert found.avg_duration_ms_by_type == pytest.approx(dict(means), abs=TENTH, rel=0)

    assert seen == {"totals", "user_days", "events"}


def test_sessions_of_one_user(log: Log) -> None:
    """In narrow windows, which sessions of months may have no event in."""

    @check(25)
    def _(data: st.DataObject) -> None:
        window = draw_window(data, log, 5 * HOUR)
        filter_ = EventFilter(user_email=(data.draw(st.sampled_from(BUSY[:6])),))
        log.recount.pick(filter_, window)
        found = log.ask(lambda session: summary(session, filter_, window))
        assert found.unique_sessions == log.recount.one(
            "SELECT count(DISTINCT session_id) FROM picked"
        )
        assert found.total_events == log.recount.one("SELECT count(*) FROM picked")


SPLITS: dict[Split | None, str] = {
    None: "NULL",
    "event_category": "category",
    "event_type": "type",
    "event_action": "action",
    "device_type": "coalesce(device, 'unknown')",
}


@pytest.mark.parametrize("unit", UNITS)
def test_timeseries(log: Log, unit: Unit) -> None:
    seen = set()

    @check(24)
    def _(data: st.DataObject) -> None:
        at_most = {"minute": 1998 * MINUTE, "hour": 1998 * HOUR}.get(unit, 402 * DAY)
        split_by: Split | None = data.draw(st.sampled_from(list(SPLITS)))
        limit = data.draw(st.sampled_from([1, 3, 10]))
        filter_, window = draw_case(data, log, at_most)
        compare = data.draw(st.booleans())
        found = log.ask(
            lambda session: timeseries(
                session,
                filter_,
                window,
                bucket=unit,
                split_by=split_by,
                limit=limit,
                compare=compare,
            )
        )
        expected = "events" if unit == "minute" else source_of(filter_, user_days=False)
        assert found.about.source == expected
        seen.add(found.about.source)
        check_series(log, found, window, limit)
        assert (found.previous is not None) == compare
        if found.previous is not None:
            zone = window.zone
            start, end = (each.astimezone(zone) for each in (window.start, window.end))
            length = end.replace(tzinfo=None) - start.replace(tzinfo=None)
            clock = (start.replace(tzinfo=None) - length).replace(tzinfo=zone)
            earlier = Window(min(clock.astimezone(UTC), window.start), window.start, str(zone))
            log.recount.pick(filter_, earlier)
            check_series(log, found.previous, earlier, limit)

    assert seen == ({"events"} if unit == "minute" else {"totals", "events"})


def check_series(log: Log, found: Timeseries, window: Window, limit: int) -> None:
    """Against what is picked."""
    recount = log.recount
    starts: list[Any] = []
    if window.start < window.end and found.bucket in ("minute", "hour"):
        starts = recount.full_hours(window, found.bucket)
        assert [each.astimezone(UTC) for each in found.buckets] == starts
        at = "moment"
    elif window.start < window.end:
        starts = recount.periods(found.bucket)
        assert [each.date() for each in found.buckets] == starts
        for start in found.buckets:
            before = start.astimezone(UTC) - MICROSECOND
            assert before.astimezone(window.zone).date() < start.date()
        at = "CAST(local AS DATE)"
    else:
        assert found.buckets == []
        at = "moment"
    events = recount.rows(
        f"SELECT epoch_us(CAST({at} AS TIMESTAMPTZ)), {SPLITS[found.split_by]} FROM picked"  # noqa: S608
    )
    keys = [_microseconds(each) for each in starts]
    totals = recount.counts(SPLITS[found.split_by])
    listed: Sequence[str | None] = [None]
    if found.split_by:
        listed = [*totals][:limit]
    wanted: dict[tuple[str | None, bool], list[int]] = {
        (value, False): [0] * len(starts) for value in listed
    }
    if len(totals) > len(listed):
        wanted[None, True] = [0] * len(starts)
    for us, value in events:
        key = (value, False) if value in listed else (None, True)
        wanted[key][bisect_right(keys, us) - 1] += 1
    assert [(each.value, each.is_other, each.total, each.events) for each in found.series] == [
        (value, is_other, sum(counts), counts) for (value, is_other), counts in wanted.items()
    ]
    assert found.total_events == len(events)
    assert found.about.truncated == (len(totals) > len(listed))


def _microseconds(start: date | datetime) -> int:
    instant = start if isinstance(start, datetime) else datetime(*start.timetuple()[:3], tzinfo=UTC)
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND


TOPS = {
    "event_type": ("type", "NULL"),
    "event_category": ("category", "NULL"),
    "event_action": ("action", "NULL"),
    "device_type": ("coalesce(device, 'unknown')", "NULL"),
    "entity": ("entity_id", "entity_type"),
    "user": ("email", "NULL"),
    "priority": ("priority", "NULL"),
    "n": ("CAST(n AS VARCHAR)", "NULL"),
}


@pytest.mark.parametrize("by", TOPS)
def test_top(log: Log, by: Any) -> None:
    @check(12)
    def _(data: st.DataObject) -> None:
        filter_, window = draw_case(data, log)
        limit = data.draw(st.sampled_from([1, 5, 100]))
        what: dict[str, Any] = (
            {"by": "metadata", "key": by} if by in ("priority", "n") else {"by": by}
        )
        found = log.ask(lambda session: top(session, filter_, window, limit=limit, **what))
        value, entity_type = TOPS[by]
        rows = log.recount.rows(
            f"SELECT {value} AS value, {entity_type} AS kind, count(*) AS n FROM picked"  # noqa: S608
            " WHERE value IS NOT NULL GROUP BY value, kind ORDER BY n DESC, value, kind"
        )
        total = sum(events for _, _, events in rows)
        assert (found.total_events, found.distinct_values) == (total, len(rows))
        # A number is answered as one, and goes by its text.
        shown = [str(row.value) if by == "n" else row.value for row in found.rows]
        assert [
            (text, row.entity_type, row.events, row.share)
            for text, row in zip(shown, found.rows, strict=True)
        ] == [(*row, round(row[2] / total, 4)) for row in rows[:limit]]
        assert found.about.truncated == (len(rows) > limit)
        is_kind = by.startswith("event_") or by == "device_type"
        expected = source_of(filter_, user_days=True) if is_kind else "events"
        assert found.about.source == expected


def test_heatmap(log: Log) -> None:
    @check(25)
    def _(data: st.DataObject) -> None:
        filter_, window = draw_case(data, log)
        found = log.ask(lambda session: heatmap(session, filter_, window))
        cells = [[0] * 24 for _ in range(7)]
        for weekday, hour, events in log.recount.rows(
            "SELECT isodow(local), hour(local), count(*) FROM picked GROUP BY ALL"
        ):
            cells[weekday - 1][hour] = events
        assert found.events == cells
        assert found.total_events == sum(map(sum, cells))
        assert found.about.source == source_of(filter_, user_days=True)


def test_durations(log: Log) -> None:
    @check(25)
    def _(data: st.DataObject) -> None:
        filter_, window = draw_case(data, log)
        limit = data.draw(st.sampled_from([2, 100]))
        found = log.ask(lambda session: durations(session, filter_, window, limit=limit))
        rows = log.recount.rows(
            """
            SELECT type, count(*) AS n, avg(duration_ms), quantile_cont(duration_ms::DOUBLE, 0.5),
              quantile_cont(duration_ms::DOUBLE, 0.9), quantile_cont(duration_ms::DOUBLE, 0.99)
            FROM picked WHERE duration_ms IS NOT NULL GROUP BY type ORDER BY n DESC, type
            """
        )
        assert [
            (row.event_type, row.events, row.mean_ms, row.p50_ms, row.p90_ms, row.p99_ms)
            for row in found.rows
        ] == [
            (type_, events, *(pytest.approx(each, abs=TENTH, rel=0) for each in rest))
            for type_, events, *rest in rows[:limit]
        ]
        assert found.about.truncated == (len(rows) > limit)
        assert found.about.source == "events"


def test_active_users(log: Log) -> None:
    @check(25)
    def _(data: st.DataObject) -> None:
        filter_, window = draw_case(data, log)
        found = log.ask(lambda session: active_users(session, filter_, window))
        rows = log.recount.rows(
            """
            WITH active AS (SELECT DISTINCT email, CAST(local AS DATE) AS on_day FROM theirs),
            first AS (SELECT email, min(on_day) AS first FROM active GROUP BY email)
            SELECT day,
              count(DISTINCT email) FILTER (on_day = day) AS dau,
              count(DISTINCT email) FILTER (on_day > day - 7) AS wau,
              count(DISTINCT email) AS mau,
              count(DISTINCT email) FILTER (on_day = day AND first = day) AS new
            FROM day LEFT JOIN (SELECT * FROM active JOIN first USING (email)) AS active
              ON on_day <= day AND on_day > day - 30
            GROUP BY day ORDER BY day
            """
        )
        assert [
            (row.day, row.dau, row.wau, row.mau, row.stickiness, row.new, row.returning)
            for row in found.rows
        ] == [
            (day, dau, wau, mau, round(dau / mau, 4) if mau else 0.0, new, dau - new)
            for day, dau, wau, mau, new in rows
        ]
        assert [(found.active_users, found.new_users)] == log.recount.rows(
            """
            WITH first AS (SELECT email, min(CAST(local AS DATE)) AS first FROM theirs GROUP BY 1)
            SELECT count(*), count(*) FILTER (first IN (SELECT day FROM day)) FROM first
            WHERE email IN (
              SELECT email FROM theirs WHERE CAST(local AS DATE) IN (SELECT day FROM day))
            """
        )
        assert found.about.source == "user_days"


def test_retention(log: Log) -> None:
    @check(25)
    def _(data: st.DataObject) -> None:
        period: Period = data.draw(st.sampled_from(["day", "week", "month"]))
        periods = data.draw(st.sampled_from([1, 4, 12]))
        filter_, window = draw_case(data, log, 398 * DAY)
        found = log.ask(
            lambda session: retention(session, filter_, window, period=period, periods=periods)
        )
        starts = log.recount.periods(period)
        number = {start: place for place, start in enumerate(starts)}
        sizes = [0] * len(starts)
        again: list[list[int | None]] = [
            [0 if place + later < len(starts) else None for later in range(periods + 1)]
            for place in range(len(starts))
        ]
        for first, then, users in log.recount.rows(
            """
            WITH active AS (
              SELECT email, CAST(date_trunc($period, local) AS DATE) AS period FROM theirs
              WHERE CAST(local AS DATE) <= (SELECT max(day) FROM day)
            )
            SELECT first, period, count(DISTINCT email) FROM active
            JOIN (SELECT email, min(period) AS first FROM active GROUP BY email) USING (email)
            GROUP BY ALL
            """,
            period=period,
        ):
            if first not in number:
                continue
            later = number[then] - number[first]
            if later == 0:
                sizes[number[first]] = users
            if later <= periods:
                again[number[first]][later] = users
        assert [(row.cohort, row.size, row.users) for row in found.rows] == list(
            zip(starts, sizes, again, strict=True)
        )
        for row in found.rows:
            assert row.rates == [
                None if users is None or not row.size else round(users / row.size, 4)
                for users in row.users
            ]
        assert found.about.source == "user_days"


def test_sessions(log: Log) -> None:
    @check(25)
    def _(data: st.DataObject) -> None:
        filter_, window = draw_case(data, log)
        found = log.ask(lambda session: sessions(session, filter_, window))
        log.recount.rows(
            """
            CREATE OR REPLACE TEMP TABLE session AS
            WITH named AS (
              SELECT min(us) AS first, max(us) AS last, count(*) AS events, false AS is_made
              FROM theirs WHERE session_id IS NOT NULL GROUP BY email, session_id
            ), beside AS (
              SELECT email, us, us - lag(us) OVER (PARTITION BY email ORDER BY us) AS since
              FROM theirs WHERE session_id IS NULL AND us < $end
            ), numbered AS (
              SELECT email, us, count(*) FILTER (since IS NULL OR since > 1800000000)
                OVER (PARTITION BY email ORDER BY us RANGE UNBOUNDED PRECEDING) AS number
              FROM beside
            ), made AS (
              SELECT min(us), max(us), count(*), true FROM numbered GROUP BY email, number
            )
            SELECT *, (last - first) / 1000 AS length,
              CAST(timezone($zone, make_timestamptz(first)) AS DATE) AS day
            FROM (FROM named UNION ALL FROM made) WHERE first >= $start AND first < $end
            """,
            zone=window.timezone,
            start=_microseconds(window.start),
            end=_microseconds(window.end),
        )
        stats = (
            "count(*), CAST(coalesce(sum(events), 0) AS BIGINT), count(*) FILTER (events = 1),"
            " avg(length), quantile_cont(length, 0.5), quantile_cont(length, 0.9)"
        )
        (whole,) = log.recount.rows(f"SELECT {stats} FROM session")  # noqa: S608
        check_stats(found.total, *whole)
        assert found.made_by_time == log.recount.one("SELECT count(*) FROM session WHERE is_made")
        by_day = {
            day: rest
            for day, *rest in log.recount.rows(
                f"SELECT day, {stats} FROM session GROUP BY day"  # noqa: S608
            )
        }
        days = log.recount.column("SELECT day FROM day ORDER BY day")
        assert [row.day for row in found.rows] == days
        for row in found.rows:
            check_stats(row.stats, *by_day.get(row.day, (0, 0, 0, None, None, None)))
        assert found.about.source == "sessions"


def check_stats(found: SessionStats, count: int, events: int, bounces: int, *lengths: Any) -> None:
    assert (found.sessions, found.events, found.bounces) == (count, events, bounces)
    assert found.events_per_session == (round(events / count, 2) if count else None)
    assert found.bounce_rate == (round(bounces / count, 4) if count else None)
    assert (found.mean_length_ms, found.median_length_ms, found.p90_length_ms) == tuple(
        None if each is None else pytest.approx(each, abs=TENTH, rel=0) for each in lengths
    )


FUNNEL_SPLITS: list[tuple[FunnelSplit | None, str | None]] = [
    (None, None),
    ("device_type", None),
    ("entity_type", None),
    ("metadata", "priority"),
    ("metadata", "n"),
]


def test_funnel(log: Log) -> None:
    depths: set[int] = set()

    @check(40)
    def _(data: st.DataObject) -> None:
        steps = data.draw(
            st.lists(
                st.tuples(
                    st.sampled_from(sorted(TYPES)[:5]), st.sampled_from([None, None, "high"])
                ),
                min_size=2,
                max_size=4,
            )
        )
        order: Order = data.draw(st.sampled_from(["loose", "strict"]))
        within = data.draw(st.sampled_from([MINUTE, 30 * MINUTE, DAY, 7 * DAY]))
        split_by, key = data.draw(st.sampled_from(FUNNEL_SPLITS))
        at = data.draw(st.sampled_from([None, *range(1, len(steps) + 1)]))
        who: UsersWho = data.draw(st.sampled_from(["stopped", "reached"]))
        filter_, window = draw_case(data, log)
        found = log.ask(
            lambda session: funnel(
                session,
                filter_,
                window,
                [
                    Step(type_, None if priority is None else f'{{"priority": "{priority}"}}')
                    for type_, priority in steps
                ],
                within=within,
                order=order,
                split_by=split_by,
                key=key,
                users_at=at,
                users_who=who,
            )
        )
        by_user = log.recount.by_user()
        best = best_chains(by_user, steps, within, strict=order == "strict")
        depths.update(len(each.times) for each in best)
        check_steps(log, found.steps, steps, best)
        assert (found.users, found.converted, found.conversion) == (
            found.steps[0].users,
            found.steps[-1].users,
            found.steps[-1].share_of_first,
        )
        groups: dict[str | None, list[Reached]] = {}
        if split_by is not None:
            for each in best:
                groups.setdefault(getattr(each.first, key or _FIELDS[split_by]), []).append(each)
        ordered = sorted(
            groups.items(), key=lambda group: (-len(group[1]), group[0] is None, group[0] or "")
        )
        # `n` is a number, and a text where it is counted again.
        values = [str(group.value) if group.has_value else None for group in found.groups]
        assert values == [value for value, _ in ordered[:10]]
        for value, group in zip(values, found.groups, strict=True):
            assert group.has_value == (group.value is not None)
            check_steps(log, group.steps, steps, groups[value])
        emails = None
        if at is not None:
            emails = sorted(
                each.email
                for each in best
                if len(each.times) == at or (who == "reached" and len(each.times) > at)
            )[:100]
        assert found.user_emails == emails
        assert found.about.source == "events"
        assert found.about.truncated == (len(ordered) > 10)

    assert depths == {1, 2, 3, 4}


_FIELDS = {"device_type": "device", "entity_type": "entity_type"}


def check_steps(
    log: Log, found: list[FunnelStep], steps: list[tuple[str, str | None]], best: list[Reached]
) -> None:
    users = [sum(len(each.times) > place for each in best) for place in range(len(steps))]
    assert len(found) == len(steps)
    for place, step in enumerate(found):
        before = users[max(place - 1, 0)]
        assert (step.step, step.event_type, step.users) == (
            place + 1,
            steps[place][0],
            users[place],
        )
        assert step.share_of_first == (round(users[place] / users[0], 4) if users[0] else 0)
        assert step.share_of_previous == (round(users[place] / before, 4) if before else 0)
        stopped = sum(len(each.times) == place + 1 for each in best)
        assert step.dropped == (stopped if place + 1 < len(steps) else None)
        took: list[float] = []
        if place:
            took = [
                (each.times[place] - each.times[place - 1]) / 1000
                for each in best
                if len(each.times) > place
            ]
        expected = log.recount.percentiles(took, 0.5, 0.9)
        assert [step.median_ms, step.p90_ms] == [
            None if each is None else pytest.approx(each, abs=TENTH, rel=0) for each in expected
        ]


def test_paths(log: Log) -> None:
    @check(30)
    def _(data: st.DataObject) -> None:
        anchor = data.draw(st.sampled_from(["zebra", "task_done", "email_opened", "none_such"]))
        direction: Direction = data.draw(st.sampled_from(["after", "before"]))
        steps = data.draw(st.integers(1, 5))
        gap = data.draw(st.sampled_from([MINUTE, 30 * MINUTE, 30 * MINUTE, DAY]))
        limit = data.draw(st.sampled_from([3, 50]))
        filter_, window = draw_case(data, log)
        assume(window.end - window.start < 200 * DAY or anchor != "email_opened")
        found = log.ask(
            lambda session: paths(
                session,
                filter_,
                window,
                anchor,
                direction=direction,
                steps=steps,
                gap=gap,
                limit=limit,
            )
        )
        counted = links(log.recount.by_user(), anchor, steps, gap, before=direction == "before")
        expected = []
        truncated = False
        for step in range(1, steps + 1):
            of_step = sorted(
                ((*link, events) for link, events in counted.items() if link[0] == step),
                key=lambda row: (-row[3], row[1], row[2] or ""),
            )
            expected += of_step[:limit]
            truncated |= len(of_step) > limit
        rows = [(link.step, link.source, link.target, link.events) for link in found.links]
        assert rows == expected
        assert found.occurrences == log.recount.counts("type").get(anchor, 0)
        assert found.about.truncated == truncated
        assert found.about.source == "events"


def test_every_kind_of_event_is_there(log: Log) -> None:
    """So that the questions above are about something."""
    one = log.recount.one
    assert one("SELECT count(*) FROM event") == 100_000
    assert one("SELECT count(*) FROM event WHERE us % 900000000 = 0") > 1000
    assert one("SELECT count(*) - count(DISTINCT (email, us)) FROM event") > 1000
    assert one("SELECT count(*) FROM event WHERE device IS NULL") > 1000
    busy = "SELECT email FROM event GROUP BY email, us // 86400000000 HAVING count(*) >= 32"
    assert one(f"SELECT count(*) FROM ({busy})") > 300  # noqa: S608
    long = (
        "SELECT email FROM event WHERE session_id IS NOT NULL GROUP BY email, session_id"
        " HAVING max(us) - min(us) > 86400000000"
    )
    assert one(f"SELECT count(*) FROM ({long})") > 30  # noqa: S608
