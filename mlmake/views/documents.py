"""Plans as JSON documents and as tables of text; it does not know how a plan came about."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from mlmake.model.decision import Decision, Verb
from mlmake.model.graph import Graph
from mlmake.model.plan import Plan
from mlmake.model.reason import Code
from mlmake.model.trace import Failure, Trace
from mlmake.model.units import show_seconds
from mlmake.planning.explain import AT_MOST, Chain, acceptance, sentences, starting
from mlmake.views.jsonl import Json, reasons
from mlmake.views.rows import Row, aligned, beside, folded
from mlmake.views.screen import LEGIBLE, Screen, columns, printable, wrapped

SCHEMA = "mlmake.plan/1"


class State(StrEnum):
    """How a target stands, in one word."""

    UP_TO_DATE = "up to date"
    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"


STATES: Mapping[State, tuple[str, str, str]] = {
    State.UP_TO_DATE: ("✓", "+", "good"),
    State.FRESH: ("✓", "+", "good"),
    State.STALE: ("○", "o", "warn"),
    State.MISSING: ("○", "o", "warn"),
    State.FAILED: ("✗", "!", "bad"),
}

VERBS: Mapping[Verb, tuple[str, str, str]] = {
    Verb.RUN: ("▶", ">", "busy"),
    Verb.RESTORE: ("↺", "<", "good"),
    Verb.SKIP: ("·", ".", "dim"),
    Verb.MAYBE: ("?", "?", "warn"),
}

FailureOf = Callable[[str], Failure | None]


def state_of(decision: Decision, failure: Failure | None) -> State:
    """One word for a decision, and for how the last attempt ended."""
    codes = {reason.code for reason in decision.reasons}
    if decision.verb is Verb.SKIP:
        if Code.STALE_IF_ERROR in codes:
            return State.STALE
        return State.FRESH if Code.FRESH in codes else State.UP_TO_DATE
    if failure is not None:
        return State.FAILED
    return State.MISSING if codes & {Code.NEVER_BUILT, Code.OUTPUT_MISSING} else State.STALE


def plan_document(graph: Graph, plan: Plan, *, failure_of: FailureOf | None = None) -> dict[str, Json]:
    """The document of `plan --json`; with `failure_of` the one of `status --json`, which adds each target's state."""
    targets = []
    for name, decision in plan.decisions.items():
        target: dict[str, Json] = {
            "target": _target(graph, name),
            "instance": name,
            "decision": decision.verb.value,
            "reasons": reasons(decision.reasons),
            "expected_seconds": plan.expected.get(name),
            "left_seconds": _left(decision),
        }
        if (start := plan.starts.get(name)) is not None:
            target["starts"] = {
                "needed": start.needed,
                "branches": list(start.branches),
                "there": list(start.there),
                "carried": list(start.carried),
            }
        if failure_of:
            failure = failure_of(name)
            target["state"] = state_of(decision, failure).value
            target["failed_in"] = failure.run if failure and decision.verb is not Verb.SKIP else None
        targets.append(target)
    return {
        "schema": SCHEMA,
        "run": plan.count(Verb.RUN),
        "restore": plan.count(Verb.RESTORE),
        "skip": plan.count(Verb.SKIP),
        "maybe": plan.count(Verb.MAYBE),
        "targets": targets,
        "next_due": plan.next_due,
        "errors": [{"instance": name, "text": text} for name, text in plan.troubles.items()],
    }


def chain_document(action: str, chain: Chain) -> dict[str, Json]:
    """The document of `why --json`."""
    links = [
        {
            "depth": link.depth,
            "target": link.target,
            "instances": list(link.actions),
            "decision": link.verb.value if link.verb else None,
            "reasons": reasons(link.reasons),
            "text": link.text,
        }
        for link in chain.links
    ]
    return {
        "schema": "mlmake.why/1",
        "instance": action,
        "sentence": chain.sentence,
        "chain": chain.line,
        "links": links,
        "accepted": _accepted(chain.accepted) if chain.accepted else None,
    }


def accept_document(graph: Graph, traces: Iterable[Trace]) -> dict[str, Json]:
    """The document of `accept --json`."""
    return {
        "schema": "mlmake.accept/1",
        "accepted": [
            {
                "target": _target(graph, trace.action),
                "instance": trace.action,
                **_accepted(trace),
                "outputs": [{"path": product.path, "digest": product.digest} for product in trace.outputs],
                "metrics": dict(trace.metrics),
            }
            for trace in traces
        ],
    }


def _accepted(trace: Trace) -> dict[str, Json]:
    said = acceptance(trace)
    return {
        "run": trace.run,
        "time": trace.ended,
        "by": said.subject if said else None,
        "reason": said.new if said else None,
    }


