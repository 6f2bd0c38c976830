"""The present beside the results of an earlier run, as a chain of causes; it does not know how those are kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import MISSING, UNKNOWN, Digest
from mlmake.model.fact import differences
from mlmake.model.graph import Action, Graph
from mlmake.model.plan import Plan, Request
from mlmake.model.reason import Code, Reason
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Failure, Trace
from mlmake.planning.evidence import Settled, gather
from mlmake.planning.explain import AT_MOST, Chain, chain, sentences
from mlmake.planning.plan import closure
from mlmake.planning.rebuild.content import compare


def versus(graph: Graph, action: str, *, run: str, stood: Mapping[str, Trace], snapshot: Snapshot) -> Chain:
    """What differs between an action's result that stood in `run` and what it would be made from now, and why.

    `stood` are the results that stood then, by action. The inputs are those that lie there now, whether or not a build
    would make them anew; those that differ are followed to their makers, and to what the bytes that lie there were made
    from.
    """
    if action not in stood:
        return Chain(f"{action} has no remembered result that stood in run {run}", action, ())
    then = Then({}, run)
    request = Request((action,))
    settled: dict[str, Settled] = {}
    for name in closure(graph, [action]):
        current = graph.actions[name]
        if current.is_group:
            continue
        if name in stood:
            made = _maker(current, snapshot)
            if made is not None and name != action:
                changes = [*differences(stood[name].facts, made.facts), *_moved(stood[name], made)]
            else:
                evidence = gather(current, graph, request=request, snapshot=snapshot, settled=settled)
                changes = [*differences(stood[name].facts, current.facts), *compare(evidence, stood[name]).reasons]
            then.put(stood[name], [*changes, *(_source(stood[name], made) if made else ())])
        settled[name] = _lying(current, snapshot)
    kept = {name: Decision(name, Verb.SKIP, ()) for name in settled}
    found = chain(graph, Plan(request, kept, {}), then, action)
    because = sentences(then.traces[action].reasons, most=AT_MOST)
    told = f"differs from run {run} because {because}" if because else f"is made from the same as in run {run}"
    return replace(found, sentence=f"{action} {told}", accepted=None)


@dataclass(frozen=True, slots=True)
class Then:
    """The results that stood in a run as a memory, their reasons being what differs from them now."""

    traces: dict[str, Trace]
    run: str

    def put(self, trace: Trace, changes: Sequence[Reason]) -> None:
        """Note a result. One from which nothing differs is of no run, so that no cause is looked for behind it."""
        self.traces[trace.action] = replace(trace, reasons=tuple(changes), run=self.run if changes else "")

    def latest(self, action: str) -> Trace | None:
        """See `Memory.latest`."""
        return self.traces.get(action)

    def last(self, recipe: Digest) -> Trace | None:
        """See `Memory.last`: nothing is judged by this memory."""
        return None

    def results(self, recipe: Digest, key: Digest | None = None) -> Sequence[Trace]:
        """See `Memory.results`."""
        return ()

    def checked(self, trace: Trace) -> float | None:
        """See `Memory.checked`."""
        return None

    def failure(self, action: str) -> Failure | None:
        """See `Memory.failure`."""
        return None


def _maker(action: Action, snapshot: Snapshot) -> Trace | None:
    """The result that lies at its outputs, if that is the last one there was."""
    latest = snapshot.memory.latest(action.id)
    lying = latest is not None and all(snapshot.version(product.path) == product.digest for product in latest.outputs)
    return latest if lying else None


def _moved(old: Trace, new: Trace) -> Iterator[Reason]:
    """How the inputs of one result differ from those of another."""
    before, now = dict(old.inputs), dict(new.inputs)
    for path, digest in now.items():
        if path not in before:
            yield Reason(Code.INPUT_ADDED, path, None, digest)
        elif before[path] != digest:
            yield Reason(Code.INPUT_CHANGED, path, before[path], digest)
    yield from (Reason(Code.INPUT_REMOVED, path, digest, None) for path, digest in before.items() if path not in now)
    loaded = dict(new.discovered)
    for path, digest in old.discovered:
        if path not in now and loaded.get(path, digest) != digest:
            code = Code.INPUT_CHANGED if path in old.read else Code.CODE_CHANGED
            yield Reason(code, path, digest, loaded[path])


def _source(old: Trace, new: Trace) -> Iterator[Reason]:
    """How the source of one result differed from that of another, as far as both were told."""
    if old.baseline is None or new.baseline is None:
        return
    before, now = old.baseline.measures or {}, new.baseline.measures or {}
    if before and now:
        for name in now:
            if before.get(name) != now[name]:
                yield Reason(Code.SOURCE_CHANGED, name, before.get(name), now[name])
    elif old.baseline.content != new.baseline.content:
        yield Reason(Code.SOURCE_CHANGED, "", old.baseline.content, new.baseline.content)


def _lying(action: Action, snapshot: Snapshot) -> Settled:
    """What lies at its outputs; where something is missing, nothing is known of what is made from it."""
    versions = {output.path: snapshot.version(output.path) for output in action.outputs}
    if MISSING in versions.values():
        return Settled(dict.fromkeys(versions, UNKNOWN), in_place=False)
    return Settled(versions, in_place=True)
