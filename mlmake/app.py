"""The one place that chooses adapters and joins them; it decides nothing by itself."""

import math
import os
import signal
import sys
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cached_property

from mlmake import __version__
from mlmake.executors.foreground import ForegroundExecutor
from mlmake.executors.local import LocalExecutor
from mlmake.executors.probing import ProbeRunner
from mlmake.executors.registry import DispatchExecutor
from mlmake.executors.sweep import end_leftovers
from mlmake.executors.warm import WarmExecutor
from mlmake.history.asked import asked_document
from mlmake.host.clock import SystemClock
from mlmake.host.counts import FileCounts
from mlmake.host.crew import ThreadCrew
from mlmake.host.files import LocalWorkspace
from mlmake.host.jobserver import Places, share
from mlmake.host.lock import BuildLock
from mlmake.host.machine import user
from mlmake.host.makeflags import read_offer
from mlmake.host.packages import InstalledPackages
from mlmake.host.project import Located
from mlmake.host.provenance import Provenance
from mlmake.host.room import short_of
from mlmake.host.signals import interrupts
from mlmake.host.sources import ProjectSources
from mlmake.mlfile.doubts import find_doubts
from mlmake.mlfile.problems import Problem
from mlmake.model.decision import Decision
from mlmake.model.digest import ObjectName
from mlmake.model.event import GOOD, Event, Hashing, RunFinished, TargetStarted, Warned
from mlmake.model.graph import Graph, Group, Leaf, Made, Part, Select
from mlmake.model.plan import Plan, Request
from mlmake.model.reason import Code
from mlmake.model.release import Release
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Memory
from mlmake.planning.discovered import with_discovered_edges
from mlmake.planning.lists import Grown
from mlmake.planning.plan import closure, plan
from mlmake.planning.request import LISTED, Wrong, choose
from mlmake.planning.retention import Policy
from mlmake.planning.vanished import farewell
from mlmake.ports import BadList, Executor, Interrupted, OutsideProject, PlaceFree, StateTrouble
from mlmake.reading import Choices as Choices
from mlmake.reading import MlfileMistakes as MlfileMistakes
from mlmake.reading import Reading, cache_folder, find_project, list_again, read_project, state_folder, with_lists
from mlmake.reading import Usage as Usage
from mlmake.running import mishaps
from mlmake.running.build import Build
from mlmake.running.lists import Recorded
from mlmake.running.options import Options
from mlmake.running.order import Surroundings
from mlmake.running.probing import make_probe
from mlmake.running.release import Releases
from mlmake.running.runs import log_name, new_run
from mlmake.running.survey import survey
from mlmake.running.telling import interrupted
from mlmake.stores.collecting import Report
from mlmake.stores.former import read_former, write_former
from mlmake.stores.ignore import ignore_itself
from mlmake.stores.lmdb import LmdbState
from mlmake.stores.memory import MemoryState
from mlmake.stores.opening import open_state
from mlmake.stores.past import PastRuns
from mlmake.stores.sharing import NEVER, Pin
from mlmake.upkeep import Upkeep
from mlmake.views.jsonl import encoded, speakable


