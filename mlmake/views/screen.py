"""What a stream can show: colour, symbols, width, harmless names; it knows nothing of builds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

STYLES = {"good": "32", "bad": "31", "warn": "35", "busy": "36", "dim": "2", "bold": "1"}

SPELLED = {"→": "->", "←": "<-", "…": "...", "×": "x", "–": "-", "±": "+-", "✓": "+", "✗": "!", "·": ".", "★": "*"}
"""Symbols in our sentences, as they are written where an encoding lacks them."""

LEGIBLE = ("bad", "warn", "dim", "bold")
"""Styles in which words can be read on a dark and on a light ground; green and cyan are for marks."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Whether to colour, whether more than ASCII gets through, and how many columns there are (none: no limit)."""

    colour: bool = False
    symbols: bool = True
    width: int | None = None

    def paint(self, text: str, style: str) -> str:
        """The text in this style, or as it is without colour."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.colour and style and text else text

    def badge(self, symbol: str, plain: str, style: str, word: str) -> str:
        """A mark and its word. The word has the colour only where that can be read on any ground."""
        return self.tint(f"{self.mark(symbol, plain)} {word}", style)

    def tint(self, text: str, style: str) -> str:
        """The same for a text that begins with a mark."""
        if style in LEGIBLE:
            return self.paint(text, style)
        mark, blank, rest = text.partition(" ")
        return f"{self.paint(mark, style)}{blank}{rest}"

    def mark(self, symbol: str, plain: str) -> str:
        """A symbol, or its stand-in where the stream's encoding lacks it."""
        return symbol if self.symbols else plain

    def fit(self, text: str) -> str:
        """The text cut to the width, with an ellipsis."""
        return text if self.width is None else cut(text, self.width, ellipsis=self.mark("…", "~"))


def screen_for(stream: TextIO, environ: Mapping[str, str], *, color: str = "auto", width: int | None = None) -> Screen:
    """What this stream can show; `color` is auto, always or never and beats NO_COLOR and FORCE_COLOR."""
    if color == "auto":
        if environ.get("NO_COLOR"):
            coloured = False
        elif environ.get("FORCE_COLOR"):
            coloured = environ["FORCE_COLOR"] != "0"
        else:
            coloured = stream.isatty() and environ.get("TERM") != "dumb"
    else:
        coloured = color == "always"
    return Screen(coloured, encodes(stream.encoding, "✓✗→…×"), width)


def encodes(encoding: str | None, text: str) -> bool:
    """Whether an encoding has these characters."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def spelled(error: UnicodeError) -> tuple[str, int]:
    r"""What an encoding lacks, in its place: our own symbols in ASCII, all else as `\u....`; for codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(SPELLED.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking), error.end


def printable(text: str) -> str:
    r"""A name that cannot drive a terminal: control characters and bytes that are no UTF-8 as `\x..`."""
    if text.isprintable():
        return text
    return "".join(_escaped(c) for c in text)


def cut(text: str, width: int, *, ellipsis: str = "…") -> str:
    """At most `width` columns, counting wide characters as two."""
    if len(text) * 2 <= width or columns(text) <= width:
        return text
    kept, room = [], width - len(ellipsis)
    for c in text:
        room -= columns(c)
        if room < 0:
            break
        kept.append(c)
    return "".join(kept) + ellipsis if width > 0 else ""


def cut_inside(text: str, width: int, *, ellipsis: str = "…") -> str:
    """At most `width` columns, with both ends: instances of one target differ where they end."""
    if columns(text) <= width or width <= len(ellipsis):
        return cut(text, width, ellipsis=ellipsis)
    head = cut(text, (width - len(ellipsis)) // 2, ellipsis="")
    tail = cut(text[::-1], width - len(ellipsis) - columns(head), ellipsis="")[::-1]
    return head + ellipsis + tail


def wrapped(text: str, width: int | None, *, lead: int = 0) -> list[str]:
    """The text in lines that fit beside `lead` columns, broken between words only; one line without a width."""
    if width is None:
        return [text] if text else []
    lines: list[str] = []
    for word in text.split():
        if lines and columns(lines[-1]) + 1 + columns(word) <= width - lead:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def columns(text: str) -> int:
    """The columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    # Wanted for texts beyond ASCII only.
    from unicodedata import category, east_asian_width  # noqa: PLC0415

    # Marks that enclose or choose a form combine too, and have no combining class.
    return sum(0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _escaped(c: str) -> str:
    if c.isprintable():
        return c
    code = ord(c)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
