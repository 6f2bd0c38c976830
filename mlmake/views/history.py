"""Runs, metrics and parameters of the past as tables and documents; it does not know where they come from."""

from collections.abc import Mapping, Sequence

from mlmake.history.metrics import Board, Row, bests, change, label, same
from mlmake.history.params import ParameterRow
from mlmake.history.past import CUT_OFF, NOW, RUNNING, Head, Json, Parameter, Past, Step
from mlmake.history.sparkline import sparkline
from mlmake.model.event import GOOD, Outcome
from mlmake.model.fact import canonical_text
from mlmake.model.units import show_seconds
from mlmake.views.plain import MARKS, shown_metrics
from mlmake.views.rows import Row as Line
from mlmake.views.rows import aligned, folded
from mlmake.views.screen import Screen, columns, printable, wrapped
from mlmake.views.tables import Cell, Column, Table

ENDS: Mapping[str, tuple[str, str, str]] = {
    "ok": ("✓", "+", "good"),
    "failed": ("✗", "!", "bad"),
    "not-up-to-date": ("○", "o", "warn"),
    "interrupted": ("■", "#", "warn"),
    CUT_OFF: ("■", "#", "bad"),
    RUNNING: ("▶", ">", "busy"),
}
"""For each end of a run its symbol, the same in ASCII, and its colour; the word stands beside them always."""

CHANGE = "±"


# Runs


def runs_table(heads: Sequence[Head], screen: Screen, *, now: float) -> Table:
    """A row a run: when, how it ended, what it did, how long it took, the words of the command."""
    titles = ("run", "ended", "ago", "did", "time", "command")
    rows = []
    for head in heads:
        symbol, plain, style = ENDS.get(head.ended, ("?", "?", "warn"))
        rows.append(
            (
                Cell(head.run, style="bold"),
                Cell(f"{screen.mark(symbol, plain)} {head.ended}", style=style),
                Cell(age(now - head.started)),
                Cell(did(head)),
                Cell("" if head.seconds is None else show_seconds(head.seconds)),
                Cell(" ".join(("mlmake", *head.words))),
            )
        )
    return Table(tuple(Column(title, kept=title != "command") for title in titles), tuple(rows))


