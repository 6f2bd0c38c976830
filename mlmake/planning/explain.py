"""Reasons as sentences and as chains of causes, the only place with that wording; it judges nothing itself."""

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from mlmake.model.decision import Decision, Verb
from mlmake.model.fact import canonical_text
from mlmake.model.graph import Chosen, Graph
from mlmake.model.plan import Plan, Start
from mlmake.model.reason import Code, Plain, Reason
from mlmake.model.trace import Memory, Trace
from mlmake.model.units import show_seconds
from mlmake.planning.branches import missing
from mlmake.planning.request import owner_of

LONGEST = 48
"""Characters of a value in a sentence; of longer ones the place where they differ is shown."""

AT_MOST = 4
"""Causes of one line in a chain; the rest is counted."""

ALIKE = 2
"""Inputs that changed alike and are named each; of more only the number is told."""

# In reasons of time, `old` is the limit and `new` the age, in seconds; for `fresh`, `new` is what is left.


def sentence(reason: Reason) -> str:
    """One cause in words, with its value before and now."""
    subject, old, new = reason.subject, reason.old, reason.new
    match reason.code:
        case Code.FORCED:
            return "forced"
        case Code.NEVER_BUILT:
            return "never built"
        case Code.RECIPE_CHANGED:
            return _changed(subject or "recipe", old, new)
        case Code.PARAM_CHANGED:
            if old is None:
                return f"parameter {subject} is new: {_value(new)}"
            if new is None:
                return f"parameter {subject} is no longer used (it was {_value(old)})"
            before, now = _pair(old, new)
            return f"parameter {subject} {before} → {now}"
        case Code.ENV_CHANGED:
            return "environment variable " + _changed(subject, old, new, absent="unset")
        case Code.CODE_CHANGED:
            if old is None and new is not None:
                return f"code of {subject} is new"
            if new is None and old is not None:
                return f"code of {subject} is gone"
            return f"code of {subject} changed" + _digests(old, new)
        case Code.INPUT_CHANGED:
            if new is None and old is not None:
                return f"input {subject} is missing"
            return f"{subject} changed" + _digests(old, new)
        case Code.INPUT_ADDED:
            return f"{subject} is a new input"
        case Code.INPUT_REMOVED:
            return f"{subject} is no longer an input"
        case Code.OUTPUT_MISSING:
            return f"output {subject} is missing" if subject else "an output is missing"
        case Code.OUTPUT_ALTERED:
            return f"output {subject} was altered" + _digests(old, new)
        case Code.EXPIRED:
            return "expired" + _age(old, new)
        case Code.SOURCE_CHANGED:
            what = f"{subject} of the source" if subject else "the source"
            change = _digests(old, new) if not subject else f": {_value(old)} → {_value(new)}"
            return f"{what} changed{change}" + _noted(reason)
        case Code.STALE:
            return "stale" + _age(old, new) + _noted(reason)
        case Code.ALWAYS:
            return "runs whenever it is asked for"
        case Code.FRESH:
            left = f", {show_seconds(new)} left" if _is_number(new) else ""
            return f"fresh{left}"
        case Code.REVALIDATED:
            if not subject:
                return "revalidated: the source is what it was"
            if _same(old, new):
                return f"revalidated: {subject} of the source is what it was: {_value(new)}"
            return f"revalidated: {subject} {_value(old)} → {_value(new)} is not significant" + _noted(reason)
        case Code.ENOUGH:
            return f"good enough: {subject or 'its metrics'}" + _noted(reason)
        case Code.UP_TO_DATE:
            return "up to date"
        case Code.STALE_IF_ERROR:
            why = f": {reason.note}" if reason.note else ""
            return "kept although refreshing it failed" + _age(old, new) + why
        case Code.INPUT_MAY_CHANGE:
            return f"{subject} may change" if subject else "an input may change"
        case Code.CACHED:
            return "an earlier result fits" + (f", of run {subject}" if subject else "")
        case Code.ACCEPTED:
            return f"accepted by {subject}" + (f": {_value(new)}" if new is not None else "")


def _noted(reason: Reason) -> str:
    return f" ({reason.note})" if reason.note else ""


def _same(old: Plain, new: Plain) -> bool:
    return old == new or (old != old and new != new)


