"""From one instance to another by export and import: what users were promised goes along."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.database.sessions import Database
from app.privacy.opt_out import Change, OptOut, get_opt_out, set_opt_out
from app.settings import Settings
from tests.conftest import fresh_database
from tests.service.test_import import execute

pytestmark = pytest.mark.fault("R6")

Json = dict[str, Any]

NOW = datetime.now(UTC)
ADA, BOB, CARLA, DAN = (f"{name}@example.com" for name in ("ada", "bob", "carla", "dan"))
SECRET = "0123456789abcdef0123456789abcdef"


class Instance:
    """A database, and commands on it."""

    def __init__(self, url: str, patch: pytest.MonkeyPatch, **environment: str) -> None:
        self.url, self._patch, self._environment = url, patch, environment

    def run(self, *words: object, stdin: str | None = None, code: int = 0) -> Result:
        with self._patch.context() as patch:
            for name, value in {"DATABASE_URL": self.url, **self._environment}.items():
                patch.setenv(name, value)
            result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        if code == 0 and result.exception is not None:
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def log(self, email: str, at: datetime = NOW, event_type: str = "a") -> str:
        """What becomes of an event of this user."""
        event = {"user_email": email, "event_type": event_type, "event_timestamp": at.isoformat()}
        return self.run("import", "-", stdin=json.dumps(event)).stdout.strip()

    def opt_out(self, email: str, change: Change | None = None) -> OptOut:
        async def go() -> OptOut:
            with self._patch.context() as patch:
                for name, value in self._environment.items():
                    patch.setenv(name, value)
                settings = Settings()
            database = Database(self.url, settings)
            try:
                if change is not None:
                    await set_opt_out(database, settings, email, change)
                return await get_opt_out(database, settings, email)
            finally:
                await database.dispose()

        return asyncio.run(go())

    def events(self) -> int:
        return int(execute(self.url, "SELECT count(*) FROM activity_event")[0][0])


Make = Callable[..., Instance]


@pytest.fixture
def instance(server_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    with ExitStack() as stack:
        # Clocks are right: what comes after an erasure is of after it.
        right = {"ACTIVITY_CLOCK_SKEW_TOLERANCE_SECONDS": "0"}
        yield lambda **environment: Instance(
            stack.enter_context(fresh_database(server_url)), monkeypatch, **right, **environment
        )


def populate(source: Instance) -> None:
    """Ada has nothing against it, Bob and Carla opted out, Dan is erased."""
    for email in (ADA, BOB, CARLA, DAN):
        assert source.log(email).startswith("1 accepted")
    source.opt_out(BOB, Change(analytics=True))
    source.opt_out(CARLA, Change(ai_context=True, learning=True))
    source.run("erase", DAN, "--yes")


ACCEPTED = "1 accepted, 0 duplicates, 0 rejected"
SUPPRESSED = "0 accepted, 0 duplicates, 0 rejected, 1 suppressed"


@pytest.mark.parametrize("format_", ["ndjson", "csv", "parquet"])
def test_opt_outs_and_erasures_go_along(instance: Make, tmp_path: Path, format_: str) -> None:
    source = instance(ACTIVITY_ERASURE_SECRET=SECRET)
    target = instance(ACTIVITY_ERASURE_SECRET=SECRET)
    populate(source)
    file, beside = tmp_path / f"events.{format_}", tmp_path / "events.privacy.ndjson"
    done = source.run("export", "--output", file, "--format", format_)
    assert sorted(tmp_path.iterdir()) == sorted([file, beside])
    assert beside.stat().st_mode & 0o777 == 0o600
    counts = "users who opted out: 2, erasures: 1"
    assert f"{beside} holds opt-outs and erasures ({counts})." in done.stderr
    assert "events of users who opted out of analytics (1)." in done.stderr
    assert "--with-erasure-secret" not in done.stderr
    assert DAN not in beside.read_text()

    done = target.run("import", file)
    assert done.stdout == "2 accepted, 0 duplicates, 0 rejected, 2 users, 1 erasures\n"
    assert f"Applying {beside} first" in done.stderr
    assert target.opt_out(BOB) == OptOut(analytics=True)
    assert target.opt_out(CARLA) == OptOut(ai_context=True, learning=True)
    assert target.log(BOB, event_type="new") == SUPPRESSED
    assert target.log(DAN, NOW - timedelta(minutes=1), "late") == SUPPRESSED
    assert target.log(DAN, datetime.now(UTC), "new") == ACCEPTED
    assert "0 faults" in target.run("verify", "--rollups").stdout
    # Once more is no more.
    again = "0 accepted, 2 duplicates, 0 rejected, 2 users, 1 erasures\n"
    assert target.run("import", file).stdout == again
    assert execute(target.url, "SELECT count(*) FROM erasure")[0][0] == 1


def test_the_secret_of_the_erasures_goes_along_where_it_is_asked_for(
    instance: Make, tmp_path: Path
) -> None:
    """Without ACTIVITY_ERASURE_SECRET, each database makes one of its own."""
    source, target, other = instance(), instance(), instance()
    populate(source)
    file = tmp_path / "events.ndjson"
    done = source.run("export", "--output", file)
    assert "Only a database with the same erasure secret can import the erasures" in done.stderr
    done = target.run("import", file, code=1)
    assert "1 erasure was not imported: it was hashed with another secret. Export" in done.stderr
    assert target.opt_out(BOB) == OptOut(analytics=True)

    source.run("export", "--output", file, "--with-erasure-secret")
    done = target.run("import", file)
    assert done.stdout.endswith(", 2 users, 1 erasures\n")
    assert "Restart running services" in done.stderr
    assert target.log(DAN, NOW - timedelta(minutes=1), "late") == SUPPRESSED
    # One that has a secret keeps it: those whom it erased are known by it.
    other.run("erase", "eve@example.com", "--yes")
    assert "1 erasure was not imported" in other.run("import", file, code=1).stderr
    assert other.log("eve@example.com", NOW - timedelta(minutes=1)) == SUPPRESSED


def test_an_export_without_them_says_so(instance: Make, tmp_path: Path) -> None:
    source = instance()
    source.log("eve@example.com")
    assert "Warning" not in source.run("export").stderr
    source.run("export", "--output", tmp_path / "events.csv", "--format", "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]
    populate(source)
    done = source.run("export")
    assert done.stdout.count("\n") == 3
    assert all("kind" not in json.loads(line) for line in done.stdout.splitlines())
    assert "Warning: the export does not include opt-outs and erasures (" in done.stderr
    assert " (users who opted out: 2, erasures: 1)." in done.stderr
    named = tmp_path / "privacy.ndjson"
    assert "Warning" not in source.run("export", "--privacy", named).stderr
    kinds = [json.loads(line)["kind"] for line in named.read_text().splitlines()]
    assert kinds == ["user", "user", "erasure"]
    # Opted in again, there is nobody left, and no file of the time before.
    execute(source.url, "UPDATE app_user SET analytics_opt_out = false, ai_context_opt_out = false,"
            " learning_opt_out = false")  # fmt: skip
    execute(source.url, "TRUNCATE erasure")
    source.run("export", "--privacy", named)
    assert not named.exists()
    done = source.run("export", "--user-email", CARLA, "--format", "csv")
    assert "A csv file has no profile and no opt-outs" in done.stderr


def test_lines_about_users_hold_before_the_events_of_their_file(
    instance: Make, tmp_path: Path
) -> None:
    source, target, third = instance(), instance(), instance()
    source.log(ADA)
    source.log(BOB)
    events = source.run("export").stdout
    source.opt_out(BOB, Change(analytics=True))
    privacy = tmp_path / "privacy.ndjson"
    source.run("export", "--privacy", privacy)
    done = target.run("import", "-", stdin=privacy.read_text() + events)
    assert "1 suppressed: their users opted out or were erased\n" in done.stderr
    assert done.stdout == "1 accepted, 0 duplicates, 0 rejected, 1 suppressed, 1 users\n"
    # As a file of its own, named; and in a file after the events, which are then hidden.
    file = tmp_path / "events.ndjson"
    file.write_text(events)
    done = third.run("import", file, "--privacy", privacy)
    assert done.stdout == "1 accepted, 0 duplicates, 0 rejected, 1 suppressed, 1 users\n"
    assert third.run("import", privacy).stdout == "0 accepted, 0 duplicates, 0 rejected, 1 users\n"
    # A file is older than a wish of since.
    third.opt_out(BOB, Change(analytics=False, learning=True))
    third.run("import", privacy)
    assert third.opt_out(BOB) == OptOut(analytics=True, learning=True)


def test_who_is_a_user_here_and_was_erased_there_is_named(instance: Make, tmp_path: Path) -> None:
    source, target = (instance(ACTIVITY_ERASURE_SECRET=SECRET) for _ in range(2))
    file = tmp_path / "events.ndjson"
    for each in (source, target):
        each.log(DAN, NOW - timedelta(days=1))
    source.opt_out(DAN, Change(learning=True))
    source.run("erase", DAN, "--yes")
    source.run("export", "--output", file)
    done = target.run("import", file)
    advice = f"To erase them, run activity-events erase {DAN}"
    assert f"{DAN} was erased there, but is a user here. {advice}" in done.stderr
    assert target.log(DAN, NOW - timedelta(minutes=1), "late") == SUPPRESSED
    assert target.log(DAN, datetime.now(UTC), "new") == ACCEPTED
    assert target.opt_out(DAN) == OptOut(learning=True)


def test_broken_lines_about_users_are_rejected(instance: Make) -> None:
    lines: list[Json] = [
        {"kind": "user", "user_email": "x"},
        {"kind": "user", "user_email": ADA, "learning_opt_out": "yes"},
        {"kind": "user", "user_email": ADA, "learning_opt_out": "t", "created_at": NOW.isoformat()},
        {"kind": "erasure", "erasure_id": 1},
        {"kind": "erasure", "erased_at": NOW.isoformat(), "erasure_id": "x"},
        {"kind": "erasure_secret", "value": "zz"},
    ]
    target = instance()
    text = "\n".join(json.dumps(line) for line in lines)
    done = target.run("import", "-", stdin=text, code=1)
    assert done.stdout == "0 accepted, 0 duplicates, 5 rejected, 1 users\n"
    assert target.opt_out(ADA) == OptOut(learning=True)
