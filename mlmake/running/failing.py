"""What the end of an attempt that did not succeed means; it carries nothing of it out."""

from collections.abc import Iterable
from dataclasses import replace

from mlmake.model.decision import Decision, Verb
from mlmake.model.event import Outcome
from mlmake.model.graph import Action, Graph
from mlmake.model.job import How
from mlmake.model.reason import Code
from mlmake.planning.evidence import Evidence
from mlmake.planning.judge import covered
from mlmake.planning.plan import closure
from mlmake.planning.request import owner_of
from mlmake.running import mishaps
from mlmake.running.attempt import Attempted

REFRESHING = frozenset({Code.EXPIRED, Code.SOURCE_CHANGED, Code.STALE})
"""The reasons of a run that only brings up to date what has not changed otherwise."""


def mishap(action: Action, done: Attempted) -> str:
    """What went wrong, in words."""
    if done.missing:
        return mishaps.not_created(done.missing)
    if done.error is not None or done.ended is None:
        return done.error or mishaps.cancelled()
    return mishaps.ended_badly(done.ended, action.policy.timeout)


def outcome_of(done: Attempted) -> Outcome:
    """How an attempt that failed for good is called."""
    return Outcome.TIMED_OUT if done.ended is not None and done.ended.how is How.TIMED_OUT else Outcome.FAILED


def covering(action: Action, evidence: Evidence, decision: Decision, done: Attempted) -> Decision | None:
    """That the last good result goes on in the place of a refresh that failed, if it may."""
    last = evidence.last
    if last is None or not {reason.code for reason in decision.reasons} <= REFRESHING:
        return None
    reason = covered(evidence, last)
    if reason is None:
        return None
    return replace(decision, verb=Verb.RESTORE, reasons=(replace(reason, note=mishap(action, done)),), result=last)


def closed_cycle(name: str, discovered: Iterable[str], graph: Graph) -> str | None:
    """That a file which the step loads is made from the step's own outputs, in words."""
    for path in discovered:
        maker = owner_of(graph, path)
        if maker is not None and maker != name and name in closure(graph, [maker]):
            return mishaps.loops(path, maker)
    return None
