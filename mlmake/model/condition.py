"""A condition on metrics as a value: comparisons joined by and, or, not; it does not know how it was written."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import TypeAlias, assert_never

OPERATORS = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}


@dataclass(frozen=True, slots=True)
class Compare:
    """A metric beside a number, the metric to the left."""

    metric: str
    operator: str
    number: float


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Each of them."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them."""

    parts: tuple["Condition", ...]


Condition: TypeAlias = Compare | Not | All | Some


def holds(condition: Condition, metrics: Mapping[str, float]) -> bool:
    """Whether these metrics satisfy it for certain: a missing metric or NaN never does, not even under `not`."""
    return _truth(condition, metrics) is True


def _truth(condition: Condition, metrics: Mapping[str, float]) -> bool | None:
    """None where it hangs on a metric that is missing or NaN."""
    match condition:
        case Compare(metric, operator, number):
            value = metrics.get(metric, math.nan)
            return None if math.isnan(value) else bool(OPERATORS[operator](value, number))
        case Not(inner):
            truth = _truth(inner, metrics)
            return None if truth is None else not truth
        case All(parts):
            truths = [_truth(part, metrics) for part in parts]
            return False if False in truths else None if None in truths else True
        case Some(parts):
            truths = [_truth(part, metrics) for part in parts]
            return True if True in truths else None if None in truths else False
        case _:
            assert_never(condition)


def named(condition: Condition) -> tuple[str, ...]:
    """The metrics that it compares, each once."""
    match condition:
        case Compare(metric, _, _):
            return (metric,)
        case Not(inner):
            return named(inner)
        case All(parts) | Some(parts):
            return tuple(dict.fromkeys(name for part in parts for name in named(part)))
        case _:
            assert_never(condition)
