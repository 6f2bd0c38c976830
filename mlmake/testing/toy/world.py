"""The toy world: a disk, a clock and a state in memory, in which the real planner and the real build are driven."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from mlmake.model.event import GOOD, Event, Outcome, RunFinished, TargetFinished, TargetStarted, Warned
from mlmake.model.graph import Graph
from mlmake.model.job import Ended, FunctionCall, How, Imported, Job, PathText
from mlmake.model.observation import Observation
from mlmake.model.plan import Plan, Request
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Trace
from mlmake.planning.discovered import with_discovered_edges
from mlmake.planning.lists import Grown
from mlmake.planning.plan import closure, plan
from mlmake.planning.vanished import farewell
from mlmake.running.accept import Acceptance, Accepted, accept
from mlmake.running.build import Build
from mlmake.running.lists import Recorded
from mlmake.running.options import Options
from mlmake.running.order import Surroundings
from mlmake.running.survey import survey
from mlmake.testing.toy.ports import (
    ROOT,
    Disk,
    FakeClock,
    FakeCrew,
    FakeExecutor,
    FakeInstalled,
    FakeSources,
    FakeStore,
    FakeWorkspace,
    Traces,
)
from mlmake.testing.toy.workflow import (
    FEEDS,
    MODULES,
    PACKAGES,
    PARAMS,
    SOURCES,
    Design,
    compute,
    graph_of,
    id_of,
    known,
    measured,
    number_in,
    project,
    step_of,
    text_of,
    version_of,
)


@dataclass
class Told:
    """What a build said: all events, and by instance how it ended. `over` is none if it crashed.

    `executed` are the steps that really ran, whatever was said; `at_once` is how many tasks were under way together.
    """

    events: list[Event] = field(default_factory=list)
    ended: dict[str, TargetFinished] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    over: RunFinished | None = None
    at_once: int = 0

    def hear(self, event: Event) -> None:
        """Take an event in."""
        self.events.append(event)
        match event:
            case TargetStarted(instance=name):
                self.started.append(name)
            case TargetFinished(instance=name):
                assert name not in self.ended or not self.ended[name].complete, f"{name} ended twice"
                self.ended[name] = event
            case RunFinished():
                self.over = event
            case _:
                pass

    def with_(self, *outcomes: Outcome) -> set[str]:
        """The instances that ended so."""
        return {name for name, event in self.ended.items() if event.outcome in outcomes}

    @property
    def ran(self) -> set[str]:
        """The instances whose step ran."""
        return self.with_(Outcome.RAN)

    @property
    def restored(self) -> set[str]:
        """The instances whose outputs were put back."""
        return self.with_(Outcome.RESTORED)

    @property
    def good(self) -> set[str]:
        """The instances that are up to date now."""
        return self.with_(*GOOD)

    def outcomes(self) -> dict[str, Outcome]:
        """How each ended."""
        return {name: event.outcome for name, event in self.ended.items()}

    def reasons(self, name: str) -> set[tuple[str, str]]:
        """Codes and subjects of why."""
        return {(reason.code.value, reason.subject) for reason in self.ended[name].reasons}

    def warnings(self) -> list[str]:
        """What the user was warned of."""
        return [event.text for event in self.events if isinstance(event, Warned)]


@dataclass
class World:
    """Everything outside the core.

    `broken` are instances that fail, `lazy` those that create no output, `movers` move a source while they run.
    `packages` are the versions of what is installed. `down` are feeds that no validator can tell of; `asked` are the
    actions whose validators were asked, by anybody.
    """

    declared: Design
    params: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARAMS, 1))
    clock: FakeClock = field(default_factory=FakeClock)
    broken: set[str] = field(default_factory=set)
    lazy: set[str] = field(default_factory=set)
    movers: dict[str, tuple[str, int]] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=lambda: dict.fromkeys(PACKAGES, "1.0"))
    down: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    builds: int = 0
    jobs: list[Job] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = Disk(self.clock)
        self.store = FakeStore(self.disk)
        self.traces = Traces()
        for i, path in enumerate((*SOURCES, *MODULES)):
            self.disk.write(path, text_of(i % 2))
        for path in FEEDS:
            self.disk.write(path, text_of(100))

    def clone(self) -> "World":
        """The same world once more, which goes its own way."""
        clock = FakeClock(self.clock.wall, self.clock.mono, self.clock.still)
        twin = World(
            self.declared,
            dict(self.params),
            clock,
            set(self.broken),
            set(self.lazy),
            dict(self.movers),
            dict(self.times),
        )
        twin.packages = dict(self.packages)
        twin.down = set(self.down)
        twin.builds, twin.disk = self.builds, self.disk.clone(clock)
        twin.store, twin.traces = self.store.clone(twin.disk), self.traces.clone()
        return twin

    # What a user and the machine do to it.

    def edit(self, path: str, value: int) -> None:
        """Somebody writes a file."""
        self.disk.write(path, text_of(value))

    def lose_state(self) -> None:
        """The traces are gone and are rebuilt from the plain records."""
        self.traces = Traces()
        for trace in self.store.remembered():
            self.traces.record(trace)
        self.traces.commit()

    def repair(self) -> None:
        """Nothing fails any more."""
        self.broken.clear()
        self.lazy.clear()
        self.movers.clear()
        self.down.clear()
        for path in FEEDS:
            if path not in self.disk.files:
                self.edit(path, 100)
        self.store.full = False
        self.store.damaged.clear()

    # What the tool does in it.

    @property
    def design(self) -> Design:
        """The workflow with the instances that there are by what is recorded now."""
        return known(self.declared, self._recorded())

    def _recorded(self) -> Recorded:
        return Recorded(lambda: self.traces, lambda: FakeWorkspace(self.disk), store=self.store)

    def graph(self, design: Design | None = None) -> Graph:
        """The graph under the present parameters, with the edges that were discovered."""
        return with_discovered_edges(graph_of(design or self.design, self.params), self.traces)

    def everything(self, design: Design | None = None) -> tuple[str, ...]:
        """All instances but those that only run when named."""
        steps = [s for s in design or self.design if s.shape != "phony"]
        return tuple(name for s in steps for name in (*([s.listing] if s.listing else []), *s.ids()))

    def say(self, name: str, content: bool = False) -> Observation:
        """What the validator of an instance says: of a dataset that is down or gone, that it cannot tell."""
        rules = step_of(self.declared, name)[0].rules
        if rules.feed is None or rules.feed in self.down or rules.feed not in self.disk.files:
            return Observation(error=f"nothing can be told of {rules.feed}")
        version = version_of(self.disk.files, rules.feed)
        assert isinstance(version, str), "it is there"
        told = version if rules.source is not None and (content or rules.probe is None) else None
        if rules.probe is None:
            return Observation(told)
        return Observation(told, measured(rules.probe, number_in(self.disk.files[rules.feed])))

    def request(
        self, names: Sequence[str] | None, forced: Sequence[str], *, restore: bool, exact: bool = False
    ) -> Request:
        """These and those forced; without names everything."""
        wanted = self.everything() if names is None else tuple(dict.fromkeys((*names, *forced)))
        return Request(wanted, frozenset(forced), exact=exact, restore=restore)

    def snapshot(self) -> Snapshot:
        """A fresh look at the world."""
        return survey(
            self.clock,
            FakeWorkspace(self.disk),
            traces=self.traces,
            store=self.store,
            installed=FakeInstalled(self.packages),
            sources=FakeSources(self.say, self.asked),
        )

    def plan(
        self,
        names: Sequence[str] | None = None,
        *,
        forced: Sequence[str] = (),
        restore: bool = True,
        exact: bool = False,
    ) -> Plan:
        """What a build would do, by a fresh look."""
        return plan(self.graph(), self.request(names, forced, restore=restore, exact=exact), snapshot=self.snapshot())

    def accept(self, *names: str, reason: str | None = None) -> Accepted:
        """Take what lies at their outputs for their results. Raises NotAccepted."""
        self.builds += 1
        workspace = FakeWorkspace(self.disk)
        accepted = accept(
            self.graph(),
            names,
            Acceptance(by="somebody", reason=reason, run=f"run{self.builds}", origin={}),
            clock=self.clock,
            workspace=workspace,
            traces=self.traces,
            store=self.store,
            installed=FakeInstalled(self.packages),
            sources=FakeSources(self.say, self.asked),
        )
        self.clock.pass_(1)
        return accepted

    def build(
        self,
        names: Sequence[str] | None = None,
        *,
        forced: Sequence[str] = (),
        restore: bool = True,
        exact: bool = False,
        order: Sequence[int] = (0,),
        jobs: int = 2,
        keep_going: bool = False,
        frozen: bool = False,
        retries: int | None = None,
        interrupts: Sequence[int] = (),
        crash_after: int | None = None,
        power: bool = False,
    ) -> Told:
        """Build; `crash_after` so many events the build is dropped, with `power` the unsynced is lost too."""
        self.disk.recover()
        self.builds += 1
        told = Told()
        around = Surroundings(root=ROOT.rstrip("/"), python="python", project=project(), environ={})
        lists = ToyLists(self, names, forced, restore=restore, exact=exact)
        build = Build(
            self.graph(lists.design),
            self.request(names, forced, restore=restore, exact=exact),
            options=Options(
                run=f"run{self.builds}",
                around=around,
                log_path=lambda name: f"{ROOT}log/{name}",
                jobs=jobs,
                keep_going=keep_going,
                frozen=frozen,
                retries=retries,
            ),
            clock=self.clock,
            workspace=FakeWorkspace(self.disk),
            traces=self.traces,
            store=self.store,
            executor=FakeExecutor(self._execute),
            installed=FakeInstalled(self.packages),
            sources=FakeSources(self.say, self.asked),
            lists=lists,
            crew=(crew := FakeCrew(self.clock, order, interrupts)),
        )
        self.executed = told.executed
        events = build.events()
        for event in events:
            told.hear(event)
            told.at_once = crew.most
            if len(told.events) == crash_after and told.over is None:
                assert isinstance(events, Generator), "a build that is dropped has to be closed"
                events.close()
                self.crash(power=power)
                return told
        assert told.over is not None and told.events[-1] is told.over, "a build ends by saying so"
        assert not self.disk.aside, f"moved aside and forgotten: {self.disk.aside}"
        self.clock.pass_(1)
        return told

    def crash(self, *, power: bool) -> None:
        """The process is killed; in a power cut what was not synced is lost too."""
        self.traces.crash()
        if power:
            self.store.lose_power()
        self.clock.pass_(1)

    def _execute(self, job: Job, cancelled: bool) -> Ended:
        self.jobs.append(job)
        step, key = step_of(self.design, job.action)
        if cancelled:
            return Ended(How.CANCELLED, None, 0.0)
        self.executed.append(job.action)
        self.clock.pass_(step.seconds)
        seen = self.clock.now()
        assert isinstance(job.order, FunctionCall), "toy steps are calls"
        given = job.order.context["inputs"]
        assert isinstance(given, list), "toy inputs have no names"
        paths = [path.text for path in given if isinstance(path, PathText)]
        if job.action in self.movers:
            self.clock.pass_(step.seconds)
            self.edit(*self.movers[job.action])
        noise = 0
        if step.noisy:
            noise = self.times[job.action] = self.times.get(job.action, 0) + 1
        if job.action in self.broken or (step.rules.feed is not None and step.rules.feed not in self.disk.files):
            for path in [path for _, path in step.paths(key)][:1]:
                self.disk.write(path + "0" if path.endswith("/") else path, "half")
            return Ended(How.EXITED, 1, step.seconds)
        left = compute(step, key, paths, self.disk.files, params=self.params, noise=noise)
        for path, content in left.files.items():
            if job.action not in self.lazy:
                self.disk.write(path, content)
        loaded, imported = dict.fromkeys(left.loaded, seen), [Imported("python", "/packages", p) for p in step.packages]
        read = dict.fromkeys(step.reads if "files" in step.track else (), seen)
        return Ended(How.EXITED, 0, step.seconds, loaded, read, imported=tuple(imported))

    # What can be seen of it.

    def outputs(self) -> dict[str, str]:
        """What is on disk besides sources and modules."""
        return {path: text for path, text in self.disk.files.items() if path.startswith("out/")}

    def closure(self, names: Sequence[str]) -> set[str]:
        """These instances and all they need."""
        return set(closure(self.graph(), names))

    def last(self, name: str) -> Trace | None:
        """The last run of an instance's present recipe."""
        return self.traces.last(graph_of(self.design, self.params).actions[name].recipe)

    def image(self) -> tuple[object, ...]:
        """All there is, to see whether something has changed."""
        return dict(self.disk.files), dict(self.disk.changed), dict(self.store.objects), self.traces.image()

    def results(self) -> dict[str, object]:
        """The last result of every instance, without when and by which build."""
        found: dict[str, object] = {}
        for name in graph_of(self.design, self.params).actions:
            if (trace := self.last(name)) is not None:
                found[name] = essence(trace)
        return found


