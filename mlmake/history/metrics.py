"""The metrics of instances set side by side across runs: chosen, sorted, compared; not how a table looks."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

from mlmake.history.better import MAX, MIN, directions
from mlmake.history.past import Json, Past, Step

TREND = 10
"""Values at most of a metric's way through the last runs."""

SECONDS, INSTANCE, TARGET = "seconds", "instance", "target"
"""What rows can be sorted by beside metrics and matrix keys."""


Measures: TypeAlias = Mapping[str, Mapping[str, float]]
"""By instance the metrics of a run, where there are any."""


@dataclass(frozen=True, slots=True)
class Row:
    """One instance: its keys, and for each run what was measured there, none where it was not part of that run.

    `seconds` is how long it took in each run; `trend` are the last runs' values of one metric, oldest first.
    """

    instance: str
    target: str
    keys: Mapping[str, Json]
    values: tuple[Mapping[str, float] | None, ...]
    seconds: tuple[float, ...] = ()
    trend: tuple[float, ...] = ()

    def value(self, metric: str, run: int = -1) -> float | None:
        """A metric in one of the runs, the last one by default."""
        found = self.values[run]
        return None if found is None else found.get(metric)


@dataclass(frozen=True, slots=True)
class Board:
    """Rows with the runs, keys and metrics that they have, each in the order of first sight."""

    runs: tuple[str, ...]
    keys: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    wanted: Mapping[str, str]

    def names(self) -> list[str]:
        """All that rows can be sorted by."""
        return list(dict.fromkeys([*self.metrics, *self.keys, SECONDS, INSTANCE, TARGET]))


def board(pasts: Sequence[Past]) -> Board:
    """All instances that have metrics in any of these runs."""
    steps: dict[str, list[Step | None]] = {}
    for place, past in enumerate(pasts):
        for name, step in past.steps.items():
            if step.metrics:
                steps.setdefault(name, [None] * len(pasts))[place] = step
    listed = dict.fromkeys(name for past in reversed(pasts) for name in past.listed)
    order = {name: place for place, name in enumerate(listed)}
    names = sorted(steps, key=lambda name: order.get(name, len(order)))
    rows = tuple(_row(name, steps[name]) for name in names)
    keys = tuple(dict.fromkeys(key for row in rows for key in row.keys))
    metrics = tuple(dict.fromkeys(m for row in rows for values in row.values if values for m in values))
    declared = {metric: wanted for past in pasts for metric, wanted in past.better.items()}
    return Board(tuple(p.head.run for p in pasts), keys, metrics, rows, directions(metrics, declared))


def _row(name: str, steps: Sequence[Step | None]) -> Row:
    known = next(step for step in reversed(steps) if step is not None)
    values = tuple(None if step is None else step.metrics for step in steps)
    return Row(name, known.target, known.keys, values, tuple(0.0 if s is None else s.seconds for s in steps))


def changed(shown: Board) -> Board:
    """Only what differs between the first and the last run: rows, and of metrics those that moved anywhere."""
    rows = tuple(row for row in shown.rows if differing(row.values[0], row.values[-1]))
    moved = {m for row in rows for m in differing(row.values[0], row.values[-1])}
    return replace(shown, rows=rows, metrics=tuple(m for m in shown.metrics if m in moved))


def differing(old: Mapping[str, float] | None, new: Mapping[str, float] | None) -> list[str]:
    """The metrics that two runs of an instance do not agree in, in the order of the newer one."""
    old, new = old or {}, new or {}
    return [name for name in dict.fromkeys([*new, *old]) if not same(old.get(name), new.get(name))]


def same(one: float | None, other: float | None) -> bool:
    """Whether two measures are equal; two that are no numbers are."""
    if one is None or other is None:
        return one is other
    return one == other or (math.isnan(one) and math.isnan(other))


def change(old: float | None, new: float | None) -> float | None:
    """How far a measure has moved; none where one is missing or the distance is no number."""
    if old is None or new is None:
        return None
    moved = 0.0 if same(old, new) else new - old
    return None if math.isnan(moved) else moved


