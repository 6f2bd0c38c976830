"""Rows of a mark, a word, a name and a text in columns that fit the screen; it does not know what they tell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mlmake.views.screen import Screen, columns, printable, wrapped

MANY = 10
"""Rows of one kind and group: more are one row on a terminal."""

NARROW = 24
"""Columns: a text that has less room goes below its name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. `mark` is a symbol, the same in ASCII, and a style; `time` stands right of the name.

    `group` and `kind` say what may be told together: rows of one group and kind. Without a kind it stands alone.
    """

    mark: tuple[str, str, str]
    word: str
    name: str
    time: str
    text: str
    group: str = ""
    kind: object = None


def aligned(rows: Iterable[Row], screen: Screen) -> list[str]:
    """The rows as lines; on a terminal names do not push texts off the screen, and texts are wrapped."""
    known = [replace(row, name=printable(row.name), text=printable(row.text)) for row in rows]
    word = max((len(row.word) for row in known), default=0)
    time = max((len(row.time) for row in known), default=0)
    names = [columns(row.name) for row in known]
    widest = max(names, default=0)
    head = 2 + word + 2
    if screen.width is not None:
        room = max(8, (screen.width - head) // 2)
        widest = max((width for width in names if width <= room), default=0)
    return [line for row in known for line in _lines(row, screen, word=word, widest=widest, time=time)]


def folded(
    rows: Sequence[Row], screen: Screen, *, total: Callable[[Sequence[Row]], str] = lambda rows: ""
) -> list[Row]:
    """On a terminal, many rows of one group and kind as one; `total` gives its time from theirs."""
    if screen.width is None:
        return list(rows)
    alike: dict[tuple[str, object], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.group, row.kind) if row.kind is not None else (row.name, row), []).append(row)
    done: list[Row] = []
    for members in alike.values():
        done += members if len(members) <= MANY else [_one(members, screen, total(members))]
    return done


def _one(members: Sequence[Row], screen: Screen, time: str) -> Row:
    first = members[0]
    same = all(row.text == first.text for row in members)
    text = first.text if same else f"{first.text}, and {len(members) - 1} more like it"
    return replace(first, name=f"{first.group} {screen.mark('×', 'x')}{len(members)}", time=time, text=text)


def _lines(row: Row, screen: Screen, *, word: int, widest: int, time: int) -> list[str]:
    symbol, plain, style = row.mark
    head = f"{screen.badge(symbol, plain, style, f'{row.word:<{word}}')}  "
    start = 2 + word + 2
    if columns(row.name) > widest:
        # Alone, and never cut: it may be wanted on the next command line.
        spent = row.time.strip()
        if not spent or screen.width is None or start + columns(row.name) + 2 + len(row.time) <= screen.width:
            left = row.name + (f"  {row.time}" if spent else "")
            return beside(head + left, row.text, screen, width=None, below=start + 2)
        told = "; ".join(part for part in (" ".join(spent.split()), row.text) if part)
        return beside(head + row.name, told, screen, width=None, below=start + 2)
    left = row.name + " " * (widest - columns(row.name)) + (f"  {row.time:>{time}}" if time else "")
    return beside(head + left, row.text, screen, width=start + columns(left), below=start + 2)


def beside(left: str, text: str, screen: Screen, *, width: int | None, below: int) -> list[str]:
    """A text right of what takes `width` columns, wrapped; `below` columns in on the next line if there is no room."""
    if screen.width is None:
        return [f"{left}  {text}".rstrip()]
    # A word that has no room beside may have it below: a path broken over lines cannot be copied.
    longest = max(map(columns, text.split()), default=0)
    if width is None or screen.width - width - 2 < max(NARROW, longest):
        return [left.rstrip(), *(" " * below + part for part in wrapped(text, screen.width, lead=below))]
    parts = wrapped(text, screen.width, lead=width + 2)
    return [f"{left}  {parts[0] if parts else ''}".rstrip(), *(" " * (width + 2) + part for part in parts[1:])]
