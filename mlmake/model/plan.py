"""What a build would do: a decision for each action in order; it knows nothing of carrying it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmake.model.decision import Decision, Verb


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the actions named, those to force, and how remembered results may be used.

    `exact` trusts no window, tolerance or condition; `lifted` are actions whose window does not hold this once, because
    their source is known to have moved.
    """

    actions: tuple[str, ...]
    forced: frozenset[str] = frozenset()
    exact: bool = False
    restore: bool = True
    lifted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Start:
    """What a fan-in that need not wait for all will start on: as soon as `needed` of its `branches` are there.

    `there` are those that need not run, `carried` those that count with an earlier result until they have run.
    """

    needed: int
    branches: tuple[str, ...]
    there: tuple[str, ...]
    carried: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions by action id, upstream first. `expected` gives the seconds a run took last time, where known.

    `starts` tells of fan-ins with a count that may run.

    `next_due` is when a decision next changes by time alone, in seconds since the epoch. `troubles` says why nothing
    can be decided about some actions: their validators cannot tell.
    """

    request: Request
    decisions: Mapping[str, Decision]
    expected: Mapping[str, float]
    next_due: float | None = None
    troubles: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[str, Start] = field(default_factory=dict)

    def count(self, verb: Verb) -> int:
        """How many decisions have this verb."""
        return sum(d.verb is verb for d in self.decisions.values())
