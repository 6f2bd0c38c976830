"""Takes outputs on disk for those of the present recipe and inputs, because somebody says so; it runs nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import MISSING, Digest
from mlmake.model.event import Event
from mlmake.model.graph import Action, Graph, Listing, Select
from mlmake.model.metrics import NotMetrics
from mlmake.model.plan import Request
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Product, Trace
from mlmake.planning.evidence import Evidence, Settled, gather, present_baseline
from mlmake.planning.judge import Unjudgeable, decide
from mlmake.planning.lists import doubts
from mlmake.planning.plan import outlook
from mlmake.ports import Clock, ContentStore, Installed, Sources, TraceStore, Workspace
from mlmake.running import mishaps
from mlmake.running.attempt import keep_outputs, read_metrics
from mlmake.running.ledger import Ledger
from mlmake.running.survey import survey


class NotAccepted(Exception):
    """Nothing was accepted; the message has a line for each target that stands in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Who accepts, why, and by what: `run` names the act, `origin` goes into the records."""

    by: str
    reason: str | None
    run: str
    origin: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was recorded, upstream first; `blind` are actions of which nobody has seen what they load."""

    traces: tuple[Trace, ...]
    blind: tuple[str, ...]
    warnings: tuple[Event, ...]


def unacceptable(action: Action) -> str | None:
    """Why nobody can ever accept this action; none if it can be, or stands for some that can."""
    if isinstance(action.command, Listing):
        return None
    if action.is_group:
        return mishaps.no_group_to_accept(action.id)
    if action.is_phony:
        return mishaps.no_phony_to_accept(action.id)
    if isinstance(action.command, Select):
        return mishaps.no_choice_to_accept(action.id)
    return None


def accept(
    graph: Graph,
    names: Sequence[str],
    acceptance: Acceptance,
    *,
    clock: Clock,
    workspace: Workspace,
    traces: TraceStore,
    store: ContentStore,
    installed: Installed,
    sources: Sources,
) -> Accepted:
    """Record what lies at the outputs of these actions, all or none. What they are made from has to be up to date.

    Raises NotAccepted, OSError for what cannot be read.
    """
    request = Request(tuple(names))
    snapshot = survey(clock, workspace, traces=traces, store=store, installed=installed, sources=sources)
    settled: dict[str, Settled] = {}
    drafts: list[Trace] = []
    stale: dict[str, list[Decision]] = {}
    problems: list[str] = []
    blind: list[str] = []
    trouble: str | None = None
    for name in _order(graph, names):
        action = graph.actions[name]
        if isinstance(action.command, Listing):
            if not doubts(action, graph, settled):
                settled[name] = Settled({}, in_place=True)
            elif not stale:
                problems.append(mishaps.instances_unknown(action.target, action.upstream))
            continue
        if action.is_group or action.is_phony:
            continue
        evidence = gather(action, graph, request=request, snapshot=snapshot, settled=settled)
        if name not in request.actions:
            try:
                decision = decide(evidence)
            except Unjudgeable as why:
                problems.append(mishaps.not_accepted(name, str(why)))
                continue
            if decision.verb not in (Verb.SKIP, Verb.MAYBE):
                # Of what may run only because others do, nothing is to be said.
                stale.setdefault(action.target, []).append(decision)
            settled[name] = outlook(action, decision)
            continue
        if found := _missing(action, evidence, workspace):
            problems.append(found)
        if problems or stale:
            continue
        try:
            products, said = keep_outputs(action, workspace, store if action.policy.cache and not trouble else None)
            metrics = read_metrics(action, workspace)
        except NotMetrics as error:
            problems.append(mishaps.not_accepted(name, str(error)))
            continue
        trouble = trouble or said
        if moved := _moved(action, evidence, products, workspace):
            problems.append(mishaps.not_accepted(name, mishaps.moved_meanwhile(moved)))
            continue
        drafts.append(_trace(action, evidence, products, metrics, acceptance, now=snapshot.now))
        settled[name] = Settled({product.path: product.digest for product in products}, in_place=True)
        if evidence.latest is None:
            blind.append(name)
    problems[:0] = [mishaps.stale_upstream(target, decisions) for target, decisions in stale.items()]
    if not problems and not drafts:
        problems.append(mishaps.no_instances_to_accept(names))
    if problems:
        raise NotAccepted("\n".join(problems))
    ledger = Ledger(traces, store, workspace=workspace, clock=clock)
    if trouble:
        ledger.without_store(trouble)
    recorded = tuple(ledger.record(draft, job=acceptance.run) for draft in drafts)
    return Accepted(recorded, tuple(blind), tuple(ledger.commit()))


