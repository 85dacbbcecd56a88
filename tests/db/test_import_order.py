"""A file's order is kept, also of events of one moment; and its times, however they are written."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.database.sessions import Database
from app.database.slots import Slots
from app.ingest.import_events import GROUP_EVENTS, ImportCounts, Preparation, import_events
from app.ingest.import_files import open_events
from app.read.export import ExportRequest, open_export
from app.read.filters import EventFilter
from app.read.window import EVERYTHING
from app.schemas.instant import parse_utc
from app.schemas.queries import ExportFormat
from app.settings import Settings
from tests.conftest import NOW, truncate
from tests.db.conftest import ADA, BOB, row, store

AT = "2026-11-20T09:00:00.250Z"
MANY = 2 * GROUP_EVENTS + 5
MICROSECOND = timedelta(microseconds=1)
Json = dict[str, Any]


def line(number: int, **fields: object) -> Json:
    """Its id says the opposite of its place."""
    return {
        "user_email": ADA,
        "event_type": f"n{number}",
        "event_timestamp": AT,
        "event_id": str(UUID(int=(1 << 127) - number, version=4)),
        **fields,
    }


def written(path: Path, lines: Iterable[Json]) -> Path:
    path.write_bytes(b"\n".join(orjson.dumps(each) for each in lines))
    return path


async def imported(database: Database, settings: Settings, path: Path) -> ImportCounts:
    rejected: list[object] = []
    counts = ImportCounts()
    preparation = Preparation(
        settings, NOW, on_rejected=lambda entry, fault: rejected.append((entry, fault))
    )

    async def no_lines(lines: object) -> None:
        raise AssertionError(lines)

    with open_events(str(path)) as file:
        await import_events(
            file.entries,
            database,
            preparation,
            counts,
            on_privacy=no_lines,
            on_progress=lambda _: None,
        )
    assert rejected == []
    return counts


async def exported(database: Database, format_: ExportFormat = "ndjson") -> bytes:
    request = ExportRequest(EventFilter(), EVERYTHING, format=format_)
    export = await open_export(request, database, Slots("exports", "exports", 1))
    return b"".join([chunk async for chunk, _ in export.chunks()])


async def stored(database: Database) -> list[Json]:
    return [orjson.loads(each) for each in (await exported(database)).splitlines()]


def types(events: Sequence[Json]) -> list[str]:
    return [each["event_type"] for each in events]


@pytest.mark.fault("R8")
@pytest.mark.parametrize("received", [{}, {"received_at": "2026-11-20T09:00:01Z"}])
async def test_lines_of_one_moment_stay_in_their_order(
    database: Database, settings: Settings, tmp_path: Path, received: Json
) -> None:
    """Over the edges of the groups that are written, too; and the second time nothing is new."""
    lines = [line(n, **received) for n in range(MANY)]
    file = written(tmp_path / "events.ndjson", lines)
    assert (await imported(database, settings, file)).accepted == MANY
    events = await stored(database)
    assert types(events) == types(lines)
    assert (await imported(database, settings, file)).duplicates == MANY
    assert await stored(database) == events
    times = [parse_utc(each["received_at"]) for each in events]
    assert all(after > before for before, after in pairwise(times))
    assert times[0] == (parse_utc(received["received_at"]) if received else NOW + MICROSECOND)
    assert times[-1] == times[0] + (MANY - 1) * MICROSECOND


@pytest.mark.fault("R8")
async def test_users_and_moments_in_between_change_nothing(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    lines = [
        line(n, user_email=(ADA, BOB)[n % 2], received_at="2026-11-20T09:00:01+00")
        | {"event_timestamp": f"2026-11-20 09:00:0{n % 5}+00"}
        for n in range(200)
    ]
    await imported(database, settings, written(tmp_path / "events.ndjson", lines))
    events = await stored(database)
    for user in (ADA, BOB):
        for second in range(5):
            wanted = [
                each
                for each in lines
                if each["user_email"] == user and each["event_timestamp"][18] == str(second)
            ]
            found = [
                each
                for each in events
                if each["user_email"] == user and each["event_timestamp"][18] == str(second)
            ]
            assert types(found) == types(wanted)


@pytest.mark.fault("R8")
async def test_a_number_in_the_session_goes_before_the_order_of_the_file(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    lines = [line(1, session_seq=2), line(2, session_seq=1), line(3), line(4, session_seq=1)]
    await imported(database, settings, written(tmp_path / "events.ndjson", lines))
    assert types(await stored(database)) == ["n3", "n2", "n4", "n1"]


@pytest.mark.fault("R8")
@pytest.mark.parametrize("format_", ["ndjson", "csv", "parquet"])
async def test_an_export_comes_back_as_it_was(
    database: Database, settings: Settings, tmp_path: Path, format_: ExportFormat
) -> None:
    """Also what was stored before batches had an order, of which ids decide."""
    await store(database, *(row(n) for n in range(1, 40)))
    await store(
        database,
        *(
            row(n, session_seq=seq, user=(ADA, BOB)[n % 2], received_at=NOW - n * MICROSECOND)
            for n, seq in enumerate((None, 0, 1, 1, None, 2, 0, 3) * 5, 100)
        ),
    )
    before = await exported(database)
    path = tmp_path / f"events.{format_}"
    path.write_bytes(await exported(database, format_))
    assert settings.database_url is not None
    await truncate(settings.database_url)
    assert (await imported(database, settings, path)).accepted == 79
    assert await exported(database) == before


@pytest.mark.fault("N28")
async def test_what_psql_prints(database: Database, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        "user_email,event_type,event_timestamp,received_at\n"
        f"{ADA},a,2026-11-20 09:00:00+00,2026-11-20 09:00:01.5+00\n"
        f"{ADA},b,2026-11-20 09:00:00.123456+00,2026-11-20 14:45:00+05:45\n"
        f"{ADA},c,2026-11-20 10:00:01+01,\n"
        f"{ADA},d,20261120T090002Z,20261120T090003Z\n"
    )
    assert (await imported(database, settings, path)).accepted == 4
    found = [(each["event_timestamp"], each["received_at"]) for each in await stored(database)]
    assert found == [
        ("2026-11-20T09:00:00Z", "2026-11-20T09:00:01.500000Z"),
        ("2026-11-20T09:00:00.123456Z", "2026-11-20T09:00:00Z"),
        ("2026-11-20T09:00:01Z", "2026-11-20T12:00:00.000004Z"),
        ("2026-11-20T09:00:02Z", "2026-11-20T09:00:03Z"),
    ]


@pytest.mark.fault("N28")
async def test_times_of_parquet(database: Database, settings: Settings, tmp_path: Path) -> None:
    """Naive ones, and those of another zone."""
    path = tmp_path / "events.parquet"
    moment = NOW.replace(tzinfo=None)
    plain = {"user_email": [ADA] * 3, "event_type": ["a", "b", "c"]}
    times = {
        "event_timestamp": pa.array([moment] * 3, pa.timestamp("us")),
        "received_at": pa.array([NOW] * 3, pa.timestamp("ms", "Asia/Kathmandu")),
    }
    parquet.write_table(pa.table({**plain, **times}), path)
    assert (await imported(database, settings, path)).accepted == 3
    events = await stored(database)
    assert types(events) == ["a", "b", "c"]
    assert {each["event_timestamp"] for each in events} == {"2026-11-20T12:00:00Z"}
