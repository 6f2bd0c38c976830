"""Mistakes as values: where, what, how to mend; it does not know what is a mistake or who is told."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlmake.mlfile.keypath import KeyPath as KeyPath
from mlmake.mlfile.spans import Position, Spans

LONGEST_LINE = 160
"""Characters of a source line that are shown, around the place that is meant."""


@dataclass(frozen=True, slots=True)
class Place:
    """Another place that belongs to a problem: what is to be seen there ("first set here"), and its key path."""

    where: KeyPath
    label: str
    file: str | None = None
    position: Position | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: at the value of a key path (or its key), what is wrong, how to mend it.

    Without `file` the place is looked for in all texts; a `file` that is no text ("--set lr=x") is named as it is.
    `position` beats `where`. `also` are other places that are to be shown with it.
    """

    where: KeyPath
    what: str
    hint: str | None = None
    file: str | None = None
    position: Position | None = None
    at_key: bool = False
    also: tuple[Place, ...] = ()


def render(problems: Iterable[Problem], texts: Mapping[str, str]) -> str:
    """All problems for people, by place and without doubles; `texts` are the files by name, the main one first."""
    sheets = {name: Spans(text) for name, text in texts.items()}
    order = {name: number for number, name in enumerate(texts)}
    rows: dict[str, tuple[int, str, Position, str]] = {}
    for problem in problems:
        name, position = _locate(problem, sheets)
        shown = _show(problem, name, position, sheets)
        rows.setdefault(shown, (order.get(name, -1), name, position or (0, 0), shown))
    return "\n".join(row[-1] for row in sorted(rows.values()))


def _locate(place: Problem | Place, sheets: Mapping[str, Spans]) -> tuple[str, Position | None]:
    """The file and position of a problem: by its key path in the text where most of it is written."""
    name = place.file
    if name is None:
        if not sheets:
            return "Mlfile", place.position
        name = max(sheets, key=lambda n: sheets[n].depth(place.where))
    if place.position or name not in sheets:
        return name, place.position
    return name, sheets[name].find(place.where, key=place.at_key)


def _show(problem: Problem, name: str, position: Position | None, sheets: Mapping[str, Spans]) -> str:
    lines = [f"{_at(name, position)}: {_plain(problem.what)}", *_excerpt(name, position, sheets)]
    for place in problem.also:
        there, spot = _locate(place, sheets)
        lines += [f"{_at(there, spot)}: {place.label}", *_excerpt(there, spot, sheets)]
    if problem.hint:
        lines.append(f"hint: {_plain(problem.hint)}")
    return "\n".join(lines) + "\n"


def _at(name: str, position: Position | None) -> str:
    name = _plain(name)
    return f"{name}:{position[0]}:{position[1]}" if position else name


def _excerpt(name: str, position: Position | None, sheets: Mapping[str, Spans]) -> list[str]:
    """The source line and a line with a caret under the place, if there is a text."""
    if not position or name not in sheets:
        return []
    sheet = sheets[name]
    number, column = position
    if number > len(sheet.lines):
        return []
    start = sheet.lines[number - 1]
    end = sheet.text.find("\n", start)
    line = sheet.text[start : end if end >= 0 else len(sheet.text)]
    left, cut = "", 0
    if len(line) > LONGEST_LINE:
        cut = max(0, min(column - 1 - LONGEST_LINE // 2, len(line) - LONGEST_LINE))
        left = "…" if cut else ""
        right = "…" if cut + LONGEST_LINE < len(line) else ""
        shown = left + line[cut : cut + LONGEST_LINE] + right
    else:
        shown = line
    shown = _plain(shown)
    before = shown[: column - 1 - cut + len(left)]
    return [f"    {shown}".rstrip(), f"    {' ' * _width(before)}^"]


def _plain(text: str) -> str:
    """A text that cannot move the cursor of a terminal, as long as before."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