def last_two(runs: Iterable[tuple[str, Measures]]) -> tuple[str, str] | None:
    """Of runs that come newest first, the newest pair that differs in a metric of one instance: older, then newer."""
    newest: dict[str, tuple[str, Mapping[str, float]]] = {}
    for run, measures in runs:
        for name, metrics in measures.items():
            newer, known = newest.setdefault(name, (run, metrics))
            if known != metrics and differing(metrics, known):
                return run, newer
    return None


def by(shown: Board, key: str, *, reverse: bool = False) -> Board:
    """Rows by a metric (best first; where nobody knows what is better the greatest), a key, a name or the time.

    `reverse` turns it round. What has no such value comes last either way; ties keep their order.
    """
    descending = key in shown.metrics and shown.wanted.get(key, MAX) == MAX
    pick = picker(shown, key)
    have = [row for row in shown.rows if not _absent(pick(row))]
    lack = [row for row in shown.rows if _absent(pick(row))]
    have.sort(key=lambda row: _rank(pick(row)), reverse=descending != reverse)
    return replace(shown, rows=(*have, *lack))


def best(shown: Board, wanted: str, metric: str) -> Row | None:
    """The row with the most or the least of a metric in the last run; the first of equals, none if none has it."""
    have = [row for row in shown.rows if not _absent(row.value(metric))]
    if not have:
        return None
    choose = max if wanted == MAX else min
    return choose(have, key=lambda row: row.value(metric) or 0.0)


def alone(shown: Board, row: Row | None) -> Board:
    """The board with this row only, or none, and what columns that one has."""
    if row is None:
        return replace(shown, rows=())
    metrics = tuple(m for m in shown.metrics if any(values and m in values for values in row.values))
    return replace(shown, rows=(row,), keys=tuple(key for key in shown.keys if key in row.keys), metrics=metrics)


def bests(shown: Board, run: int = -1) -> dict[tuple[str, str], float]:
    """For each target and each metric of which something is wanted, the best value of its instances in a run.

    Of a target with one instance nothing is the best; what other targets measure is another matter.
    """
    values: dict[tuple[str, str], list[float]] = {}
    for row in shown.rows:
        for metric in shown.wanted:
            value = row.value(metric, run)
            if value is not None and not math.isnan(value):
                values.setdefault((row.target, metric), []).append(value)
    choose = {MAX: max, MIN: min}
    return {
        (target, metric): choose[shown.wanted[metric]](found)
        for (target, metric), found in values.items()
        if len(found) > 1
    }


def with_trend(shown: Board, metric: str, runs: Iterable[Measures]) -> Board:
    """Each row with the metric's values in the last of `runs`, which come newest first."""
    found: dict[str, list[float]] = {row.instance: [] for row in shown.rows if row.value(metric) is not None}
    for measures in islice(runs, TREND):
        for name, values in found.items():
            value = measures.get(name, {}).get(metric)
            if value is not None:
                values.append(value)
    rows = (replace(row, trend=tuple(reversed(found.get(row.instance, ())))) for row in shown.rows)
    return replace(shown, rows=tuple(rows))


def picker(shown: Board, key: str) -> Callable[[Row], Json]:
    """How to read a column off a row."""
    if key in shown.metrics:
        return lambda row: row.value(key)
    if key in shown.keys:
        return lambda row: label(row.keys[key]) if key in row.keys else None
    plain: dict[str, Callable[[Row], Json]] = {
        SECONDS: lambda row: row.seconds[-1],
        INSTANCE: lambda row: row.instance,
        TARGET: lambda row: row.target,
    }
    return plain[key]


def label(value: Json) -> Json:
    """A matrix value as a cell: of a table its name."""
    return value.get("name", "") if isinstance(value, Mapping) else value


def _absent(value: Json) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _rank(value: Json) -> tuple[int, Json]:
    """Numbers before texts, so that a key with both can be sorted."""
    return (0, value) if isinstance(value, int | float) else (1, str(value))
