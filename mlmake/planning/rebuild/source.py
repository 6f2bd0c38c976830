"""The cue of the source: what its validator says beside the baseline of a result; it knows no windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from mlmake.model.observation import Baseline, Observation
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Trace
from mlmake.model.validity import Scale, Validity
from mlmake.planning.evidence import Evidence
from mlmake.planning.rebuild.significance import changed, equal


class Word(Enum):
    """What a validator may say of a result."""

    EQUAL = "nothing has changed"
    SMALL = "it has changed by less than counts"
    CHANGED = "it has changed"
    UNKNOWN = "something upstream may change it"
    FAILED = "it cannot be told"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A word with the reasons that go with it; `error` is why it cannot be told."""

    word: Word
    reasons: tuple[Reason, ...] = ()
    error: str = ""


def ask(evidence: Evidence, trace: Trace) -> Verdict:
    """Ask the validator, and compare with what the source was before this result was made."""
    observation = evidence.observe()
    if observation is None:
        return Verdict(Word.UNKNOWN)
    if observation.error is not None:
        return Verdict(Word.FAILED, error=observation.error)
    baseline = trace.baseline or Baseline()
    validity = evidence.validity
    if validity.probe is None or (evidence.exact and validity.source is not None):
        return _by_content(baseline, observation, exact=evidence.exact)
    return _by_measures(baseline, observation, validity)


def _by_content(baseline: Baseline, observation: Observation, *, exact: bool) -> Verdict:
    if exact and baseline.moved:
        return Verdict(Word.CHANGED, (Reason(Code.SOURCE_CHANGED, note="it moved while the last run read it"),))
    if observation.content is not None and observation.content == baseline.content:
        return Verdict(Word.EQUAL, (Reason(Code.REVALIDATED),))
    note = "" if baseline.content is not None else "what it held at the last run is not known"
    reason = Reason(Code.SOURCE_CHANGED, "", baseline.content, observation.content, note)
    return Verdict(Word.CHANGED, (reason,))


def _by_measures(baseline: Baseline, observation: Observation, validity: Validity) -> Verdict:
    probe, measures = validity.probe, observation.measures
    assert probe is not None and measures is not None, "a probe gives measures or an error"
    if baseline.measures is None or baseline.probe != probe.identity:
        note = "the probe is new" if baseline.measures is None else "the probe was changed"
        return Verdict(Word.CHANGED, (Reason(Code.SOURCE_CHANGED, note=note),))
    old = baseline.measures
    if names := list(changed(old, measures, validity.significant)):
        reasons = (
            Reason(Code.SOURCE_CHANGED, name, old.get(name), measures.get(name), tolerance_text(validity, name))
            for name in names
        )
        return Verdict(Word.CHANGED, tuple(reasons))
    if equal(old, measures):
        name = next(iter(measures), "")
        return Verdict(Word.EQUAL, (Reason(Code.REVALIDATED, name, old.get(name), measures.get(name)),))
    moved = list(changed(old, measures, None))
    small = (
        Reason(Code.REVALIDATED, name, old.get(name), measures.get(name), tolerance_text(validity, name))
        for name in moved
    )
    return Verdict(Word.SMALL, tuple(small))


def tolerance_text(validity: Validity, name: str) -> str:
    """How much a measure may change, in words."""
    tolerance = validity.significant
    if isinstance(tolerance, Mapping):
        if name not in tolerance:
            return "not compared"
        tolerance = tolerance[name]
    if tolerance is None:
        return ""
    match tolerance.scale:
        case Scale.SHARE:
            return f"significant from {(tolerance.size * 100).normalize():f} %"
        case Scale.FACTOR:
            return f"significant from x{tolerance.size:f}"
        case Scale.AMOUNT:
            return f"significant from {tolerance.size:f}"
