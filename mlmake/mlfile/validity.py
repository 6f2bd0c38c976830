"""When results stand, from the values of a target's keys that were checked before; it resolves no source."""

import re
from collections.abc import Mapping
from decimal import Decimal

from mlmake.mlfile.condition import read_condition
from mlmake.mlfile.schema import TargetTable
from mlmake.model.units import Seconds, seconds
from mlmake.model.validity import ALWAYS_VALID, Probe, Scale, Significance, Source, Tolerance, Validity

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_FACTOR = re.compile(r"x\s*(\d+(?:\.\d+)?)")


def read_validity(table: TargetTable, source: Source | None, probe: Probe | None) -> Validity:
    """The rules of a target whose keys were found right; `source` and `probe` have every name resolved."""
    if not (table.source or table.fresh_for or table.max_age or table.stale_if_error or table.probe or table.enough):
        return ALWAYS_VALID
    return Validity(
        fresh_for=_duration(table.fresh_for),
        max_age=_duration(table.max_age),
        stale_if_error=_duration(table.stale_if_error),
        source=source,
        probe=probe,
        significant=_significance(table.significant),
        enough=None if table.enough is None else read_condition(table.enough),
        enough_text=table.enough or "",
    )


def _duration(text: str | None) -> Seconds | None:
    return None if text is None else seconds(text)


def _significance(given: str | int | float | Mapping[str, str | int | float] | None) -> Significance:
    if isinstance(given, Mapping):
        return {name: read_tolerance(value) for name, value in given.items()}
    return None if given is None else read_tolerance(given)


def read_tolerance(value: str | int | float) -> Tolerance | None:
    """`"10%"`, `"x2"` or a number, in decimals; none for `"any"`."""
    if isinstance(value, int | float):
        return Tolerance(Scale.AMOUNT, Decimal(repr(value)))
    if match := _PERCENT.fullmatch(value.strip()):
        return Tolerance(Scale.SHARE, Decimal(match[1]) / 100)
    if match := _FACTOR.fullmatch(value.strip()):
        return Tolerance(Scale.FACTOR, Decimal(match[1]))
    return None
