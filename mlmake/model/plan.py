"""What a build would do: a decision for each action in order; it knows nothing of carrying it out."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlmake.model.decision import Decision, Verb


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the actions named, those to force, and how remembered results may be used."""

    actions: tuple[str, ...]
    forced: frozenset[str] = frozenset()
    exact: bool = False
    restore: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions by action id, upstream first. `expected` gives the seconds a run took last time, where known.

    `next_due` is when a decision next changes by time alone, in seconds since the epoch.
    """

    request: Request
    decisions: Mapping[str, Decision]
    expected: Mapping[str, float]
    next_due: float | None = None

    def count(self, verb: Verb) -> int:
        """How many decisions have this verb."""
        return sum(d.verb is verb for d in self.decisions.values())
