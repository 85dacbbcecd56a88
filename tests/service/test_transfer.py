"""`activity-events export` and `import`, as run from a shell: what comes out goes in again."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.conftest import ROOT, LiveServer, fresh_database, running_service
from tests.service.test_serve import COMMAND, TIMEOUT_SECONDS

Json = dict[str, Any]

NOW = datetime.now(UTC).replace(microsecond=0)
ADA, BO = "ada@example.com", "o'hara+bo,x@example.com"
EVENTS = 27
FORMATS = ["ndjson", "csv", "parquet"]
HOSTILE: Json = {
    "lines": "a\nb\r\nc\u2028d",
    "quotes": "\"',;\t\\",
    "unicode": "snow ☃ 🤦🏽 e\u0301",
    "null": None,
    "empty": "",
    "nested": {"": [], "a": {"b": [1, [True, {}]]}},
    "big": 2**80,
    "double": 1.7e308,
    "tiny": 5e-324,
    "formula": "=1+1",
}


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat().replace("+00:00", "Z")


def event(number: int, at: str, event_type: str = "project_created", **fields: object) -> Json:
    event_id = str(UUID(int=number, version=4))
    return {"event_id": event_id, "event_timestamp": at, "event_type": event_type, **fields}


def run(
    url: str, *args: str | Path, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *args],
        env={"DATABASE_URL": url, "PATH": "", "COLUMNS": "200", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@dataclass(frozen=True, slots=True)
class Source:
    """A service, and its database."""

    server: LiveServer
    url: str


@pytest.fixture(scope="module")
def source(server_url: str) -> Iterator[Source]:
    """Events of two users: odd ones, old ones, and some that are stored at another time."""
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        log(server, ADA, event(1, ago(hours=2), metadata=HOSTILE, session_id="=s", session_seq=0))
        log(server, ADA, event(2, ago(days=40), "email_opened", duration_ms=5400, entity_id=7))
        log(server, ADA, *(event(n, ago(days=n, minutes=n * 7)) for n in range(10, 30)))
        # Of a clock that is an hour ahead, and without a time.
        log(server, ADA, event(3, ago(hours=-1)), sent_at=ago(hours=-1))
        log(server, ADA, {"event_type": "page_viewed", "metadata": {"page": "/a"}})
        log(server, BO, event(1, ago(hours=2), event_category="else", event_action="+do"))
        log(server, BO, event(4, ago(minutes=1), context_snapshot={"a": "\t"}, device_type="@tv"))
        log(server, BO, event(5, ago(minutes=2), device_type="@tv", session_id="=s/2"))
        yield Source(server, url)


def log(server: LiveServer, email: str, *events: Json, **envelope: object) -> None:
    body = {"user_email": email, **envelope, "events": list(events)}
    answer = httpx.post(f"{server.url}/api/events/log/batch", json=body).json()
    assert answer["accepted"] == len(events), answer


def answers(server: LiveServer) -> Json:
    """Whatever can be asked of the events, and the export itself."""
    window = {"start": ago(days=300), "end": ago(days=-1), "tz": "Asia/Kolkata"}
    found: Json = {
        "=s": get(server, "/session/=s"),
        "=s/2": get(server, "/session/=s/2"),
        "everybody": [get(server, "/", limit="1000"), get(server, "/analytics", **window)],
    }
    for email in (ADA, BO):
        events = get(server, "/", user_email=email)
        found[email] = [events, get(server, "/analytics", user_email=email, **window)]
    assert len(found["everybody"][0]["events"]) == EVENTS
    return found


def get(server: LiveServer, path: str, **params: str) -> Json:
    response = httpx.get(f"{server.url}/api/events{path}", params=params)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    answer.pop("generated_at", None)
    return answer


@pytest.mark.parametrize("format_", FORMATS)
def test_an_export_in_an_empty_database_gives_equal_answers(
    source: Source, server_url: str, tmp_path: Path, format_: str
) -> None:
    file = tmp_path / f"events.{format_}"
    done = run(source.url, "export", "--output", file, "--format", format_)
    assert (done.stdout, done.stderr.splitlines()[-1]) == ("", f"{EVENTS} events exported")
    assert list(tmp_path.iterdir()) == [file]
    with fresh_database(server_url) as url:
        done = run(url, "import", file)
        assert done.stdout == f"{EVENTS} accepted, 0 duplicates, 0 rejected\n"
        with running_service(DATABASE_URL=url) as server:
            assert answers(server) == answers(source.server)
        assert "0 faults" in run(url, "verify", "--rollups").stdout

        done = run(url, "import", file)
        assert done.stdout == f"0 accepted, {EVENTS} duplicates, 0 rejected\n"
        assert "differ from the stored events" not in done.stderr
        assert "0 faults" in run(url, "verify", "--rollups").stdout
        again = tmp_path / f"again.{format_}"
        run(url, "export", "--output", again, "--format", format_)
        assert again.read_bytes() == file.read_bytes()


def test_a_late_retry_is_still_known_after_the_move(
    source: Source, server_url: str, tmp_path: Path
) -> None:
    """The time of event 3 was corrected; its client sends it as it did at first."""
    file = tmp_path / "events.ndjson"
    run(source.url, "export", "--output", file)
    with fresh_database(server_url) as url:
        run(url, "import", file)
        with running_service(DATABASE_URL=url) as server:
            body = {
                "user_email": ADA,
                "sent_at": ago(hours=-1),
                "events": [event(3, ago(hours=-1))],
            }
            answer = httpx.post(f"{server.url}/api/events/log/batch", json=body).json()
    assert (answer["accepted"], answer["duplicates"]) == (0, 1)


def test_everything_of_one_user(source: Source, server_url: str, tmp_path: Path) -> None:
    database(source.url, "UPDATE app_user SET learning_opt_out = true WHERE email LIKE 'o%'")
    done = run(source.url, "export", "--user-email", "O'Hara+bo,x@example.com")
    first, *events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["kind"], first["user_email"], first["learning_opt_out"]) == ("user", BO, True)
    assert [each["kind"] for each in events] == ["event"] * 3
    file = tmp_path / "bo.jsonl"
    file.write_text(done.stdout)
    with fresh_database(server_url) as url:
        assert run(url, "import", file).stdout == (
            "3 accepted, 0 duplicates, 0 rejected, 1 users\n"
        )
        # What the database knows of a wish is not taken back by a file.
        file.write_text(json.dumps({"kind": "user", "user_email": BO, "learning_opt_out": False}))
        assert run(url, "import", file).stdout == (
            "0 accepted, 0 duplicates, 0 rejected, 1 users\n"
        )
        run(url, "export", "--user-email", BO, "--output", file)
        assert file.read_text() == done.stdout
        # Hidden from analytics is still theirs.
        database(url, "UPDATE app_user SET analytics_opt_out = true")
        hidden = run(url, "export", "--user-email", BO).stdout
        assert hidden.count('"kind":"event"') == 3
        done = run(url, "export")
        assert done.stdout == ""
        assert "Warning: the export does not include opt-outs and erasures (" in done.stderr
        assert " (users who opted out: 1, erasures: 0)." in done.stderr


def test_windows(source: Source) -> None:
    done = run(source.url, "export", "--days", "1", "--format", "csv")
    assert done.stdout.count("\n") == 1 + 6
    window = ("--start", ago(days=41), "--end", ago(days=39))
    (line,) = run(source.url, "export", *window).stdout.splitlines()
    assert json.loads(line)["event_type"] == "email_opened"
    done = run(source.url, "export", "--days", "1", "--start", "2026-01-01", code=1)
    assert "set either days" in done.stderr


def test_a_bad_line_is_named_and_all_others_are_kept(server_url: str, tmp_path: Path) -> None:
    good = event(1, ago(hours=1), user_email=ADA, unknown=1)
    lines: list[object] = [
        good,
        {**good, "event_id": None, "metadata": {"a": 1}},
        {**good, "event_id": None, "metadata": {"a": 1}},
        event(2, ago(hours=1)),
        event(3, ago(days=366), user_email=ADA),
        event(4, ago(days=-2), user_email=ADA),
        event(5, ago(hours=1), user_email=ADA, received_at="soon"),
        {"user_email": ADA, "event_type": "a"},
        [],
        {"kind": "project"},
        {"kind": "user", "user_email": "nobody"},
        {**good, "event_id": str(UUID(int=9, version=4)), "metadata": {"a": "\0"}},
    ]
    file = tmp_path / "events.txt"
    text = "\n".join(json.dumps(line) for line in lines)
    file.write_bytes(f"\ufeff{text}\n\n".encode() + b'{"a": \xff}\n{"user_email": "ada@ex')
    with fresh_database(server_url) as url:
        rejected = tmp_path / "rejected.ndjson"
        done = run(url, "import", file, "--errors", rejected, code=1)
        found = done.stderr[done.stderr.index("9 rejected:") :].splitlines()
        assert found[: found.index("  too_old: 1 line") + 2] == [
            "9 rejected:",
            "  missing_field: 3 lines",
            "    line 4: user_email: is required, but no field of the file holds the user; "
            "use --map FIELD=user_email",
            "    line 8: event_timestamp: is required, but the entry has no time",
            "    line 10: user_email: is required, but no field of the file holds the user; "
            "use --map FIELD=user_email",
            "  invalid_value: 2 lines",
            "    line 9: line: must be a JSON object",
            "    line 11: user_email: must be an email address, such as ada@example.com",
            "  in_future: 1 line",
            "    line 6: event_timestamp: is more than a day in the future",
            "  invalid_json: 1 line",
            "    line 15: line: is not valid JSON: Unterminated string starting at at line 1, "
            "column 16",
            "  invalid_utf8: 1 line",
            "    line 14: line: is not UTF-8: byte 6 can't be decoded; set the file's --encoding",
            "  too_old: 1 line",
            "    line 5: event_timestamp: is older than the retention period of 365 days",
        ]
        assert (
            "invalid_value: 1 times, first in line 7: received_at "
            "must be a date and time, such as 2026-11-20T09:15:00Z; ignored"
        ) in done.stderr
        assert "not fields of an event: unknown (4)." in done.stderr
        assert "replaced_text: 1 times, first in line 12: metadata.a" in done.stderr
        assert done.stdout == "5 accepted, 0 duplicates, 9 rejected\n"
        assert rejected.stat().st_mode & 0o777 == 0o600
        reasons = [json.loads(line)["rejected"] for line in rejected.read_text().splitlines()]
        assert [reason["at"] for reason in reasons] == [4, 5, 6, 8, 9, 10, 11, 14, 15]
        assert reasons[-1]["text"] == '{"user_email": "ada@ex'
        # Also those without an id: the same line of the same file is the same event.
        again = run(url, "import", file, code=1)
        assert again.stdout == "0 accepted, 5 duplicates, 9 rejected\n"
        # What is too old for one setting is not for another, which makes the months it needs.
        old = tmp_path / "old.ndjson"
        old.write_text(json.dumps(event(3, ago(days=366), user_email=ADA)))
        done = run(url, "import", old, ACTIVITY_RETENTION_DAYS="800")
        assert done.stdout == "1 accepted, 0 duplicates, 0 rejected\n"


def test_bad_records_of_csv_are_named(server_url: str, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    head = "user_email,event_type,event_timestamp,event_id,metadata,duration_ms\r\n"
    plain = f"{ADA},a,{ago(hours=1)}"
    file.write_text(
        head
        + f'{plain},{UUID(int=1)},"{{""a"":\n1}}",\r\n'
        + f"{plain},{UUID(int=2)},{{,\r\n"
        + f"{plain}\r\n"
        + f'{plain},{UUID(int=3)},"{{}}"x,\r\n'
        + f"{plain},{UUID(int=4)},,12\r\n"
        + f'{plain},{UUID(int=5)},"'
    )
    with fresh_database(server_url) as url:
        done = run(url, "import", file, code=1)
        assert done.stdout == "3 accepted, 0 duplicates, 3 rejected\n"
        found = [line.split(":")[0].strip() for line in done.stderr.splitlines()]
        assert [line for line in found if line.startswith("line ")] == [
            *("line 5", "line 6", "line 8"),
        ]
        assert "first in line 4: metadata is not a JSON object" in done.stderr
        file.write_text("a,b\r\n1,2\r\n")
        assert "Its header has a, b. Expected user_email" in run(url, "import", file, code=1).stderr
        half = tmp_path / "half.parquet"
        half.write_bytes(b"PAR1" + b"\0" * 100)
        assert "not a complete Parquet file" in run(url, "import", half, code=1).stderr


def test_parquet_of_other_tools_may_hold_structures(server_url: str, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    plain = {"user_email": ADA, "event_type": "a", "event_timestamp": NOW, "session_id": None}
    columns = {name: [value] * 2 for name, value in plain.items()}
    columns["metadata"] = [{"at": NOW, "parts": [{"bytes": b"\xff"}]}] * 2
    columns["entity_id"] = [None, b"x" * 200]
    parquet.write_table(pa.table(columns), file)
    with fresh_database(server_url) as url:
        done = run(url, "import", file)
        assert done.stdout == "2 accepted, 0 duplicates, 0 rejected\n"
        assert "too_long: 1 times, first in row 2: entity_id" in done.stderr
        line, _ = run(url, "export").stdout.splitlines()
        assert json.loads(line)["metadata"]["parts"] == [{"bytes": "b'\\xff'"}]


def test_a_failure_in_the_middle_breaks_the_connection(server_url: str) -> None:
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        for number in range(15):
            events = [event(number * 1000 + n, ago(hours=1)) for n in range(200)]
            log(server, ADA, *events, context_snapshot={"text": "x" * 20_000})
        received: list[int] = []
        request = httpx.stream("GET", f"{server.url}/api/events/export", timeout=TIMEOUT_SECONDS)
        with request as response:
            assert response.status_code == 200
            content = response.iter_raw()
            received.append(len(next(content)))
            # The rest of the first page waits for us to take it, the others for the database.
            # No new connection either: the service would make one, and go on.
            name = url.partition("?")[0].rpartition("/")[2]
            database(server_url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            database(
                server_url,
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608 (ours)
            )
            with pytest.raises(httpx.RemoteProtocolError):
                received.extend(len(chunk) for chunk in content)
        assert 20_000_000 < sum(received) < 60_000_000


def database(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())
