"""The cues of time: windows and limits; they know no source and no content."""

from collections.abc import Iterator

from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Trace
from mlmake.planning.evidence import Evidence


def expired(evidence: Evidence, trace: Trace) -> Iterator[Reason]:
    """It is older than it may ever be, or of a time that has not come yet. Values are seconds."""
    limit = evidence.validity.max_age
    if limit is not None and not 0 <= (age := evidence.now - trace.ended) <= limit:
        yield Reason(Code.EXPIRED, "", limit, age)


def fresh(evidence: Evidence, trace: Trace) -> Iterator[Reason]:
    """Its window is open: age so far, and what is left of it, in seconds."""
    window = evidence.validity.fresh_for
    if window is None or evidence.exact:
        return
    age = evidence.now - last_confirmed(evidence, trace)
    if 0 <= age < window:
        yield Reason(Code.FRESH, "", age, window - age)


def stale(evidence: Evidence, trace: Trace) -> Iterator[Reason]:
    """Its window has passed and there is nothing to ask: its age and the window, in seconds."""
    window = evidence.validity.fresh_for
    if window is None or evidence.validity.asks or evidence.exact:
        return
    age = evidence.now - last_confirmed(evidence, trace)
    if not 0 <= age < window:
        yield Reason(Code.STALE, "", window, age)


def last_confirmed(evidence: Evidence, trace: Trace) -> float:
    """When it was made or revalidated, whichever was recorded last."""
    checked = evidence.checked(trace)
    return trace.ended if checked is None else checked


def next_due(evidence: Evidence, trace: Trace) -> float | None:
    """When time alone may decide otherwise about a result that is kept; None if never."""
    dues = []
    if evidence.validity.max_age is not None and trace.ended <= evidence.now:
        dues.append(trace.ended + evidence.validity.max_age)
    if evidence.validity.fresh_for is not None and not evidence.exact:
        end = last_confirmed(evidence, trace) + evidence.validity.fresh_for
        if end > evidence.now:
            dues.append(end)
    return min(dues, default=None)


def cover_ends(evidence: Evidence, trace: Trace) -> float | None:
    """When a result is too old to stand in for a refresh that fails; None if it never may."""
    limit = evidence.validity.stale_if_error
    return None if limit is None else last_confirmed(evidence, trace) + limit


def untimed(evidence: Evidence, trace: Trace) -> Iterator[Reason]:
    """Where no clock is trusted: nothing but a clock, or a probe of nothing that can be compared, speaks for it."""
    validity = evidence.validity
    if not evidence.exact or validity.source is not None:
        return
    if validity.fresh_for is not None or validity.max_age is not None or validity.probe is not None:
        yield Reason(Code.STALE, note="nothing but a clock or a probe speaks for it, and neither counts here")
