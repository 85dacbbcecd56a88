"""What `benchmarks.predict` reads of a CSV file, and what it prints of one."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.predict_data import Row, UnreadableData, csv_rows
from tests.conftest import ROOT

NAMES = "user_id,session_id,event,timestamp"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Of this text, that is what it says.
TIMES = {
    "2026-11-20T12:00:00Z": NOON,
    "2026-11-20T13:00:00+01:00": NOON,
    "2026-11-20 12:00:00": NOON,
    str(NOON.timestamp()): NOON,
    str(int(NOON.timestamp() * 1000)): NOON,
}


@pytest.mark.parametrize("text", TIMES)
def test_times(tmp_path: Path, text: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"{NAMES},more\nu1,s1,email_opened,{text},x\nu0,,a,1970-01-02,y\n")
    assert csv_rows(path) == [
        Row(datetime(1970, 1, 2, tzinfo=UTC), "u0", "", "a"),
        Row(TIMES[text], "u1", "s1", "email_opened"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_id,event\n", "lacks session_id, timestamp"),
        ("", "lacks user_id, session_id, event, timestamp"),
        (f"{NAMES}\nu1,s1,,2026-11-20\n", "line 2: a row has a user_id and an event"),
        (f"{NAMES}\nu1,s1,a,2026-11-20\nu1,s1,a,soon\n", "line 3: 'soon' is no timestamp"),
        (f"{NAMES}\nu1,s1,a,1e400\n", "line 2: '1e400' is no timestamp"),
        (f"{NAMES}\nu1,s1,a\n", "line 2: '' is no timestamp"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(UnreadableData, match=said):
        csv_rows(path)


def test_a_file_s_scores(tmp_path: Path) -> None:
    """Who goes round in a circle is foretold."""
    path = tmp_path / "events.csv"
    lines = [
        f"u{user},,{'abc'[n % 3]},{(NOON + timedelta(minutes=n)).isoformat()}"
        for n in range(100)
        for user in range(2)
    ]
    path.write_text("\n".join([NAMES, *lines]))
    command = [sys.executable, "-m", "benchmarks.predict", "--csv", str(path), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    scores = json.loads(done.stdout.splitlines()[-1])
    assert list(scores) == [
        "activity_events",
        "most_frequent",
        "user_most_frequent",
        "markov_1",
        "logistic_regression",
    ]
    assert all(list(each) == ["hit_1", "hit_3", "mrr", "log_loss"] for each in scores.values())
    assert scores["activity_events"]["hit_1"] == scores["markov_1"]["hit_1"] == 1
    assert scores["most_frequent"]["hit_1"] < 0.5
    assert "6 events" not in done.stdout
    short = tmp_path / "short.csv"
    short.write_text("\n".join([NAMES, *lines[:6]]))
    command[4] = str(short)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "short.csv: 6 events are too few to learn from (50).",
    )
