"""A pipeline under test: a copy of a project that can be changed and built, for real or as if; it states no law."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeAlias

from mlmake.host.clock import SystemClock
from mlmake.host.files import LocalWorkspace
from mlmake.host.modules import ModuleFinder
from mlmake.model.decision import Verb
from mlmake.model.digest import Value, Version
from mlmake.model.graph import Action, Call, Graph, Group, Leaf, Listing
from mlmake.model.plan import Request
from mlmake.planning.explain import sentence
from mlmake.planning.request import Wrong, choose, nearest, owner_of
from mlmake.reading import Choices, Reading, find_project, read_project, state_folder
from mlmake.stores.memory import MemoryState
from mlmake.stores.opening import open_state
from mlmake.testing.copying import copy_project
from mlmake.testing.edits import Edits
from mlmake.testing.pretence import Pretence
from mlmake.testing.real import failures, told_by
from mlmake.testing.settings import another, leaves, spelled

Change: TypeAlias = str | Mapping[str, Value]
"""A path (it gets another content, or comes to be), the name of a parameter (another value), or values by name."""

_DONE = {Verb.RUN: "ran", Verb.RESTORE: "restored", Verb.SKIP: "skipped"}


@dataclass(frozen=True, slots=True)
class Planned:
    """What a build would do, by instances; `reasons` say why, in words."""

    run: frozenset[str]
    maybe: frozenset[str]
    restore: frozenset[str]
    skip: frozenset[str]
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_noop(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.run or self.maybe or self.restore)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did, by instances. Only what is run for real can fail; `said` is what it then said."""

    ran: frozenset[str]
    restored: frozenset[str]
    skipped: frozenset[str]
    failed: frozenset[str] = frozenset()
    said: str = ""


