"""Counts the rows of delimited text as it comes in blocks; it does not know where the text is from."""

import re

_NOT_MARKS = bytes(set(range(256)) - set(b'"\n'))
_BLANK = b"\x01"
"""Put in the place of line ends that end nothing; where text has it already, it is counted the careful way."""


class RowCounter:
    """The rows of CSV or TSV as Python's csv module tells them, but for blank lines, which are none.

    A quote opens a field only where a field begins, so a stray one (`5" pipe`) is text. A carriage return ends a row
    as a line feed does. Memory does not grow, however long a row is.
    """

    def __init__(self, delimiter: bytes = b",") -> None:
        begin = rb'"(?<![^' + re.escape(delimiter) + rb'\n]")'
        self._opening = re.compile(begin)
        self._field = re.compile(begin + rb'[^"]*+(?:""[^"]*+)*+"')
        self._rest = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
        kinds = bytearray(b"x" * 256)
        for byte in delimiter + b"\n":
            kinds[byte] = ord(",")
        kinds[ord('"')] = ord('"')
        self._kinds = bytes(kinds)
        self._before = b"\n"
        self._inside = False  # between the quotes of a field
        self._closed = False  # the last byte ended such a field, if no quote follows
        self._begun = False  # there is something in the present row
        self._rows = 0

    def feed(self, block: bytes) -> None:
        """Take the next bytes, never none."""
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # A quote that ended no field is text, so one right after it opens none.
        before = b"x" if self._before == b'"' and not self._closed else self._before
        self._before = block[-1:]
        if b'"' not in block:
            self._closed = False
            if not self._inside:
                self._take_lines(block)
        elif _BLANK in block or not self._take_pairs(block, before):
            self._take_fields(block, before)

    def end(self) -> int:
        """How many rows there were; the last one needs no line end."""
        return self._rows + self._begun

    def _take_lines(self, text: bytes) -> None:
        """Text in which every line end ends a row, but for blank lines."""
        while b"\n\n" in text:
            text = text.replace(b"\n\n", b"\n")
        if text:
            self._rows += text.count(b"\n") - (not self._begun and text[:1] == b"\n")
            self._begun = text[-1:] != b"\n"

    def _take_pairs(self, text: bytes, before: bytes) -> bool:
        """Count by quotes in pairs; False, with nothing done, if one would open a field where none begins.

        Twice as fast as field by field: nothing but whole passes over the block in C.
        """
        kinds = (before + text).translate(self._kinds).replace(b'x"', b"x!")
        if b"!" in kinds[1:].translate(None, b"x,")[self._inside :: 2]:
            return False
        last = text[-1:]
        if not self._inside and not self._begun:
            text = text.lstrip(b"\n")
        if b"\n\n" in text:
            text = text.replace(b"\n\n", b"\n" + _BLANK)
            while _BLANK + b"\n" in text:
                text = text.replace(_BLANK + b"\n", _BLANK * 2)
        marks = text.translate(None, _NOT_MARKS)
        pairs = marks.replace(b'""', b"").split(b'"')
        self._rows += sum(map(len, pairs[self._inside :: 2]))
        self._inside ^= marks.count(b'"') % 2 == 1
        self._begun = self._inside or last != b"\n"
        self._closed = not self._inside and last == b'"'
        return True

    def _take_fields(self, text: bytes, before: bytes) -> None:
        """Count field by field."""
        if self._closed and text[:1] == b'"':
            # That was no end: two quotes stand for one.
            self._inside, text = True, text[1:]
        elif not self._inside and text[:1] == b'"' and before.translate(self._kinds) == b"x":
            text = b"x" + text[1:]
        self._closed = False
        if self._inside:
            self._begun = True
            found = self._rest.match(text)
            if found is None:
                return
            text, self._inside = text[found.end() :], False
            if not text:
                self._closed = True
                return
        left = self._field.sub(b"x", text)
        self._closed = text[-1:] == b'"' and left[-1:] == b"x"
        if (opened := self._opening.search(left)) is not None:
            left = left[: opened.start()] + b"x"
            self._inside, self._closed = True, False
        self._take_lines(left)


def delimiter_of(header: bytes, default: bytes) -> bytes:
    """What parts the names in the first line of a table: the most frequent of the usual signs."""
    line = re.sub(rb'"[^"]*"', b"", header).splitlines()[:1]
    counts = {sign: line[0].count(sign) for sign in (default, b",", b"\t", b";", b"|")} if line else {}
    return max(counts, key=lambda sign: counts[sign], default=default)
