"""Builds that are over, as values; it knows neither where they are kept nor how they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

EVENTS = "events.jsonl"
"""In the folder of a run: all its events but the output of steps."""

ASKED = "asked.json"
"""In the folder of a run: what was asked for, the parameters, and each instance with its keys."""

NOW = "now"
"""Stands for the results that the workspace has at present, where a run could stand."""

CUT_OFF = "cut off"
"""How a run ended that never told its end: mlmake was killed, or the machine went down."""

RUNNING = "running"

Json: TypeAlias = Any
"""What JSON can hold."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason as it was told then."""

    code: str
    subject: str = ""
    old: Json = None
    new: Json = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """A run as a whole: `started` in seconds since the epoch, `ended` the outcome of the run, `CUT_OFF` or `RUNNING`.

    `counts` are of targets by word ("ran", "failed" …); `seconds` is none where nobody could measure it. `words` are
    those of the command line.
    """

    run: str
    started: float
    ended: str
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    saved: float = 0.0
    jobs: int = 0
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instance in a run. `outcome` is none if it had not ended; of what was kept or restored the metrics count too.

    `at` is when it started, in seconds after the run's start, none if it did not run; `made_in` the run that made the
    result which stood then, which is not `complete` if branches were missing; `losers` are those that a selection did
    not choose. `keys` are its matrix values, `uses` the names of its parameters.
    """

    instance: str
    target: str
    outcome: str | None = None
    at: float | None = None
    seconds: float = 0.0
    attempts: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    detail: str | None = None
    exit_code: int | None = None
    made_in: str | None = None
    complete: bool = True
    losers: tuple[str, ...] | None = None
    keys: Mapping[str, Json] = field(default_factory=dict)
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter's value and what set it: a file, with its line where that is known, or the flag as it was given."""

    value: Json
    source: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """A run with all that is known of it.

    `better` says of a metric whether "max" or "min" is wanted; `listed` are the instances in the order of the Mlfile.
    """

    head: Head
    steps: Mapping[str, Step]
    params: Mapping[str, Parameter] = field(default_factory=dict)
    better: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[str, ...] = ()