class Pipeline:
    """A copy of a project in a temporary folder; the project itself is only read. To be closed in the end.

    Its steps pretend: each output depends on all that it is made from, so that whatever can reach a target does. With
    `run` they are run for real, by the command itself.
    """

    def __init__(self, original: str, name: str, *, run: bool) -> None:
        self._original, self._name, self._run = original, name, run
        graph = read_project(find_project(Choices(file=os.path.join(original, name))), Choices()).graph
        self._folder = tempfile.mkdtemp(prefix="mlmake-testing-")
        self.root = os.path.join(self._folder, os.path.basename(original) or "project")
        """Where the copy is."""
        self._made = frozenset(graph.owners)
        self._loaded = _loads(original, graph)
        self._settings: dict[str, str] = {}
        self._edits = Edits(os.path.join(self._folder, "before"))
        self._pretence = Pretence()
        self._base: Pretence | None = None
        self._known: Reading | None = None
        self._copy()

    @classmethod
    def open(cls, path: str | os.PathLike[str] = ".", *, run: bool = False) -> "Pipeline":
        """The project that governs this folder, or the one of this Mlfile. Raises what `mlmake check` would say."""
        place = os.path.abspath(os.fspath(path))
        choices = Choices(directory=place) if os.path.isdir(place) else Choices(file=place)
        located = find_project(choices)
        return cls(located.root, located.name, run=run)

    def close(self) -> None:
        """Remove the copy."""
        shutil.rmtree(self._folder)

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> None:
        """As it was when it was opened: no change, nothing built."""
        self._undo(0, {})
        self._pretence = Pretence()
        if self._run:
            shutil.rmtree(self.root)
            self._copy()

    @contextmanager
    def trial(self) -> Iterator["Pipeline"]:
        """Itself, reset when the block is left; for tests that get one pipeline for many examples."""
        try:
            yield self
        finally:
            self.reset()

    # What there is.

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets, in the order of the Mlfile."""
        return tuple(self._reading.graph.targets)

    @property
    def instances(self) -> tuple[str, ...]:
        """All instances that a build can bring up to date."""
        return tuple(name for name, action in self._reading.graph.actions.items() if _is_built(action))

    @property
    def sources(self) -> tuple[str, ...]:
        """The declared inputs in the project that nothing makes; folders end in a slash."""
        items = (i for a in self._reading.graph.actions.values() for declared in a.inputs for i in declared.items)
        found = dict.fromkeys(item.path for item in items if isinstance(item, Leaf))
        return tuple(path for path in found if _is_inside(path))

    @property
    def parameters(self) -> Mapping[str, Value]:
        """The values of the parameters by dotted name; tables are named by what is in them."""
        return dict(leaves(self._reading.parameters.values))

    # Changing it.

    def edit(self, path: str, content: str | bytes | None = None) -> None:
        """Write a file of the copy; without a content it becomes another than it is. In a folder a file is added."""
        self._edits.write(self._place(path), content.encode() if isinstance(content, str) else content)
        self._touched()

    def remove(self, path: str) -> None:
        """Remove a file or folder of the copy."""
        self._edits.remove(self._place(path))
        self._touched()

    def set(self, **values: Value) -> None:
        """Set parameters, as `--set` would; a dotted name goes into `change`."""
        self.change(values)

    def change(self, *changes: Change) -> None:
        """Make these changes. Raises ValueError for a word that is neither a path nor a parameter."""
        for change in changes:
            if not isinstance(change, str):
                for name, value in change.items():
                    self._set(name, value)
            elif change in self.parameters:
                self._set(change, another(self.parameters[change]))
            elif change in self.sources or os.path.lexists(self._place(change)) or "/" in change:
                self.edit(change)
            else:
                meant = nearest(change, [*self.parameters, *self.sources])
                hint = f"; did you mean {meant!r}?" if meant else ""
                raise ValueError(f"{change!r} is neither a file of the project nor a parameter{hint}")

    # Building it.

    def plan(self, *targets: str) -> Planned:
        """What a build of these would do; without targets, of the defaults."""
        if self._run:
            (document,), _ = told_by("plan", self.root, ["--all", *targets], settings=self._settings)
            rows = {row["instance"]: row for row in document["targets"]}
            verbs = {name: row["decision"] for name, row in rows.items()}
            reasons = {name: tuple(reason["text"] for reason in row["reasons"]) for name, row in rows.items()}
        else:
            graph = self._reading.graph
            made = self._pretence.plan(graph, self._request(graph, targets), look=self._look())
            decisions = {name: d for name, d in made.decisions.items() if not graph.actions[name].is_phony}
            verbs = {name: decision.verb.value for name, decision in decisions.items()}
            reasons = {name: tuple(map(sentence, decision.reasons)) for name, decision in decisions.items()}
        return Planned(
            run=_with(verbs, "run"),
            maybe=_with(verbs, "maybe"),
            restore=_with(verbs, "restore"),
            skip=_with(verbs, "skip"),
            reasons=reasons,
        )

    def build(self, *targets: str) -> Built:
        """Build these; without targets, the defaults."""
        if self._run:
            events, _ = told_by("build", self.root, targets, settings=self._settings)
            ends = [event for event in events if event["event"] == "target-finished"]
            ended, said = {end["instance"]: end["outcome"] for end in ends}, failures(ends)
        else:
            ended, said = self._pretend(self._pretence, self._request(self._reading.graph, targets)), ""
        ran, restored, skipped = (_with(ended, outcome) for outcome in _DONE.values())
        return Built(ran, restored, skipped, frozenset(ended) - ran - restored - skipped, said)

    # Asking about it; no step is run for this, whatever else is.

    def affected_by(self, *changes: Change) -> frozenset[str]:
        """The instances that would run after these changes, everything being up to date before.

        A change that reaches a step is taken to change all that the step makes.
        """
        if self._base is None:
            self._base = Pretence()
            self._pretend(self._base, Request(self.instances))
        base, before, settings = self._base, len(self._edits), dict(self._settings)
        try:
            self.change(*changes)
            return _with(self._pretend(base.fork(), Request(self.instances)), "ran")
        finally:
            self._undo(before, settings)
            self._base = base

    def reaches(self, change: Change, target: str) -> bool:
        """Whether a change makes this target, or instance, run. Raises ValueError for what is no target."""
        wanted = {*self._request(self._reading.graph, (target,)).actions, target}
        affected = self.affected_by(change)
        # An instance may come with the change.
        return not wanted.isdisjoint(affected | {name.partition("@")[0] for name in affected})

    def assert_noop_after_build(self, *targets: str) -> None:
        """Build, and fail if there is still something to do."""
        built = self.build(*targets)
        assert not built.failed, f"failed: {', '.join(sorted(built.failed))}\n{built.said}"
        left = self.plan(*targets)
        due = sorted(left.run | left.maybe | left.restore)
        told = [f"  {name}: {'; '.join(left.reasons[name])}" for name in due]
        assert left.is_noop, "\n".join(["after a build there is still something to do:", *told])

    # How.

    def _copy(self) -> None:
        copy_project(self._original, self.root, made=self._is_made, link=not self._run)

    def _undo(self, before: int, settings: Mapping[str, str]) -> None:
        self._edits.undo(before)
        self._settings = dict(settings)
        self._touched()

    def _is_made(self, path: str) -> bool:
        return path in self._made

    def _touched(self) -> None:
        self._known = self._base = None

    @property
    def _reading(self) -> Reading:
        if self._known is None:
            settings = tuple(f"{name}={text}" for name, text in self._settings.items())
            choices = Choices(file=os.path.join(self.root, self._name), set=settings)
            self._known = read_project(find_project(choices), choices)
        return self._known

    def _set(self, name: str, value: Value) -> None:
        if name not in self.parameters:
            meant = nearest(name, self.parameters)
            raise ValueError(f"there is no parameter {name!r}" + (f"; did you mean {meant!r}?" if meant else ""))
        self._settings[name] = spelled(value)
        self._touched()

    def _place(self, path: str) -> str:
        if not _is_inside(path):
            raise ValueError(f"{path!r} is outside of the project: only its copy can be changed")
        return os.path.join(self.root, os.path.normpath(path)) + ("/" if path.endswith("/") else "")

    def _request(self, graph: Graph, words: Iterable[str]) -> Request:
        chosen = choose(graph, tuple(words))
        if isinstance(chosen, Wrong):
            raise ValueError(chosen.message)
        return Request(chosen)

    def _pretend(self, pretence: Pretence, request: Request) -> dict[str, str]:
        graph = self._reading.graph
        done = pretence.build(graph, request, look=self._look(), loads=self._loads(graph))
        return {name: _DONE[verb] for name, verb in done.items()}

    def _look(self) -> Callable[[str], Version]:
        here, there = (
            LocalWorkspace(root, stamps=MemoryState(), clock=SystemClock(), aside=os.path.join(self._folder, "aside"))
            for root in (self.root, self._original)
        )
        return lambda path: (here if _is_inside(path) else there).version(path)

    def _loads(self, graph: Graph) -> Callable[[Action], Iterable[str]]:
        python = graph.project.python
        finder = ModuleFinder(self.root, os.path.join(self.root, python) if python else sys.executable)

        def loads(action: Action) -> Iterable[str]:
            yield from (path for path in self._loaded.get(action.id, ()) if owner_of(graph, path) is None)
            if isinstance(action.command, Call):
                found = finder.find(action.command.module)
                if found is not None and _is_inside(found[0]):
                    yield found[0]

        return loads


def _loads(root: str, graph: Graph) -> dict[str, tuple[str, ...]]:
    """The files that each step was seen to load when it last ran for real, if it ever did."""
    state = open_state(os.path.join(state_folder(root), "state"), readonly=True)
    try:
        results = {name: state.latest(name) for name in graph.actions}
    finally:
        state.close()
    return {name: tuple(path for path, _ in last.discovered) for name, last in results.items() if last is not None}


def _is_inside(path: str) -> bool:
    return not os.path.isabs(path) and os.path.normpath(path).split(os.sep)[0] != os.pardir


def _is_built(action: Action) -> bool:
    return not isinstance(action.command, Group) and (not action.is_phony or isinstance(action.command, Listing))


def _with(table: Mapping[str, Any], value: str) -> frozenset[str]:
    return frozenset(name for name, found in table.items() if found == value)
