"""Parameters set side by side across runs, by value; it does not know where they are written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlmake.history.past import Json, Parameter, Past


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """A parameter: what it was in each run, none where there was no such one, and the targets that use it."""

    name: str
    known: tuple[Parameter | None, ...]
    used_by: tuple[str, ...]


def parameter_rows(pasts: Sequence[Past]) -> list[ParameterRow]:
    """Every parameter of these runs, in order of first sight."""
    names = dict.fromkeys(name for past in pasts for name in past.params)
    users: dict[str, dict[str, None]] = {name: {} for name in names}
    for past in pasts:
        for step in past.steps.values():
            for name in step.uses:
                if name in users:
                    users[name][step.target] = None
    return [ParameterRow(name, tuple(past.params.get(name) for past in pasts), tuple(users[name])) for name in names]


def changed_parameters(rows: Sequence[ParameterRow]) -> list[ParameterRow]:
    """Those whose value differs between the first and the last run; what set them does not count."""
    return [row for row in rows if not equal(row.known[0], row.known[-1])]


def last_two(runs: Iterable[tuple[str, Mapping[str, Parameter]]]) -> tuple[str, str] | None:
    """Of runs that come newest first, the newest and the next one whose parameters differ: older, then newer."""
    newest: tuple[str, Mapping[str, Parameter]] | None = None
    for run, params in runs:
        if not params:
            continue
        newest = newest or (run, params)
        newer, known = newest
        if any(not equal(params.get(name), known.get(name)) for name in params.keys() | known.keys()):
            return run, newer
    return None


def equal(one: Parameter | None, other: Parameter | None) -> bool:
    """Whether two values are the same, types kept apart (1 is not 1.0, and neither is true)."""
    if one is None or other is None:
        return one is other
    return _same(one.value, other.value)


def _same(one: Json, other: Json) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
