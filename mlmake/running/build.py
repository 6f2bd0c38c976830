"""Plan to events: the one loop that carries a build out, by messages from its crew; it judges nothing itself."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from mlmake.mlfile.interpolate import Unfillable
from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import MISSING
from mlmake.model.event import (
    GOOD,
    Event,
    MetricsReported,
    Outcome,
    OutputText,
    RunStarted,
    TargetsListed,
    TargetStarted,
    Warned,
)
from mlmake.model.graph import Action, Graph, Leaf, Listing, Resources, Select
from mlmake.model.job import Ended, How, Job, Reported, Said
from mlmake.model.observation import Observation
from mlmake.model.plan import Request
from mlmake.model.reason import Code
from mlmake.model.trace import Failure, Trace
from mlmake.planning.branches import (
    ALL,
    awaited,
    companions,
    in_folders,
    is_news,
    lists_nothing,
    made_from,
    narrowed,
    needed,
)
from mlmake.planning.discovered import declaring
from mlmake.planning.evidence import Evidence, Settled, gather
from mlmake.planning.judge import Unjudgeable, decide
from mlmake.planning.lists import doubts
from mlmake.planning.plan import closure
from mlmake.planning.request import owner_of
from mlmake.planning.schedule import Line, Room, claim, priorities, widen
from mlmake.planning.selection import goes_with
from mlmake.ports import (
    BadList,
    Clock,
    ContentStore,
    Crashed,
    Crew,
    DamagedObject,
    Done,
    Executor,
    Installed,
    Interrupted,
    Lists,
    Message,
    OutsideProject,
    PlaceFree,
    Places,
    Sources,
    TraceStore,
    Workspace,
)
from mlmake.running import mishaps
from mlmake.running.asking import Asking, NotAsked
from mlmake.running.attempt import Attempted, attempt
from mlmake.running.board import Board, State
from mlmake.running.failing import closed_cycle, covering, mishap, outcome_of
from mlmake.running.ledger import Ledger
from mlmake.running.lending import Lent
from mlmake.running.options import Options
from mlmake.running.order import make_job
from mlmake.running.outdated import Outdated
from mlmake.running.resuming import present_key, resumable
from mlmake.running.selecting import selecting
from mlmake.running.succeeding import remarks, trace_of
from mlmake.running.survey import survey
from mlmake.running.telling import finished, summary

MOST_REJUDGED = 5
"""How often an action whose inputs keep moving before it starts is judged again before it counts as disturbed."""

LONGEST_END = 40.0
"""Seconds that killed steps may take to go when a build breaks off."""


class _OwnPlaces:
    """Nobody else has a say."""

    def take(self) -> bool:
        return True

    def give(self) -> None:
        pass  # there is nothing to be given back


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
        installed: Installed,
        sources: Sources,
        crew: Crew,
        lists: Lists,
        places: Places | None = None,
    ) -> None:
        """`places` are asked besides the room, if anybody else has a say in how much runs at once."""
        self.graph, self.request, self.options = graph, request, options
        self.clock, self.workspace, self.traces, self.store = clock, workspace, traces, store
        self.executor, self.installed, self.crew = executor, installed, crew
        self.lists = lists
        self.board = Board(graph, closure(graph, request.actions), request.actions)
        self.ledger = Ledger(traces, store, workspace=workspace, clock=clock)
        self.line = Line()
        self.places: Places = places or _OwnPlaces()
        self.totals = widen(graph.project.totals, options.jobs)
        self.room = Room(self.totals, options.jobs or max(1, int(self.totals.cpus)))
        self.busy: set[str] = set()
        self.pauses: list[tuple[float, str]] = []
        self.instant: deque[str] = deque()
        self.results: dict[str, Trace] = {}
        self.priority: dict[str, float] = {}
        self.outdated = Outdated(installed, self.ledger)
        self.attempts_made = 0
        self.gathered = -1
        self.saved = 0.0
        self.stopping = False
        self.signal: int | None = None
        self.asking = Asking(sources, content=request.exact)
        looked = survey(clock, workspace, traces=traces, store=store, installed=installed, sources=sources)
        self.snapshot = replace(looked, observe=self.asking.heard)

    # The loop: judge what is ready, start what has room, hear what comes.

    def events(self) -> Iterator[Event]:
        """Build. The last event is `RunFinished`, unless the machine itself breaks; nothing is left running then."""
        try:
            yield from self._events()
        finally:
            self._abandon()

    def _events(self) -> Iterator[Event]:
        board, begun = self.board, self.clock.monotonic()
        expected = self._expect()
        yield RunStarted(self.clock.now(), self.options.run, self._count(), self.room.places, expected)
        board.begin()
        while True:
            while board.ready:
                name = board.ready.popleft()
                if board[name].state is State.READY:
                    yield from self._judge(name)
            yield from self._start()
            yield from self._gather_some()
            if board.ready:
                continue
            if not self.busy and not self.pauses:
                break
            yield from self._hear(self.crew.get(self._patience()))
            yield from self.ledger.commit(only_due=True)
        for name in board.unfinished():
            yield from self._finish(name, Outcome.CANCELLED, detail=mishaps.not_started(self.signal is not None))
        for text in self.outdated.warnings():
            yield Warned(self.clock.now(), "", text)
        yield from self.ledger.commit()
        yield summary(
            self.board,
            run=self.options.run,
            time=self.clock.now(),
            seconds=self.clock.monotonic() - begun,
            saved=self.saved,
            frozen=self.options.frozen,
            signal=self.signal,
        )

    def _count(self) -> int:
        """How many actions are judged."""
        return sum(not self.graph.actions[n].is_group for n in self.board.order)

    def _expect(self) -> dict[str, float]:
        """How long runs took last time, by which what is long comes first."""
        order = self.board.order
        expected = {n: t.seconds for n in order if (t := self.traces.latest(n)) is not None}
        self.priority = priorities(self.graph, order, expected)
        return expected

    def _abandon(self) -> None:
        """Kill what runs still: the machine broke, or nobody listens any more."""
        self.asking.cancel()
        for name in self.busy:
            self._cancel(name, kill=True)
        end = self.clock.monotonic() + LONGEST_END
        while self.busy and (left := end - self.clock.monotonic()) > 0:
            match self.crew.get(left):
                case Done(name, _) | Crashed(name, _):
                    self.busy.discard(name)
                case _:
                    pass  # nobody is there to be told

    def _patience(self) -> float | None:
        """Seconds until something is due by itself."""
        dues = [due for due, _ in self.pauses] + ([self.ledger.due] if self.ledger.due is not None else [])
        return max(0.0, min(dues) - self.clock.monotonic()) if dues else None

    def _judge(self, name: str) -> Iterator[Event]:
        action, standing = self.graph.actions[name], self.board[name]
        if isinstance(action.command, Listing):
            yield from self._list(name, action)
            return
        if action.is_group:
            yield from self._judge_group(name, action)
            return
        good = [b for b in action.branches + companions(action) if self.board[b].outcome in GOOD]
        if (there := sum(b in good for b in action.branches)) < needed(action, self.graph):
            if not self.stopping:
                yield from self._too_few(action, there)
            return
        try:
            evidence = gather(
                narrowed(action, good, self.graph),
                self.graph,
                request=self.request,
                snapshot=self.snapshot,
                settled=self.board.settled,
                confirmed=standing.rounds > 0,
            )
            decision = decide(evidence)
        except OSError as error:
            yield from self._fail(name, Outcome.FAILED, mishaps.unreadable(error))
            return
        except Unjudgeable as trouble:
            # After a signal nobody has waited for the answer: that is no failure.
            if self.signal is None:
                yield from self._fail(name, Outcome.FAILED, str(trouble))
            return
        except NotAsked:
            if not self.stopping:
                self._ask(action)
            return
        if decision.verb is Verb.SKIP and decision.result is not None and not decision.result.complete:
            decision = self._completed(action, evidence, decision)
        if action.is_phony and standing.rounds and standing.tried == frozenset(evidence.inputs):
            self._settle(name, standing.came_to, Settled({}, in_place=True))
            return
        if decision.verb is Verb.SKIP and standing.rounds and decision.result is not None:
            # Its last result was made from the final set already, and was told of.
            self._settle(name, standing.came_to, _settled(decision.result))
            if decision.result.complete or standing.fell:
                yield from self.ledger.commit()
                yield self._as_it_was(name, decision)
            return
        standing.evidence, standing.decision = evidence, decision
        if decision.verb is Verb.SKIP:
            yield from self._keep(name, decision, Outcome.SKIPPED)
        elif decision.verb is Verb.RESTORE:
            if not self.stopping:
                assert decision.result is not None, "what is restored has a result"
                yield from self._warn_of_room(name, decision.result, kept=False)
                self._restore(name, decision)
        elif self.options.frozen:
            yield from self._finish(name, Outcome.BLOCKED, detail=mishaps.refused())
            yield from self._block(name)
        elif missing := [path for path, version in evidence.inputs if version is MISSING]:
            yield from self._fail(name, Outcome.FAILED, mishaps.missing_inputs(missing))
        elif not self.stopping:
            yield from self._hold(name)

    def _as_it_was(self, name: str, decision: Decision) -> Event:
        """A fan-in has nothing to do on the final set."""
        standing = self.board[name]
        standing.decision = decision
        return finished(
            self.graph.actions[name],
            standing,
            time=self.clock.now(),
            outcome=Outcome.SKIPPED,
            metrics=decision.result.metrics if decision.result else None,
            result=decision.result,
        )

    def _too_few(self, action: Action, there: int) -> Iterator[Event]:
        """All branches have ended, and too few of them well."""
        if lists_nothing(action, self.graph) and not isinstance(action.command, Select):
            yield from self._finish(action.id, Outcome.BLOCKED, detail=mishaps.empty_list())
            yield from self._block(action.id)
            return
        if self.options.frozen and not any(self._failed(b) for b in action.branches):
            yield from self._finish(action.id, Outcome.BLOCKED, detail=mishaps.refused())
            yield from self._block(action.id)
            return
        detail = mishaps.too_few(there, needed(action, self.graph), self.board.bad_needs(action.id))
        yield from self._fail(action.id, Outcome.FAILED, detail)

    def _failed(self, name: str) -> bool:
        """Whether it ended badly by itself."""
        return self.board[name].outcome not in (Outcome.BLOCKED, *GOOD)

    def _completed(self, action: Action, evidence: Evidence, decision: Decision) -> Decision:
        """What was made before all branches had ended turned out to be made from all that there is."""
        if decision.result is None or len(evidence.action.branches) < len(action.branches):
            return decision
        standing = self.board[action.id]
        whole = self.ledger.record(replace(decision.result, complete=True), job=standing.job_id)
        self.results[action.id] = whole
        return replace(decision, result=whole)

    def _gather_some(self) -> Iterator[Event]:
        """Start fan-ins on the branches that are there, once all that needs no run is settled."""
        if self.stopping or self.board.ready or self.board.moves == self.gathered:
            return
        if any(not self._is_run(name) for name in self.busy):
            return
        self.board.wake_read()
        for name in self.board.gathering():
            yield from self._take_part(name)
            yield from self._start()
        if not self.board.ready:
            self.gathered = self.board.moves

    def _is_run(self, name: str) -> bool:
        standing = self.board[name]
        running = standing.state is State.RUNNING and standing.decision is not None
        return running and standing.decision is not None and standing.decision.verb is Verb.RUN

    def _take_part(self, name: str) -> Iterator[Event]:
        """Queue a fan-in for the set that is there, if that is enough and has something new."""
        action, standing = self.graph.actions[name], self.board[name]
        if self.board.is_read(name):
            return
        carried = self._carried(action)
        done = [b for b in action.branches + companions(action) if b in carried or self.board[b].outcome in GOOD]
        if sum(b in done for b in action.branches) < needed(action, self.graph):
            return
        if any(self.board[b].rounds and self.board[b].state is State.QUEUED for b in carried):
            return  # it is about to start again, and must not while it is read
        settled = {**self.board.settled, **{b: _settled(t) for b, t in carried.items()}}
        part = narrowed(action, done, self.graph)
        try:
            evidence = gather(
                part,
                self.graph,
                request=self.request,
                snapshot=self.snapshot,
                settled=settled,
                confirmed=standing.rounds > 0,
            )
            fresh = frozenset(evidence.inputs)
            if fresh == standing.tried or not is_news(evidence):
                return
            decision = decide(evidence)
        except NotAsked:
            self._ask(action)
            return
        except (OSError, Unjudgeable):
            return  # the final set says so
        if decision.verb not in (Verb.RUN, Verb.RESTORE) or (decision.verb is Verb.RUN and self.options.frozen):
            return
        standing.evidence, standing.decision = evidence, decision
        standing.carried, standing.tried = carried, fresh
        if decision.verb is Verb.RESTORE:
            self._restore(name, decision)
        else:
            yield from self._hold(name)

    def _carried(self, action: Action) -> dict[str, Trace]:
        """The results that stand for branches which have not ended: an earlier one, or one of this build so far."""
        found = {}
        inside = in_folders(action)
        for name in action.branches:
            standing = self.board[name]
            if standing.outcome is not None or name in inside:
                continue
            if standing.rounds or action.policy.carry:
                result = self.results.get(name) or self.traces.latest(name)
                if result is not None and self._is_stored(result):
                    found[name] = result
        for picked in companions(action):
            self._carry_along(picked, found)
        return found

    def _carry_along(self, picked: str, carried: dict[str, Trace]) -> None:
        """What a selection picks counts with the result by which the branch that goes with it was made."""
        standing, action = self.board[picked], self.graph.actions[picked]
        before = standing.evidence.latest if standing.evidence is not None else None
        results = [r for r in (self.results.get(picked), self.traces.latest(picked), before) if r is not None]
        for branch in [b for b in carried if goes_with(action, self.graph.actions[b])]:
            fitting = next((r for r in results if made_from(carried[branch], r) and self._is_stored(r)), None)
            if fitting is None:
                del carried[branch]
            elif standing.outcome is None or fitting != self.results.get(picked):
                carried[picked] = fitting

    def _is_stored(self, result: Trace) -> bool:
        return all(self.snapshot.stored(product) for product in result.outputs)

    def _ask(self, action: Action) -> None:
        self.board.to(action.id, State.ASKING)
        self.busy.add(action.id)
        self.crew.submit(action.id, lambda: self.asking.ask(action))

    def _hold(self, name: str) -> Iterator[Event]:
        """Judged stale: stand in line, or wait for the phonies that come before."""
        if not self.board.call_phonies(name):
            self._queue(name)
            return
        self.board.to(name, State.HELD)
        for phony in self.board.lost_phonies(name):
            if self.board[phony].outcome is None:
                detail = mishaps.blocked_by(self.board.bad_needs(phony))
                yield from self._finish(phony, Outcome.BLOCKED, detail=detail)
            yield from self._block(phony)

    def _judge_group(self, name: str, action: Action) -> Iterator[Event]:
        """A group stands for its inputs: it is done when they are, and fails if one of them is nowhere."""
        leaves = [item.path for declared in action.inputs for item in declared.items if isinstance(item, Leaf)]
        if missing := [path for path in leaves if self.workspace.version(path) is MISSING]:
            yield from self._fail(name, Outcome.FAILED, mishaps.missing_inputs(missing))
        else:
            yield from self._finish(name, Outcome.SKIPPED, settled=Settled({}, in_place=True))

    def _list(self, name: str, action: Action) -> Iterator[Event]:
        """The makers of a list are up to date: go on with the instances that there are now."""
        lost: list[str] = []
        if doubts(action, self.graph, self.board.settled):
            try:
                grown = self.lists.expand(name)
            except BadList as error:
                yield from self._fail(name, Outcome.FAILED, str(error))
                return
            self.graph, self.request = grown.graph, grown.request
            begun = [other for other in self.board.standing if other in self.graph.actions]
            order = closure(self.graph, [*self.request.actions, *begun])
            lost = self.board.adopt(self.graph, order, self.request.actions)
            yield TargetsListed(self.clock.now(), action.target, self._count(), self._expect())
        self.lists.settle(name)
        yield from self._finish(name, Outcome.SKIPPED, settled=Settled({}, in_place=True))
        for bad in lost:
            yield from self._block(bad)

    def _keep(self, name: str, decision: Decision, outcome: Outcome) -> Iterator[Event]:
        """The result of the decision stands: nothing runs."""
        result = decision.result
        assert result is not None, "what is kept or restored has a result"
        self.ledger.choose(result)
        if (carried := self.board[name].carried) is not None:
            self.results[name] = result
            self.board.end_part(name, outcome)
            self.ledger.say(self._told(name, outcome, result, carried))
            return
        codes = {reason.code for reason in decision.reasons}
        if Code.REVALIDATED in codes and Code.ENOUGH not in codes:
            self.ledger.revalidate(result, at=self.snapshot.now)
        if Code.STALE_IF_ERROR in codes:
            outcome = Outcome.STALE
            yield Warned(self.clock.now(), name, mishaps.stale(decision.reasons))
        self.results[name] = result
        self.saved += result.seconds
        self.outdated.look(name, result)
        yield from self._finish(name, outcome, settled=_settled(result), saved=result.seconds, metrics=result.metrics)

    def _warn_of_room(self, name: str, expected: Trace, *, kept: bool) -> Iterator[Event]:
        """Say so if what is about to be written does not fit, as far as an earlier result tells."""
        try:
            found = self.options.room(sum(product.size for product in expected.outputs), kept)
        except OSError:
            return  # whoever writes there meets it, and tells
        if found is not None:
            what = "running it again needs" if kept or self.board[name].attempts else "putting it back needs"
            yield Warned(self.clock.now(), name, mishaps.no_room(what, *found))

    def _queue(self, name: str) -> None:
        action = self.graph.actions[name]
        self.board.to(name, State.QUEUED)
        if isinstance(action.command, Select):
            # It takes no time and no room, so it never waits behind what does.
            self.instant.append(name)
        else:
            # Who waits for the first results waits for nothing else.
            urgent = self.board[name].carried is not None
            self.line.join(name, claim(action, self.totals), priority=math.inf if urgent else self.priority[name])

    def _restore(self, name: str, decision: Decision) -> None:
        result = decision.result
        assert result is not None, "what is restored has a result"
        self.board.to(name, State.RUNNING)
        self.busy.add(name)
        self.crew.submit(name, lambda: self.workspace.restore(result.outputs, self.store))

    def _start(self) -> Iterator[Event]:
        """Start what has room."""
        now = self.clock.monotonic()
        for name in [name for due, name in self.pauses if due <= now]:
            self._queue(name)
        self.pauses = [(due, name) for due, name in self.pauses if due > now]
        while not self.stopping and self.instant:
            yield from self._attempt(self.instant.popleft(), None)
        while not self.stopping and (found := self.line.next(self.room, permit=self.places.take)):
            name, claimed = found
            yield from self._attempt(name, self.room.take(claimed))

    def _attempt(self, name: str, granted: Resources | None) -> Iterator[Event]:
        standing = self.board[name]
        standing.claimed = granted
        evidence, decision = standing.evidence, standing.decision
        assert evidence is not None and decision is not None, "only what was judged is queued"
        action = evidence.action
        self.board.to(name, State.RUNNING)
        standing.attempts += 1
        self.attempts_made += 1
        job_id = standing.job_id = f"{self.options.run}-{self.attempts_made:05d}"
        job: Job | None = None
        lent = Lent(self.workspace, job_id, standing.carried or {})
        if granted is not None:
            log = self.options.log_path(name if standing.attempts == 1 else f"{name}.{standing.attempts}")
            try:
                job = make_job(
                    action,
                    lent.bound(evidence.bound),
                    name=job_id,
                    attempt=standing.attempts,
                    log=log,
                    granted=granted,
                    around=self.options.around,
                    listing=self.workspace.listing,
                )
            except Unfillable as error:
                self.busy.discard(name)
                self.room.give(granted)
                self.places.give()
                yield from self._fail(name, Outcome.FAILED, mishaps.unfillable(error.mistake))
                return
        standing.job = job
        execute = lent.around(self._executing(job), self.store) if job is not None else self._selecting(action)
        keep = resumable(action, evidence, failure=self.traces.failure(action.id))
        if name == self.options.foreground:
            # It gets the terminal: nothing may be left to be said while it runs.
            yield from self.ledger.commit()
        yield TargetStarted(
            self.clock.now(), action.target, name, decision.reasons, standing.attempts, job.log if job else None
        )
        self.options.origin.ask()
        if evidence.latest is not None and standing.attempts == 1:
            yield from self._warn_of_room(name, evidence.latest, kept=action.policy.cache and self.ledger.caching)
        observe = self.asking.around(action, first=standing.attempts == 1)
        if action.policy.keep:
            self.ledger.fail(self._failure(name, "started", None))
            yield from self.ledger.commit()
        self.busy.add(name)
        self.crew.submit(
            name,
            lambda: attempt(
                action,
                lent.own(evidence.inputs),
                job=job_id,
                keep=keep,
                execute=execute,
                workspace=self.workspace,
                store=self.store if self.ledger.caching else None,
                installed=self.installed,
                maker=lambda path: owner_of(self.graph, path),
                now=self.clock.now,
                observe=observe,
            ),
        )

    def _executing(self, job: Job) -> Callable[[], Ended]:
        return lambda: self.executor.execute(job, self.crew.post)

    def _selecting(self, action: Action) -> Callable[[], Ended]:
        results = {**self.results, **(self.board[action.id].carried or {})}
        execute, self.board[action.id].losers = selecting(
            action, self.graph.actions, results=results, workspace=self.workspace, clock=self.clock
        )
        return execute

    # What comes from outside.

    def _hear(self, message: Message | None) -> Iterator[Event]:
        match message:
            case None | PlaceFree():
                return
            case Done(name, Attempted() as done):
                yield from self._attempted(name, done)
            case Done(name, Observation() as said):
                self.busy.discard(name)
                self.asking.hear(name, said)
                self.board.leave_part(name)
            case Done(name, _):
                yield from self._restored(name)
            case Crashed(name, DamagedObject() | OutsideProject() | OSError() as error) if self._restoring(name):
                yield from self._not_restored(name, error)
            case Crashed(name, error):
                self.busy.discard(name)
                raise error
            case Interrupted(signal):
                yield from self._interrupt(signal)
            case Said(job, stream, text):
                yield OutputText(self.clock.now(), self._instance(job), stream, text)
            case Reported(job, metrics):
                yield MetricsReported(self.clock.now(), self._instance(job), metrics)

    def _instance(self, job: str) -> str:
        return next((n for n in self.busy if (j := self.board[n].job) is not None and j.id == job), job)

    def _restoring(self, name: str) -> bool:
        decision = self.board[name].decision
        return decision is not None and decision.verb is Verb.RESTORE

    def _restored(self, name: str) -> Iterator[Event]:
        decision = self.board[name].decision
        assert decision is not None and decision.result is not None, "a restore was decided"
        self.busy.discard(name)
        self.workspace.forget(product.path for product in decision.result.outputs)
        yield from self._keep(name, decision, Outcome.RESTORED)

    def _not_restored(self, name: str, error: Exception) -> Iterator[Event]:
        """Damaged bytes: drop the result and judge again. The disk refuses: the target fails."""
        decision = self.board[name].decision
        assert decision is not None and decision.result is not None, "a restore was decided"
        self.busy.discard(name)
        self.workspace.forget(product.path for product in decision.result.outputs)
        if isinstance(error, DamagedObject):
            yield Warned(self.clock.now(), name, mishaps.not_restored(decision.result.run))
            self.ledger.drop(decision.result)
            self.board.leave_part(name)
        else:
            yield from self._fail(name, Outcome.FAILED, mishaps.not_restorable(error))

    def _attempted(self, name: str, done: Attempted) -> Iterator[Event]:
        action, standing, ended = self.graph.actions[name], self.board[name], done.ended
        self.busy.discard(name)
        if standing.claimed is not None:
            self.room.give(standing.claimed)
            self.places.give()
        if ended is not None and ended.survivors:
            yield Warned(self.clock.now(), name, mishaps.survivors(ended.survivors))
        moved = done.early or done.late
        if done.strange and ended is not None:
            keys = [declaring(self.graph, path, maker) for path, maker in done.strange]
            detail = mishaps.undeclared_reads(name, done.strange, keys)
            if ended.succeeded:
                yield from self._fail(name, Outcome.FAILED, detail, done)
                return
            yield Warned(self.clock.now(), name, detail)
        if done.succeeded and (cycle := closed_cycle(name, done.discovered, self.graph)):
            self.workspace.put_back(standing.job_id)
            yield from self._fail(name, Outcome.FAILED, cycle, done)
        elif done.succeeded:
            yield from self._record(name, done)
        elif done.early and standing.rejudged < MOST_REJUDGED:
            standing.attempts, standing.rejudged = standing.attempts - 1, standing.rejudged + 1
            self.board.leave_part(name)
        elif moved:
            yield from self._fail(name, Outcome.DISTURBED, mishaps.disturbed(moved), done)
        elif standing.cancelled or (ended is not None and ended.how is How.CANCELLED):
            yield from self._fail(name, Outcome.CANCELLED, mishaps.cancelled(), done)
        elif self._may_retry(action, standing.attempts, done):
            pause = action.policy.retries.delay * action.policy.retries.backoff ** (standing.attempts - 1)
            yield Warned(self.clock.now(), name, mishaps.tried_again(mishap(action, done), pause))
            self.pauses.append((self.clock.monotonic() + pause, name))
        elif (stale := self._covering(name, done)) is not None:
            standing.decision = stale
            self._restore(name, stale)
        else:
            yield from self._fail(name, outcome_of(done), mishap(action, done), done)

    def _covering(self, name: str, done: Attempted) -> Decision | None:
        standing = self.board[name]
        evidence, decision = standing.evidence, standing.decision
        assert evidence is not None and decision is not None, "only what was judged is attempted"
        return covering(self.graph.actions[name], evidence, decision, done)

    def _may_retry(self, action: Action, attempts: int, done: Attempted) -> bool:
        times = action.policy.retries.times if self.options.retries is None else self.options.retries
        debugged = action.id == self.options.foreground
        return done.ended is not None and attempts <= times and not self.stopping and not debugged

    def _interrupt(self, signal: int) -> Iterator[Event]:
        """The first signal ends what runs, the second kills it."""
        again = self.signal is not None
        self.signal = self.signal or signal
        self._stop()
        self.asking.cancel()
        for name in self.busy:
            self._cancel(name, kill=again)
        yield Warned(self.clock.now(), "", mishaps.interrupting(sorted(self.busy), again=again))

    # How an action ends.

    def _record(self, name: str, done: Attempted) -> Iterator[Event]:
        action, standing, ended = self.graph.actions[name], self.board[name], done.ended
        evidence, decision = standing.evidence, standing.decision
        assert evidence is not None and decision is not None and ended is not None, "a success was judged and ran"
        if done.store_trouble:
            self.ledger.without_store(done.store_trouble)
        for text in remarks(action, done, self.graph):
            yield Warned(self.clock.now(), name, text)
        part = standing.carried is not None
        told = None if action.policy.wait == ALL else self._partial(action, evidence, standing.carried or {})
        whole = not part and len(evidence.action.branches) == len(action.branches)
        trace = trace_of(evidence, decision, done, now=self.clock.now(), options=self.options, complete=whole)
        if evidence.latest is None:
            yield from self._spare(name, standing.job_id, done)
        trace = self.results[name] = self.ledger.record(trace, job=standing.job_id)
        if part:
            self.board.end_part(name, Outcome.RAN)
        else:
            self._settle(name, Outcome.RAN, _settled(trace))
        self.ledger.say(
            finished(
                action,
                standing,
                outcome=Outcome.RAN,
                complete=whole,
                detail=told,
                time=self.clock.now(),
                seconds=ended.seconds,
                metrics=trace.metrics,
                code=ended.code,
                result=trace,
            )
        )

    def _spare(self, name: str, job: str, done: Attempted) -> Iterator[Event]:
        """Before the first result of an action, what lay at its outputs was somebody's own."""
        try:
            kept = self.workspace.spare(job, done.products)
        except OSError as error:
            yield Warned(self.clock.now(), name, mishaps.not_spared(error))
            return
        if kept:
            yield Warned(self.clock.now(), name, mishaps.spared(kept))

    def _partial(self, action: Action, evidence: Evidence, carried: Mapping[str, Trace]) -> str | None:
        """From how many branches a result was made, unless it was from all as they are to be."""
        there, early = evidence.action.branches, [b for b in action.branches if b in carried]
        if not early and len(there) == len(action.branches):
            return None
        return mishaps.partial(len(there), len(action.branches), len(early))

    def _told(self, name: str, outcome: Outcome, result: Trace, carried: Mapping[str, Trace]) -> Event:
        """A fan-in has taken an earlier result for a set that is not final."""
        action, standing = self.graph.actions[name], self.board[name]
        return finished(
            action,
            standing,
            time=self.clock.now(),
            outcome=outcome,
            complete=False,
            detail=self._partial(action, standing.evidence, carried) if standing.evidence else None,
            saved=result.seconds,
            metrics=result.metrics,
            result=result,
        )

    def _fail(self, name: str, outcome: Outcome, detail: str, done: Attempted | None = None) -> Iterator[Event]:
        """A bad outcome: note it, tell it, block what is behind it, and stop as `on_error` says."""
        action, ended = self.graph.actions[name], done.ended if done else None
        code = ended.code if ended else None
        if self.board[name].carried is not None and outcome is not Outcome.CANCELLED:
            # What it was made from is told first.
            yield from self.ledger.commit()
            yield Warned(self.clock.now(), name, mishaps.failed_on_part(detail), ended=True)
            self.board.end_part(name, None)
            return
        self.ledger.fail(self._failure(name, outcome, code))
        # What it was made from is told first.
        yield from self.ledger.commit()
        yield from self._finish(name, outcome, seconds=ended.seconds if ended else 0.0, code=code, detail=detail)
        yield from self._block(name)
        if outcome is Outcome.CANCELLED:
            return
        if self._is_tolerated(name):
            return
        if action.policy.on_error == "trim":
            yield from self._trim(name)
        elif action.policy.on_error == "stop" and not self.options.keep_going:
            self._stop()

    def _is_tolerated(self, name: str) -> bool:
        """Whether all that depends on it can do without it."""
        behind = self.board.dependents[name]
        return bool(behind) and all(name not in awaited(self.graph.actions[other]) for other in behind)

    def _stop(self) -> None:
        """Start nothing more."""
        self.stopping = True
        self.pauses.clear()

    def _trim(self, name: str) -> Iterator[Event]:
        """Stop the siblings of a failed action."""
        for other in self.graph.targets[self.graph.actions[name].target].actions:
            if other in self.busy:
                self._cancel(other, kill=False)
            elif other in self.board.standing and self.board[other].outcome is None:
                self.line.leave([other])
                self.pauses = [pause for pause in self.pauses if pause[1] != other]
                yield from self._finish(other, Outcome.CANCELLED, detail=mishaps.trimmed(name))
                yield from self._block(other)

    def _cancel(self, name: str, *, kill: bool) -> None:
        standing = self.board[name]
        standing.cancelled = True
        if standing.job is not None:
            self.executor.cancel(standing.job.id, kill=kill)

    def _block(self, name: str) -> Iterator[Event]:
        """What is behind a bad outcome ends with it."""
        for other in self.board.behind(name):
            bad = self.board.bad_needs(other)
            yield from self._finish(other, Outcome.BLOCKED, detail=mishaps.blocked_by(bad))

    def _finish(
        self,
        name: str,
        outcome: Outcome,
        *,
        settled: Settled | None = None,
        seconds: float = 0.0,
        saved: float = 0.0,
        metrics: Mapping[str, float] | None = None,
        code: int | None = None,
        detail: str | None = None,
    ) -> Iterator[Event]:
        """The outcome of an action is known: those that wait for it go on, and it is told."""
        if self.board[name].rounds:
            # What it was before is told first.
            yield from self.ledger.commit()
        self._settle(name, outcome, settled)
        action = self.graph.actions[name]
        if not action.is_group or outcome is Outcome.FAILED:
            yield finished(
                action,
                self.board[name],
                time=self.clock.now(),
                seconds=seconds,
                saved=saved,
                metrics=metrics,
                code=code,
                detail=detail,
                result=self.results.get(name),
            )

    def _settle(self, name: str, outcome: Outcome, settled: Settled | None) -> None:
        for held in self.board.finish(name, outcome, settled):
            if self.stopping:
                continue
            self._queue(held)
        for other in self.board.in_line_for_less(name):
            self.line.leave([other])
            self.board.leave_part(other)

    def _failure(self, name: str, outcome: str, code: int | None) -> Failure:
        recipe, key = self.graph.actions[name].recipe, present_key(self.board[name].evidence)
        return Failure(name, recipe, key, self.options.run, self.clock.now(), outcome, code)


def _settled(result: Trace) -> Settled:
    return Settled({product.path: product.digest for product in result.outputs}, in_place=True)