def essence(trace: Trace) -> tuple[object, ...]:
    """What a result says of the work, not of when it was done."""
    outputs = tuple((p.path, p.digest) for p in trace.outputs)
    return trace.action, trace.recipe, trace.inputs, trace.discovered, outputs, tuple(trace.metrics.items())


class ToyLists:
    """The lists of a toy workflow in one build, as the app would tell them."""

    def __init__(
        self, world: World, names: Sequence[str] | None, forced: Sequence[str], *, restore: bool, exact: bool
    ) -> None:
        self._world, self._names, self._forced, self._restore, self._exact = world, names, forced, restore, exact
        self._recorded = Recorded(lambda: world.traces, lambda: FakeWorkspace(world.disk), store=world.store)
        self.design = known(world.declared, self._recorded)
        self._former = {path: name for name, path in self._made()}

    def _made(self) -> Iterator[tuple[str, str]]:
        for step in self.design:
            if step.over:
                yield from ((id_of(step, k), path) for k in step.each() for _, path in step.paths(k))

    def expand(self, listing: str) -> Grown:
        """See `Lists.expand`."""
        with self._recorded.renewed(listing.partition("@")[0]):
            self.design = known(self._world.declared, self._recorded)
        graph = self._world.graph(self.design)
        names = self._world.everything(self.design) if self._names is None else (*self._names, *self._forced)
        wanted = tuple(name for name in dict.fromkeys(names) if name in graph.actions)
        return Grown(graph, Request(wanted, frozenset(self._forced), exact=self._exact, restore=self._restore))

    def settle(self, listing: str) -> None:
        """See `Lists.settle`."""
        step, _ = step_of(self.design, listing)
        graph, snapshot = self._world.graph(self.design), self._world.snapshot()
        gone = farewell(self._former, graph, snapshot=snapshot, targets={step.name})
        for path in gone.removed:
            self._world.disk.remove(path)