def sentences(reasons: Sequence[Reason], *, most: int | None = None) -> str:
    """Several causes in one line, in their order; with `most`, inputs alike and what is beyond are only counted."""
    texts = list(dict.fromkeys(_told(reasons) if most is not None else map(sentence, reasons)))
    if most is not None and len(texts) > most:
        texts = [*texts[: most - 1], f"and {len(texts) - most + 1} more causes"]
    return "; ".join(texts)


def headline(decision: Decision) -> str:
    """What will be done with an action and why, as one sentence."""
    why = sentences(decision.reasons, most=AT_MOST)
    match decision.verb:
        case Verb.RUN:
            return f"{decision.action} will run because " + (_because(decision.reasons) or "it has to")
        case Verb.RESTORE:
            return f"{decision.action} will be restored" + (f": {why}" if why else "")
        case Verb.MAYBE:
            return f"{decision.action} may run because " + (_because(decision.reasons) or "an input may change")
        case Verb.SKIP:
            return f"{decision.action} is " + (why or "up to date")


@dataclass(frozen=True, slots=True)
class Link:
    """Actions with one cause between them: how many steps from the one asked about, and what moved them.

    `verb` is what is to be done with them, or none for what is told of a build that is over.
    """

    depth: int
    target: str
    actions: tuple[str, ...]
    verb: Verb | None
    reasons: tuple[Reason, ...]
    text: str

    @property
    def name(self) -> str:
        """The action, or the number of instances and their target."""
        return self.actions[0] if len(self.actions) == 1 else f"{len(self.actions)} × {self.target}"


@dataclass(frozen=True, slots=True)
class Chain:
    """The answer to "why": one sentence, the way to the first cause in a line, and every link, nearest first.

    `accepted` is the last result, if somebody has accepted it instead of running the step.
    """

    sentence: str
    line: str
    links: tuple[Link, ...]
    accepted: Trace | None = None


def acceptance(trace: Trace | None) -> Reason | None:
    """By whom (subject) and why (new) a result was accepted; none if it was made by a run."""
    return next((r for r in trace.reasons if r.code is Code.ACCEPTED), None) if trace else None


@dataclass(frozen=True, slots=True)
class _Node:
    action: str
    depth: int
    verb: Verb | None
    reasons: tuple[Reason, ...]
    trace: Trace | None
    makers: tuple[str, ...] = ()


_FROM_UPSTREAM = frozenset({Code.INPUT_CHANGED, Code.INPUT_ADDED, Code.INPUT_REMOVED, Code.INPUT_MAY_CHANGE})


def chain(graph: Graph, plan: Plan, memory: Memory, action: str) -> Chain:
    """Why an action is about to run, or, if it is up to date, why it last did.

    Follows changed inputs to their makers: those that will run by their own reasons, those that have run by the
    reasons that were recorded with their results.
    """
    nodes = _walk(graph, plan, memory, action)
    links = _fold(graph, nodes)
    last = nodes[action].trace
    said = _opening(plan, nodes[action]) + _incomplete(graph, nodes[action])
    return Chain(said, _line(graph, nodes, links, action), links, last if acceptance(last) else None)


def _walk(graph: Graph, plan: Plan, memory: Memory, action: str) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    level = {action: None}
    depth = 0
    while level:
        deeper: dict[str, None] = {}
        for name in level:
            node = _look(plan, memory, name, depth)
            makers = _makers(graph, plan, memory, node)
            nodes[name] = _Node(name, depth, node.verb, node.reasons, node.trace, tuple(makers))
            deeper.update(dict.fromkeys(makers))
        level = {name: None for name in deeper if name not in nodes}
        depth += 1
    return nodes


def _look(plan: Plan, memory: Memory, action: str, depth: int) -> _Node:
    decision = plan.decisions.get(action)
    trace = memory.latest(action)
    if decision is not None and decision.verb is not Verb.SKIP:
        return _Node(action, depth, decision.verb, decision.reasons, trace)
    return _Node(action, depth, None, trace.reasons if trace else (), trace)


