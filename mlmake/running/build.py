"""Plan to events: the one loop that owns a build's state and moves each action through it; it judges nothing itself."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import MISSING
from mlmake.model.event import (
    GOOD,
    Event,
    MetricsReported,
    Outcome,
    OutputText,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetStarted,
    Warned,
)
from mlmake.model.graph import Action, Graph, Resources, Select
from mlmake.model.job import Ended, How, Job, Reported, Said
from mlmake.model.plan import Request
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Failure, Trace, inputs_key
from mlmake.planning.evidence import Evidence, Settled, gather
from mlmake.planning.judge import decide
from mlmake.planning.plan import closure
from mlmake.planning.schedule import Line, Room, claim, priorities, widen
from mlmake.planning.selection import Choice, NothingToSelect, choose, enter
from mlmake.ports import (
    Clock,
    ContentStore,
    Crashed,
    Crew,
    DamagedObject,
    Done,
    Executor,
    Interrupted,
    Message,
    StoreTrouble,
    TraceStore,
    Workspace,
)
from mlmake.running import mishaps
from mlmake.running.attempt import Attempted, attempt
from mlmake.running.order import Surroundings, make_job

SHORT_STEP = 0.1
"""Seconds: the record of a shorter step may wait to share a transaction."""

LONGEST_WAIT = 0.05
"""Seconds that a record may wait at most."""


class State(Enum):
    """Where an action stands in a build; each with what holds when it is entered."""

    DORMANT = "a phony that nobody has called for yet"
    WAITING = "something upstream is not done"
    READY = "all upstream is done and good: may be judged"
    HELD = "judged stale; phonies it comes after are not done"
    QUEUED = "judged stale; waits for room"
    RUNNING = "an attempt, a restore or a pause between attempts is under way"
    DONE = "has its outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to build. `jobs` is the number of steps at once, none for the totals' CPUs; `retries` goes for all steps."""

    run: str
    jobs: int | None = None
    keep_going: bool = False
    frozen: bool = False
    retries: int | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    around: Surroundings
    log_path: Callable[[str], str]


@dataclass(slots=True)
class Standing:
    """What the loop knows of one action."""

    state: State = State.WAITING
    unmet: set[str] = field(default_factory=set)
    decision: Decision | None = None
    evidence: Evidence | None = None
    attempts: int = 0
    rejudged: int = 0
    claimed: Resources | None = None
    job: Job | None = None
    cancelled: bool = False
    outcome: Outcome | None = None


