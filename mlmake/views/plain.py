"""Events as lines of text, one a finished target; it does not know where the lines go."""

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

from mlmake.model.event import (
    Event,
    Hashing,
    MetricsReported,
    ModelsChanged,
    Outcome,
    OutputText,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetsListed,
    TargetStarted,
    Warned,
)
from mlmake.model.units import show_seconds
from mlmake.planning.explain import sentences
from mlmake.views.idle import idle_line
from mlmake.views.screen import Screen, columns, cut, printable, wrapped

Tail = Callable[[str], Sequence[str] | None]
"""Gives the last lines of the log at a path; none if there is none: the step was never started."""

MARKS = {
    Outcome.RAN: ("✓", "+", "good"),
    Outcome.RESTORED: ("↺", "<", "good"),
    Outcome.SKIPPED: ("·", ".", "dim"),
    Outcome.FAILED: ("✗", "!", "bad"),
    Outcome.CANCELLED: ("■", "#", "warn"),
    Outcome.TIMED_OUT: ("✗", "!", "bad"),
    Outcome.DISTURBED: ("≠", "!", "bad"),
    Outcome.BLOCKED: ("○", "o", "warn"),
    Outcome.STALE: ("~", "~", "warn"),
}
"""For each outcome its symbol, the same in ASCII, and its colour; the word stands beside them always."""

WORD = max(map(len, MARKS))

SHORTEST_REASON = 16
"""Columns: a reason cut shorter says nothing."""

SHOWN_METRICS = 3


