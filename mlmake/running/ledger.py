"""What a build remembers and when it says so: bytes first, then records, then events; it does not judge."""

from collections.abc import Iterator

from mlmake.model.event import Event, Warned
from mlmake.model.trace import Failure, Trace
from mlmake.ports import Clock, ContentStore, StoreTrouble, TraceStore, Workspace
from mlmake.running import mishaps

SHORT_STEP = 0.1
"""Seconds: the record of a shorter step may wait to share a transaction."""

LONGEST_WAIT = 0.05
"""Seconds that a record may wait at most."""


class Ledger:
    """The records of a build. What is written here is said only after it is durable.

    `caching` is false once the content store was in trouble: the build goes on without it.
    """

    def __init__(self, traces: TraceStore, store: ContentStore, *, workspace: Workspace, clock: Clock) -> None:
        self.traces, self.store, self.workspace, self.clock = traces, store, workspace, clock
        self.caching = True
        self.due: float | None = None
        self._unsaid: list[Event] = []
        self._unsettled: list[str] = []
        self._kept: list[Trace] = []

    def record(self, trace: Trace, *, job: str) -> Trace:
        """A success: the newest result of its action. `job` names what was moved aside for it."""
        replaced = self._standing(trace)
        trace = self.traces.record(trace)
        self.traces.hit(replaced, at=self.clock.now())
        if self.caching:
            try:
                self.store.remember(trace)
            except StoreTrouble as trouble:
                self._lose_store(trouble)
        self._unsettled.append(job)
        self._commit_in(LONGEST_WAIT if trace.seconds < SHORT_STEP else 0.0)
        return trace

    def choose(self, trace: Trace) -> None:
        """A remembered result stands again, if it did not anyway."""
        if self.traces.last(trace.recipe) != trace or self.traces.latest(trace.action) != trace:
            replaced = self._standing(trace)
            self.traces.choose(trace)
            self.traces.hit([trace, *replaced], at=self.clock.now())
            self._commit_in(LONGEST_WAIT)
        else:
            self._kept.append(trace)

    def revalidate(self, trace: Trace, *, at: float) -> None:
        """A result was found to stand, at a time that is not that of its run or of when it was found so last."""
        checked = self.traces.checked(trace)
        if (trace.ended if checked is None else checked) != at:
            self.traces.revalidate(trace, at=at)
            self._commit_in(LONGEST_WAIT)

    def fail(self, failure: Failure) -> None:
        """An attempt came to nothing."""
        self.traces.fail(failure)
        self._commit_in(0.0)

    def warn(self, action: str, text: str) -> None:
        """The user is about to be warned of this: once."""
        self.traces.warn(action, text)
        self._commit_in(LONGEST_WAIT)

    def drop(self, trace: Trace) -> None:
        """A result whose bytes are damaged is never offered again."""
        self.traces.forget_result(trace)
        self._commit_in(LONGEST_WAIT)

    def without_store(self, trouble: str) -> None:
        """The content store cannot take anything: say so once and go on."""
        if self.caching:
            self.caching = False
            self.say(Warned(self.clock.now(), "", mishaps.not_cached(trouble)))

    def say(self, event: Event) -> None:
        """Say this once everything recorded so far is durable."""
        self._unsaid.append(event)
        self._commit_in(LONGEST_WAIT)

    def commit(self, *, only_due: bool = False) -> Iterator[Event]:
        """Make all durable, then say what was to be said; with `only_due` only if it may not wait any longer."""
        if not only_due and self._kept:
            # What only stands where it stood is noted when something is written anyway, or once a day.
            kept, self._kept = self._kept, []
            if self.traces.hit(kept, at=self.clock.now(), only_overdue=self.due is None):
                self._commit_in(0.0)
        if self.due is None or (only_due and self.clock.monotonic() < self.due):
            return
        self.due = None
        # Also without `caching`: what was taken before the trouble is whole.
        if self._unsettled:
            try:
                self.store.sync()
            except StoreTrouble as trouble:
                self._lose_store(trouble)
        self.traces.commit()
        for job in self._unsettled:
            self.workspace.settle(job)
        self._unsettled.clear()
        said, self._unsaid = self._unsaid, []
        self.due = None
        yield from said

    def _standing(self, trace: Trace) -> list[Trace]:
        """The results that stand where this one will: they were of use until now."""
        found = (self.traces.last(trace.recipe), self.traces.latest(trace.action))
        return [other for other in found if other is not None]

    def _lose_store(self, trouble: StoreTrouble) -> None:
        self.without_store(str(trouble))

    def _commit_in(self, seconds: float) -> None:
        due = self.clock.monotonic() + seconds
        self.due = due if self.due is None else min(self.due, due)
