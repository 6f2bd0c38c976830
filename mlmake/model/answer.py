"""What the process of a probe came to, and the measures in what it printed; it knows no process."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlmake.model.job import How
from mlmake.model.observation import Measures
from mlmake.model.reason import Plain

SINGLE = "probe"
"""The name of the only measure of a command that prints no object."""

LONGEST = 64 * 1024
"""Bytes of an answer; a probe that prints more prints something else."""

_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"(?i)([+-]?)(nan|inf|infinity)")


@dataclass(frozen=True, slots=True)
class Answer:
    """How a probe ended, and what it wrote: `out` is its answer, `err` the last of everything else.

    `detail` explains a start that failed.
    """

    how: How
    code: int | None
    out: bytes
    err: bytes
    detail: str | None = None


class NoMeasure(ValueError):
    """What was printed is no answer; the message says why."""


def measures_in(out: bytes) -> Measures:
    """A number, the values of a JSON object with nested keys joined by ".", or any other text. Raises NoMeasure."""
    if len(out) > LONGEST:
        raise NoMeasure(f"it printed more than {LONGEST // 1024} KiB")
    try:
        text = out.decode().strip()
    except UnicodeDecodeError:
        raise NoMeasure("what it printed is no text") from None
    if not text:
        raise NoMeasure("it printed nothing")
    if "\0" in text:
        raise NoMeasure("what it printed is no text")
    if _NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return {SINGLE: _number(text)}
    if not text.startswith("{"):
        return {SINGLE: text}
    try:
        document = json.loads(text, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise NoMeasure(f"what it printed begins like a JSON object and is none: {error}") from None
    measures: dict[str, Plain] = {}
    _flatten(document, "", measures)
    if not measures:
        raise NoMeasure("the object it printed is empty")
    return measures


def _flatten(table: Mapping[str, object], prefix: str, measures: dict[str, Plain]) -> None:
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict):
            _flatten(value, f"{name}.", measures)
        elif name in measures:
            raise NoMeasure(f"it has two measures of the name {name}")
        elif value is None or isinstance(value, str | int | float):
            measures[name] = value
        else:
            measures[name] = json.dumps(value)


def _number(text: str) -> int | float:
    """As far as it can be remembered: a whole number of more than 63 bits loses its last digits."""
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    number = float(text)
    return math.copysign(number, 1) if math.isnan(number) else number