def _makers(graph: Graph, plan: Plan, memory: Memory, node: _Node) -> list[str]:
    """Who moved the inputs that are among the reasons: of a chosen output the selection, if that chose anew."""
    makers: dict[str, None] = {}
    for reason in node.reasons:
        if reason.code in _FROM_UPSTREAM:
            moved = (m for m in _upstream_of(graph, node.action, reason.subject) if _moved(plan, memory, node, m))
            maker = next(moved, None)
            if maker is not None:
                makers[maker] = None
    return list(makers)


def _upstream_of(graph: Graph, action: str, subject: str) -> Iterator[str]:
    """Those through whom a path comes to an action, the nearest first."""
    known = graph.actions.get(action)
    for declared in known.inputs if known else ():
        for item in declared.items:
            if isinstance(item, Chosen) and subject in item.candidates:
                yield item.selector
    maker = subject if subject in graph.actions else owner_of(graph, subject)
    if maker is not None and maker != action:
        yield maker


def _moved(plan: Plan, memory: Memory, node: _Node, maker: str) -> bool:
    decision = plan.decisions.get(maker)
    if decision is not None and decision.verb is not Verb.SKIP:
        return True
    made = memory.latest(maker)
    if made is None:
        return False
    if node.trace is None:
        return True
    if node.verb is None:
        # What was accepted was never part of a build: the next one took it up.
        return made.run == node.trace.run or (acceptance(made) is not None and made.order < node.trace.order)
    return made.order > node.trace.order


def _fold(graph: Graph, nodes: Mapping[str, _Node]) -> tuple[Link, ...]:
    groups: dict[tuple[str, Verb | None, object], list[_Node]] = {}
    for node in nodes.values():
        cause: object
        target = _target(graph, node.action)
        if node.makers:
            cause = (frozenset(_target(graph, m) for m in node.makers), frozenset(r.code for r in node.reasons))
        else:
            cause = tuple(sentence(r) for r in node.reasons)
        groups.setdefault((target, node.verb, cause), []).append(node)
    links = []
    for (target, verb, _), members in groups.items():
        reasons = tuple(dict.fromkeys(reason for node in members for reason in node.reasons))
        links.append(
            Link(
                min(node.depth for node in members),
                target,
                tuple(node.action for node in members),
                verb,
                reasons,
                "; ".join(dict.fromkeys(_told(reasons))) or "no cause is remembered",
            )
        )
    return tuple(sorted(links, key=lambda link: link.depth))


def _told(reasons: Sequence[Reason]) -> Iterator[str]:
    """A sentence a reason; of many inputs that changed alike, their number and one of them."""
    sizes = Counter(reason.code for reason in reasons)
    counted = set()
    for reason in reasons:
        if reason.code not in _COUNTED or sizes[reason.code] <= ALIKE:
            yield sentence(reason)
        elif reason.code not in counted:
            counted.add(reason.code)
            yield f"{sizes[reason.code]} inputs {_COUNTED[reason.code]}, {reason.subject} among them"


_COUNTED = {
    Code.INPUT_CHANGED: "changed",
    Code.INPUT_ADDED: "are new",
    Code.INPUT_REMOVED: "are gone",
    Code.INPUT_MAY_CHANGE: "may change",
}


def _opening(plan: Plan, node: _Node) -> str:
    decision = plan.decisions.get(node.action)
    accepted = acceptance(node.trace)
    said = f"{_when(node.trace.ended)} its outputs were {sentence(accepted)}" if node.trace and accepted else ""
    if decision is not None and node.verb is not None:
        return headline(decision) + (f" ({said})" if said else "")
    state = headline(decision) if decision is not None else f"{node.action} is not part of this plan"
    if node.trace is None:
        return state
    if said:
        return f"{state}; {said}"
    because = _because(node.reasons)
    return f"{state}; it last ran in {node.trace.run}" + (f" because {because}" if because else "")


def _incomplete(graph: Graph, node: _Node) -> str:
    """From what the last result of a fan-in was made, if that was not all."""
    action = graph.actions.get(node.action)
    if action is None or node.trace is None or node.trace.complete or not action.branches:
        return ""
    lost, every = missing(action, node.trace), len(action.branches)
    if not lost:
        return "; its last result was made before all branches had ended"
    named = ", ".join(lost[:ALIKE]) + (f" and {len(lost) - ALIKE} more" if len(lost) > ALIKE else "")
    return f"; its last result was made from {every - len(lost)} of {every} branches, without {named}"


