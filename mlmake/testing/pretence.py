"""Builds that run nothing: every step pretends to make something that depends on all it is made from; pure planning."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import MISSING, Digest, Version, digest_of
from mlmake.model.graph import Action, Graph, Group, Leaf, Listing, Made, Part, Select
from mlmake.model.observation import Observation
from mlmake.model.plan import Plan, Request
from mlmake.model.reason import Code, Reason
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
        known = with_discovered_edges(_without_listings(graph), self.memory)
        made = plan(known, _without_windows(known, request), snapshot=self._snapshot(known, look))
        decisions, open_ = dict(made.decisions), set[str]()
        for name in closure(graph, request.actions):
            action = graph.actions[name]
            due = [n for n in action.upstream if n in decisions and decisions[n].verb is not Verb.SKIP]
            reasons = tuple(Reason(Code.INPUT_MAY_CHANGE, n) for n in due)
            if isinstance(action.command, Listing) and (due or name not in self.outputs):
                decisions[name] = Decision(name, Verb.MAYBE, reasons or (Reason(Code.NEVER_BUILT),))
                open_.add(name)
            elif not open_.isdisjoint(due) and name in decisions and decisions[name].verb is Verb.SKIP:
                decisions[name] = Decision(name, Verb.MAYBE, reasons)
                open_.add(name)
        return replace(made, decisions=decisions)

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
        listings = {name for name, action in graph.actions.items() if isinstance(action.command, Listing)}
        graph = with_discovered_edges(_without_listings(graph), self.memory)
        request = _without_windows(graph, request)
        snapshot, settled = self._snapshot(graph, look), dict[str, Settled]()
        done: dict[str, Verb] = {}
        for name in closure(graph, request.actions):
            action = graph.actions[name]
            if name in listings:
                done[name] = self._list(action, graph)
                continue
            if action.is_group or action.is_phony:
                continue
            # Whoever takes what a list makes takes it all: which instances that will be nobody can pretend.
            changed = any(done.get(need) is Verb.RUN for need in action.upstream if need in listings)
            asked = replace(request, forced=request.forced | {name}) if changed else request
            evidence = gather(action, graph, request=asked, snapshot=snapshot, settled=settled)
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

    def _list(self, action: Action, graph: Graph) -> Verb:
        """Instances that are not known yet run if anything before them came out otherwise."""
        makers = [graph.actions[name] for name in action.upstream]
        before = [self.outputs.get(output.path, "") for maker in makers for output in maker.outputs]
        before += [self.outputs.get(maker.id, "") for maker in makers]
        # Which parameters they use is known no sooner than they are.
        now = digest_of([action.recipe, graph.params, *before])
        verb = Verb.SKIP if self.outputs.get(action.id) == now else Verb.RUN
        self.outputs[action.id] = now
        return verb

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


def _without_listings(graph: Graph) -> Graph:
    """The graph as if all lists were known to hold just what is in it."""
    actions = {
        name: replace(action, command=Group()) if isinstance(action.command, Listing) else action
        for name, action in graph.actions.items()
    }
    targets = {name: replace(target, listing=None) for name, target in graph.targets.items()}
    return replace(graph, actions=actions, targets=targets)


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
