"""The cues of the recipe: forced, always, never built, built by another recipe; they look at no content."""

from collections.abc import Iterator

from mlmake.model.fact import differences
from mlmake.model.reason import Code, Reason
from mlmake.planning.evidence import Evidence


def demanded(evidence: Evidence) -> Iterator[Reason]:
    """It runs whatever is remembered: it has nothing to be up to date, or the user says so."""
    if evidence.action.is_phony:
        yield Reason(Code.ALWAYS)
    elif evidence.forced:
        yield Reason(Code.FORCED)


def unknown_recipe(evidence: Evidence) -> Iterator[Reason]:
    """No result of the present recipe is remembered: what differs from the last one there is."""
    if evidence.last is not None:
        return
    changes = differences(evidence.latest.facts, evidence.action.facts) if evidence.latest else []
    yield from changes or [Reason(Code.NEVER_BUILT)]
