"""Tables as text that fits a screen, as Markdown and as CSV; it does not know what is in them."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mlmake.views.screen import Screen, columns, cut, printable

NARROWEST = 8
"""Columns that a cut text keeps at least."""

GAP = 2

Content: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Cell:
    """What is in a cell; `best` marks it in its column, `signed` shows a plus too, `style` is a screen's."""

    content: Content = None
    best: bool = False
    signed: bool = False
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title, and its name where that says more; one that is `kept` is never left out for want of room."""

    title: str
    kept: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows of as many cells."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def is_numeric(self, place: int) -> bool:
        """Whether a column holds numbers and nothing else."""
        kinds = [row[place].content for row in self.rows if row[place].content is not None]
        return bool(kinds) and all(isinstance(kind, int | float) and not isinstance(kind, bool) for kind in kinds)


def text_lines(table: Table, screen: Screen) -> tuple[list[str], list[str]]:
    """The table as lines that are no wider than the screen, and the names of the columns that had to go for it.

    Columns go from the right; if that is not enough the widest text is cut.
    """
    numeric = [table.is_numeric(place) for place in range(len(table.columns))]
    marked = [any(row[place].best for row in table.rows) for place in range(len(table.columns))]
    texts = [[_short(cell, mark=marked[i], screen=screen) for i, cell in enumerate(row)] for row in table.rows]
    titles = [printable(column.title) + (" " if marked[i] else "") for i, column in enumerate(table.columns)]
    widths = [max(map(columns, (title, *(row[i] for row in texts)))) for i, title in enumerate(titles)]
    shown = list(range(len(titles)))
    if screen.width is not None:
        for place in reversed(range(len(titles))):
            if _total(widths, shown) <= screen.width:
                break
            if not table.columns[place].kept:
                shown.remove(place)
        while (over := _total(widths, shown) - screen.width) > 0:
            widest = max((i for i in shown if not numeric[i]), key=lambda i: widths[i], default=None)
            if widest is None or widths[widest] <= NARROWEST:
                break
            widths[widest] = max(NARROWEST, widths[widest] - over)
    ellipsis = screen.mark("…", "~")
    lines = [_line([titles[i] for i in shown], ["dim"] * len(shown), shown, widths, numeric, screen, ellipsis)]
    for row, cells in zip(texts, table.rows, strict=True):
        styles = [cells[i].style for i in shown]
        lines.append(_line([row[i] for i in shown], styles, shown, widths, numeric, screen, ellipsis))
    return lines, [column.name or column.title for i, column in enumerate(table.columns) if i not in shown]


def markdown_lines(table: Table) -> list[str]:
    """The table in Markdown; what is marked is bold."""
    rules = ["---:" if table.is_numeric(place) else "---" for place in range(len(table.columns))]
    head = [_escaped(column.title) for column in table.columns]
    rows = [[_bold(_escaped(_text(cell)), cell.best) for cell in row] for row in table.rows]
    return [f"| {' | '.join(row)} |" for row in (head, rules, *rows)]


def csv_text(table: Table) -> str:
    """The table as CSV, numbers in full, nothing marked."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.title for column in table.columns])
    writer.writerows([[_exact(cell.content) for cell in row] for row in table.rows])
    return text.getvalue()


def number(value: float, *, signed: bool = False) -> str:
    """A number for people: four digits that count, whole ones in full."""
    plus = "+" if signed else ""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"{int(value):{plus}d}"
    return f"{value:{plus}#.4g}".removesuffix(".")


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[i] for i in shown) + GAP * (len(shown) - 1)


def _line(
    texts: Sequence[str],
    styles: Sequence[str],
    shown: Sequence[int],
    widths: Sequence[int],
    numeric: Sequence[bool],
    screen: Screen,
    ellipsis: str,
) -> str:
    cells = []
    for text, style, place in zip(texts, styles, shown, strict=True):
        fitting = cut(text, widths[place], ellipsis=ellipsis)
        blank = " " * (widths[place] - columns(fitting))
        painted = screen.tint(fitting, style)
        cells.append(blank + painted if numeric[place] else painted + blank)
    return (" " * GAP).join(cells).rstrip()


def _short(cell: Cell, *, mark: bool, screen: Screen) -> str:
    """In a column with marks every cell has room for one."""
    return _text(cell) + (screen.mark("★", "*") if cell.best else " " if mark else "")


def _text(cell: Cell) -> str:
    content = cell.content
    match content:
        case None:
            return ""
        case bool():
            return "true" if content else "false"
        case int() | float():
            return number(content, signed=cell.signed)
        case _:
            return printable(content)


def _exact(content: Content) -> str:
    match content:
        case None:
            return ""
        case bool():
            return "true" if content else "false"
        case float():
            # Records keep whole numbers as floats too.
            return str(int(content)) if content.is_integer() and abs(content) < 1e15 else repr(content)
        case _:
            return str(content)


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text
