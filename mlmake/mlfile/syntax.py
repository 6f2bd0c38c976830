"""What the TOML parser stumbled over, said in plain words; it does not know what an Mlfile may hold."""

import re

import tomli

from mlmake.mlfile import wording
from mlmake.mlfile.problems import Place, Problem
from mlmake.mlfile.spans import Spans
from mlmake.mlfile.wording import Words

_BARE_WORD = re.compile(r"[^\s,\]}#=]+")
_KEY_AGAIN = re.compile(r"[A-Za-z0-9_.-]+[ \t]*=|\[[A-Za-z0-9_.-]+\][ \t]*$", re.MULTILINE)
_CLOSED = re.compile(r"""\"(?:[^"\\\n]|\\.)*\"|'[^'\n]*'""")
_DOUBLE = ("twice", "Cannot", "Duplicate")


def explain(error: tomli.TOMLDecodeError, name: str) -> Problem:
    """The problem behind a parser's error, at the place that is to be mended."""
    spans = Spans(error.doc)
    if any(word in error.msg for word in _DOUBLE) and spans.doubles:
        return _double(spans, name)
    words, pos = _syntax(error.msg, error.doc, min(error.pos, len(error.doc)))
    return Problem((), *words, file=name, position=spans.position(pos))


def _double(spans: Spans, name: str) -> Problem:
    """A key or table that was there before: both places are named."""
    where, offset = spans.doubles[0]
    start = spans.lines[spans.position(offset)[0] - 1]
    is_header = spans.text[start:offset].lstrip().startswith("[")
    is_value = spans.places[where].value is not None
    dotted = spans.text[offset:].lstrip("\"'").startswith(str(where[-1])) and _goes_on(spans.text, offset)
    if dotted or is_header != (not is_value):
        words = wording.closed_table(where)
    elif is_header:
        words = wording.opened_twice(where)
    else:
        words = wording.set_twice(where)
    first = Place(where, wording.first_here(), name, spans.find(where, key=True))
    return Problem(where, *words, file=name, position=spans.position(offset), also=(first,))


def _goes_on(text: str, offset: int) -> bool:
    """Whether the key part at an offset is followed by a dot."""
    return re.compile(r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.""").match(text, offset) is not None


def _string_start(text: str, pos: int) -> int:
    """Where the string begins that is open at an offset, if that is to be seen, else the offset."""
    start = max((span.value or 0 for span in Spans(text).places.values()), default=0)
    is_long = text.startswith(('"""', "'''"), start)
    is_open = text.startswith(('"', "'"), start) and (is_long or not _CLOSED.match(text, start))
    return start if is_open else pos


def _syntax(message: str, text: str, pos: int) -> tuple[Words, int]:
    """What is wrong with the syntax at an offset, and the offset that is to be shown."""
    char = text[pos : pos + 1]
    line_start = text.rfind("\n", 0, pos) + 1
    line_end = text.find("\n", pos)
    rest = text[pos : line_end if line_end >= 0 else len(text)]
    before = text[line_start:pos]
    if char and ((ord(char) < 32 and char not in "\n\t") or char == "\x7f"):
        return wording.control_character(char), pos
    if char in wording.CURLY and char:
        return wording.curly_quote(char), pos
    match message:
        case "Expected '=' after a key in a key/value pair":
            return wording.no_equals(before.strip(), rest.strip(), tab=before.startswith("\t")), pos
        case "Invalid value":
            word = _BARE_WORD.match(text, pos)
            if word is None:
                return wording.no_value(), pos
            if _KEY_AGAIN.match(text, pos):
                return wording.open_value_above(), pos
            return wording.bare_value(word[0]), pos
        case "Expected newline or end of document after a statement":
            start = pos - len(re.split(r"[\s=\[,{]", before)[-1])
            word = _BARE_WORD.match(text, start)
            if start < pos and word and text[start] not in "\"'":
                return wording.bare_value(word[0]), start
            return wording.more_on_line(rest.strip()), pos
        case "Unterminated string" | "Illegal character '\\n'":
            return wording.open_string(), _string_start(text, pos)
        case "Unescaped '\\' in a string" | "Invalid hex value" | "Escaped character is not a Unicode scalar value":
            return wording.backslash(), max(text.rfind("\\", 0, pos), 0)
        case "Unclosed array" | "Unclosed inline table":
            start = pos - len(re.split(r"[\s=\[,{]", before)[-1])
            word = _BARE_WORD.match(text, start)
            if start < pos and word and text[start] not in "\"'":
                return wording.bare_value(word[0]), start
            return wording.open_bracket(is_array=message == "Unclosed array"), pos
        case "Expected ']' at the end of a table declaration" | "Expected ']]' at the end of an array declaration":
            return (wording.open_header() if char.isascii() else wording.bad_key(char)), pos
        case "Invalid initial character for a key part":
            return (wording.no_key() if char in ("", "\n", "]", "=") else wording.bad_key(char)), pos
        case "Invalid date or datetime":
            return wording.bad_date(), pos
        case _ if message.startswith("Expected \"'"):
            return wording.open_string(), _string_start(text, pos)
        case "Invalid statement":
            return (wording.no_key() if char == "=" else wording.bad_key(char)), pos
        case _:
            return wording.not_toml(message), pos
