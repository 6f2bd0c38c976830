"""State that lives as long as the process, under the laws of the real one; it knows no disk."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from mlmake.model.digest import Digest, ObjectName, Version
from mlmake.model.trace import Failure, Trace
from mlmake.ports import Counted, Stamped
from mlmake.stores.rows import Known, Parts, Remembered, hour_of, lru_key, object_key, objects_of, place_of, short


class MemoryState:
    """Traces, failures and stamps in dictionaries."""

    def __init__(
        self, traces: Iterable[Trace] = (), *, notices: Sequence[str] = (), parts: Parts = lambda name: ()
    ) -> None:
        self.notices = list(notices)
        self._parts = parts
        self._hours: dict[int, int] = {}
        self._notes: dict[bytes, bytes] = {}
        self._results: dict[Digest, list[Trace]] = {}
        self._last: dict[Digest, Trace] = {}
        self._latest: dict[str, Trace] = {}
        self._failures: dict[str, Failure] = {}
        self._stamps: dict[str, Stamped] = {}
        self._numbers: dict[str, dict[str, Counted]] = {}
        self._warned: dict[str, str] = {}
        self._checked: dict[int, float] = {}
        self._order = 0
        for trace in traces:
            self._take(trace)

    def last(self, recipe: Digest) -> Trace | None:
        """See `Memory.last`."""
        return self._last.get(recipe)

    def latest(self, action: str) -> Trace | None:
        """See `Memory.latest`."""
        return self._latest.get(action)

    def results(self, recipe: Digest, key: Digest | None = None) -> Sequence[Trace]:
        """See `Memory.results`."""
        newest_first = reversed(self._results.get(recipe, ()))
        return [trace for trace in newest_first if key is None or trace.key == key]

    def failure(self, action: str) -> Failure | None:
        """See `Memory.failure`."""
        return self._failures.get(action)

    def checked(self, trace: Trace) -> float | None:
        """See `Memory.checked`."""
        return self._checked.get(trace.order)

    def revalidate(self, trace: Trace, *, at: float) -> None:
        """See `TraceStore.revalidate`."""
        self._checked[trace.order] = at

    def record(self, trace: Trace) -> Trace:
        """See `TraceStore.record`."""
        recorded = ordered(trace, self._order + 1)
        self._take(recorded)
        self._failures.pop(trace.action, None)
        return recorded

    def choose(self, trace: Trace) -> None:
        """See `TraceStore.choose`."""
        if trace in self._results.get(trace.recipe, ()):
            self._last[trace.recipe] = self._latest[trace.action] = trace

    def fail(self, failure: Failure) -> None:
        """See `TraceStore.fail`."""
        self._failures[failure.action] = failure

    def warned(self, action: str) -> str:
        """See `TraceStore.warned`."""
        return self._warned.get(action, "")

    def warn(self, action: str, text: str) -> None:
        """See `TraceStore.warn`."""
        self._warned[action] = text

    def forget_result(self, trace: Trace) -> None:
        """See `TraceStore.forget_result`; the newest of those left takes its places."""
        left = [other for other in self._results.get(trace.recipe, ()) if other.order != trace.order]
        self._results[trace.recipe] = left
        self._hours.pop(trace.order, None)
        if (last := self._last.get(trace.recipe)) and last.order == trace.order:
            del self._last[trace.recipe]
            if left:
                self._last[trace.recipe] = left[-1]
        if (latest := self._latest.get(trace.action)) and latest.order == trace.order:
            del self._latest[trace.action]
            if mine := [other for other in left if other.action == trace.action]:
                self._latest[trace.action] = mine[-1]

    def commit(self) -> None:
        """See `TraceStore.commit`: nothing outlives the process."""

    def stamps(self, paths: Iterable[str]) -> Mapping[str, Stamped]:
        """See `StampStore.stamps`."""
        return {path: self._stamps[path] for path in paths if path in self._stamps}

    def put_stamps(self, stamps: Mapping[str, Stamped]) -> None:
        """See `StampStore.put_stamps`."""
        self._stamps.update(stamps)

    def numbers(self, measure: str, paths: Iterable[str]) -> Mapping[str, Counted]:
        """See `StampStore.numbers`."""
        known = self._numbers.get(measure, {})
        return {path: known[path] for path in paths if path in known}

    def put_numbers(self, measure: str, counts: Mapping[str, Counted]) -> None:
        """See `StampStore.put_numbers`."""
        self._numbers.setdefault(measure, {}).update(counts)

    def prefetch(self, recipes: Iterable[Digest], actions: Iterable[str]) -> None:
        """See `LmdbState.prefetch`: all is near already."""

    def everything(self) -> Sequence[Trace]:
        """All results, by order of recording."""
        return sorted((trace for found in self._results.values() for trace in found), key=lambda trace: trace.order)

    def made_in(self, runs: Collection[str]) -> Sequence[Trace]:
        """All results that these runs have recorded, by order."""
        return [trace for trace in self.everything() if trace.run in runs]

    def making(self, digests: Collection[Digest]) -> Sequence[Trace]:
        """See `Archive.making`."""
        return [trace for trace in self.everything() if any(p.digest in digests for p in trace.outputs)]

    def filling(self, folders: Collection[str]) -> Sequence[Trace]:
        """See `Archive.filling`."""
        return [trace for trace in self.everything() if any(p.path in folders for p in trace.outputs)]

    def is_recorded(self, outputs: Mapping[str, Version]) -> bool:
        """Whether there is a result with all of these outputs."""
        return makes(self.everything(), outputs)

    def refresh(self) -> None:
        """See `LmdbState.refresh`: nobody else writes here."""

    def close(self) -> None:
        """See `LmdbState.close`."""

    def hit(self, traces: Iterable[Trace], *, at: float, only_overdue: bool = False) -> bool:
        """See `TraceStore.hit`: nothing outlives the process, so nothing is ever overdue."""
        if not only_overdue:
            found = {trace.order for trace in traces if trace in self._results.get(trace.recipe, ())}
            self._hours.update(dict.fromkeys(found, hour_of(at)))
        return False

    def oldest(self, *, after: bytes = b"", most: int) -> Sequence[Remembered]:
        """See `CollectedState.oldest`."""
        return sorted((e for e in self._entries() if lru_key(e) > after), key=lru_key)[:most]

    def standing(self, entries: Sequence[Remembered], known: Known) -> frozenset[bytes]:
        """See `CollectedState.standing`."""
        return frozenset(entry.place for entry in entries if entry.trace is not None and self._stands(entry, known))

    def collect(self, entries: Sequence[Remembered], known: Known) -> Sequence[Remembered]:
        """See `CollectedState.collect`."""
        present, gone = {lru_key(entry) for entry in self._entries()}, []
        for entry in entries:
            if lru_key(entry) in present and entry.trace is not None and not self._stands(entry, known):
                self.forget_result(entry.trace)
                gone.append(entry)
        return gone

    def touch(self, places: Iterable[bytes], *, at: float) -> None:
        """See `CollectedState.touch`."""
        wanted = set(places)
        found = {trace.order for trace in self.everything() if place_of(trace) in wanted}
        self._hours.update(dict.fromkeys(found, hour_of(at)))

    def referenced(self, names: Iterable[ObjectName]) -> frozenset[ObjectName]:
        """See `CollectedState.referenced`."""
        return frozenset(self.counts(names))

    def counts(self, names: Iterable[ObjectName]) -> Mapping[ObjectName, int]:
        """See `CollectedState.counts`."""
        found: dict[bytes, int] = {}
        folders: set[ObjectName] = set()
        for trace in self.everything():
            for name, is_folder in objects_of(trace):
                found[object_key(name)] = found.get(object_key(name), 0) + 1
                if is_folder:
                    folders.add(name)
        for folder in folders:
            for name in self._parts(folder):
                found[object_key(name)] = found.get(object_key(name), 0) + 1
        return {name: found[object_key(name)] for name in names if object_key(name) in found}

    def ages(self) -> Mapping[int, int]:
        """See `CollectedState.ages`."""
        return Counter(entry.hour for entry in self._entries())

    def note(self, key: bytes) -> bytes | None:
        """See `CollectedState.note`."""
        return self._notes.get(key)

    def put_note(self, key: bytes, value: bytes | None) -> None:
        """See `CollectedState.put_note`."""
        if value is None:
            self._notes.pop(key, None)
        else:
            self._notes[key] = value

    def used_bytes(self) -> int:
        """It has no file."""
        return 0

    def _entries(self) -> Iterable[Remembered]:
        return [self._entry(trace) for trace in self.everything()]

    def _entry(self, trace: Trace) -> Remembered:
        return Remembered(place_of(trace), self._hours.get(trace.order, hour_of(trace.ended)), trace)

    def _stands(self, entry: Remembered, known: Known) -> bool:
        trace = entry.trace
        assert trace is not None, "what is in memory can be read"
        last, latest = self._last.get(trace.recipe), self._latest.get(trace.action)
        if last is not None and last.order == trace.order and short(trace.recipe) in known.recipes:
            return True
        known_action = known.every_action or short(trace.action) in known.actions
        return known_action and latest is not None and latest.order == trace.order

    def _take(self, trace: Trace) -> None:
        self._hours[trace.order] = hour_of(trace.ended)
        self._order = max(self._order, trace.order)
        self._results.setdefault(trace.recipe, []).append(trace)
        self._last[trace.recipe] = self._latest[trace.action] = trace


def ordered(trace: Trace, order: int) -> Trace:
    """The same result with its place among the recordings."""
    return Trace(
        trace.action,
        trace.recipe,
        trace.facts,
        trace.inputs,
        trace.discovered,
        trace.outputs,
        trace.started,
        trace.ended,
        trace.seconds,
        trace.run,
        trace.reasons,
        trace.metrics,
        trace.origin,
        trace.baseline,
        trace.complete,
        order,
        trace.read,
        trace.packages,
    )


def renumbered(traces: Iterable[Trace]) -> Iterable[Trace]:
    """Results from several states in one order without doubles, by their old order, then by their end."""
    by_order = sorted(traces, key=lambda trace: (trace.order, trace.ended))
    return [ordered(trace, number) for number, trace in enumerate(by_order, 1)]


def makes(traces: Iterable[Trace], outputs: Mapping[str, Version]) -> bool:
    """Whether one of these results made all of these outputs."""
    wanted = set(outputs.items())
    return any(wanted <= {(product.path, product.digest) for product in trace.outputs} for trace in traces)
