"""A run so far as one value, folded from its events; it does not know how it is shown or where events come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from mlmake.model.event import (
    Event,
    Hashing,
    MetricsReported,
    ModelsChanged,
    Outcome,
    OutputText,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetsListed,
    TargetStarted,
    Warned,
)


@dataclass(frozen=True, slots=True)
class Running:
    """A step that runs: since when (seconds since the epoch), how long it took last time, what it told last."""

    target: str
    instance: str
    since: float
    attempt: int
    expected: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """Where a run stands. `running` is by instance in order of start; `saved` are seconds that were spared.

    An instance is counted once, by its last outcome; `rounds` are those that may have another one.
    """

    run: str = ""
    started: float = 0
    jobs: int = 0
    total: int = 0
    expected: Mapping[str, float] = field(default_factory=dict)
    running: Mapping[str, Running] = field(default_factory=dict)
    counts: Mapping[Outcome, int] = field(default_factory=dict)
    rounds: Mapping[str, Outcome] = field(default_factory=dict)
    saved: float = 0
    hashing: Hashing | None = None
    finished: RunFinished | None = None

    @property
    def done(self) -> int:
        """How many targets have ended."""
        return sum(self.counts.values())


def fold(status: Status, event: Event) -> Status:
    """The status after one more event."""
    match event:
        case RunStarted():
            return Status(event.run, event.time, event.jobs, event.targets, event.expected)
        case TargetsListed():
            return replace(status, total=event.targets, expected=event.expected)
        case TargetStarted():
            expected = status.expected.get(event.instance)
            step = Running(event.target, event.instance, event.time, event.attempt, expected)
            return replace(status, running={**status.running, event.instance: step}, hashing=None)
        case TargetFinished():
            return replace(
                status,
                running={name: step for name, step in status.running.items() if name != event.instance},
                saved=status.saved + event.saved,
                **_counted(status, event),
            )
        case MetricsReported():
            known = status.running.get(event.instance)
            if known is None:
                return status
            step = replace(known, metrics={**known.metrics, **event.metrics})
            return replace(status, running={**status.running, event.instance: step})
        case Hashing():
            return replace(status, hashing=event if event.done < event.total else None)
        case RunFinished():
            return replace(status, running={}, hashing=None, finished=event, saved=event.saved_seconds)
        case Warned(instance=name, ended=True):
            return replace(status, running={n: step for n, step in status.running.items() if n != name})
        case OutputText() | Warned() | ModelsChanged():
            return status
        case _:
            assert_never(event)


def _counted(status: Status, event: TargetFinished) -> dict[str, Any]:
    """The counts with this outcome; what was up to date in the end has done before what it did."""
    counts, outcome = dict(status.counts), event.outcome
    if (before := status.rounds.get(event.instance)) is not None:
        counts[before] -= 1
        outcome = before if outcome is Outcome.SKIPPED else outcome
    counts[outcome] = counts.get(outcome, 0) + 1
    if before is None and event.complete:
        return {"counts": counts}
    return {"counts": counts, "rounds": {**status.rounds, event.instance: outcome}}