class Plain:
    """Turns events into lines. `verbose` adds what was skipped and the steps' output, `quiet` leaves bad news only."""

    def __init__(self, screen: Screen, *, tail: Tail, verbose: bool = False, quiet: bool = False) -> None:
        self._screen = screen
        self._tail = tail
        self._verbose = verbose
        self._quiet = quiet
        self._open: dict[tuple[str, str], str] = {}

    def lines(self, event: Event) -> list[str]:
        """What this event adds to the screen."""
        match event:
            case TargetFinished():
                return [*self._flush(event.instance), *self._finished(event)]
            case OutputText():
                return self._output(event) if self._verbose else []
            case TargetStarted():
                return self._started(event)
            case Warned():
                about = f"{printable(event.instance)}: " if event.instance else ""
                return [f"{self._screen.paint('warning', 'warn')}: {about}{printable(event.text)}"]
            case RunFinished():
                return [] if self._quiet and event.outcome == "ok" else [self.summary(event)]
            case ModelsChanged():
                return [] if self._quiet else [serving(event)]
            case RunStarted() | TargetsListed() | MetricsReported() | Hashing():
                return []
            case _:
                assert_never(event)

    def summary(self, event: RunFinished) -> str:
        """What ran, was restored, skipped, failed, how long it took and what that saved."""
        counts = [
            (event.ran, "ran", ""),
            (event.restored, "restored", ""),
            (event.skipped, "up to date", ""),
            (event.failed, "failed", "bad"),
            (event.blocked, "blocked", "warn"),
            (event.cancelled, "cancelled", "warn"),
        ]
        told = [self._screen.paint(f"{n} {word}", style) if style else f"{n} {word}" for n, word, style in counts if n]
        parts = ", ".join(told) or "nothing to do"
        if event.outcome == "ok" and event.skipped and not (event.ran or event.restored):
            return idle_line(event.skipped, seconds=event.seconds, saved=event.saved_seconds)
        if event.outcome == "interrupted":
            parts = f"{self._screen.paint('interrupted', 'warn')}: {parts}"
        saved = f", saved {show_seconds(event.saved_seconds)}" if event.saved_seconds >= 0.05 else ""
        return f"{parts} in {show_seconds(event.seconds)}{saved}"

    def _started(self, event: TargetStarted) -> list[str]:
        if self._quiet or event.attempt == 1:
            return []
        return [f"{printable(event.instance)}: attempt {event.attempt}"]

    def _finished(self, event: TargetFinished) -> list[str]:
        bad = event.outcome in (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.DISTURBED)
        if event.outcome is Outcome.SKIPPED and not self._verbose:
            return []
        if self._quiet and event.outcome in (Outcome.RAN, Outcome.RESTORED, Outcome.SKIPPED, Outcome.STALE):
            return []
        symbol, ascii_symbol, style = MARKS[event.outcome]
        head = self._screen.badge(symbol, ascii_symbol, style, f"{event.outcome.value:<{WORD}}")
        parts = [head, self._screen.paint(printable(event.instance), "bold")]
        facts = [show_seconds(event.seconds)] if bad or event.outcome is Outcome.RAN else []
        if metrics := self._room_for(event.metrics, [" " * (WORD + 2), printable(event.instance), *facts]):
            facts.append(metrics)
        parts += facts
        below: list[str] = []
        detail, *quoted = (event.detail or "").split("\n")
        if detail:
            detail = printable(detail)
            fits = self._fitting(detail, [" " * (WORD + 2), printable(event.instance), *parts[2:]]) == detail
            parts += [detail] if fits else []
            below = [] if fits else [f"    {part}" for part in wrapped(detail, self._screen.width, lead=4)]
        elif event.reasons and not bad:
            before = [" " * (WORD + 2), printable(event.instance), *parts[2:]]
            reason = self._fitting(f"({printable(sentences(event.reasons, most=2))})", before)
            parts += [self._screen.paint(reason, "dim")] if reason else []
        width = self._screen.width
        taken = WORD + 2 + sum(columns(part) + 2 for part in (printable(event.instance), *facts))
        if width is not None and facts and taken > width:
            # The name alone is never cut; what is known of it goes below whole.
            parts = [part for part in parts if part not in facts]
            below = [*(f"    {part}" for part in wrapped(", ".join(facts), width, lead=4)), *below]
        lines = ["  ".join(parts), *below, *(f"  | {printable(line)}" for line in quoted)]
        if bad and event.log and (last := self._tail(event.log)) is not None:
            lines += [f"  | {printable(line)}" for line in last]
            lines.append(f"  log: {printable(event.log)}")
        return lines

    def _room_for(self, metrics: Mapping[str, float], before: Sequence[str]) -> str:
        """As many metrics as the line has room for; `mlmake metrics` tells all."""
        room = None if self._screen.width is None else self._screen.width - sum(columns(part) + 2 for part in before)
        for most in range(min(SHOWN_METRICS, len(metrics)), 0, -1):
            told = shown_metrics(metrics, most=most)
            if room is None or columns(told) <= room:
                return told
        return ""

    def _fitting(self, reason: str, before: Sequence[str]) -> str:
        """As much of a reason as the line still has room for; `mlmake why` tells the rest."""
        if self._screen.width is None:
            return reason
        room = self._screen.width - sum(columns(part) + 2 for part in before)
        return cut(reason, room, ellipsis=self._screen.mark("…)", "~)")) if room >= SHORTEST_REASON else ""

    def _output(self, event: OutputText) -> list[str]:
        """Whole lines with the instance before them; the rest of a line waits for its end."""
        key = (event.instance, event.stream)
        *whole, rest = (self._open.pop(key, "") + event.text).split("\n")
        if rest:
            self._open[key] = rest
        return [self._prefixed(event.instance, line) for line in whole]

    def _flush(self, instance: str) -> list[str]:
        keys = [key for key in self._open if key[0] == instance]
        return [self._prefixed(instance, self._open.pop(key)) for key in keys]

    def _prefixed(self, instance: str, line: str) -> str:
        shown = line.rstrip("\r").rpartition("\r")[2]
        return f"{self._screen.paint(printable(instance), 'bold')} | {printable(shown)}"


def shown_metrics(metrics: Mapping[str, float], *, most: int = SHOWN_METRICS) -> str:
    """The first few metrics, short."""
    texts = [f"{printable(name)} {value:.4g}" for name, value in list(metrics.items())[:most]]
    return ", ".join(texts) + (", …" if len(metrics) > most else "")


def serving(event: ModelsChanged) -> str:
    """Which models answer now."""
    live = ", ".join(printable(model.instance) for model in event.live) or "no model"
    return f"{printable(event.serve)} is answered by {live}"


def _targets(count: int) -> str:
    return "1 target" if count == 1 else f"{count} targets"
