"""Where each action of a build stands, and who waits for whom; it decides nothing and starts nothing."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from mlmake.model.decision import Decision
from mlmake.model.digest import Version
from mlmake.model.event import GOOD, Outcome
from mlmake.model.graph import Action, Graph, Resources
from mlmake.model.job import Job
from mlmake.model.trace import Trace
from mlmake.planning.branches import awaited, companions, counts
from mlmake.planning.evidence import Evidence, Settled


class State(Enum):
    """Where an action stands in a build; each with what holds when it is entered."""

    DORMANT = "a phony that nobody has called for yet"
    WAITING = "something upstream is not done"
    READY = "all upstream is done and good: may be judged"
    HELD = "judged stale; phonies it comes after are not done"
    ASKING = "its validator is being asked"
    QUEUED = "judged stale; waits for room"
    RUNNING = "an attempt, a restore or a pause between attempts is under way"
    DONE = "has its outcome"


@dataclass(slots=True)
class Standing:
    """What is known of one action in this build.

    `unmet` is what it cannot start without, `open` those of its branches that have not ended. Of a fan-in that need not
    wait for all, `rounds` are the results it has had, `carried` the results that stand for branches still to end in the
    set that it is on (none: it is on the final one), `tried` is what it was last on, by content, and `came_to` what its
    last result came from. It `fell` if its last set failed.
    """

    state: State = State.WAITING
    unmet: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    rounds: int = 0
    came_to: Outcome = Outcome.RAN
    fell: bool = False
    carried: Mapping[str, Trace] | None = None
    tried: frozenset[tuple[str, Version]] = frozenset()
    decision: Decision | None = None
    evidence: Evidence | None = None
    attempts: int = 0
    rejudged: int = 0
    claimed: Resources | None = None
    job_id: str = ""
    job: Job | None = None
    cancelled: bool = False
    outcome: Outcome | None = None
    losers: tuple[str, ...] | None = None


class Board:
    """The standings of a build. Actions become `ready` here, and through `to` alone do they change their state."""

    def __init__(self, graph: Graph, order: Sequence[str], named: Sequence[str]) -> None:
        self.settled: dict[str, Settled] = {}
        self.ready: deque[str] = deque()
        self.moves = 0
        self.standing: dict[str, Standing] = {}
        self._lay_out(graph, order, named)

    def _lay_out(self, graph: Graph, order: Sequence[str], named: Sequence[str]) -> None:
        """Who waits for whom. What has been judged stands as it does."""
        self.graph, self.order = graph, order
        self.counting = [name for name in order if counts(graph.actions[name])]
        self.dependents: dict[str, list[str]] = {name: [] for name in order}
        for name in order:
            action, standing = graph.actions[name], self.standing.get(name)
            if standing is None:
                standing = self.standing[name] = Standing()
                if action.is_phony and name not in named:
                    standing.state = State.DORMANT
            for need in action.upstream + action.after:
                self.dependents[need].append(name)
            free = action.branches + companions(action)
            standing.open = {b for b in free if b not in self.standing or self.standing[b].outcome is None}
            if standing.state in (State.WAITING, State.DORMANT, State.READY):
                standing.unmet = {need for need in awaited(action) if self._awaits(action, need)}
                if (standing.unmet or standing.open) and standing.state is State.READY:
                    standing.state = State.WAITING

    def _awaits(self, action: Action, need: str) -> bool:
        """Whether an action cannot be judged before this one is done; phonies only come before what will run."""
        if self.graph.actions[need].is_phony and need in action.after:
            return False
        return need not in self.standing or self.standing[need].outcome not in GOOD

    def adopt(self, graph: Graph, order: Sequence[str], named: Sequence[str]) -> list[str]:
        """Go on with a graph in which instances have come and gone, of which none has been judged.

        Gives those behind which something can no longer be built: they ended badly.
        """
        for name in [name for name in self.standing if name not in graph.actions]:
            if self.standing[name].state is not State.DONE:
                del self.standing[name]
        self._lay_out(graph, order, named)
        self.begin()
        return [name for name in order if (ended := self.standing[name].outcome) is not None and ended not in GOOD]

    def __getitem__(self, name: str) -> Standing:
        return self.standing[name]

    def to(self, name: str, state: State) -> None:
        """Every change of state goes through here."""
        self.standing[name].state = state
        self.moves += 1
        if state is State.READY:
            self.ready.append(name)

    def begin(self) -> None:
        """What waits for nothing is ready."""
        for name in self.order:
            self._wake(name)

    def _wake(self, name: str) -> None:
        standing = self.standing[name]
        if standing.state is State.WAITING and not standing.unmet and not standing.open and not self.is_read(name):
            self.to(name, State.READY)

    def wake_read(self) -> None:
        """What had to stand still while its results were read goes on."""
        for name in self.counting:
            self._wake(name)

    def gathering(self) -> list[str]:
        """Fan-ins that may start on some of their branches, the others of which have not ended."""
        waiting = ((name, self.standing[name]) for name in self.counting)
        return [n for n, s in waiting if s.open and s.state is State.WAITING and not s.unmet]

    def end_part(self, name: str, outcome: Outcome | None) -> None:
        """It is done with a set that was not final: it waits for more, or is ready for the final one."""
        standing = self.standing[name]
        standing.attempts = standing.rejudged = 0
        standing.fell = outcome is None
        if outcome is not None:
            standing.rounds, standing.came_to = standing.rounds + 1, outcome
        self.leave_part(name, tried=True)

    def leave_part(self, name: str, *, tried: bool = False) -> None:
        """It is on no set any more, and takes the same one again unless it has `tried` it."""
        standing = self.standing[name]
        standing.carried = None
        if not tried:
            standing.tried = frozenset()
        self.to(name, State.WAITING)
        self._wake(name)

    def in_line_for_less(self, name: str) -> list[str]:
        """Fan-ins that are still in line for a set without this branch, which has ended meanwhile."""
        waiting = ((other, self.standing[other]) for other in self.dependents[name])
        return [o for o, s in waiting if s.state is State.QUEUED and s.carried is not None and not s.attempts]

    def is_read(self, name: str) -> bool:
        """Whether a step reads a result of it that was not its last, or is about to."""
        if not self.standing[name].rounds:
            return False
        readers = (self.standing[other] for other in self.dependents[name])
        return any(s.carried and name in s.carried and s.state in (State.QUEUED, State.RUNNING) for s in readers)

    def call_phonies(self, name: str) -> bool:
        """Wake the phonies that come before a stale action; whether it has to wait for any."""
        standing = self.standing[name]
        for need in self.graph.actions[name].after:
            other = self.standing[need]
            if self.graph.actions[need].is_phony and other.outcome not in GOOD:
                standing.unmet.add(need)
                if other.state is State.DORMANT:
                    self.to(need, State.WAITING if other.unmet or other.open else State.READY)
        return bool(standing.unmet)

    def lost_phonies(self, name: str) -> list[str]:
        """Those that a held action waits for in vain: they ended badly, or something they need did."""
        lost = []
        for need in sorted(self.standing[name].unmet):
            other = self.standing[need]
            if other.state is State.DONE or (other.state is State.WAITING and self.bad_needs(need)):
                lost.append(need)
        return lost

    def finish(self, name: str, outcome: Outcome, settled: Settled | None = None) -> Iterator[str]:
        """The outcome is known. What waited for it is ready; gives those held that wait for nothing any more."""
        self.standing[name].outcome = outcome
        self.to(name, State.DONE)
        if settled is not None:
            self.settled[name] = settled
        for other in self.dependents[name]:
            standing = self.standing[other]
            if name in standing.open:
                standing.open.discard(name)
                self._wake(other)
            if outcome not in GOOD or name not in standing.unmet:
                continue
            standing.unmet.discard(name)
            self._wake(other)
            if not standing.unmet and standing.state is State.HELD:
                yield other

    def behind(self, name: str) -> Iterator[str]:
        """What can no longer be built because `name` ended badly, nearest first; the caller finishes each.

        A phony that nobody has called for is left alone.
        """
        nearest = deque([name])
        while nearest:
            bad = nearest.popleft()
            for other in self.dependents[bad]:
                standing = self.standing[other]
                if bad in standing.unmet and standing.state not in (State.DONE, State.DORMANT):
                    yield other
                    nearest.append(other)

    def bad_needs(self, name: str) -> list[str]:
        """Those of its needs that ended badly."""
        action = self.graph.actions[name]
        outcomes = [(need, self.standing[need].outcome) for need in action.upstream + action.after]
        return [need for need, outcome in outcomes if outcome is not None and outcome not in GOOD]

    def unfinished(self) -> list[str]:
        """What has no outcome yet and was called for."""
        return [n for n, s in self.standing.items() if s.state not in (State.DONE, State.DORMANT)]

    def count(self, *outcomes: Outcome) -> int:
        """How many actions ended so; groups do not count, but those that failed themselves."""
        return sum(
            s.outcome in outcomes and (not self._is_group(n) or s.outcome is Outcome.FAILED)
            for n, s in self.standing.items()
        )

    def _is_group(self, name: str) -> bool:
        """What ended and then vanished with its list is an instance."""
        return name in self.graph.actions and self.graph.actions[name].is_group
