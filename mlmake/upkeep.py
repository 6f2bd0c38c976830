"""Looks after a project's part of the content store: what it collects, counts and hashes again; it builds nothing."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from mlmake.model.digest import Digest
from mlmake.model.graph import Action, Graph
from mlmake.planning.retention import Policy
from mlmake.ports import StateTrouble, StoreTrouble
from mlmake.reading import Choices, MlfileMistakes, Usage, find_project, read_project
from mlmake.stores.collecting import CollectedState, Collector, Report
from mlmake.stores.content import FolderStore
from mlmake.stores.lmdb import LmdbState
from mlmake.stores.memory import MemoryState
from mlmake.stores.opening import open_state
from mlmake.stores.rehash import Verified, verify
from mlmake.stores.rows import HOUR, Known, short
from mlmake.stores.sharing import HOME, Pin, Sharer, Sharers, owner_name
from mlmake.stores.statefile import is_clean, is_in_use

SLICE = 0.02
"""Seconds that a build may go on collecting after its end: with what a step of it may take more, under 0.1."""

_MLFILES = b"mlfiles"


@dataclass(frozen=True, slots=True)
class Stats:
    """What the store holds. Bytes are of disk, of all projects that share it; `results` are this project's.

    `ages` counts results by the hours since their last hit.
    """

    results: int
    state_bytes: int
    record_bytes: int
    objects: int
    object_bytes: int
    ages: Mapping[int, int]
    projects: Sequence[str]


class Upkeep:
    """The store's life as far as one project has a say in it."""

    def __init__(self, root: str, name: str, *, store_folder: str, state_dir: str, link: Sequence[str]) -> None:
        """`name` is that of the Mlfile."""
        self.root, self.name, self.state_dir = root, name, state_dir
        owner = owner_name(store_folder, state_dir)
        self.store = FolderStore(store_folder, link=link, owner=owner)
        self.sharers = Sharers(store_folder, owner=owner, root=root, state_dir=state_dir)
        self.notes: list[str] = []

    def pin(self, begins: float) -> Pin:
        """Hold what is used of the store from then on, in seconds since the epoch."""
        return Pin(self.store.folder, owner=self.sharers.owner, now=begins)

    def begin(self, state: LmdbState | MemoryState) -> None:
        """A build begins: the project and its Mlfile are known from now on. Raises StateTrouble."""
        if not self.sharers.register() and self._mlfiles(state):
            return
        if self.sharers.owner and isinstance(state, LmdbState):
            # Known here by another name until now, it has no plain records by this one.
            known = {(t.action, t.run, t.ended) for t in self.store.records.of(self.sharers.owner) if t is not None}
            for trace in state.everything():
                if (trace.action, trace.run, trace.ended) not in known:
                    self.store.remember(trace)
            with suppress(StoreTrouble):
                self.store.sync()

    def go_on(self, state: LmdbState | MemoryState, graph: Graph) -> None:
        """After a build: a slice of the day's collection."""
        if not isinstance(state, LmdbState):
            return
        project = graph.project
        policy = Policy(unused_for=project.unused_for, max_size=project.max_size)
        several = len(self._mlfiles(state)) > 1
        # What goes wrong is met again, and told, by who collects on purpose; the build is over and stands.
        with suppress(StateTrouble, StoreTrouble, OSError):
            collector = self._collector(state)
            if collector.is_due():
                known = known_of(graph, every_action=several)
                collector.slice(policy, known, seconds=SLICE, others=self._is_quick())
                state.refresh()

    def collect(
        self, state: LmdbState | MemoryState, graph: Graph, policy: Policy, *, choices: Choices, dry: bool
    ) -> Report:
        """A whole collection, or what it would do. Raises Busy, StateTrouble, StoreTrouble, OSError."""
        if not isinstance(state, LmdbState):
            raise StateTrouble("the state cannot be written or is damaged: the next build says why, and mends it")
        known = self._known(state, graph, choices)
        report = self._collector(state).run(policy, known, dry=dry)
        report.projects[:0] = self.notes
        return report

    def stats(self, state: LmdbState | MemoryState, now: float) -> Stats:
        """What there is."""
        ages: dict[int, int] = {}
        for hour, count in state.ages().items():
            since = max(0, int(now // HOUR) - hour)
            ages[since] = ages.get(since, 0) + count
        objects, object_bytes = _count(f"{self.store.folder}/objects")
        others = [sharer.root for sharer in self.sharers.others(now=now)]
        return Stats(
            results=sum(ages.values()),
            state_bytes=state.used_bytes(),
            record_bytes=_count(f"{self.store.folder}/records")[1],
            objects=objects,
            object_bytes=object_bytes,
            ages=ages,
            projects=others,
        )

    def verify(self, state: LmdbState | MemoryState, graph: Graph) -> Verified:
        """Hash everything again and mend what can be mended. Raises StateTrouble, StoreTrouble, OSError."""
        foreign = [self._open(sharer) for sharer in self.sharers.others(now=0.0) if sharer.trouble is None]
        return verify(state, self.store, root=self.root, known=known_of(graph, every_action=True), others=foreign)

    def _collector(self, state: LmdbState) -> Collector:
        return Collector(state, self.store, sharers=self.sharers, open_other=self._open)

    def _open(self, sharer: Sharer) -> CollectedState:
        """The state of another project, to read; made of its plain records if it cannot be opened."""

        def records() -> list[object]:
            found = list(self.store.records.of(sharer.owner))
            if any(trace is None for trace in found):
                raise StateTrouble("some of its plain records cannot be read")
            return list(found)

        return open_state(
            os.path.join(sharer.state, "state"),
            readonly=True,
            rebuild=records,  # type: ignore[arg-type]
            parts=self.store.parts,
        )

    def _is_quick(self) -> bool:
        """Whether others can be asked without looking into a file that its last writer did not leave in order."""
        folder = f"{self.store.folder}/projects"
        with suppress(OSError):
            if set(os.listdir(folder)) <= {f"{self.sharers.owner or HOME}.json"}:
                return True
        for sharer in self.sharers.others(now=0.0):
            place = os.path.join(sharer.state, "state")
            if sharer.gone_since is None and not (is_clean(place) or is_in_use(place)):
                return False
        return True

    def _mlfiles(self, state: LmdbState | MemoryState) -> list[str]:
        """The Mlfiles that this project was built by, this one noted among them."""
        try:
            names: list[str] = msgspec.json.decode(state.note(_MLFILES) or b"[]", type=list[str])
        except msgspec.DecodeError:
            names = []
        if os.fsencode(self.name).decode("latin-1") not in names:
            names.append(os.fsencode(self.name).decode("latin-1"))
            # Where only looking is allowed nothing is built either.
            with suppress(StateTrouble):
                state.put_note(_MLFILES, msgspec.json.encode(names))
        return names

    def _known(self, state: LmdbState, graph: Graph, choices: Choices) -> Known:
        """What stands by this Mlfile and by all others that the project was built by."""
        found = known_of(graph)
        for spelled in self._mlfiles(state):
            name = os.fsdecode(spelled.encode("latin-1"))
            path = os.path.join(self.root, name)
            if name == self.name or not os.path.exists(path):
                continue
            try:
                other = read_project(find_project(Choices(directory=self.root, file=path)), choices).graph
            except (MlfileMistakes, Usage, OSError):
                self.notes.append(f"{name} cannot be read: every target's latest result stays")
                return known_of(graph, every_action=True)
            more = known_of(other)
            found = Known(found.actions | more.actions, found.recipes | more.recipes)
            if any(target.listing is not None for target in other.targets.values()):
                # Which instances it has depends on what its steps have listed.
                return known_of(graph, every_action=True)
        return found


def known_of(graph: Graph, *, every_action: bool = False) -> Known:
    """What a graph refers to: the latest result of each action, and the last one of its recipe."""
    actions: Sequence[Action] = tuple(graph.actions.values())
    recipes: set[Digest] = {action.recipe for action in actions}
    return Known(frozenset(map(short, graph.actions)), frozenset(map(short, recipes)), every_action)


def _count(folder: str) -> tuple[int, int]:
    """The files in a folder and all below, and their bytes of disk."""
    number = total = 0
    for here, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(here, name)).st_blocks * 512
                number += 1
    return number, total
