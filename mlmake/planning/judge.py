"""The one judge: evidence to decision, by the first rule that applies; it looks at nothing and carries out nothing."""

from collections.abc import Iterator
from dataclasses import replace

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import Digest
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Trace, inputs_key
from mlmake.planning.evidence import Evidence
from mlmake.planning.rebuild.age import cover_ends, expired, fresh, last_confirmed, next_due, stale, untimed
from mlmake.planning.rebuild.content import Comparison, compare, spoiled
from mlmake.planning.rebuild.enough import enough, excusable
from mlmake.planning.rebuild.source import Verdict, Word, ask
from mlmake.planning.rebuild.structure import demanded, unknown_recipe


class Unjudgeable(Exception):
    """The validator of an action cannot tell how its source is, and nothing covers for it; the message says why."""


def decide(evidence: Evidence) -> Decision:
    """Run, restore, skip or, where an input is not known yet, maybe. Raises Unjudgeable."""
    for cue in (demanded, unknown_recipe):
        if reasons := tuple(cue(evidence)):
            return _decision(evidence, Verb.RUN, reasons)
    last = evidence.last
    assert last is not None, "unknown_recipe answers for an action without a last run"
    changes = compare(evidence, last)
    pardon = enough(evidence, last)
    if pardon is not None and not all(excusable(evidence, last, reason) for reason in changes.reasons):
        pardon = None
    if changes.equal:
        return _stand(evidence, last, pardon)
    if pardon is not None:
        return _stand(evidence, last, pardon, excused=True)
    if changes.unknown:
        return _wait_or_run(evidence, last, changes)
    return _replace_or_run(evidence, last, changes.reasons)


def _stand(evidence: Evidence, last: Trace, pardon: Reason | None, *, excused: bool = False) -> Decision:
    """Rules 5 to 10 of the last run, whose inputs have not changed or are `excused`."""
    if evidence.confirmed:
        return _keep_or_mend(evidence, last, (Reason(Code.UP_TO_DATE),))
    for cue in (expired, untimed):
        if reasons := tuple(cue(evidence, last)):
            return _decision(evidence, Verb.RUN, reasons)
    beside = (pardon,) if excused and pardon is not None else ()
    if not evidence.lifted and (reasons := tuple(fresh(evidence, last))):
        return _keep_or_mend(evidence, last, (*beside, *reasons))
    if evidence.validity.asks:
        return _asked(evidence, last, ask(evidence, last), pardon, beside)
    if reasons := tuple(stale(evidence, last)):
        return _decision(evidence, Verb.RUN, reasons)
    return _keep_or_mend(evidence, last, beside or (Reason(Code.UP_TO_DATE),))


def _asked(
    evidence: Evidence, last: Trace, verdict: Verdict, pardon: Reason | None, beside: tuple[Reason, ...]
) -> Decision:
    """Rules 7 and 8: what the validator's word means for the last run."""
    match verdict.word:
        case Word.EQUAL | Word.SMALL:
            return _keep_or_mend(evidence, last, (*verdict.reasons, *beside))
        case Word.CHANGED if pardon is not None:
            return _keep_or_mend(evidence, last, (pardon, *verdict.reasons))
        case Word.CHANGED:
            return _replace_or_run(evidence, last, verdict.reasons)
        case Word.UNKNOWN:
            return _maybe(evidence, last, ("the source",), ())
        case Word.FAILED:
            return _cover(evidence, last, verdict)


def _cover(evidence: Evidence, last: Trace, verdict: Verdict) -> Decision:
    """The validator fails: the last result stands in for a new one as long as it may. Raises Unjudgeable."""
    if (reason := covered(evidence, last)) is None:
        raise Unjudgeable(verdict.error)
    decision = _keep_or_mend(evidence, last, (replace(reason, note=verdict.error),))
    if decision.verb not in (Verb.SKIP, Verb.RESTORE) or (ends := cover_ends(evidence, last)) is None:
        return decision
    return replace(decision, due=ends if decision.due is None else min(decision.due, ends))


def covered(evidence: Evidence, last: Trace) -> Reason | None:
    """That a failed refresh may go on with the last result, if its inputs have not changed; values are seconds."""
    limit = evidence.validity.stale_if_error
    age = evidence.now - last_confirmed(evidence, last)
    if limit is None or evidence.exact or evidence.forced or not 0 <= age < limit:
        return None
    if not compare(evidence, last).equal or not _recoverable(evidence, last):
        return None
    return Reason(Code.STALE_IF_ERROR, "", limit, age)


