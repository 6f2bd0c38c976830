"""The one judge: evidence to decision, by the first rule that applies; it looks at nothing and carries out nothing."""

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import Digest
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Trace, inputs_key
from mlmake.planning.evidence import Evidence
from mlmake.planning.rebuild.content import Comparison, compare, spoiled
from mlmake.planning.rebuild.structure import demanded, unknown_recipe


def decide(evidence: Evidence) -> Decision:
    """Run, restore, skip or, where an input is not known yet, maybe."""
    action = evidence.action.id
    for cue in (demanded, unknown_recipe):
        if reasons := tuple(cue(evidence)):
            return Decision(action, Verb.RUN, reasons)
    last = evidence.last
    assert last is not None, "unknown_recipe answers for an action without a last run"
    changes = compare(evidence, last)
    if changes.equal:
        return _keep_or_mend(evidence, last)
    if changes.unknown:
        return _wait_or_run(evidence, last, changes)
    for older in evidence.results(_present_key(evidence)):
        if older.order != last.order and compare(evidence, older).equal and _recoverable(evidence, older):
            return Decision(action, Verb.RESTORE, (Reason(Code.CACHED, older.run), *changes.reasons), older)
    return Decision(action, Verb.RUN, changes.reasons)


def _keep_or_mend(evidence: Evidence, last: Trace) -> Decision:
    """Rule 4 and the last rule: nothing has changed, so the outputs decide."""
    found = list(spoiled(evidence, last))
    if not found:
        return Decision(evidence.action.id, Verb.SKIP, (Reason(Code.UP_TO_DATE),), last)
    reasons = tuple(reason for reason, _ in found)
    if all(evidence.stored(product) for _, product in found):
        return Decision(evidence.action.id, Verb.RESTORE, (Reason(Code.CACHED, last.run), *reasons), last)
    return Decision(evidence.action.id, Verb.RUN, reasons)


def _wait_or_run(evidence: Evidence, last: Trace, changes: Comparison) -> Decision:
    """Something upstream may change: run for certain only if nothing remembered could be kept whatever comes."""
    action = evidence.action.id
    for result in (last, *evidence.results(None)):
        if not compare(evidence, result).reasons and _recoverable(evidence, result):
            may = tuple(Reason(Code.INPUT_MAY_CHANGE, path) for path in changes.unknown)
            return Decision(action, Verb.MAYBE, may + changes.reasons, last)
    reasons = changes.reasons or tuple(reason for reason, _ in spoiled(evidence, last))
    return Decision(action, Verb.RUN, reasons)


def _recoverable(evidence: Evidence, result: Trace) -> bool:
    """Whether its outputs are on disk or can be put there."""
    return all(evidence.stored(product) for _, product in spoiled(evidence, result))


def _present_key(evidence: Evidence) -> Digest | None:
    known = [(path, version) for path, version in evidence.inputs if isinstance(version, str)]
    return inputs_key(known) if len(known) == len(evidence.inputs) else None