class Build:
    """One build of one request; `events` carries it out and tells."""

    def __init__(
        self,
        graph: Graph,
        request: Request,
        *,
        options: Options,
        clock: Clock,
        workspace: Workspace,
        traces: TraceStore,
        store: ContentStore,
        executor: Executor,
        crew: Crew,
    ) -> None:
        self.graph, self.request, self.options = graph, request, options
        self.clock, self.workspace, self.traces, self.store = clock, workspace, traces, store
        self.executor, self.crew = executor, crew
        self.order = closure(graph, request.actions)
        self.standing = {name: Standing() for name in self.order}
        self.dependents: dict[str, list[str]] = {name: [] for name in self.order}
        self.settled: dict[str, Settled] = {}
        self.results: dict[str, Trace] = {}
        self.ready: deque[str] = deque()
        self.line = Line()
        totals = widen(graph.project.totals, options.jobs)
        self.totals = totals
        self.room = Room(totals, options.jobs or max(1, int(totals.cpus)))
        self.pauses: list[tuple[float, str]] = []
        self.unsaid: list[Event] = []
        self.unsettled: list[str] = []
        self.commit_due: float | None = None
        self.stopping = False
        self.signal: int | None = None
        self.caching = True
        self.jobs_made = 0
        self.saved = 0.0
        self.busy: set[str] = set()
        self.priority: dict[str, float] = {}
        self.snapshot = Snapshot(
            now=clock.now(),
            version=workspace.version,
            listing=workspace.listing,
            memory=traces,
            stored=lambda product: product.object is not None and store.has(product.object),
        )

    # ---------------------------------------------------------------- the loop

    def events(self) -> Iterator[Event]:
        """Build. The last event is always `RunFinished`, unless the machine itself breaks."""
        begun = self.clock.monotonic()
        expected = {n: t.seconds for n in self.order if (t := self.traces.latest(n)) is not None}
        self.priority = priorities(self.graph, self.order, expected)
        count = sum(not self.graph.actions[n].is_group for n in self.order)
        yield RunStarted(self.clock.now(), self.options.run, count, self.room.places, expected)
        self._seed()
        while True:
            while self.ready:
                yield from self._judge(self.ready.popleft())
            yield from self._start()
            if self.ready:
                continue
            if not self.busy and not self.pauses:
                break
            message = self.crew.get(self._patience())
            yield from self._hear(message)
            yield from self._commit(only_due=True)
        for name in self.order:
            if self.standing[name].state not in (State.DONE, State.DORMANT):
                yield from self._finish(name, Outcome.CANCELLED, detail=self._why_cancelled())
        yield from self._commit()
        yield self._summary(self.clock.monotonic() - begun)

    def _seed(self) -> None:
        for name in self.order:
            action = self.graph.actions[name]
            standing = self.standing[name]
            for need in action.upstream + action.after:
                self.dependents[need].append(name)
                if not (self.graph.actions[need].is_phony and need in action.after):
                    standing.unmet.add(need)
            if action.is_phony and name not in self.request.actions:
                standing.state = State.DORMANT
        for name in self.order:
            self._look(name)

    def _look(self, name: str) -> None:
        """Move an action on if nothing holds it any more."""
        standing = self.standing[name]
        if standing.unmet:
            return
        if standing.state is State.WAITING:
            standing.state = State.READY
            self.ready.append(name)
        elif standing.state is State.HELD:
            self._queue(name)

    def _patience(self) -> float | None:
        """Seconds until something is due by itself."""
        now = self.clock.monotonic()
        dues = [due for due, _ in self.pauses] + ([self.commit_due] if self.commit_due is not None else [])
        return max(0.0, min(dues) - now) if dues else None

    # ---------------------------------------------------------------- judging

    def _judge(self, name: str) -> Iterator[Event]:
        action, standing = self.graph.actions[name], self.standing[name]
        if action.is_group:
            self._done(name, Outcome.SKIPPED, Settled({}, in_place=True))
            return
        try:
            evidence = gather(action, self.graph, request=self.request, snapshot=self.snapshot, settled=self.settled)
            decision = decide(evidence)
        except OSError as error:
            yield from self._fail(name, Outcome.FAILED, f"its inputs cannot be read: {error}")
            return
        standing.evidence, standing.decision = evidence, decision
        if decision.verb is Verb.SKIP:
            yield from self._keep(name, decision, Outcome.SKIPPED)
        elif decision.verb is Verb.RESTORE and not self.stopping:
            self._restore(name, decision)
        elif decision.verb is Verb.RUN and self.options.frozen:
            yield from self._finish(name, Outcome.BLOCKED, detail=mishaps.refused())
            yield from self._block(name)
        elif missing := [path for path, version in evidence.inputs if version is MISSING]:
            yield from self._fail(name, Outcome.FAILED, mishaps.missing_inputs(missing))
        elif not self.stopping:
            self._hold(name)

    def _keep(self, name: str, decision: Decision, outcome: Outcome) -> Iterator[Event]:
        """The result of the decision stands: nothing runs."""
        result = decision.result
        assert result is not None, "what is kept or restored has a result"
        if self.traces.last(result.recipe) != result or self.traces.latest(name) != result:
            self.traces.choose(result)
            self._commit_by(LONGEST_WAIT)
        self.results[name] = result
        self.saved += result.seconds
        settled = Settled({p.path: p.digest for p in result.outputs}, in_place=True)
        yield from self._finish(name, outcome, settled=settled, saved=result.seconds, metrics=result.metrics)

    def _hold(self, name: str) -> None:
        """Judged stale: wake the phonies that come before it, or stand in line."""
        standing = self.standing[name]
        for need in self.graph.actions[name].after:
            other = self.standing[need]
            if self.graph.actions[need].is_phony and other.state is not State.DONE:
                standing.unmet.add(need)
                if other.state is State.DORMANT:
                    other.state = State.WAITING
                    self._look(need)
        if standing.unmet:
            standing.state = State.HELD
        else:
            self._queue(name)

    def _queue(self, name: str) -> None:
        standing = self.standing[name]
        standing.state = State.QUEUED
        standing.claimed = claim(self.graph.actions[name], self.totals)
        self.line.join(name, standing.claimed, priority=self.priority[name])

    # ---------------------------------------------------------------- acting

    def _restore(self, name: str, decision: Decision) -> None:
        self.standing[name].state = State.RUNNING
        result = decision.result
        assert result is not None, "what is restored has a result"
        self.busy.add(name)
        self.crew.submit(name, lambda: self.workspace.restore(result.outputs, self.store))

    def _start(self) -> Iterator[Event]:
        """Start what has room."""
        now = self.clock.monotonic()
        due = [name for at, name in self.pauses if at <= now]
        self.pauses = [(at, name) for at, name in self.pauses if at > now]
        for name in due:
            self._queue(name)
        while not self.stopping and (found := self.line.next(self.room)):
            name, claimed = found
            self.room.take(claimed)
            yield from self._run(name, claimed)

    def _run(self, name: str, claimed: Resources) -> Iterator[Event]:
        action, standing = self.graph.actions[name], self.standing[name]
        evidence, decision = standing.evidence, standing.decision
        assert evidence is not None and decision is not None, "only what was judged is queued"
        standing.state, standing.attempts = State.RUNNING, standing.attempts + 1
        self.busy.add(name)
        self.jobs_made += 1
        task = f"{self.jobs_made:05d}"
        keep = self._resumable(action, evidence)
        if isinstance(action.command, Select):
            execute, log = self._selecting(action, action.command), None
        else:
            log = self.options.log_path(f"{name}" if standing.attempts == 1 else f"{name}.{standing.attempts}")
            job = make_job(
                action,
                evidence.bound,
                name=f"{self.options.run}-{task}",
                attempt=standing.attempts,
                log=log,
                cpus=claimed.cpus,
                around=self.options.around,
            )
            standing.job = job
            execute = self._executing(job)
        yield TargetStarted(self.clock.now(), action.target, name, decision.reasons, standing.attempts, log)
        if action.policy.keep:
            self.traces.fail(self._failure(name, "started", None))
            self.traces.commit()
        self.crew.submit(
            name,
            lambda: attempt(
                action,
                evidence.inputs,
                job=f"{self.options.run}-{task}",
                keep=keep,
                execute=execute,
                workspace=self.workspace,
                store=self.store if self.caching else None,
            ),
        )

    def _executing(self, job: Job) -> Callable[[], Ended]:
        return lambda: self.executor.execute(job, self.crew.post)

    def _selecting(self, action: Action, select: Select) -> Callable[[], Ended]:
        """A selection as an attempt: it reads recorded metrics and writes the manifest."""
        entrants, left_out = enter(select, self.graph.actions, self.results)

        def execute() -> Ended:
            begun = self.clock.monotonic()
            try:
                choice: Choice = choose(select, entrants)
                self.workspace.write(action.outputs[0].path, choice.manifest)
            except (NothingToSelect, OSError) as error:
                return Ended(How.EXITED, 1, self.clock.monotonic() - begun, detail=str(error))
            detail = "; ".join((*left_out, *choice.warnings)) or None
            return Ended(How.EXITED, 0, self.clock.monotonic() - begun, detail=detail)

        return execute

    def _resumable(self, action: Action, evidence: Evidence) -> tuple[str, ...]:
        """The kept outputs that stay in place: only those that the same recipe and inputs have written."""
        if not action.policy.keep:
            return ()
        key = inputs_key([(path, str(version)) for path, version in evidence.inputs])  # type: ignore[misc]
        failure = self.traces.failure(action.id)
        last = evidence.last
        same = (failure is not None and (failure.recipe, failure.key) == (action.recipe, key)) or (
            failure is None and last is not None and last == evidence.latest and last.key == key
        )
        return action.policy.keep if same else ()

    # ---------------------------------------------------------------- hearing

    def _hear(self, message: Message | None) -> Iterator[Event]:
        match message:
            case None:
                return
            case Done(name, Attempted() as done):
                yield from self._attempted(name, done)
            case Done(name, _):
                yield from self._restored(name)
            case Crashed(name, DamagedObject() | OSError() as error) if self._restoring(name):
                yield from self._not_restored(name, error)
            case Crashed(_, error):
                raise error
            case Interrupted(signal):
                yield from self._interrupt(signal)
            case Said(job, stream, text):
                yield OutputText(self.clock.now(), self._instance(job), stream, text)
            case Reported(job, metrics):
                yield MetricsReported(self.clock.now(), self._instance(job), metrics)

    def _instance(self, job: str) -> str:
        return next((n for n in self.busy if (j := self.standing[n].job) is not None and j.id == job), job)

    def _restoring(self, name: str) -> bool:
        decision = self.standing[name].decision
        return decision is not None and decision.verb is Verb.RESTORE

    def _restored(self, name: str) -> Iterator[Event]:
        standing = self.standing[name]
        self.busy.discard(name)
        assert standing.decision is not None and standing.decision.result is not None, "a restore was decided"
        self.workspace.forget(p.path for p in standing.decision.result.outputs)
        yield from self._keep(name, standing.decision, Outcome.RESTORED)

    def _not_restored(self, name: str, error: Exception) -> Iterator[Event]:
        """The bytes are damaged: drop the result and judge again; the disk refuses: the target fails."""
        standing = self.standing[name]
        self.busy.discard(name)
        assert standing.decision is not None and standing.decision.result is not None, "a restore was decided"
        result = standing.decision.result
        self.workspace.forget(p.path for p in result.outputs)
        if not isinstance(error, DamagedObject):
            yield from self._fail(name, Outcome.FAILED, f"its outputs cannot be restored: {error}")
            return
        yield Warned(self.clock.now(), name, mishaps.not_restored(result.run))
        self._judge_again(name)

    def _judge_again(self, name: str) -> None:
        standing = self.standing[name]
        standing.state = State.READY
        standing.rejudged += 1
        self.ready.append(name)

    def _attempted(self, name: str, done: Attempted) -> Iterator[Event]:
        action, standing = self.graph.actions[name], self.standing[name]
        self.busy.discard(name)
        assert standing.claimed is not None, "only what had room was attempted"
        self.room.give(standing.claimed)
        self.workspace.forget(output.path for output in action.outputs)
        ended = done.ended
        if ended is not None and ended.survivors:
            yield Warned(self.clock.now(), name, mishaps.survivors(ended.survivors))
        if done.succeeded and (cycle := self._closes_cycle(name, done)):
            yield from self._fail(name, Outcome.FAILED, cycle)
        elif done.succeeded:
            yield from self._record(name, done)
        elif done.early and standing.rejudged < 5:
            standing.attempts -= 1
            self._judge_again(name)
        elif done.early or done.late:
            yield from self._fail(name, Outcome.DISTURBED, mishaps.disturbed(done.early or done.late), done)
        elif standing.cancelled or (ended is not None and ended.how is How.CANCELLED):
            yield from self._fail(name, Outcome.CANCELLED, "was cancelled", done)
        elif self._may_retry(action, standing, done):
            pause = action.policy.retries.delay * action.policy.retries.backoff ** (standing.attempts - 1)
            yield Warned(self.clock.now(), name, f"{self._mishap(action, done)}; tried again in {pause:g} s")
            self.pauses.append((self.clock.monotonic() + pause, name))
        else:
            timed_out = ended is not None and ended.how is How.TIMED_OUT
            outcome = Outcome.TIMED_OUT if timed_out else Outcome.FAILED
            yield from self._fail(name, outcome, self._mishap(action, done), done)

    def _may_retry(self, action: Action, standing: Standing, done: Attempted) -> bool:
        times = action.policy.retries.times if self.options.retries is None else self.options.retries
        return done.ended is not None and standing.attempts <= times and not self.stopping

    def _mishap(self, action: Action, done: Attempted) -> str:
        if done.missing:
            return mishaps.not_created(done.missing)
        if done.error is not None or done.ended is None:
            return done.error or "could not be started"
        return mishaps.ended_badly(done.ended, action.policy.timeout)

    def _closes_cycle(self, name: str, done: Attempted) -> str | None:
        """A file that the step loads and that is made from the step's own outputs."""
        for path in done.discovered:
            maker = self.graph.owners.get(path)
            if maker is not None and maker != name and name in closure(self.graph, [maker]):
                return mishaps.loops(path, maker)
        return None

    # ---------------------------------------------------------------- recording

    def _record(self, name: str, done: Attempted) -> Iterator[Event]:
        action, standing, ended = self.graph.actions[name], self.standing[name], done.ended
        evidence, decision = standing.evidence, standing.decision
        assert evidence is not None and decision is not None and ended is not None, "a success was judged and ran"
        if done.store_trouble and self.caching:
            self.caching = False
            yield Warned(self.clock.now(), "", mishaps.not_cached(done.store_trouble))
        for path in done.discovered:
            maker = self.graph.owners.get(path)
            if maker is not None and maker not in action.upstream:
                yield Warned(self.clock.now(), name, mishaps.undeclared(path, maker))
        if isinstance(action.command, Select) and ended.detail:
            yield Warned(self.clock.now(), name, ended.detail)
        now = self.clock.now()
        trace = self.traces.record(
            Trace(
                action=name,
                recipe=action.recipe,
                facts=action.facts,
                inputs=tuple((path, version) for path, version in evidence.inputs if isinstance(version, str)),
                discovered=tuple(done.discovered.items()),
                outputs=done.products,
                started=now - ended.seconds,
                ended=now,
                seconds=ended.seconds,
                run=self.options.run,
                reasons=decision.reasons,
                metrics=done.metrics,
                origin=self.options.origin,
            )
        )
        if self.caching and action.policy.cache:
            self._remember(trace)
        self.results[name] = trace
        if standing.job is not None:
            self.unsettled.append(standing.job.id)
        self._commit_by(LONGEST_WAIT if ended.seconds < SHORT_STEP else 0.0)
        settled = Settled({p.path: p.digest for p in trace.outputs}, in_place=True)
        self._done(name, Outcome.RAN, settled)
        self.unsaid.append(self._finished(name, Outcome.RAN, seconds=ended.seconds, metrics=trace.metrics))

    def _remember(self, trace: Trace) -> None:
        try:
            self.store.remember(trace)
        except StoreTrouble as trouble:
            self.caching = False
            self.unsaid.append(Warned(self.clock.now(), "", mishaps.not_cached(str(trouble))))

    def _commit_by(self, seconds: float) -> None:
        due = self.clock.monotonic() + seconds
        self.commit_due = due if self.commit_due is None else min(self.commit_due, due)

    def _commit(self, *, only_due: bool = False) -> Iterator[Event]:
        """Bytes, then records, then what is said of them."""
        if self.commit_due is None or (only_due and self.busy and self.clock.monotonic() < self.commit_due):
            return
        self.commit_due = None
        try:
            self.store.sync()
        except StoreTrouble as trouble:
            if self.caching:
                self.caching = False
                yield Warned(self.clock.now(), "", mishaps.not_cached(str(trouble)))
        self.traces.commit()
        for job in self.unsettled:
            self.workspace.settle(job)
        self.unsettled.clear()
        said, self.unsaid = self.unsaid, []
        yield from said

    # ---------------------------------------------------------------- ending

    def _fail(self, name: str, outcome: Outcome, detail: str, done: Attempted | None = None) -> Iterator[Event]:
        """A bad outcome: note it, tell it, block what is downstream, and stop as `on_error` says."""
        action = self.graph.actions[name]
        ended = done.ended if done else None
        code = ended.code if ended else None
        self.traces.fail(self._failure(name, outcome, code))
        self._commit_by(0.0)
        yield from self._finish(name, outcome, seconds=ended.seconds if ended else 0.0, exit_code=code, detail=detail)
        yield from self._block(name)
        if outcome is Outcome.CANCELLED:
            return
        if action.policy.on_error == "trim":
            yield from self._trim(name)
        elif action.policy.on_error == "stop" and not self.options.keep_going:
            self._stop()

    def _stop(self) -> None:
        """Start nothing more."""
        self.stopping = True
        self.pauses.clear()

    def _trim(self, name: str) -> Iterator[Event]:
        """Stop the siblings of a failed action."""
        target = self.graph.actions[name].target
        for other in self.graph.targets[target].actions:
            standing = self.standing.get(other)
            if standing is None or other == name or standing.state is State.DONE:
                continue
            if other in self.busy:
                self._cancel(other, kill=False)
            else:
                self.line.leave([other])
                self.pauses = [pause for pause in self.pauses if pause[1] != other]
                yield from self._finish(other, Outcome.CANCELLED, detail=f"not started, because {name} failed")
                yield from self._block(other)

    def _cancel(self, name: str, *, kill: bool) -> None:
        standing = self.standing[name]
        standing.cancelled = True
        if standing.job is not None:
            self.executor.cancel(standing.job.id, kill=kill)

    def _interrupt(self, signal: int) -> Iterator[Event]:
        """The first signal ends what runs, the second kills it."""
        again = self.signal is not None
        self.signal = signal if self.signal is None else self.signal
        self._stop()
        for name in sorted(self.busy):
            self._cancel(name, kill=again)
        running = ", ".join(sorted(self.busy)) or "nothing"
        yield Warned(self.clock.now(), "", f"{'killing' if again else 'stopping'} {running}")

    def _block(self, name: str) -> Iterator[Event]:
        """All that depends on a bad outcome is blocked."""
        stack = list(self.dependents[name])
        while stack:
            other = stack.pop()
            standing = self.standing[other]
            if standing.state in (State.DONE, State.DORMANT) or other in self.busy:
                continue
            action = self.graph.actions[other]
            if standing.state is State.READY:
                self.ready.remove(other)
            if not self._needs(other, name):
                continue
            bad = [
                n
                for n in action.upstream + action.after
                if (o := self.standing[n].outcome) is not None and o not in GOOD
            ]
            yield from self._finish(other, Outcome.BLOCKED, detail=mishaps.blocked_by(bad or [name]))
            stack += self.dependents[other]

    def _needs(self, other: str, failed: str) -> bool:
        """A phony that failed blocks only those that were going to run after it."""
        if not self.graph.actions[failed].is_phony or failed in self.graph.actions[other].upstream:
            return True
        return failed in self.standing[other].unmet

    def _finish(
        self,
        name: str,
        outcome: Outcome,
        *,
        settled: Settled | None = None,
        seconds: float = 0.0,
        saved: float = 0.0,
        metrics: Mapping[str, float] | None = None,
        exit_code: int | None = None,
        detail: str | None = None,
    ) -> Iterator[Event]:
        """The outcome of an action is known: tell it, and those that wait for it."""
        self._done(name, outcome, settled)
        if self.graph.actions[name].is_group:
            return
        yield self._finished(
            name, outcome, seconds=seconds, saved=saved, metrics=metrics, exit_code=exit_code, detail=detail
        )

    def _done(self, name: str, outcome: Outcome, settled: Settled | None) -> None:
        standing = self.standing[name]
        standing.state, standing.outcome = State.DONE, outcome
        if settled is not None:
            self.settled[name] = settled
        if outcome in GOOD:
            for other in self.dependents[name]:
                self.standing[other].unmet.discard(name)
                self._look(other)

    def _finished(
        self,
        name: str,
        outcome: Outcome,
        *,
        seconds: float = 0.0,
        saved: float = 0.0,
        metrics: Mapping[str, float] | None = None,
        exit_code: int | None = None,
        detail: str | None = None,
    ) -> TargetFinished:
        standing = self.standing[name]
        return TargetFinished(
            time=self.clock.now(),
            target=self.graph.actions[name].target,
            instance=name,
            outcome=outcome,
            reasons=standing.decision.reasons if standing.decision else (),
            seconds=seconds,
            metrics=metrics or {},
            exit_code=exit_code,
            saved=saved,
            detail=detail,
            log=standing.job.log if standing.job else None,
        )

    def _failure(self, name: str, outcome: str, code: int | None) -> Failure:
        evidence = self.standing[name].evidence
        inputs = [(path, str(version)) for path, version in evidence.inputs] if evidence else []
        key = inputs_key(inputs)  # type: ignore[arg-type]
        recipe = self.graph.actions[name].recipe
        return Failure(name, recipe, key, self.options.run, self.clock.now(), outcome, code)

    def _why_cancelled(self) -> str:
        return "not started, because the build was interrupted" if self.signal else "not started after a failure"

    def _summary(self, seconds: float) -> RunFinished:
        outcomes = [s.outcome for n, s in self.standing.items() if not self.graph.actions[n].is_group]

        def count(kinds: Iterable[Outcome]) -> int:
            return sum(outcomes.count(kind) for kind in kinds)

        failed = count((Outcome.FAILED, Outcome.TIMED_OUT, Outcome.DISTURBED))
        blocked, cancelled = count([Outcome.BLOCKED]), count([Outcome.CANCELLED])
        if self.signal is not None:
            outcome = "interrupted"
        elif failed or cancelled or blocked:
            outcome = "not-up-to-date" if self.options.frozen and not failed else "failed"
        else:
            outcome = "ok"
        return RunFinished(
            time=self.clock.now(),
            run=self.options.run,
            outcome=outcome,
            ran=count([Outcome.RAN]),
            restored=count([Outcome.RESTORED]),
            skipped=count([Outcome.SKIPPED]),
            failed=failed,
            cancelled=cancelled,
            seconds=seconds,
            saved_seconds=self.saved,
            blocked=blocked,
            signal=self.signal,
        )
