"""A mistake in a database's URL is one line of any command, without a piece of the password."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.service.commands import command


@pytest.mark.fault("E2", "E3", "E4")
@pytest.mark.parametrize(
    ("words", "url", "said"),
    [
        (["migrate"], "postgresql://u:SECRETX/SECRETY@127.0.0.1/x", "percent-encode the password"),
        (["verify"], "postgresql://u:SECRETX@SECRETY@127.0.0.1/x", "percent-encode the password"),
        (["serve"], "postgresql://u:SECRETX@127.0.0.1:99999/x", "a port must be a number"),
        (["migrate"], "postgresql://u:SECRETX@h/x?schema=public", "`schema` is not a libpq"),
        (["migrate"], "postgresql://u:SEC#RET@127.0.0.1:1/x", "can't be reached"),
    ],
)
def test_one_line_and_no_piece_of_the_password(words: list[str], url: str, said: str) -> None:
    done = command(url, *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not any(piece in done.stderr for piece in ("SECRET", "SEC#", "Traceback"))


@pytest.mark.fault("E4")
def test_alembic_says_the_same() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("alembic"), "upgrade", "head"],
        cwd=ROOT,
        env={"DATABASE_URL": "postgresql://u:SECRETX/SECRETY@h/x"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Setting DATABASE_URL: a host is malformed; percent-encode")
    assert "SECRET" not in done.stderr