def plan_lines(plan: Plan, screen: Screen, *, everything: bool = False, each: bool = False) -> list[str]:
    """What would run and why, a line each, then the counts and the time it may take.

    On a terminal many instances with one cause are one line, unless `each` is asked for.
    """
    rows = [
        Row(
            VERBS[decision.verb],
            decision.verb.value,
            name,
            _expected(plan, name, decision),
            "; ".join(_why(plan, name, decision)),
            *_alike(name, decision),
        )
        for name, decision in plan.decisions.items()
        if everything or decision.verb is not Verb.SKIP
    ]

    def together(members: Sequence[Row]) -> str:
        known = [plan.expected[row.name] for row in members if row.time]
        return show_seconds(sum(known)) if known else ""

    return [*aligned(rows if each else folded(rows, screen, total=together), screen), plan_summary(plan)]


def _why(plan: Plan, name: str, decision: Decision) -> Iterable[str]:
    yield sentences(decision.reasons, most=AT_MOST)
    if name in plan.starts:
        yield starting(plan.starts[name])


def _alike(name: str, decision: Decision) -> tuple[str, object]:
    """The target, and what is to be done with its instances for what kind of reason."""
    return name.partition("@")[0], (decision.verb, tuple(reason.code for reason in decision.reasons[:AT_MOST]))


def plan_summary(plan: Plan) -> str:
    """How much would run, be restored or perhaps run, and how long the runs took last time, one after another."""
    run, restore = plan.count(Verb.RUN), plan.count(Verb.RESTORE)
    maybe, skip = plan.count(Verb.MAYBE), plan.count(Verb.SKIP)
    unjudged = len(plan.troubles)
    if not run + restore + maybe + unjudged:
        return f"nothing to do: {skip} up to date"
    kinds = ((run, "to run"), (restore, "to restore"), (maybe, "may run"), (unjudged, "cannot be judged"))
    counts = (*kinds, (skip, "up to date"))
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    known = [plan.expected[n] for n, d in plan.decisions.items() if d.verb is Verb.RUN and n in plan.expected]
    if not run or not known:
        return told
    unknown = f", {run - len(known)} of them for the first time" if len(known) < run else ""
    return f"{told}; the runs took {show_seconds(sum(known))} of work last time{unknown}"


def due_line(plan: Plan, *, now: float) -> str | None:
    """Which target's standing next changes by time alone, and when; None if none does. `now` as in `next_due`."""
    dues = [(decision.due, name) for name, decision in plan.decisions.items() if decision.due is not None]
    if not dues:
        return None
    due, name = min(dues)
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(due))
    return f"next due: {name} in {show_seconds(max(0.0, due - now))}, {moment}"


def status_lines(plan: Plan, screen: Screen, *, failure_of: FailureOf, each: bool = False) -> list[str]:
    """One line a target: how it stands and why.

    On a terminal many instances that stand alike are one line, but for failed ones, unless `each` is asked for.
    """
    rows = []
    for name, decision in plan.decisions.items():
        failure = failure_of(name)
        state = state_of(decision, failure)
        why = "" if state is State.UP_TO_DATE else sentences(decision.reasons, most=AT_MOST)
        group, kind = _alike(name, decision)
        if state is State.FAILED and failure:
            code = f" with exit code {failure.exit_code}" if failure.exit_code else ""
            why, kind = f"{failure.outcome}{code} in run {failure.run}; {why}", None
        elif state is State.UP_TO_DATE:
            kind = state
        rows.append(Row(STATES[state], state.value, name, "", why, group, kind))
    return aligned(rows if each else folded(rows, screen), screen)


def chain_lines(chain: Chain, screen: Screen, *, over: str = "done") -> list[str]:
    """One sentence, the way to the first cause, then each link with its causes; `over` stands for what is past."""
    lines = [screen.paint(line, "bold") for line in wrapped(printable(chain.sentence), screen.width)]
    if len(chain.links) < 2:
        return lines
    lines += [*wrapped(printable(chain.line), screen.width), ""]
    names = [columns(printable(link.name)) for link in chain.links]
    room = max(names) if screen.width is None else screen.width // 3
    width = max((name for name in names if name <= room), default=0)
    verbs = [(link.verb.value, VERBS[link.verb][2]) if link.verb else (over, "good") for link in chain.links]
    word = max(len(verb) for verb, _ in verbs)
    for link, (verb, style) in zip(chain.links, verbs, strict=True):
        name = printable(link.name)
        shown = screen.paint(f"{verb:<{word}}", style) if style in LEGIBLE else f"{verb:<{word}}"
        left = f"  {name}{' ' * (width - columns(name))}  {shown}"
        taken = width + word + 4 if columns(name) <= width else None
        lines += beside(left, printable(link.text), screen, width=taken, below=6)
    return lines


def _expected(plan: Plan, name: str, decision: Decision) -> str:
    if decision.verb not in (Verb.RUN, Verb.MAYBE) or name not in plan.expected:
        return ""
    return show_seconds(plan.expected[name])


def _left(decision: Decision) -> float | None:
    for reason in decision.reasons:
        if reason.code is Code.FRESH and isinstance(reason.new, int | float):
            return float(reason.new)
    return None


def _target(graph: Graph, name: str) -> str:
    return graph.actions[name].target if name in graph.actions else name.partition("@")[0]
