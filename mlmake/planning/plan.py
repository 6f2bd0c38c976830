"""Graph and snapshot to plan: the same judge as a build's, where whatever would run answers "unknown"."""

from collections.abc import Iterable, Mapping

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import UNKNOWN, Version
from mlmake.model.graph import Action, Graph, Listing
from mlmake.model.plan import Plan, Request, Start
from mlmake.model.reason import Code, Reason
from mlmake.model.snapshot import Snapshot
from mlmake.planning.branches import counts, in_folders, needed
from mlmake.planning.evidence import Settled, gather
from mlmake.planning.judge import Unjudgeable, decide
from mlmake.planning.lists import doubts


def plan(graph: Graph, request: Request, *, snapshot: Snapshot) -> Plan:
    """What a build of `request` would do in the world of `snapshot`."""
    order = closure(graph, request.actions)
    decisions: dict[str, Decision] = {}
    settled: dict[str, Settled] = {}
    troubles: dict[str, str] = {}
    for name in order:
        action = graph.actions[name]
        if isinstance(action.command, Listing):
            if reasons := tuple(doubts(action, graph, settled)):
                decisions[name] = Decision(name, Verb.MAYBE, reasons)
            else:
                settled[name] = Settled({}, in_place=True)
            continue
        if action.is_group or action.is_phony:
            continue
        evidence = gather(action, graph, request=request, snapshot=snapshot, settled=settled)
        try:
            decision = decide(evidence)
        except Unjudgeable as trouble:
            troubles[name] = str(trouble)
            settled[name] = Settled({output.path: UNKNOWN for output in action.outputs}, in_place=False)
            continue
        if (listing := graph.targets[action.target].listing) is not None and listing not in settled:
            decision = _perhaps(decision, decisions[listing])
        decisions[name] = decision
        settled[name] = outlook(action, decision)
    for name in reversed(order):
        if graph.actions[name].is_phony and (verb := _phony_verb(name, graph, order, request, decisions)):
            listing = graph.targets[graph.actions[name].target].listing
            decision = Decision(name, verb, (Reason(Code.ALWAYS),))
            decisions[name] = _perhaps(decision, decisions[listing]) if listing in decisions else decision
    expected = {}
    for name in order:
        if name in decisions and (latest := snapshot.memory.latest(name)):
            expected[name] = latest.seconds
    return Plan(
        request,
        {name: decisions[name] for name in order if name in decisions},
        expected,
        next_due=min((decision.due for decision in decisions.values() if decision.due is not None), default=None),
        troubles=troubles,
        starts={n: _start(n, graph, decisions, snapshot) for n in order if _starts_early(n, graph, decisions)},
    )


def _starts_early(name: str, graph: Graph, decisions: Mapping[str, Decision]) -> bool:
    return counts(graph.actions[name]) and name in decisions and decisions[name].verb in (Verb.RUN, Verb.MAYBE)


def _start(name: str, graph: Graph, decisions: Mapping[str, Decision], snapshot: Snapshot) -> Start:
    """What a fan-in has to begin with."""
    action = graph.actions[name]
    branches = action.branches
    idle = (Verb.SKIP, Verb.RESTORE)
    there = tuple(b for b in branches if b in decisions and decisions[b].verb in idle)
    carried, inside = [], in_folders(action)
    for branch in branches if action.policy.carry else ():
        result = snapshot.memory.latest(branch)
        known = branch not in there and branch not in inside and result is not None
        if known and result is not None and all(snapshot.stored(product) for product in result.outputs):
            carried.append(branch)
    return Start(needed(action, graph), branches, there, tuple(carried))


def _perhaps(decision: Decision, listing: Decision) -> Decision:
    """An instance that may not be there any more when its turn comes."""
    told = (Code.UP_TO_DATE, Code.INPUT_MAY_CHANGE)
    own = tuple(reason for reason in decision.reasons if reason.code not in told)
    return Decision(decision.action, Verb.MAYBE, (*listing.reasons, *own), decision.result)


def outlook(action: Action, decision: Decision) -> Settled:
    """What an action will come to, as far as its decision tells."""
    if decision.verb in (Verb.SKIP, Verb.RESTORE) and decision.result is not None:
        versions: dict[str, Version] = {p.path: p.digest for p in decision.result.outputs}
        return Settled(versions, in_place=decision.verb is Verb.SKIP)
    return Settled({output.path: UNKNOWN for output in action.outputs}, in_place=False)


def closure(graph: Graph, wanted: Iterable[str]) -> list[str]:
    """The actions named and all they need, upstream first, otherwise in the order named."""
    order: list[str] = []
    done: set[str] = set()
    stack: list[tuple[str, bool]] = [(name, False) for name in reversed(tuple(wanted))]
    while stack:
        name, expanded = stack.pop()
        if expanded:
            order.append(name)
        elif name not in done:
            done.add(name)
            action = graph.actions[name]
            stack.append((name, True))
            stack += [(need, False) for need in reversed(action.upstream + action.after) if need not in done]
    return order


def _phony_verb(
    name: str, graph: Graph, order: Iterable[str], request: Request, decisions: Mapping[str, Decision]
) -> Verb | None:
    """A phony runs when it is named, or just before something that has it in `after` runs."""
    if name in request.actions:
        return Verb.RUN
    verbs = {decisions[other].verb for other in order if other in decisions and name in graph.actions[other].after}
    if Verb.RUN in verbs:
        return Verb.RUN
    return Verb.MAYBE if Verb.MAYBE in verbs else None
