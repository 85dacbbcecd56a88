"""Text for a terminal or a log line: what strangers wrote in it moves no cursor and ends no line.

Control characters (C0, C1), format characters (bidi overrides, zero-width, tags), halves of
surrogate pairs and separators of lines are written out as escapes.
"""

import unicodedata

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BMP_END = 0x10000


def printable(text: str, *, keep_lines: bool = False) -> str:
    """`a\\x1b[2Jb` -> `a\\\\x1b[2Jb`.

    Args:
        keep_lines: leave newlines: the text is a message of several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        _escape(each)
        if unicodedata.category(each) in _ESCAPED and not (keep_lines and each == "\n")
        else each
        for each in text
    )


def printable_json(text: str) -> str:
    """JSON that says the same, and holds none of these characters but its own newlines."""
    if text.isprintable():
        return text
    return "".join(
        _json_escape(each) if unicodedata.category(each) in _ESCAPED and each != "\n" else each
        for each in text
    )


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
