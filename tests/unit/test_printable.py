"""What strangers wrote, on a terminal, in a line of the log and in a spreadsheet."""

import ast
import csv
import io
import json
import logging
import unicodedata
from pathlib import Path

import pytest

from app.formats.printable import printable, printable_json
from app.observability.logs import JsonFormatter, TextFormatter
from app.read.csv_table import csv_text
from tests.conftest import ROOT

# A title, the clipboard, a cleared screen, C1's CSI, text turned around, tags, lines of their own.
HOSTILE = (
    "\x1b]0;title\x07", "\x1b]52;c;aGk=\x07", "\x1b[2J\x1b[H", "\x9b31m", "\x90q\x9c", "a\rb",
    "a\nb",
    "\u202eexe.txt", "\u2066a\u2069", "\u200b", "\ufeff", "\U000e0041", "\u2028", "\x85", "\x7f",
    "\x08\x08", "\t",
)  # fmt: skip
SEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def moves(text: str) -> list[str]:
    """The characters in it that a terminal does something with."""
    return [each for each in text if unicodedata.category(each) in SEEN]


@pytest.mark.fault("S22")
@pytest.mark.parametrize("text", HOSTILE)
def test_control_and_format_characters_are_escapes(text: str) -> None:
    assert moves(printable(text)) == []
    assert "\\" in printable(text)
    assert moves(printable(f"one\n{text}", keep_lines=True).replace("\n", "")) == []
    quoted = json.dumps({"a": text}, ensure_ascii=False)
    assert moves(printable_json(quoted)) == []
    assert json.loads(printable_json(quoted)) == {"a": text}


@pytest.mark.fault("S22")
def test_what_can_be_seen_stays() -> None:
    for text in ("a [red]b[/] :x:", "Büro 東京 📌 é", "שלום", "a\\nb"):
        assert printable(text) == text
    assert printable("a\x1b[2J\n\u202eb") == "a\\x1b[2J\\n\\u202eb"


@pytest.mark.fault("S22")
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_the_log_is_one_line(formatter: logging.Formatter, text: str) -> None:
    record = logging.LogRecord("activity_events", 30, "f.py", 1, "failed for %s", (text,), None)
    record.fields = {"route": f"{text} level=error", "of": text}
    line = formatter.format(record)
    assert moves(line) == []
    if isinstance(formatter, TextFormatter):
        # A value can't be taken for a field of its own.
        assert f'route="{printable(text)} level=error"' in line


@pytest.mark.fault("S21", "B8")
@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("＝1+1", "'＝1+1"),  # noqa: RUF001
        ("a;=1+1", "a;'=1+1"),
        ("a\t@x", "a\t'@x"),
        ("a=b", "a=b"),
        ("a;b-c", "a;b-c"),
        ("one\r\ntwo", "one\r\ntwo"),
    ],
)
def test_a_cell_is_no_formula(text: str, cell: str) -> None:
    ((heading,), (found,)) = csv.reader(io.StringIO(csv_text([text], [[text]]), newline=""))
    assert (heading, found) == (cell, cell)
    assert csv_text(["n"], [[-1], [-0.5], [None]]) == 'n\r\n-1\r\n-0.5\r\n""\r\n'


def test_messages_are_printed_as_they_are() -> None:
    """Brackets and colons in a text are no markup of rich's: `echo` alone prints."""
    wrong = []
    for path in sorted((ROOT / "app").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            printed = called.endswith(".print") or called in {"print", "typer.echo", "typer.secho"}
            if printed and (place, called) not in PRINTING:
                wrong.append(f"{place}:{node.lineno} {called}")
            of_rich = {"from_markup", "Prompt", "Confirm"} & set(called.split("."))
            if of_rich or (
                called == "Table" and place != "app/cli/common.py" and "rich" in _imports(path)
            ):
                wrong.append(f"{place}:{node.lineno} {called}")
    assert wrong == []


# `echo`, `echo_table`; the greeting of `serve`, which is escaped where it is made; a build.
PRINTING = {
    ("app/cli/common.py", "(_err if error else _out).print"),
    ("app/cli/common.py", "(_out if _out.is_terminal else Console(width=PIPE_WIDTH)).print"),
    ("app/server/serve.py", "print"),
    ("app/schemas/event_types.py", "print"),
}


def _imports(path: Path) -> str:
    return " ".join(
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
