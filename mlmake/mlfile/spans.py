"""Where each key and value of a TOML text is written; it does not know what any of them means.

The parser gives no positions, so this second walk is made only when there is something to point at.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

from mlmake.mlfile.keypath import KeyPath

_BARE = re.compile(r"[A-Za-z0-9_-]++")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
_LITERAL = re.compile(r"'[^'\n]*+'")
_LONG_BASIC = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''(?:[^']|'(?!''))*+'{3,5}")
_OTHER = re.compile(r"[^,\]}\n#]++")
_SPACE = re.compile(r"[ \t]*+")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*+)*+")
_LINE_END = re.compile(r"[ \t]*+(?:#[^\n]*+)?(?:\n|\Z)")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_LETTERS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}

MOST_KEY_PARTS = 32
"""Of a dotted key; the time that a parser takes grows with the square of it."""

MOST_NESTED = 400
"""Brackets in brackets; the parser takes no more."""

Position = tuple[int, int]
"""Line and column in characters, both from 1."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a key and its value begin, in characters from 0; a table under a header or a dotted key has no value."""

    key: int
    value: int | None


class Spans:
    """The places of one text, by key path; a text with a mistake is known as far as it could be followed."""

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", "\n")
        self.text = text
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self.places = _scan(text)
        self.doubles = self.places.doubles
        self.deep = self.places.deep

    def position(self, offset: int) -> Position:
        """Line and column of a character."""
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1

    def depth(self, where: KeyPath) -> int:
        """How many leading parts of a key path are written in this text."""
        for depth in range(len(where), 0, -1):
            if where[:depth] in self.places:
                return depth
        return 0

    def find(self, where: KeyPath, *, key: bool = False) -> Position | None:
        """Where a value (or its key) begins; of what is not written, the nearest table around it, by its key."""
        depth = self.depth(where)
        if not depth:
            return None
        span = self.places[where[:depth]]
        at_key = key or depth < len(where) or span.value is None
        return self.position(span.key if at_key or span.value is None else span.value)


class _Lost(Exception):
    """The text is no TOML from here on."""


class _Deep(_Lost):
    """A key has too many parts: how many, and where it begins."""


class _Places(dict[KeyPath, Span]):
    """Key path → span as they are found, and what is there twice: its path and the offset of its second key."""

    def __init__(self) -> None:
        super().__init__()
        self.implied: set[KeyPath] = set()
        self.dotted: set[KeyPath] = set()
        self.arrays: dict[KeyPath, int] = {}
        self.doubles: list[tuple[KeyPath, int]] = []
        self.deep: tuple[int, int] | None = None

    def add(self, where: KeyPath, span: Span) -> None:
        """Note a key with a value; the first one of doubles is kept."""
        if where in self:
            self.doubles.append((where, span.key))
        else:
            self[where] = span

    def open(self, where: KeyPath, offset: int) -> None:
        """Note a header; it replaces what other headers only implied."""
        if where in self.implied and where not in self.dotted:
            self.implied.discard(where)
            self[where] = Span(offset, None)
        else:
            self.doubles.append((where, offset))

    def enter(self, parts: list[tuple[str, int]], start: KeyPath = (), *, header: bool = False) -> KeyPath:
        """The path of a table named by the parts of a key; in a header an array of tables means its last element."""
        where = start
        for name, offset in parts:
            where += (name,)
            if where not in self:
                self[where] = Span(offset, None)
                self.implied.add(where)
            elif self[where].value is not None or not (header or where in self.implied):
                self.doubles.append((where, offset))
            if not header:
                self.dotted.add(where)
            elif where in self.arrays:
                where += (self.arrays[where] - 1,)
        return where

    def append(self, where: KeyPath, offset: int) -> KeyPath:
        """One more element of an array of tables."""
        if where in self and where not in self.arrays:
            self.doubles.append((where, offset))
        self.setdefault(where, Span(offset, None))
        self.implied.discard(where)
        count = self.arrays[where] = self.arrays.get(where, 0) + 1
        where += (count - 1,)
        self[where] = Span(offset, None)
        return where


def _scan(text: str) -> _Places:
    """Walk once from start to end, as far as the text can be followed."""
    places = _Places()
    try:
        _walk(text, places)
    except _Deep as deep:
        places.deep = deep.args
    except _Lost:
        # what was understood up to here is what can be pointed at
        return places
    return places