def _order(graph: Graph, names: Sequence[str]) -> list[str]:
    """These actions and what they read, upstream first; what only comes before them (`after`) is nothing to them."""
    order: list[str] = []
    done: set[str] = set()
    stack = [(name, False) for name in reversed(names)]
    while stack:
        name, expanded = stack.pop()
        if expanded:
            order.append(name)
        elif name not in done:
            done.add(name)
            stack.append((name, True))
            stack += [(need, False) for need in reversed(graph.actions[name].upstream) if need not in done]
    return order


def _missing(action: Action, evidence: Evidence, workspace: Workspace) -> str | None:
    inputs = [path for path, version in evidence.inputs if version is MISSING]
    if inputs:
        return mishaps.not_accepted(action.id, mishaps.missing_inputs(inputs))
    said = evidence.observe() if evidence.validity.asks else None
    if said is not None and said.error is not None:
        return mishaps.not_accepted(action.id, said.error)
    outputs = [output.path for output in action.outputs if workspace.look_again(output.path) is MISSING]
    return mishaps.not_accepted(action.id, mishaps.nothing_to_accept(outputs)) if outputs else None


def _moved(action: Action, evidence: Evidence, products: Collection[Product], workspace: Workspace) -> tuple[str, ...]:
    """What changed while the outputs were read: inputs, and outputs that went away."""
    inputs = (path for path, version in evidence.inputs if workspace.look_again(path) != version)
    return (*inputs, *sorted({output.path for output in action.outputs} - {product.path for product in products}))


def _trace(
    action: Action,
    evidence: Evidence,
    products: tuple[Product, ...],
    metrics: Mapping[str, float],
    acceptance: Acceptance,
    *,
    now: float,
) -> Trace:
    """The record. It takes no time; what a run of it takes is told as the last result says."""
    before = evidence.last or evidence.latest
    discovered = _discovered(action, evidence, before)
    return Trace(
        action=action.id,
        recipe=action.recipe,
        facts=action.facts,
        inputs=tuple((path, version) for path, version in evidence.inputs if isinstance(version, str)),
        discovered=discovered,
        outputs=products,
        started=now,
        ended=now,
        seconds=before.seconds if before else 0.0,
        run=acceptance.run,
        reasons=(Reason(Code.ACCEPTED, acceptance.by, None, acceptance.reason),),
        metrics=metrics,
        origin=acceptance.origin,
        read=tuple(path for path, _ in discovered if path in before.read) if before else (),
        packages=tuple(replace(p, versions=evidence.installed(p)) for p in before.packages) if before else (),
        baseline=present_baseline(evidence),
    )


def _discovered(action: Action, evidence: Evidence, before: Trace | None) -> tuple[tuple[str, Digest], ...]:
    """What the last result was seen to load, as it is now, as far as it is there."""
    declared = {path for path, _ in evidence.inputs}
    outputs = [output.path for output in action.outputs]
    found = []
    for path, _ in before.discovered if before else ():
        if path in declared or any(path == o or (o.endswith("/") and path.startswith(o)) for o in outputs):
            continue
        version = evidence.version(path)
        if isinstance(version, str):
            found.append((path, version))
    return tuple(found)
