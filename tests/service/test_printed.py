"""What the commands print: strangers' texts as texts, whole, in the format that was asked for."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, LiveServer, fresh_database, running_service
from tests.service.test_serve import COMMAND, TIMEOUT_SECONDS
from tests.service.test_transfer import run

# In fields that may hold anything: a title, a cleared screen, C1's CSI, text turned around, a line.
HOSTILE = "a\x1b]0;pwn\x07\x1b[2J\x9b31m\u202eb\nok  fault[red]c[/]:x:"
SHOWN = r"a\x1b]0;pwn\x07\x1b[2J\x9b31m\u202eb\nok  fault[red]c[/]:x:"
LONG = "n" * 120


@pytest.fixture(scope="module")
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as service:
        _log(service)
        yield url


def _log(service: LiveServer) -> None:
    events = [
        {
            "event_type": name,
            "event_timestamp": datetime.now(UTC).isoformat(),
            "metadata": {"title": HOSTILE, "long": LONG},
        }
        for name in ("a[red]b[/]:x:\u202e", LONG)
    ]
    body = {"user_email": "ada@example.com", "events": events}
    answer = httpx.post(f"{service.url}/api/events/log/batch", json=body)
    assert answer.json()["accepted"] == 2, answer.text


def moves(text: str) -> list[str]:
    """The characters that a terminal does something with, but for the newlines."""
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} and c != "\n"]


def on_a_terminal(url: str, *words: str) -> str:
    """What a person sees."""
    main, end = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *words],
        env={"DATABASE_URL": url, "PATH": "", "COLUMNS": "70", "TERM": "xterm", "NO_COLOR": "1"},
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=end, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.close(end)
    written = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
    os.close(main)
    assert process.wait(TIMEOUT_SECONDS) == 0, written
    return written.decode().replace("\r\n", "\n")


@pytest.mark.fault("S22")
def test_texts_of_events_move_nothing(url: str) -> None:
    by_title = ("analytics", "top", "--by", "metadata", "--key", "title")
    for words in (
        by_title,
        (*by_title, "--format", "json"),
        (*by_title, "--format", "csv"),
        ("query",),
        ("analytics", "top"),
        ("analytics", "paths", "--anchor", LONG),
    ):
        seen = on_a_terminal(url, *words)
        assert moves(re.sub(r"\x1b\[[0-9;?]*[mhlKA-H]", "", seen)) == [], words
        assert "pwn\x07" not in seen
        assert "\x1b]0" not in seen
    assert SHOWN in run(url, *by_title).stdout
    # What goes into a file is exact, where it says how it is written.
    (row,) = json.loads(run(url, *by_title, "--format", "json").stdout)["rows"]
    assert row["value"] == HOSTILE
    text = run(url, *by_title, "--format", "csv").stdout
    assert HOSTILE in {each["value"] for each in csv.DictReader(io.StringIO(text, newline=""))}


@pytest.mark.fault("newcomer-10", "newcomer-20")
def test_a_table_in_a_pipe_is_whole(url: str) -> None:
    done = run(url, "query", COLUMNS="40").stdout
    assert LONG in done
    assert r"a[red]b[/]:x:\u202e" in done
    # No event has these.
    assert "entity id" not in done
    assert "duration ms" not in done
    assert "user email" in done


@pytest.mark.fault("newcomer-10")
def test_keys_and_checks_as_json_and_csv(url: str) -> None:
    origins = [f"https://app{number}.example.com" for number in range(3)]
    options = [word for origin in origins for word in ("--origin", origin)]
    run(url, "keys", "create", "web [red]:x:[/]", "--scope", "write", *options)
    table = run(url, "keys", "list", COLUMNS="40").stdout
    assert ", ".join(origins) in table
    assert "web [red]:x:[/]" in table
    assert "expires" not in table
    (key,) = json.loads(run(url, "keys", "list", "--format", "json").stdout)
    assert key["origins"] == origins
    assert (key["name"], key["expires"], key["state"]) == ("web [red]:x:[/]", None, "valid")
    (row,) = csv.DictReader(io.StringIO(run(url, "keys", "list", "--format", "csv").stdout))
    assert (row["prefix"], row["origins"]) == (key["prefix"], ", ".join(origins))
    checks = run(url, "verify", "--format", "json")
    found = json.loads(checks.stdout)
    assert {each["result"] for each in found} == {"ok"}
    assert f"{len(found)} checks, 0 faults" in checks.stderr
    names = {each["name"] for each in found}
    whole = run(url, "verify", COLUMNS="40").stdout
    assert [name for name in names if name not in whole] == []


@pytest.mark.fault("newcomer-20")
def test_an_error_is_printed_as_it_is(url: str) -> None:
    done = run(url, "serve", "--port", "0", code=1, ACTIVITY_LLM_MODEL="mistral:x")
    assert "mistral:x" in done.stderr
    assert "❌" not in done.stderr
    assert re.search(r"\[(ai|mistral)\]", done.stderr), done.stderr
    wrong = run(url, "erase", "[red]x[/]:x:", "--yes", code=2)
    assert "❌" not in wrong.stderr


@pytest.mark.fault("S23")
def test_what_is_exported_is_its_owner_s(url: str, tmp_path: Path) -> None:
    """Whatever the umask, and whatever lay there before."""
    other = tmp_path / "other"
    other.write_text("mine")
    before = os.umask(0)
    try:
        for name in ("all.ndjson", "all.csv", "all.parquet"):
            path = tmp_path / name
            path.write_text("older")
            path.chmod(0o666)
            # Somebody put a link where the part is written.
            path.with_name(f"{name}.part").symlink_to(other)
            run(url, "export", "--output", path, "--format", path.suffix[1:])
            assert path.stat().st_mode & 0o777 == 0o600, name
        errors = tmp_path / "errors.ndjson"
        lines = tmp_path / "in.ndjson"
        lines.write_text('{"user_email": "x", "event_type": "a"}\n')
        run(url, "import", lines, "--errors", errors, code=1)
        assert errors.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert other.read_text() == "mine"


@pytest.mark.fault("S23")
def test_a_receipt_is_checked(url: str, tmp_path: Path) -> None:
    receipt = run(url, "erase", "gone@example.com", "--yes").stdout
    path = tmp_path / "receipt.json"
    path.write_text(receipt)
    assert run(url, "verify-receipt", path).stdout == "Genuine.\n"
    path.write_text(receipt.replace('"activity_event": 0', '"activity_event": 1', 1))
    assert "Not genuine" in run(url, "verify-receipt", path, code=1).stderr
    path.write_text("{}")
    assert "not a receipt" in run(url, "verify-receipt", path, code=2).stderr


@pytest.mark.fault("S23")
def test_an_origin_that_no_page_has_makes_no_key(url: str) -> None:
    for origin in ("javascript:x", "null"):
        done = run(url, "keys", "create", "w", "--scope", "write", "--origin", origin, code=1)
        assert "origin" in done.stderr, origin
        assert done.stdout == ""
