"""Everything a run can say, one type an event; it does not know who listens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from mlmake.model.reason import Reason


class Outcome(StrEnum):
    """How a target ended in a build."""

    RAN = "ran"
    RESTORED = "restored"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    DISTURBED = "disturbed"
    BLOCKED = "blocked"
    STALE = "stale"


GOOD = frozenset({Outcome.RAN, Outcome.RESTORED, Outcome.SKIPPED, Outcome.STALE})
"""Outcomes after which what depends on a target may go on."""

# `time` is seconds since the epoch in every event.


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A build begins; `targets` is the number of actions it will judge, `jobs` how many run at once."""

    time: float
    run: str
    targets: int
    jobs: int
    expected: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetsListed:
    """The instances of a target are known now; `targets` is the number of actions that the build judges with them."""

    time: float
    target: str
    targets: int
    expected: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetStarted:
    """A step starts; `attempt` counts from 1, `log` is the path of its captured output."""

    time: float
    target: str
    instance: str
    reasons: tuple[Reason, ...]
    attempt: int
    log: str | None = None


@dataclass(frozen=True, slots=True)
class TargetFinished:
    """An action has ended for this build. `seconds` is its run time, 0 if nothing ran; `saved` what skipping spared.

    `detail` is one sentence for a bad outcome (what went wrong and what to do), `log` where its output is.
    `losers` are the candidates that a selection did not choose, none for all else. `made_in` is the run that made the
    result which stands now, none where none does. A fan-in that did not wait for all its branches tells each of its
    results, which is not `complete` as long as branches were missing.
    """

    time: float
    target: str
    instance: str
    outcome: Outcome
    reasons: tuple[Reason, ...]
    seconds: float
    metrics: Mapping[str, float]
    exit_code: int | None
    saved: float = 0
    detail: str | None = None
    log: str | None = None
    losers: tuple[str, ...] | None = None
    made_in: str | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class OutputText:
    """A piece of a step's output as it comes (with `-v`); `stream` is "stdout" or "stderr"."""

    time: float
    instance: str
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class MetricsReported:
    """A running step tells its latest metrics."""

    time: float
    instance: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Hashing:
    """Something big is being hashed: how many of its bytes are done."""

    time: float
    path: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know that fails nothing; `instance` is empty for the build as a whole.

    `ended`: the step that it is about does not run any more, though its instance has no outcome yet.
    """

    time: float
    instance: str
    text: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class LiveModel:
    """One served model: which instance, the digest of its bytes, its rank from 1."""

    instance: str
    digest: str
    rank: int


@dataclass(frozen=True, slots=True)
class ModelsChanged:
    """The set of models that answers has changed as a whole."""

    time: float
    serve: str
    live: tuple[LiveModel, ...]


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A build ends; the counts are of actions, the times seconds.

    `outcome` is "ok", "failed", "not-up-to-date" (with `--frozen`) or "interrupted", then by the signal `signal`.
    """

    time: float
    run: str
    outcome: str
    ran: int
    restored: int
    skipped: int
    failed: int
    cancelled: int
    seconds: float
    saved_seconds: float
    blocked: int = 0
    signal: int | None = None


Event: TypeAlias = (
    RunStarted
    | TargetsListed
    | TargetStarted
    | TargetFinished
    | OutputText
    | MetricsReported
    | Hashing
    | Warned
    | ModelsChanged
    | RunFinished
)
