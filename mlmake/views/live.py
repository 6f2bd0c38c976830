"""Running steps redrawn in place on a terminal, finished ones above them; it knows events and a clock."""

from collections.abc import Callable, Iterable
from types import TracebackType

from rich.console import Console
from rich.live import Live as RichLive
from rich.text import Text

from mlmake.model.event import Event
from mlmake.model.units import show_bytes, show_seconds
from mlmake.views.plain import Plain, shown_metrics
from mlmake.views.screen import Screen, columns, cut, cut_inside, printable
from mlmake.views.status import Running, Status, fold

BAR = 12
"""Columns of a step's bar; narrow terminals have none."""

NARROW = 60


class Live:
    """The screen of a build: `take` each event; leave the context to get the cursor back."""

    def __init__(self, console: Console, screen: Screen, plain: Plain, *, clock: Callable[[], float]) -> None:
        self._console = console
        self._screen = screen
        self._plain = plain
        self._clock = clock
        self._status = Status()
        self._live = RichLive(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=5,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> "Live":
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def take(self, event: Event) -> None:
        """One more event: finished lines scroll above, the rest is redrawn by time."""
        self._status = fold(self._status, event)
        for line in self._plain.lines(event):
            self._console.print(Text.from_ansi(line), soft_wrap=True)

    def catch_up(self, events: Iterable[Event]) -> None:
        """Events of the same run that were shown by another view before."""
        for event in events:
            self._status = fold(self._status, event)

    def _draw(self) -> Text:
        size = self._console.size
        return Text.from_ansi("\n".join(rows(self._status, self._screen, self._clock(), size.width, size.height)))


def rows(status: Status, screen: Screen, now: float, width: int, height: int) -> list[str]:
    """The lines below the finished ones: a step each, and where the whole run stands; never more than fit."""
    steps, dots = list(status.running.values()), screen.mark("…", "~")
    room = max(1, height - 3)
    hidden = len(steps) - room if len(steps) > room else 0
    name_room = max(8, min(max((columns(printable(s.instance)) for s in steps), default=8), width // 2))
    lines = [_row(step, screen, now, width, name_room) for step in steps[: len(steps) - hidden]]
    if hidden:
        lines.append(cut(f"  {screen.mark('…', '...')} and {hidden} more", width - 1, ellipsis=dots))
    if status.hashing:
        part = f"{show_bytes(status.hashing.done)} of {show_bytes(status.hashing.total)}"
        lines.append(cut(f"  hashing {printable(status.hashing.path)}  {part}", width - 1, ellipsis=dots))
    lines.append(screen.paint(cut(_standing(status, now), width - 1, ellipsis=dots), "dim"))
    return lines


def _row(step: Running, screen: Screen, now: float, width: int, name_room: int) -> str:
    dots = screen.mark("…", "~")
    name = cut_inside(printable(step.instance), name_room, ellipsis=dots)
    mark = screen.mark("▸", ">")
    head = f"{mark} {name}{' ' * (name_room - columns(name))}  "
    elapsed = max(0.0, now - step.since)
    times = show_seconds(elapsed) + (f" / {show_seconds(step.expected)}" if step.expected else "")
    bar = f"{_bar(elapsed / step.expected, screen)}  " if step.expected and width >= NARROW else ""
    attempt = f"  attempt {step.attempt}" if step.attempt > 1 else ""
    metrics = f"  {shown_metrics(step.metrics)}" if step.metrics else ""
    shown = cut(f"{head}{bar}{times}{attempt}{metrics}", width - 1, ellipsis=dots)
    return screen.paint(shown[: len(mark)], "busy") + shown[len(mark) :]


def _bar(share: float, screen: Screen) -> str:
    full = min(BAR, int(share * BAR))
    return screen.mark("━", "=") * full + screen.mark("─", "-") * (BAR - full)


def _standing(status: Status, now: float) -> str:
    parts = [f"{status.done} of {status.total} done", f"{len(status.running)} running"]
    parts += [f"{count} {outcome.value}" for outcome, count in status.counts.items() if count]
    if status.started:
        parts.append(show_seconds(max(0.0, now - status.started)))
    return ", ".join(parts)
