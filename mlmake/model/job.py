"""A self-contained order to run one step once, and how it ended; it knows nothing of the graph or of judging."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from mlmake.model.digest import Value
from mlmake.model.units import Seconds


@dataclass(frozen=True, slots=True)
class Process:
    """Run this argv; the shell is already in it, with the script as the last word if `script`."""

    argv: tuple[str, ...]
    script: bool = False


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """Call `module:function`; `arguments` may hold `PathText` anywhere, which becomes a `pathlib.Path`.

    `context` is what `step` tells: target, instance, attempt, matrix, inputs, outputs, params.
    """

    module: str
    function: str
    arguments: Mapping[str, object]
    context: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PathText:
    """A path among the arguments of a call, as text relative to the root."""

    text: str


Order: TypeAlias = Process | FunctionCall


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of one action. `id` is unique in a build and safe in a file name.

    `root` is the absolute project root where it runs. `env` is all of its environment. `log` is the absolute path
    that gets both of its streams. `track` says what to discover. `threads` is the thread count its libraries should
    use, none to leave them alone. `secrets` are values to mask in the log.
    """

    id: str
    action: str
    order: Order
    root: str
    env: Mapping[str, str]
    log: str
    timeout: Seconds | None = None
    track: tuple[str, ...] = ()
    threads: int | None = None
    secrets: tuple[str, ...] = ()


class How(StrEnum):
    """How an attempt ended, before its outputs are looked at."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    NOT_STARTED = "not-started"


@dataclass(frozen=True, slots=True)
class Imported:
    """A top-level module from outside the project: the interpreter that imported it, and the folder where it lies."""

    python: str
    folder: str
    module: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended. `code` is the exit code, negative for a signal, none if it never started.

    `loaded` are the project's files its Python processes executed, as paths relative to the root, each with the
    seconds since the epoch at which it was first seen; `read` the others that they opened to read, there or not, and
    `written` those they wrote, likewise. `imported` is what they imported from elsewhere. `detail` explains a start
    that failed or a function that raised. `survivors` are the command lines of processes that had to be ended after it.
    """

    how: How
    code: int | None
    seconds: float
    loaded: Mapping[str, float] = field(default_factory=dict)
    read: Mapping[str, float] = field(default_factory=dict)
    written: Mapping[str, float] = field(default_factory=dict)
    imported: tuple[Imported, ...] = ()
    detail: str | None = None
    survivors: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """It ended by itself with exit code 0."""
        return self.how is How.EXITED and self.code == 0


# What a running step may send before it ends.


@dataclass(frozen=True, slots=True)
class Said:
    """Output of a step as it comes."""

    job: str
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Reported:
    """Metrics that a step tells while it runs."""

    job: str
    metrics: Mapping[str, float]


Remark: TypeAlias = Said | Reported

JobContext: TypeAlias = Mapping[str, Value]