def _keep_or_mend(evidence: Evidence, last: Trace, reasons: tuple[Reason, ...]) -> Decision:
    """Rule 4 and the last rule: nothing else calls for a run, so the outputs decide."""
    found = list(spoiled(evidence, last))
    due = next_due(evidence, last)
    if not found:
        return _decision(evidence, Verb.SKIP, reasons, last, due)
    spoils = tuple(reason for reason, _ in found)
    if all(evidence.stored(product) for _, product in found):
        kept = tuple(reason for reason in reasons if reason.code is not Code.UP_TO_DATE)
        return _decision(evidence, Verb.RESTORE, (Reason(Code.CACHED, last.run), *spoils, *kept), last, due)
    return _decision(evidence, Verb.RUN, spoils)


def _replace_or_run(evidence: Evidence, last: Trace, reasons: tuple[Reason, ...]) -> Decision:
    """An older result with equal inputs takes the place of the last one if it would be kept there; else run."""
    unsure = False
    for older in evidence.results(_present_key(evidence)):
        if older.order == last.order or not compare(evidence, older).equal or not _recoverable(evidence, older):
            continue
        match _would_stand(evidence, older, source_moved=reasons[0].code is Code.SOURCE_CHANGED):
            case True:
                due = next_due(evidence, older)
                return _decision(evidence, Verb.RESTORE, (Reason(Code.CACHED, older.run), *reasons), older, due)
            case None:
                unsure = True
            case False:
                continue
    return _maybe(evidence, last, ("the source",), reasons) if unsure else _decision(evidence, Verb.RUN, reasons)


def _would_stand(evidence: Evidence, older: Trace, *, source_moved: bool = False) -> bool | None:
    """Whether rules 5 to 10 would keep an older result as the last run; None if that is not known yet.

    No tolerance helps it, and if the source is known to have moved, no window: only an equal source does.
    """
    if any(expired(evidence, older)) or any(untimed(evidence, older)):
        return False
    if not source_moved and not evidence.lifted and any(fresh(evidence, older)):
        return True
    if evidence.validity.asks:
        if source_moved and evidence.validity.probe is not None and not evidence.exact:
            return False
        word = ask(evidence, older).word
        if word is Word.UNKNOWN:
            return None
        return word is Word.EQUAL and not (older.baseline is not None and older.baseline.moved)
    return not any(stale(evidence, older))


def _wait_or_run(evidence: Evidence, last: Trace, changes: Comparison) -> Decision:
    """Something upstream may change: run for certain only if nothing remembered could be kept whatever comes."""
    if any(_possible(evidence, last)):
        return _maybe(evidence, last, changes.unknown, changes.reasons)
    reasons = changes.reasons or tuple(reason for reason, _ in spoiled(evidence, last))
    return _decision(evidence, Verb.RUN, reasons or _why_not(evidence, last))


def _possible(evidence: Evidence, last: Trace) -> Iterator[Trace]:
    """The results that may come to stand once everything upstream is known."""
    for result in (last, *evidence.results(None)):
        if compare(evidence, result).reasons or not _recoverable(evidence, result):
            continue
        if result.order == last.order:
            if not any(expired(evidence, last)) and _last_may_stand(evidence, last):
                yield last
        elif _would_stand(evidence, result) is not False:
            yield result


def _last_may_stand(evidence: Evidence, last: Trace) -> bool:
    if evidence.confirmed or (not evidence.lifted and any(fresh(evidence, last))):
        return True
    if evidence.validity.asks:
        return ask(evidence, last).word is not Word.CHANGED or enough(evidence, last) is not None
    return not any(stale(evidence, last)) and not any(untimed(evidence, last))


def _why_not(evidence: Evidence, last: Trace) -> tuple[Reason, ...]:
    """Why the last run cannot stand, whatever its inputs become."""
    for cue in (expired, untimed, stale):
        if reasons := tuple(cue(evidence, last)):
            return reasons
    return ask(evidence, last).reasons


def _maybe(evidence: Evidence, last: Trace, subjects: tuple[str, ...], reasons: tuple[Reason, ...]) -> Decision:
    may = tuple(Reason(Code.INPUT_MAY_CHANGE, subject) for subject in subjects)
    return _decision(evidence, Verb.MAYBE, (*may, *reasons), last)


def _recoverable(evidence: Evidence, result: Trace) -> bool:
    """Whether its outputs are on disk or can be put there."""
    return all(evidence.stored(product) for _, product in spoiled(evidence, result))


def _present_key(evidence: Evidence) -> Digest | None:
    known = [(path, version) for path, version in evidence.inputs if isinstance(version, str)]
    return inputs_key(known) if len(known) == len(evidence.inputs) else None


def _decision(
    evidence: Evidence,
    verb: Verb,
    reasons: tuple[Reason, ...],
    result: Trace | None = None,
    due: float | None = None,
) -> Decision:
    return Decision(evidence.action.id, verb, reasons, result, due)
