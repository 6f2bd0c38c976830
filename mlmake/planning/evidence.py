"""What the judge may know of one action: its inputs as they are now, and what is remembered of it; no opinion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlmake.model.digest import UNKNOWN, Digest, Version
from mlmake.model.graph import Action, Chosen, Graph, Input, Item, Leaf, Made, Part, PartGlob
from mlmake.model.observation import Baseline, Observation
from mlmake.model.plan import Request
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Packages, Product, Trace
from mlmake.model.validity import Validity
from mlmake.planning.discovered import needs
from mlmake.planning.lists import open_lists
from mlmake.planning.request import owner_of
from mlmake.planning.selection import chosen_paths
from mlmake.planning.settled import Settled as Settled


@dataclass(frozen=True, slots=True)
class Bound:
    """An input with the paths it stands for now."""

    input: Input
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the rules may look at for one action.

    `inputs` are its declared inputs as (path, version) in order, each path once. `open` are items whose set of paths is
    not known yet, `lists` actions that stand for instances to come, whose outputs may become inputs. `last` is the last
    run of the present recipe, `latest` the last result under any recipe. `results` gives all remembered results of the
    recipe, or those with a key, newest first. `made` says whether another target makes what is at a path. `now` is
    seconds since the epoch; `checked` when a result was last revalidated. `observe` asks the validator, none if what is
    upstream may still change what it says. `lifted`: its window does not hold this once. `confirmed`: it ran, was
    restored or revalidated in this very build.
    """

    action: Action
    inputs: tuple[tuple[str, Version], ...]
    bound: tuple[Bound, ...]
    open: tuple[PartGlob | Chosen, ...]
    lists: tuple[str, ...]
    last: Trace | None
    latest: Trace | None
    results: Callable[[Digest | None], Sequence[Trace]]
    version: Callable[[str], Version]
    stored: Callable[[Product], bool]
    installed: Callable[[Packages], Mapping[str, str]]
    forced: bool
    made: Callable[[str], bool]
    now: float
    checked: Callable[[Trace], float | None]
    observe: Callable[[], Observation | None]
    exact: bool = False
    lifted: bool = False
    confirmed: bool = False

    @property
    def validity(self) -> Validity:
        """When its results stand."""
        return self.action.policy.validity


def gather(
    action: Action,
    graph: Graph,
    *,
    request: Request,
    snapshot: Snapshot,
    settled: Mapping[str, Settled],
    confirmed: bool = False,
) -> Evidence:
    """Look up everything about one action, given what its upstream came to, and whether it is done in this build."""
    inputs: dict[str, Version] = {}
    unknown: list[PartGlob | Chosen] = []
    bound = []
    for declared in action.inputs:
        paths: list[str] = []
        for item in declared.items:
            if isinstance(item, PartGlob | Chosen) and not _in_place(_maker(item), settled):
                unknown.append(item)
            for path in _paths(item, snapshot, settled):
                if path not in inputs:
                    inputs[path] = _version(item, path, snapshot, settled)
                paths.append(path)
        bound.append(Bound(declared, tuple(dict.fromkeys(paths))))
    memory = snapshot.memory

    def version(path: str) -> Version:
        maker = owner_of(graph, path)
        if maker is None or maker == action.id:
            return snapshot.version(path)
        # An older result may have loaded what is made beside this action: whether that is done yet is chance.
        if maker not in settled or not needs(action.id, maker, graph):
            return UNKNOWN
        if path in graph.owners:
            return settled[maker].outputs.get(path, UNKNOWN)
        return snapshot.version(path) if settled[maker].in_place else UNKNOWN

    return Evidence(
        action=action,
        inputs=tuple(inputs.items()),
        bound=tuple(bound),
        open=tuple(unknown),
        lists=open_lists(action, graph, settled),
        last=memory.last(action.recipe),
        latest=memory.latest(action.id),
        results=lambda key: memory.results(action.recipe, key),
        version=version,
        stored=snapshot.stored if request.restore else lambda product: False,
        installed=snapshot.installed,
        forced=action.id in request.forced and not confirmed,
        made=lambda path: owner_of(graph, path) not in (None, action.id),
        now=snapshot.now,
        checked=memory.checked,
        observe=lambda: _observe(action, snapshot, settled, exact=request.exact),
        exact=request.exact,
        lifted=action.id in request.lifted,
        confirmed=confirmed,
    )


def present_baseline(evidence: Evidence) -> Baseline | None:
    """What a result would be remembered by if it were made from the source as it is now; None without a validator."""
    said, probe = (evidence.observe() if evidence.validity.asks else None), evidence.validity.probe
    return None if said is None else Baseline(said.content, said.measures, probe.identity if probe else None)


def _observe(action: Action, snapshot: Snapshot, settled: Mapping[str, Settled], *, exact: bool) -> Observation | None:
    source = action.policy.validity.source
    made = [item for item in source.items if isinstance(item, Made | Part | PartGlob)] if source else []
    if any(not _in_place(item.maker, settled) for item in made):
        return None
    return snapshot.observe(action, exact)


def _in_place(maker: str, settled: Mapping[str, Settled]) -> bool:
    return maker in settled and settled[maker].in_place


def _maker(item: PartGlob | Chosen) -> str:
    return item.maker if isinstance(item, PartGlob) else item.selector


def _paths(item: Item, snapshot: Snapshot, settled: Mapping[str, Settled]) -> Sequence[str]:
    match item:
        case Leaf(path) | Made(path, _) | Part(path, _):
            return (path,)
        case PartGlob(pattern, maker):
            return snapshot.listing(pattern) if _in_place(maker, settled) else ()
        case Chosen(output, selector, manifest, _):
            return chosen_paths(snapshot.read(manifest), output) if _in_place(selector, settled) else ()


def _version(item: Item, path: str, snapshot: Snapshot, settled: Mapping[str, Settled]) -> Version:
    match item:
        case Leaf():
            return snapshot.version(path)
        case Made(_, maker):
            return settled[maker].outputs.get(path, UNKNOWN) if maker in settled else UNKNOWN
        case Part(_, maker) | PartGlob(_, maker):
            return snapshot.version(path) if _in_place(maker, settled) else UNKNOWN
        case Chosen(_, _, _, candidates):
            maker = candidates[path]
            return settled[maker].outputs.get(path, UNKNOWN) if maker in settled else UNKNOWN