def starting(start: Start) -> str:
    """What a fan-in that need not wait for all will start on."""
    told = [f"{len(start.there)} are there" if len(start.there) != 1 else "1 is there"] if start.there else []
    if start.carried:
        carried = len(start.carried)
        told.append(f"{carried} count as they were until then" if carried != 1 else "1 counts as it was until then")
    first = f"starts with {start.needed} of {len(start.branches)} branches, again as more end"
    return f"{first} ({', '.join(told)})" if told else first


def _line(graph: Graph, nodes: Mapping[str, _Node], links: Sequence[Link], action: str) -> str:
    """From the action to one first cause; other first causes are counted."""
    home = {name: link for link in links for name in link.actions}
    way = [home[action]]
    seen = {action}
    node = nodes[action]
    while True:
        onward = next((m for m in node.makers if m in nodes and m not in seen), None)
        if onward is None:
            break
        seen.add(onward)
        node = nodes[onward]
        if home[onward] is not way[-1]:
            way.append(home[onward])
    roots = list(dict.fromkeys(sentence(r) for n in nodes.values() if not n.makers for r in n.reasons))
    own = [sentence(r) for r in node.reasons if r.code not in _FROM_UPSTREAM or not node.makers]
    first = own[0] if own else "no cause is remembered"
    others = len([r for r in roots if r != first])
    ending = f" (and {others} other cause{'s' if others > 1 else ''})" if others else ""
    return " ← ".join([*(link.name for link in way), first]) + ending


def _target(graph: Graph, action: str) -> str:
    known = graph.actions.get(action)
    return known.target if known else action.partition("@")[0]


def _because(reasons: Sequence[Reason]) -> str:
    match reasons:
        case [Reason(Code.FORCED | Code.NEVER_BUILT)]:
            return f"it was {sentence(reasons[0])}"
        case [Reason(Code.ALWAYS)]:
            return f"it {sentence(reasons[0])}"
        case _:
            return sentences(reasons, most=AT_MOST)


def _changed(subject: str, old: Plain, new: Plain, *, absent: str = "none") -> str:
    if old is None and new is None:
        return f"{subject} changed"
    before, now = _pair(absent if old is None else old, absent if new is None else new)
    return f"{subject} changed" if before == now else f"{subject} changed {before} → {now}"


def _digests(old: Plain, new: Plain) -> str:
    if old is None or new is None or (isinstance(old, str) and "\n" in old):
        return ""
    before, now = _pair(old, new)
    return "" if before == now else f" {before} → {now}"


def _pair(old: Plain, new: Plain) -> tuple[str, str]:
    """Both values short enough for a line, around the first place where they differ."""
    before, now = _value(old), _value(new)
    if before == now and type(old) is not type(new):
        return f"{before} ({_kind(old)})", f"{now} ({_kind(new)})"
    if len(before) <= LONGEST and len(now) <= LONGEST:
        return before, now
    same = 0
    for a, b in zip(before, now, strict=False):
        if a != b:
            break
        same += 1
    start = max(0, same - LONGEST // 3)
    return _window(before, start), _window(now, start)


def _window(text: str, start: int) -> str:
    cut = text[start : start + LONGEST]
    return ("…" if start else "") + cut + ("…" if start + LONGEST < len(text) else "")


def _value(value: Plain) -> str:
    if isinstance(value, str):
        if len(value) == 32 and all(c in "0123456789abcdef" for c in value):
            return value[:4] + "…"
        return " ".join(value.split()) if "\n" in value else value or '""'
    return canonical_text(value)


def _kind(value: Plain) -> str:
    names = {"str": "text", "int": "integer", "float": "float", "bool": "boolean", "NoneType": "none"}
    return names[type(value).__name__]


def _age(limit: Plain, age: Plain) -> str:
    if _is_number(age) and _is_number(limit):
        return f": {show_seconds(age)} old, the limit is {show_seconds(limit)}"
    return f": {show_seconds(age)} old" if _is_number(age) else ""


def _when(moment: float) -> str:
    """A time in seconds since the epoch, for people anywhere."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("on %Y-%m-%d at %H:%M UTC")


def _is_number(value: Plain) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
