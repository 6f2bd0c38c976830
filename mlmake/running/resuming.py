"""What an attempt that did not succeed leaves to the next one; it starts neither."""

from collections.abc import Sequence

from mlmake.model.digest import Digest
from mlmake.model.graph import Action
from mlmake.model.trace import Failure, inputs_key
from mlmake.planning.evidence import Evidence


def resumable(action: Action, evidence: Evidence, *, failure: Failure | None) -> tuple[str, ...]:
    """The kept outputs that stay in place: only those that the same recipe and inputs have written."""
    if not action.policy.keep:
        return ()
    key, last = present_key(evidence), evidence.last
    if failure is not None:
        return action.policy.keep if (failure.recipe, failure.key) == (action.recipe, key) else ()
    return action.policy.keep if last is not None and last == evidence.latest and last.key == key else ()


def present_key(evidence: Evidence | None) -> Digest:
    """The key of the present inputs, missing ones included; of none where nothing was looked at yet."""
    pairs: Sequence[tuple[str, Digest]] = [
        (path, Digest(str(version))) for path, version in (evidence.inputs if evidence else ())
    ]
    return inputs_key(pairs)
