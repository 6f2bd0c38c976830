"""The size of a change of a measure, in decimals; it knows no source and no time."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

from mlmake.model.observation import Measures
from mlmake.model.reason import Plain
from mlmake.model.validity import Scale, Significance, Tolerance

_GONE = object()
"""In place of a measure that is not there."""


def changed(old: Measures, new: Measures, significant: Significance) -> Iterator[str]:
    """The names of the measures that changed by as much as counts, in the order of the old ones."""
    for name in dict.fromkeys((*old, *new)):
        if isinstance(significant, Mapping):
            if name not in significant:
                continue
            tolerance = significant[name]
        else:
            tolerance = significant
        if _differs(old.get(name, _GONE), new.get(name, _GONE), tolerance):
            yield name


def equal(old: Measures, new: Measures) -> bool:
    """Whether nothing at all has changed."""
    return not any(changed(old, new, None))


def _differs(old: object, new: object, tolerance: Tolerance | None) -> bool:
    if _number(old) is None or _number(new) is None:
        # Of different types, gone or come; or texts, flags, none.
        return type(old) is not type(new) or old != new
    before, now = _number(old), _number(new)
    assert before is not None and now is not None, "both are numbers"
    if _same(before, now):
        return False
    if tolerance is None or not (math.isfinite(before) and math.isfinite(now)):
        return True
    return _reaches(Decimal(str(before)), Decimal(str(now)), tolerance)


def _reaches(old: Decimal, new: Decimal, tolerance: Tolerance) -> bool:
    """Whether two different numbers are as far apart as counts; any change from zero does."""
    if old == 0:
        return True
    match tolerance.scale:
        case Scale.AMOUNT:
            return abs(new - old) >= tolerance.size
        case Scale.SHARE:
            return abs(new - old) >= abs(old) * tolerance.size
        case Scale.FACTOR:
            if new == 0 or (old < 0) != (new < 0):
                return True
            low, high = sorted((abs(old), abs(new)))
            return high >= low * tolerance.size


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _same(old: float, new: float) -> bool:
    return old == new or (math.isnan(old) and math.isnan(new))


def shown(measures: Measures, name: str) -> Plain:
    """A measure for a reason; none where it is not there."""
    return measures.get(name)
