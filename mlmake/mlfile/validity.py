"""When results stand, from the values of a target's keys that were checked before; it resolves no source."""

import re
from collections.abc import Mapping
from decimal import Decimal

from msgspec import to_builtins

from mlmake.mlfile.calls import split_function
from mlmake.mlfile.condition import read_condition
from mlmake.mlfile.schema import ProbeTable, TargetTable
from mlmake.model.command import Argv, Call, Command, Shell
from mlmake.model.digest import digest_of
from mlmake.model.units import Seconds, seconds
from mlmake.model.validity import ALWAYS_VALID, Probe, Scale, Significance, Source, Tolerance, Validity

DEFAULT_TIMEOUT = Seconds(60)
"""Of a probe that names none, and of the built-in ones."""

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_FACTOR = re.compile(r"x\s*(\d+(?:\.\d+)?)")


def read_validity(table: TargetTable, source: Source | None) -> Validity:
    """The rules of a target whose keys were found right; `source` is its source with every name resolved."""
    if not (table.source or table.fresh_for or table.max_age or table.stale_if_error or table.probe or table.enough):
        return ALWAYS_VALID
    return Validity(
        fresh_for=_duration(table.fresh_for),
        max_age=_duration(table.max_age),
        stale_if_error=_duration(table.stale_if_error),
        source=source,
        probe=_probe(table.probe),
        significant=_significance(table.significant),
        enough=None if table.enough is None else read_condition(table.enough),
        enough_text=table.enough or "",
    )


def _duration(text: str | None) -> Seconds | None:
    return None if text is None else seconds(text)


def _probe(probe: str | ProbeTable | None) -> Probe | None:
    if probe is None:
        return None
    if isinstance(probe, str):
        return Probe(probe, None, DEFAULT_TIMEOUT, digest_of(probe))
    command: Command
    if probe.call is not None:
        module, function = split_function(probe.call)
        command = Call(module, function, ())
    elif isinstance(probe.run, str):
        command = Shell(probe.run)
    else:
        command = Argv(tuple(probe.run or ()))
    # How long it may take is no part of what it measures.
    written = {key: value for key, value in to_builtins(probe).items() if key != "timeout"}
    return Probe(None, command, seconds(probe.timeout) or DEFAULT_TIMEOUT, digest_of(written))


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
