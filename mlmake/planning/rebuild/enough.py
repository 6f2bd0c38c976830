"""The cue of enough: metrics that make a change of the data not worth a run; it looks at no data."""

from mlmake.model.condition import holds, named
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Trace
from mlmake.planning.evidence import Evidence
from mlmake.planning.rebuild.content import ORDER


def enough(evidence: Evidence, trace: Trace) -> Reason | None:
    """That the metrics of a result satisfy the condition, with the figures; None if they do not, or there is none."""
    condition = evidence.validity.enough
    if condition is None or evidence.exact or not trace.complete or not holds(condition, trace.metrics):
        return None
    figures = ", ".join(f"{name} {trace.metrics[name]:.6g}" for name in named(condition) if name in trace.metrics)
    return Reason(Code.ENOUGH, evidence.validity.enough_text, note=figures)


def excusable(evidence: Evidence, trace: Trace, reason: Reason) -> bool:
    """Whether a changed input is one that another target makes, which alone may be excused."""
    if reason.subject != ORDER:
        return evidence.made(reason.subject)
    own = [path for path, _ in trace.inputs if not evidence.made(path)]
    return own == [path for path, _ in evidence.inputs if not evidence.made(path)]