class App:
    """An opened project: its graph, its memory, and what can be done with them."""

    def __init__(self, located: Located, choices: Choices, reading: Reading) -> None:
        self.root, self.name = located.root, located.name
        self.choices, self.reading = choices, reading
        self.document, self.parameters = reading.document, reading.parameters
        self.notices: list[str] = []
        self.listener: Callable[[Event], None] = lambda event: None
        self.tell_waiting: Callable[[str], None] = self.notices.append
        self.state_dir = state_folder(self.root)
        self.runs_folder = os.path.join(self.state_dir, "runs")
        project = reading.graph.project
        cache = cache_folder(self.root, project.cache_dir)
        self.upkeep = Upkeep(self.root, self.name, store_folder=cache, state_dir=self.state_dir, link=project.link)
        self.store = self.upkeep.store
        self.clock = SystemClock()
        self.command = " ".join(("mlmake", *sys.argv[1:]))
        self.idle: RunFinished | None = None
        self._building = False
        self._crew: ThreadCrew | None = None
        self._signal: int | None = None
        self._debugged: ForegroundExecutor | None = None
        self._asked: tuple[tuple[Graph, tuple[str, ...]], bytes] | None = None
        self._words, self._order, self._former = tuple[str, ...](), tuple[str, ...](), dict[str, str]()
        self._recorded = Recorded(lambda: self.state, lambda: self.workspace, store=self.store)
        self.graph = with_lists(reading, self._recorded)
        self._decided = tuple[Decision, ...]()
        self._serving: Pin | None = None
        self._held: dict[str, list[ObjectName]] = {}

    @classmethod
    def open(cls, choices: Choices) -> "App":
        """Find and read the Mlfile. Raises MlfileMistakes, Usage, OSError."""
        located = find_project(choices)
        return cls(located, choices, read_project(located, choices))

    @cached_property
    def state(self) -> LmdbState | MemoryState:
        """The records, opened when first needed; where they cannot be written, to read only. Raises StateTrouble."""
        folder = os.path.join(self.state_dir, "state")
        try:
            ignore_itself(self.state_dir)
            state: LmdbState | MemoryState = open_state(
                folder, repair=self._building, rebuild=self.store.remembered, parts=self.store.parts
            )
        except (StateTrouble, OSError):
            if self._building:
                raise
            # Only what records must be able to write; of a newer mlmake it is said again.
            state = open_state(folder, readonly=True, rebuild=self.store.remembered, parts=self.store.parts)
        self.notices += state.notices
        return state

    @cached_property
    def workspace(self) -> LocalWorkspace:
        """The project's files."""
        return LocalWorkspace(
            self.root,
            stamps=self.state,
            clock=self.clock,
            aside=os.path.join(self.state_dir, "aside"),
            rehash=self.choices.rehash,
            progress=lambda path, done, total: self.listener(Hashing(self.clock.now(), path, done, total)),
        )

    @cached_property
    def installed(self) -> InstalledPackages:
        """What Python imports from outside the project."""
        return InstalledPackages(self.root, self.python)

    @cached_property
    def counts(self) -> FileCounts:
        """What was counted in sources."""
        return FileCounts(self.state, clock=self.clock, rehash=self.choices.rehash)

    def sources(self) -> ProjectSources:
        """Who asks how sources are, for one look or one build."""
        return ProjectSources(
            self.workspace,
            counts=self.counts,
            prober=ProbeRunner(self.python, self.root),
            order=lambda action: make_probe(action, around=self._around, listing=self.workspace.listing),
        )

    @property
    def _around(self) -> Surroundings:
        return Surroundings(root=self.root, python=self.python, project=self.graph.project, environ=dict(os.environ))

    @property
    def doubts(self) -> list[Problem]:
        """What in the Mlfile looks like an oversight."""
        tables = self.document.table.target
        return [doubt for name, table in tables.items() for doubt in find_doubts(name, table, self.graph)]

    @property
    def builder(self) -> str | None:
        """Who builds this project right now, if anybody does."""
        return BuildLock(os.path.join(self.state_dir, "lock")).holder()

    @property
    def memory(self) -> Memory:
        """What is remembered."""
        return self.state

    def _take_over(self) -> None:
        """From now on this process may mend and write the state, which a look at a list may have opened to read."""
        self._building = True
        if "state" in self.__dict__:
            self.state.close()
            del self.__dict__["state"]
            self.__dict__.pop("workspace", None)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Tell `listener` at once, from whatever thread, what cannot wait its turn: that something big is hashed."""
        self.listener = listener

    def snapshot(self) -> Snapshot:
        """One look at the world, now."""
        return survey(
            self.clock,
            self.workspace,
            traces=self.state,
            store=self.store,
            installed=self.installed,
            sources=self.sources(),
        )

    def request(self, words: Sequence[str]) -> Request:
        """What words on the command line ask for. Raises Usage."""
        named = self._choose(words)
        forced = set(named) if self.choices.force_named else set()
        for word in self.choices.force:
            forced |= set(self._choose([word]))
        return Request(named, frozenset(forced), exact=self.choices.exact, restore=not self.choices.no_cache)

    @property
    def folder(self) -> str:
        """Where the caller is, relative to the root."""
        folder = os.path.relpath(os.path.abspath(self.choices.directory or os.curdir), self.root)
        return "" if folder == os.curdir else folder

    def _choose(self, words: Sequence[str]) -> tuple[str, ...]:
        chosen = choose(self.graph, words, self.folder)
        if isinstance(chosen, Wrong):
            raise Usage(chosen.message)
        return chosen

    def asked(self, words: Sequence[str]) -> bytes:
        """What a build by these words of the command line is asked for, to keep beside its events."""
        key = self.graph, tuple(words)
        if self._asked is None or self._asked[0][0] is not key[0] or self._asked[0][1] != key[1]:
            sources = {name: origin.source for name, origin in self.parameters.origins.items()}
            self._asked = key, encoded(asked_document(self.graph, sources, words))
        return self._asked[1]

    def plan(self, words: Sequence[str]) -> Plan:
        """What a build would do, by the same judge. Writes nothing but stamps."""
        request = self.request(words)
        self.installed.refresh()
        self.prefetch(closure(self.graph, request.actions))
        made = plan(with_discovered_edges(self.graph, self.state), request, snapshot=self.snapshot())
        self.remember_looks()
        return made

    def to_debug(self, word: str) -> str:
        """The one step that this word names. Raises Usage."""
        names = self.request([word]).actions
        if len(names) > 1:
            listed = ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")
            raise Usage(f"--debug runs one step, and {word} means {len(names)}: {listed}; name one of them")
        command = self.graph.actions[names[0]].command
        if isinstance(command, Select | Group):
            kind = "a `select`" if isinstance(command, Select) else "a group"
            raise Usage(f"--debug {word}: it is {kind}, no step of yours that could be debugged")
        return names[0]

    def build(
        self, words: Sequence[str], *, foreground: str | None = None, signals: bool = True
    ) -> Generator[Event, None, None]:
        """Make the targets up to date; waits for another build of this project to end first.

        The step of the action `foreground` gets the streams of this process, and Ctrl-C while it runs. Without
        `signals` no handler is taken, and any thread may build.
        """
        self._take_over()
        self._words = tuple(words)
        request = self.request(words)
        ignore_itself(self.state_dir)
        lock = BuildLock(os.path.join(self.state_dir, "lock"))
        offer = read_offer(os.environ)
        most = self.choices.jobs or max(int(self.graph.project.totals.cpus), offer.jobs or 1 if offer else 1)
        crew = ThreadCrew(size=2 * most + 2)
        self._crew = crew
        if self._signal is not None:
            crew.post(Interrupted(self._signal))
        with closing(crew), interrupts(crew, spared=self._is_for_step) if signals else nullcontext():
            if not lock.acquire(self.command, wait=self.tell_waiting, stop=crew.has_messages):
                message = crew.get(0)
                yield interrupted(self.clock.now(), message.signal if isinstance(message, Interrupted) else None)
                return
            with closing(lock):
                ended = False
                with closing(self._share_places(crew)) as places, closing(self.upkeep.pin(self.clock.now())):
                    for event in self._build(request, crew, places, foreground):
                        yield event
                        ended = isinstance(event, RunFinished) and event.outcome != "interrupted"
                if ended:
                    self.upkeep.go_on(self.state, self.graph)

    def interrupt(self, number: int) -> None:
        """Who took the handlers has got this signal: it ends a build without handlers of its own, now or to come."""
        self._signal = number
        if self._crew is not None:
            self._crew.post(Interrupted(number))

    def _share_places(self, crew: ThreadCrew) -> Places:
        """What decides with us how much runs at once."""
        try:
            return share(
                os.environ,
                jobs=self.choices.jobs,
                cpus=max(1, int(self.graph.project.totals.cpus)),
                fifo=os.path.abspath(os.path.join(self.state_dir, "jobserver")),
                freed=lambda: crew.post(PlaceFree()),
            )
        except ValueError as error:
            raise Usage(str(error)) from error

    def _is_for_step(self, number: int) -> bool:
        """Whether a signal is the affair of the step in the foreground."""
        return self._debugged is not None and self._debugged.takes(number)

    @contextmanager
    def alone(self, command: str) -> Iterator[None]:
        """Hold the project as a build does, after a build that goes on, and with what a killed one left mended."""
        self._take_over()
        ignore_itself(self.state_dir)
        lock = BuildLock(os.path.join(self.state_dir, "lock"))
        lock.acquire(command, wait=self.tell_waiting)
        with closing(lock):
            self.notices += [event.text for event in self._mend(self.clock.now())]
            try:
                yield
            finally:
                if "counts" in self.__dict__:
                    self.counts.flush()
                self.workspace.close()

    def _mend(self, now: float) -> Iterator[Warned]:
        """After a mlmake that was killed: end its steps and put back what was moved aside for them."""
        workspace = self.workspace
        notes = [(left.job, left.pid, left.started) for left in workspace.leftovers()]
        if killed := end_leftovers(notes):
            yield Warned(now, "", mishaps.left_over(killed))
        yield from (Warned(now, "", text) for text in workspace.recover(self.state.is_recorded))
        self.store.tidy()

    def origin(self) -> Provenance:
        """By what and where results are made."""
        return Provenance(self.root, python=self.python, version=__version__, user=user())

    def _build(self, request: Request, crew: ThreadCrew, places: Places, foreground: str | None) -> Iterator[Event]:
        workspace, state, began = self.workspace, self.state, self.clock.now()
        yield from self._mend(began)
        self.upkeep.begin(state)
        self._former = read_former(self.state_dir)
        self._put_away({name for name, target in self.graph.targets.items() if target.listing is None})
        live = self.choices.verbose > 0
        preload, inherit = self.graph.project.preload, places.inherit
        executor: Executor = DispatchExecutor(
            LocalExecutor(workspace.note_process, live=live, inherit=inherit),
            WarmExecutor(self.python, self.root, preload, workspace.note_process, live=live, inherit=inherit),
        )
        if foreground is not None:
            executor = self._debugged = ForegroundExecutor(
                executor,
                foreground,
                python=self.python,
                note_process=workspace.note_process,
                inherit=inherit,
                interrupted=lambda: crew.post(Interrupted(signal.SIGINT)),
            )
        run = new_run(began)
        options = Options(
            run=run,
            around=replace(self._around, places=places.environ),
            log_path=lambda name: self._log_path(run, name),
            jobs=places.jobs,
            keep_going=self.choices.keep_going,
            frozen=self.choices.frozen,
            retries=self.choices.retry,
            foreground=foreground,
            origin=self.origin(),
            room=lambda size, kept: short_of([(self.root, size), *([(self.store.folder, size)] if kept else [])]),
        )
        self.installed.refresh()
        self.prefetch(closure(self.graph, request.actions))
        building = Build(
            with_discovered_edges(self.graph, state),
            request,
            options=options,
            clock=self.clock,
            workspace=workspace,
            traces=state,
            store=self.store,
            executor=executor,
            installed=self.installed,
            sources=self.sources(),
            crew=crew,
            places=places,
            lists=self,
        )
        try:
            for event in building.events():
                if places.warning and isinstance(event, TargetStarted):
                    yield Warned(event.time, "", places.warning)
                    places.warning = None
                if isinstance(event, RunFinished) and event.outcome == "ok" and not (event.ran or event.restored):
                    self.idle, self._order = event, tuple(building.board.order)
                    self._decided = tuple(s.decision for s in building.board.standing.values() if s.decision)
                yield event
        finally:
            made = {name for name in building.board.order if "@" in name and building.board[name].outcome in GOOD}
            self._note(self._former | {o.path: name for name in made for o in self.graph.actions[name].outputs})
            executor.close()
            self.counts.flush()
            workspace.close()

    def expand(self, listing: str) -> Grown:
        """See `Lists.expand`."""
        before, target = self.graph, self.graph.actions[listing].target
        self.graph = list_again(self.reading, self._recorded, target=target)
        try:
            request = self.request(self._words)
        except Usage as error:
            self.graph = before
            raise BadList(str(error)) from error
        self.prefetch(closure(self.graph, request.actions))
        return Grown(with_discovered_edges(self.graph, self.state), request)

    def settle(self, listing: str) -> None:
        """See `Lists.settle`."""
        self._put_away({self.graph.actions[listing].target})

    def _put_away(self, targets: Collection[str]) -> None:
        """Remove what instances of these that are no more have left, if the store has it."""
        gone = farewell(self._former, self.graph, snapshot=self.snapshot(), targets=targets)
        left = set(self._former).difference(gone.forgotten)
        for path in gone.removed:
            # What the disk refuses stays where it is, and no pattern matches it.
            with suppress(OSError, OutsideProject):
                self.workspace.clear("vanished", [path], ())
                self.workspace.settle("vanished")
                self.workspace.forget([path])
                left.discard(path)
        self._note({path: name for path, name in self._former.items() if path in left})

    def note_former(self, more: dict[str, str]) -> None:
        """Should the instances of these outputs be gone, the next build puts them away as it would have then."""
        self._former = read_former(self.state_dir)
        self._note(self._former | more)

    def _note(self, former: dict[str, str]) -> None:
        if former != self._former:
            self._former = former
            write_former(self.state_dir, former)

    def prefetch(self, order: Sequence[str]) -> None:
        """Read records and stamps of all that will be judged in two transactions."""
        actions = [self.graph.actions[name] for name in order]
        self.state.prefetch([action.recipe for action in actions], order)
        paths = [item.path for a in actions for i in a.inputs for item in i.items if isinstance(item, Leaf | Made)]
        self.workspace.prefetch([*paths, *(output.path for a in actions for output in a.outputs)])

    def retention(
        self, *, unused_for: float | None = None, max_size: int | None = None, keep_runs: int | None = None
    ) -> Policy:
        """For how long results are kept: as asked for, else as the Mlfile says.

        If only `keep_runs` is given, what these runs did not end with goes whatever its age.
        """
        project, only_runs = self.graph.project, False
        runs: frozenset[tuple[str, str]] | None = None
        if keep_runs is not None:
            ids = {speakable(action): action for action in self.graph.actions}
            past = PastRuns(self.runs_folder)
            steps = [step for run in past.names()[:keep_runs] for step in past.read(run).steps.values()]
            runs = frozenset((ids.get(s.instance, s.instance), s.made_in) for s in steps if s.made_in is not None)
            only_runs = unused_for is None and max_size is None
        return Policy(
            unused_for=project.unused_for if unused_for is None else unused_for,
            max_size=project.max_size if max_size is None else max_size,
            runs=runs,
            only_runs=only_runs,
        )

    def collect(self, policy: Policy, *, dry: bool) -> Report:
        """Remove what this policy allows, or say what would go. Raises Busy, StateTrouble, StoreTrouble, OSError."""
        return self.upkeep.collect(self.state, self.graph, policy, choices=self.choices, dry=dry)

    @property
    def holds_until(self) -> float:
        """When time alone may decide otherwise than the last build did; seconds since the epoch."""
        return min((d.due for d in self._decided if d.due is not None), default=math.inf)

    def looked_at(self) -> list[str] | None:
        """All but the state and the time that the last build's judgement depends on; None if paths cannot tell that."""
        if any(self._was_asked(decision) for decision in self._decided):
            return None
        paths = [*self.reading.looked_at]
        places: list[str] = []
        for name in self._order:
            action = self.graph.actions[name]
            places += (output.path for output in action.outputs)
            places += (item.path for i in action.inputs for item in i.items if isinstance(item, Leaf | Made | Part))
            last = self.state.last(action.recipe)
            places += (path for path, _ in last.discovered) if last else ()
            paths += (path for packages in last.packages for path in self.installed.looked_at(packages)) if last else ()
        for place in dict.fromkeys(places):
            absolute = self.workspace.absolute(place)
            paths.append(absolute)
            if place.endswith("/") and not _walk(absolute, paths):
                return None
        return paths

    def _was_asked(self, decision: Decision) -> bool:
        """Whether a validator was asked, which has to be done anew each time."""
        asks = self.graph.actions[decision.action].policy.validity.asks
        return asks and all(reason.code is not Code.FRESH for reason in decision.reasons)

    @property
    def python(self) -> str:
        """The interpreter of `call` steps and of `{python}`, absolute."""
        chosen = self.graph.project.python
        return os.path.join(self.root, chosen) if chosen else sys.executable

    def _log_path(self, run: str, name: str) -> str:
        return os.path.join(self.runs_folder, run, "logs", log_name(name))

    def release(self, serve: str) -> Release | None:
        """What is to be served under this name now; None as long as nothing is there."""
        building = self._building or self.builder is not None
        releases = Releases(self.state, self.store, self.workspace, root=self.root, building=building)
        found = releases.find(self.graph.serves[serve])
        if found is None or found.manner.warmup is None:
            return found
        return replace(found, manner=replace(found.manner, warmup=os.path.join(self.root, found.manner.warmup)))

    def remember_looks(self) -> None:
        """Write down what was found out of files, so that it need not be found out again."""
        if "counts" in self.__dict__:
            self.counts.flush()
        self.workspace.flush_stamps()

    def hold(self, release: Release) -> None:
        """What is served stays in the store as long as this process serves it, wherever the Mlfile goes on to."""
        if self._serving is None:
            self._serving = self.upkeep.pin(NEVER)
        named: list[ObjectName] = []
        for model in release.models:
            path, trace = os.path.relpath(model.path, self.root), self.state.latest(model.instance)
            named += (p.object for p in trace.outputs if p.object and p.path.rstrip("/") == path) if trace else ()
        self._held[release.serve] = named
        self._serving.hold(name for names in self._held.values() for name in names)

    def close(self) -> None:
        """Give back what was opened."""
        if self._serving is not None:
            self._serving.close()
        if "workspace" in self.__dict__:
            self.remember_looks()
        if "state" in self.__dict__:
            self.state.close()


def _walk(folder: str, paths: list[str]) -> bool:
    """Everything in a folder; False if a link leads to another folder, whose changes its own stat would not show."""
    for here, folders, files in os.walk(folder):
        if any(os.path.islink(os.path.join(here, name)) for name in folders):
            return False
        paths += (os.path.join(here, name) for name in (*folders, *files))
    return True
