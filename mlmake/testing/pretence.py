"""Builds that run nothing: every step pretends to make something that depends on all it is made from; pure planning."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import MISSING, Digest, Version, digest_of
from mlmake.model.graph import Action, Graph, Leaf, Made, Part, Select
from mlmake.model.observation import Observation
from mlmake.model.plan import Plan, Request
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Product, Trace
from mlmake.planning.discovered import with_discovered_edges
from mlmake.planning.evidence import Evidence, Settled, gather, present_baseline
from mlmake.planning.judge import decide
from mlmake.planning.plan import closure, plan
from mlmake.planning.request import owner_of
from mlmake.stores.memory import MemoryState


@dataclass
class Pretence:
    """A memory of builds that never were. `outputs` are the digests that lie at outputs now."""

    memory: MemoryState = field(default_factory=MemoryState)
    outputs: dict[str, Digest] = field(default_factory=dict)
    builds: int = 0

    def fork(self) -> "Pretence":
        """The same once more, which goes its own way."""
        return Pretence(MemoryState(self.memory.everything()), dict(self.outputs), self.builds)

    def plan(self, graph: Graph, request: Request, *, look: Callable[[str], Version]) -> Plan:
        """What a build would do; `look` gives the version of what no target makes."""
        graph = with_discovered_edges(graph, self.memory)
        return plan(graph, _without_windows(graph, request), snapshot=self._snapshot(graph, look))

    def build(
        self,
        graph: Graph,
        request: Request,
        *,
        look: Callable[[str], Version],
        loads: Callable[[Action], Iterable[str]],
    ) -> Mapping[str, Verb]:
        """Pretend to build; gives what happened to each instance. `loads` are the files that a step is seen to load."""
        self.builds += 1
        graph, request = with_discovered_edges(graph, self.memory), _without_windows(graph, request)
        snapshot, settled = self._snapshot(graph, look), dict[str, Settled]()
        done: dict[str, Verb] = {}
        for name in closure(graph, request.actions):
            action = graph.actions[name]
            if action.is_group or action.is_phony:
                continue
            evidence = gather(action, graph, request=request, snapshot=snapshot, settled=settled)
            decision = decide(evidence)
            done[name] = decision.verb
            if decision.verb is Verb.RUN:
                result = self._run(evidence, decision, loaded=loads(action), version=snapshot.version)
            else:
                assert decision.result is not None, f"{name}: all before it is known, so it is kept or restored"
                result = decision.result
                if decision.verb is Verb.RESTORE:
                    self.memory.choose(result)
            versions: dict[str, Version] = {product.path: product.digest for product in result.outputs}
            self.outputs.update((product.path, product.digest) for product in result.outputs)
            settled[name] = Settled(versions, in_place=True)
        return done

    def _snapshot(self, graph: Graph, look: Callable[[str], Version]) -> Snapshot:
        def version(path: str) -> Version:
            maker = owner_of(graph, path)
            if maker is None:
                return look(path)
            if path in graph.owners:
                return self.outputs.get(path, MISSING)
            folder = next(o.path for o in graph.actions[maker].outputs if path.startswith(o.path))
            return digest_of([self.outputs[folder], path]) if folder in self.outputs else MISSING

        def read(path: str) -> bytes:
            return _manifest(graph.actions[graph.owners[path]], graph)

        return Snapshot(
            now=float(self.builds),
            version=version,
            # Nobody knows what will be in a folder: the pattern itself stands for all that it finds.
            listing=lambda pattern: [pattern],
            read=read,
            memory=self.memory,
            stored=lambda product: True,
            installed=lambda packages: packages.versions,
            observe=lambda action, content: _observed(action, version),
        )

    def _run(
        self, evidence: Evidence, decision: Decision, *, loaded: Iterable[str], version: Callable[[str], Version]
    ) -> Trace:
        action = evidence.action
        inputs = tuple((path, _known(found)) for path, found in evidence.inputs)
        declared = {path for path, _ in inputs}
        seen = {path: version(path) for path in sorted(set(loaded) - declared)}
        discovered = tuple((path, found) for path, found in seen.items() if isinstance(found, str))
        made_from = [action.recipe, *(part for pair in (*inputs, *discovered) for part in pair)]
        products = [
            Product(output.name, output.path, digest_of([*made_from, output.path]), 0, None)
            for output in action.outputs
        ]
        trace = Trace(
            action=action.id,
            recipe=action.recipe,
            facts=action.facts,
            inputs=inputs,
            discovered=discovered,
            outputs=tuple(products),
            started=float(self.builds),
            ended=float(self.builds),
            seconds=0.0,
            run=f"pretended-{self.builds}",
            reasons=decision.reasons,
            baseline=present_baseline(evidence),
        )
        return self.memory.record(trace)


def _known(version: Version) -> Digest:
    """What is missing is an input like any other: a step that needs it would fail, which nobody pretends."""
    return version if isinstance(version, str) else digest_of(str(version))


def _manifest(action: Action, graph: Graph) -> bytes:
    """A selection that takes everybody, so that whoever may be chosen matters to what comes after."""
    assert isinstance(action.command, Select), "only the manifests of selections are read"
    entries = [
        {
            "instance": name,
            "outputs": {output.name or output.path: {"path": output.path} for output in graph.actions[name].outputs},
        }
        for name in action.command.pick or action.command.candidates
    ]
    return json.dumps({"selected": entries}).encode()


def _observed(action: Action, version: Callable[[str], Version]) -> Observation:
    """A source is what lies at its paths; what a probe would measure of it changes whenever that does."""
    source, probe = action.policy.validity.source, action.policy.validity.probe
    items = source.items if source else ()
    paths = [item.path for item in items if isinstance(item, Leaf | Made | Part)]
    content = digest_of([*map(str, items), *(str(version(path)) for path in paths)])
    return Observation(content, {"content": str(content)} if probe else None)


def _without_windows(graph: Graph, request: Request) -> Request:
    """What is asked is what a change comes to once it is looked at."""
    return replace(request, lifted=frozenset(graph.actions))
