"""When a result stands, by the manual's rules and nobody's code; it imports nothing of the planner."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from mlmake.model.condition import All, Compare, Condition, Not, Some
from mlmake.model.digest import digest_of
from mlmake.model.observation import Observation
from mlmake.model.trace import Trace
from mlmake.model.validity import Scale, Tolerance
from mlmake.testing.toy.workflow import Rules

ABSENT = ("nothing",)
TROUBLE = "trouble"
"""In place of a verb: the validator cannot tell, and nothing covers for it."""


class Unsure(Exception):
    """What the decision hangs on cannot be known from outside."""


@dataclass(frozen=True)
class Case:
    """One target at its judgement. Paths without a version are not there.

    `inputs` are the declared ones in order, `seen` gives what is at any path, `spoiled` how the outputs of a result are
    not on disk, with whether the store has them. `made` says that a path is another target's. `say` asks the source,
    for its content too or not. Results come newest first.
    """

    rules: Rules
    inputs: tuple[tuple[str, str | None], ...]
    seen: Callable[[str], str | None]
    spoiled: Callable[[Trace], list[tuple[str, bool]]]
    made: Callable[[str], bool]
    last: Trace | None
    results: tuple[Trace, ...]
    checked: Callable[[Trace], float | None]
    say: Callable[[bool], Observation]
    now: float
    forced: bool = False
    exact: bool = False


@dataclass(frozen=True)
class Ruling:
    """A verb, the codes of its reasons, the result that is kept or put back; `covered`: if it fails, that may go on."""

    verb: str
    codes: frozenset[str]
    result: Trace | None = None
    covered: bool = False


def rule(case: Case) -> Ruling:
    """Rules 1 to 10, from above."""
    if case.forced:
        return Ruling("run", frozenset({"forced"}))
    if case.last is None:
        return Ruling("run", frozenset({"recipe"}))
    differing = list(differences(case, case.last))
    excused = False
    if differing:
        excused = enough(case, case.last) and excusable(case, case.last, differing)
        if not excused:
            return replaced(case, frozenset(code for code, _ in differing), equal_source=False)
    beside = frozenset({"enough"}) if excused else frozenset()
    rules, last, age = case.rules, case.last, case.now - confirmed(case, case.last)
    covered = not differing and not case.exact and rules.stale_if_error is not None and 0 <= age < rules.stale_if_error
    if too_old(case, last):
        return Ruling("run", frozenset({"expired"}), last, covered)
    if unproven(case):
        return Ruling("run", frozenset({"stale"}))
    if is_fresh(case, last):
        return kept(case, beside | {"fresh"})
    if rules.asks:
        said = word(case, last)
        if said == "failed":
            can = not case.exact and rules.stale_if_error is not None and 0 <= age < rules.stale_if_error
            return kept(case, frozenset({"stale-if-error"})) if can and not differing else Ruling(TROUBLE, frozenset())
        if said in ("equal", "small"):
            return kept(case, beside | {"revalidated"})
        if enough(case, last) and excusable(case, last, differing):
            return kept(case, frozenset({"enough", "source-changed"}))
        found = replaced(case, frozenset({"source-changed"}), equal_source=True)
        return Ruling(found.verb, found.codes, found.result or last, covered and found.verb == "run")
    if rules.fresh_for is not None and not case.exact:
        return Ruling("run", frozenset({"stale"}), last, covered)
    return kept(case, beside or frozenset({"up-to-date"}))


def kept(case: Case, codes: frozenset[str]) -> Ruling:
    """Rule 4: the last result stands, so its outputs are put back if they are not there."""
    assert case.last is not None
    spoils = case.spoiled(case.last)
    if not spoils:
        return Ruling("skip", codes, case.last)
    found = frozenset(code for code, _ in spoils)
    if all(stored for _, stored in spoils):
        return Ruling("restore", found | {"cached"} | (codes - {"up-to-date"}), case.last)
    return Ruling("run", found)


def replaced(case: Case, codes: frozenset[str], *, equal_source: bool) -> Ruling:
    """An older result that would be kept in the place of the last run, the newest first; else a run."""
    by_content = case.rules.probe is None or (case.exact and case.rules.source is not None)
    for older in case.results:
        if older is case.last or (case.last is not None and older.order == case.last.order):
            continue
        if any(differences(case, older)) or not all(stored for _, stored in case.spoiled(older)):
            continue
        if too_old(case, older):
            continue
        if (
            case.exact
            and case.rules.source is None
            and (case.rules.fresh_for or case.rules.max_age or case.rules.probe)
        ):
            continue
        if not equal_source and is_fresh(case, older):
            return Ruling("restore", codes | {"cached"}, older)
        if case.rules.asks:
            moved = older.baseline is not None and older.baseline.moved
            if (by_content or not equal_source) and not moved and word(case, older) == "equal":
                return Ruling("restore", codes | {"cached"}, older)
        elif case.rules.fresh_for is None or case.exact:
            return Ruling("restore", codes | {"cached"}, older)
    return Ruling("run", codes)


def differences(case: Case, trace: Trace) -> Iterator[tuple[str, str]]:
    """Rule 3: codes and paths of the inputs that are not what the result was made from."""
    before, now = dict(trace.inputs), dict(case.inputs)
    found = False
    for path, version in case.inputs:
        if path not in before:
            found = True
            yield "input-added", path
        elif before[path] != version:
            found = True
            yield "input-changed", path
    for path in before:
        if path not in now:
            found = True
            yield "input-removed", path
    if not found and list(before) != list(now):
        yield "input-changed", ORDER
    for path, digest in trace.discovered:
        if path not in now and case.seen(path) != digest:
            yield ("input-changed" if path in trace.read else "code-changed"), path


def confirmed(case: Case, trace: Trace) -> float:
    """When the result was made, or revalidated since."""
    checked = case.checked(trace)
    return trace.ended if checked is None else checked


def too_old(case: Case, trace: Trace) -> bool:
    """Rule 5; what comes from the future is too old as well."""
    limit, age = case.rules.max_age, case.now - trace.ended
    return limit is not None and (age > limit or age < 0)


def unproven(case: Case) -> bool:
    """Exactly judged, nothing but a clock or a probe of nothing speaks for it."""
    rules = case.rules
    clock = rules.fresh_for is not None or rules.max_age is not None
    return case.exact and rules.source is None and (clock or rules.probe is not None)


def is_fresh(case: Case, trace: Trace) -> bool:
    """Rule 6."""
    window, age = case.rules.fresh_for, case.now - confirmed(case, trace)
    return window is not None and not case.exact and 0 <= age < window


def word(case: Case, trace: Trace) -> str:
    """Rules 7 and 8: "equal", "small", "changed" or "failed"."""
    by_content = case.rules.probe is None or (case.exact and case.rules.source is not None)
    said = case.say(case.exact)
    if said.error is not None:
        return "failed"
    baseline = trace.baseline
    if baseline is None:
        return "changed"
    if by_content:
        if case.exact and baseline.moved:
            return "changed"
        return "equal" if said.content is not None and said.content == baseline.content else "changed"
    if baseline.measures is None or said.measures is None or baseline.probe != probe_identity(case.rules):
        return "changed"
    if significant(baseline.measures, said.measures, case.rules.significant):
        return "changed"
    return "small" if significant(baseline.measures, said.measures, None) else "equal"


def probe_identity(rules: Rules) -> str:
    """How the toy world names a probe."""
    assert rules.probe is not None
    return digest_of(rules.probe)


def significant(old: Mapping[str, object], new: Mapping[str, object], tolerance: object) -> bool:
    """Whether any measure that counts changed by as much as counts."""
    names = tolerance if isinstance(tolerance, Mapping) else dict.fromkeys((*old, *new), tolerance)
    return any(counts(old.get(name, ABSENT), new.get(name, ABSENT), limit) for name, limit in names.items())


def counts(old: object, new: object, tolerance: Tolerance | None) -> bool:
    """Whether a change of one measure counts, in exact fractions."""
    numbers = [x for x in (old, new) if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) < 2:
        return type(old) is not type(new) or old != new
    a, b = numbers
    if a == b or (math.isnan(a) and math.isnan(b)):
        return False
    if tolerance is None or not math.isfinite(a) or not math.isfinite(b):
        return True
    was, now, size = Fraction(str(a)), Fraction(str(b)), Fraction(str(tolerance.size))
    if was == 0:
        return True
    if tolerance.scale is Scale.AMOUNT:
        return abs(now - was) >= size
    if tolerance.scale is Scale.SHARE:
        return abs(now - was) / abs(was) >= size
    return now == 0 or was * now < 0 or max(now / was, was / now) >= size


def enough(case: Case, trace: Trace) -> bool:
    """Whether the metrics make a change of the data not worth a run."""
    condition = case.rules.enough
    return condition is not None and not case.exact and trace.complete and satisfied(condition, trace.metrics) is True


ORDER = "the order of the inputs"


def excusable(case: Case, trace: Trace, differing: list[tuple[str, str]]) -> bool:
    """Whether only what other targets make differs; of an order, what is not theirs must stand as it stood."""
    own = [path for path, _ in case.inputs if not case.made(path)]
    same = own == [path for path, _ in trace.inputs if not case.made(path)]
    return all(same if path == ORDER else case.made(path) for _, path in differing)


def satisfied(condition: Condition, metrics: Mapping[str, float]) -> bool | None:
    """True, false, or none where that hangs on a metric that is not there."""
    match condition:
        case Compare(name, operator, number):
            value = metrics.get(name)
            if value is None or math.isnan(value):
                return None
            return {
                "<": value < number,
                "<=": value <= number,
                ">": value > number,
                ">=": value >= number,
                "==": value == number,
                "!=": value != number,
            }[operator]
        case Not(inner):
            told = satisfied(inner, metrics)
            return None if told is None else not told
        case All(parts):
            told = {satisfied(part, metrics) for part in parts}
            return False if False in told else None if None in told else True
        case Some(parts):
            told = {satisfied(part, metrics) for part in parts}
            return True if True in told else None if None in told else False