def age(seconds: float) -> str:
    """How long ago, in one unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def did(head: Head) -> str:
    """What a run did, by its counts."""
    words = {"skipped": "up to date"}
    told = [f"{count} {words.get(word, word)}" for word, count in head.counts.items() if count]
    return ", ".join(told) or "nothing"


def run_lines(past: Past, screen: Screen, *, now: float, each: bool = False) -> list[str]:
    """One run: what it was, then a line for each instance: how it ended, when it started, how long it took, and why."""
    head = past.head
    symbol, plain, style = ENDS.get(head.ended, ("?", "?", "warn"))
    ended = screen.badge(symbol, plain, style, head.ended)
    took = "" if head.seconds is None else f" in {show_seconds(head.seconds)}"
    lines = [
        f"{screen.paint(printable(head.run), 'bold')}  {ended}  {age(now - head.started)} ago",
        *wrapped(f"{printable(' '.join(('mlmake', *head.words)))}: {did(head)}{took}", screen.width),
        "",
    ]
    steps = list(past.steps.values())
    width = max((len(_start(step)) for step in steps), default=0)
    times = max((len(_time(step)) for step in steps), default=0)
    rows = []
    for step in steps:
        causes = step.detail or "; ".join(_causes(step))
        alike = (step.outcome, tuple(cause.code for cause in step.causes))
        rows.append(
            Line(
                MARKS[Outcome(step.outcome)] if step.outcome in _KNOWN else ENDS[CUT_OFF],
                step.outcome or _unfinished(head),
                step.instance,
                f"{_start(step):>{width}}  {_time(step):>{times}}" if times else "",
                "  ".join(part for part in (shown_metrics(step.metrics), causes) if part),
                step.instance.partition("@")[0],
                alike if step.outcome in _GOOD else None,
            )
        )
    return [*lines, *aligned(rows if each else folded(rows, screen), screen)]


_KNOWN = frozenset(outcome.value for outcome in Outcome)
_GOOD = frozenset(outcome.value for outcome in GOOD)


def _unfinished(head: Head) -> str:
    return head.ended if head.ended in (CUT_OFF, RUNNING) else CUT_OFF


def _start(step: Step) -> str:
    return "" if step.at is None else f"+{show_seconds(step.at)}"


def _time(step: Step) -> str:
    return show_seconds(step.seconds) if step.at is not None and step.outcome else ""


def _causes(step: Step) -> list[str]:
    """Why, but for what was simply up to date."""
    texts = [cause.text or cause.code for cause in step.causes if cause.code != "up-to-date"]
    return [*texts[:3], *([f"and {len(texts) - 3} more causes"] if len(texts) > 3 else [])]


def head_document(head: Head) -> dict[str, Json]:
    """A run in a document."""
    return {
        "run": head.run,
        "started": head.started,
        "outcome": head.ended,
        "seconds": head.seconds,
        "saved_seconds": head.saved,
        "jobs": head.jobs,
        "command": list(head.words),
        **{word: head.counts.get(word, 0) for word in ("ran", "restored", "skipped", "failed", "blocked", "cancelled")},
    }


def runs_document(heads: Sequence[Head]) -> dict[str, Json]:
    """The document of `runs --json`."""
    return {"schema": "mlmake.runs/1", "runs": [head_document(head) for head in heads]}


def run_document(past: Past) -> dict[str, Json]:
    """The document of `runs RUN --json`: everything that is known of a run."""
    return {
        "schema": "mlmake.run/1",
        **head_document(past.head),
        "params": _parameters(past.params),
        "targets": [_step(step) for step in past.steps.values()],
    }


def _step(step: Step) -> dict[str, Json]:
    reasons = [{"code": c.code, "subject": c.subject, "old": c.old, "new": c.new, "text": c.text} for c in step.causes]
    return {
        "target": step.target,
        "instance": step.instance,
        "keys": dict(step.keys),
        "outcome": step.outcome,
        "started_after": step.at,
        "seconds": step.seconds,
        "attempts": step.attempts,
        "metrics": dict(step.metrics),
        "params": list(step.uses),
        "reasons": reasons,
        "detail": step.detail,
        "exit_code": step.exit_code,
        "made_in": step.made_in,
        "complete": step.complete,
        **({} if step.losers is None else {"losers": list(step.losers)}),
    }


def _parameters(params: Mapping[str, Parameter]) -> dict[str, Json]:
    return {name: {"value": known.value, "set_by": known.source} for name, known in params.items()}


# Metrics


def metrics_table(board: Board, screen: Screen, *, compared: bool = False, kept: str = "", full: bool = False) -> Table:
    """Instances as rows, keys and metrics as columns; of several runs a column each.

    `compared` shows the newer value and how far it moved; `full` the older one too, with titles that stand alone.
    `kept` is a column that never gives way. With a trend there is a column of bars for the metric `kept`.
    """
    several = len(board.runs) > 1
    marks = [bests(board, run) for run in range(len(board.runs))]
    titles = [Column("target", kept=True), *(Column(key, kept=True) for key in board.keys)]
    for metric in board.metrics:
        keep = metric == kept
        if not several:
            titles.append(Column(metric, kept=keep))
        elif compared and not full:
            titles += [Column(metric, kept=keep), Column(CHANGE, kept=keep, name=f"{CHANGE} {metric}")]
        else:
            titles += [Column(f"{metric} {run}" if full else f"{metric} {_letter(i)}", kept=keep)
                       for i, run in enumerate(board.runs)]  # fmt: skip
            titles += [Column(f"{metric} change", kept=keep)] if compared else []
    trends = any(len(row.trend) > 1 for row in board.rows)
    if trends and not full:
        titles.append(Column(f"{kept} so far", kept=True))
    rows = []
    for row in board.rows:
        cells = [Cell(row.target), *(Cell(_key(row, key)) for key in board.keys)]
        for metric in board.metrics:
            values = [row.value(metric, run) for run in range(len(board.runs))]
            shown = [
                Cell(v, best=v is not None and v == marks[i].get((row.target, metric))) for i, v in enumerate(values)
            ]
            moved = Cell(_moved(row, metric), signed=True)
            if not compared:
                cells += shown
            elif full:
                cells += [*shown, moved]
            else:
                cells += [shown[-1], moved]
        if trends and not full:
            cells.append(Cell(sparkline(row.trend, symbols=screen.symbols) if len(row.trend) > 1 else ""))
        rows.append(tuple(cells))
    return Table(tuple(titles), tuple(rows))


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _key(row: Row, key: str) -> str | int | float | bool | None:
    value = label(row.keys.get(key))
    return value if value is None or isinstance(value, str | int | float | bool) else canonical_text(value)


def _moved(row: Row, metric: str) -> float | str | None:
    """How far, or that it came or went."""
    old, new = row.value(metric, 0), row.value(metric, -1)
    if old is None and new is None:
        return None
    if old is None:
        return "new"
    if new is None:
        return "gone"
    return None if same(old, new) else change(old, new)


def metrics_document(board: Board, *, compared: bool = False, by: str | None = None) -> dict[str, Json]:
    """The document of `metrics --json`: for each instance and metric one value a run."""
    rows = []
    for row in board.rows:
        names = [name for name in board.metrics if any(row.value(name, i) is not None for i in range(len(board.runs)))]
        document: dict[str, Json] = {
            "target": row.target,
            "instance": row.instance,
            "keys": dict(row.keys),
            "metrics": {name: [row.value(name, run) for run in range(len(board.runs))] for name in names},
        }
        if compared:
            document["change"] = {name: change(row.value(name, 0), row.value(name, -1)) for name in names}
        if row.trend:
            document["trend"] = {"metric": by, "values": list(row.trend)}
        rows.append(document)
    return {
        "schema": "mlmake.metrics/1",
        "runs": [None if run == NOW else run for run in board.runs],
        "better": dict(board.wanted),
        "instances": rows,
    }


# Parameters


def params_table(rows: Sequence[ParameterRow], runs: Sequence[str], *, used_by: bool = False) -> Table:
    """A parameter a row: its value in each run, what set it where there is one run only, and who uses it."""
    titles = ["parameter", *(runs if len(runs) > 1 else ["value", "set by"]), *(["used by"] if used_by else [])]
    cells = []
    for row in rows:
        values: list[Cell] = [Cell(value_text(known)) for known in row.known]
        if len(runs) == 1:
            known = row.known[0]
            values.append(Cell(known.source if known else ""))
        cells.append((Cell(row.name), *values, *([Cell(", ".join(row.used_by) or "nothing")] if used_by else [])))
    return Table(tuple(Column(title, kept=True) for title in titles), tuple(cells))


def params_diff_lines(rows: Sequence[ParameterRow]) -> list[str]:
    """A line a parameter that changed: old → new, and the targets that use it."""
    width = max((columns(printable(row.name)) for row in rows), default=0)
    lines = []
    for row in rows:
        name = printable(row.name)
        old, new = (value_text(row.known[i]) for i in (0, -1))
        if row.known[0] is None:
            told = f"is new: {new}"
        elif row.known[-1] is None:
            told = f"is gone (it was {old})"
        else:
            told = f"{old} → {new}"
        lines.append(f"{name}{' ' * (width - columns(name))}  {printable(told)}")
    return lines


def value_text(known: Parameter | None) -> str:
    """A value in words; of texts that could be taken for another type the quotes stay."""
    if known is None:
        return ""
    value = known.value
    if isinstance(value, str):
        return f'"{value}"' if _is_doubtful(value) else value
    return canonical_text(value)


def _is_doubtful(text: str) -> bool:
    if text in ("", "true", "false", "none") or text != text.strip():
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def params_document(rows: Sequence[ParameterRow], runs: Sequence[str]) -> dict[str, Json]:
    """The document of `params --json`: for each parameter what it was in each run, none where there was none."""
    return {
        "schema": "mlmake.params/1",
        "runs": [None if run == NOW else run for run in runs],
        "params": [
            {
                "name": row.name,
                "values": [None if known is None else known.value for known in row.known],
                "known": [known is not None for known in row.known],
                "set_by": [None if known is None else known.source for known in row.known],
                "used_by": list(row.used_by),
            }
            for row in rows
        ],
    }