def _walk(text: str, places: _Places) -> None:
    header: KeyPath = ()
    pos = _end(_BLANK, text, 0)
    while pos < len(text):
        if text.startswith("[[", pos):
            pos, parts = _key(text, _end(_SPACE, text, pos + 2))
            header = places.enter(parts[:-1], header=True)
            header = places.append((*header, parts[-1][0]), parts[-1][1])
            pos += 2
        elif text[pos] == "[":
            pos, parts = _key(text, _end(_SPACE, text, pos + 1))
            parent = places.enter(parts[:-1], header=True)
            header = (*parent, parts[-1][0])
            if header not in places:
                places.implied.add(header)
            places.open(header, parts[-1][1])
            pos += 1
        else:
            pos, parts = _key(text, pos)
            if not text.startswith("=", pos):
                raise _Lost
            where = (*places.enter(parts[:-1], header), parts[-1][0])
            pos = _end(_SPACE, text, pos + 1)
            places.add(where, Span(parts[-1][1], pos))
            pos = _value(text, pos, where, places)
        pos = _end(_BLANK, text, _end(_LINE_END, text, pos))


def _end(pattern: re.Pattern[str], text: str, pos: int) -> int:
    """Where a match from here ends."""
    match = pattern.match(text, pos)
    if not match:
        raise _Lost
    return match.end()


def _key(text: str, pos: int) -> tuple[int, list[tuple[str, int]]]:
    """The parts of a dotted key with their offsets, and where the blanks after it end."""
    parts = []
    while True:
        start = pos
        if text.startswith('"', pos):
            pos = _end(_BASIC, text, pos)
            parts.append((_ESCAPE.sub(_unescape, text[start + 1 : pos - 1]), start))
        elif text.startswith("'", pos):
            pos = _end(_LITERAL, text, pos)
            parts.append((text[start + 1 : pos - 1], start))
        else:
            pos = _end(_BARE, text, pos)
            parts.append((text[start:pos], start))
        pos = _end(_SPACE, text, pos)
        if not text.startswith(".", pos):
            if len(parts) > MOST_KEY_PARTS:
                raise _Deep(len(parts), parts[0][1])
            return pos, parts
        pos = _end(_SPACE, text, pos + 1)


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        number = int(code[1:], 16)
        if number > 0x10FFFF:
            raise _Lost
        return chr(number)
    return _LETTERS.get(code, code)


def _value(text: str, pos: int, where: KeyPath, places: _Places) -> int:
    """Where the value at `pos` ends; notes everything inside it. No recursion: nesting is the author's choice."""
    open_: list[tuple[str, KeyPath, int]] = []
    while True:
        first = text.startswith(("[", "{"), pos)
        if first:
            if len(open_) > MOST_NESTED:
                raise _Lost
            open_.append(("]" if text[pos] == "[" else "}", where, -1))
            pos += 1
        else:
            pos = _scalar(text, pos)
        while open_:
            closer, around, index = open_[-1]
            pos = _end(_BLANK, text, pos)
            if not first and text.startswith(",", pos):
                pos = _end(_BLANK, text, pos + 1)
                first = True
            if text.startswith(closer, pos):
                open_.pop()
                pos += 1
                first = False
                continue
            if not first:
                raise _Lost
            open_[-1] = (closer, around, index + 1)
            if closer == "]":
                where = (*around, index + 1)
                places.setdefault(where, Span(pos, pos))
            else:
                pos, parts = _key(text, pos)
                if not text.startswith("=", pos):
                    raise _Lost
                where = (*places.enter(parts[:-1], around), parts[-1][0])
                pos = _end(_SPACE, text, pos + 1)
                places.add(where, Span(parts[-1][1], pos))
            break
        else:
            return pos


def _scalar(text: str, pos: int) -> int:
    if text.startswith('"""', pos):
        return _end(_LONG_BASIC, text, pos)
    if text.startswith("'''", pos):
        return _end(_LONG_LITERAL, text, pos)
    if text.startswith('"', pos):
        return _end(_BASIC, text, pos)
    if text.startswith("'", pos):
        return _end(_LITERAL, text, pos)
    return _end(_OTHER, text, pos)
