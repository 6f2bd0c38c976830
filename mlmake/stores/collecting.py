"""Removes results and objects that policy lets go, in steps that may end anywhere; it does not know what is policy."""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from mlmake.model.digest import ObjectName
from mlmake.planning.retention import Candidate, Policy, Tally, Why, age, due, too_much
from mlmake.stores.content import FOLDER, FolderStore
from mlmake.stores.records import BLOCK
from mlmake.stores.rows import Known, Remembered, hour_of, lru_key, objects_of
from mlmake.stores.sharing import Held, Sharer, Sharers

BATCH = 10_000
"""Results that are looked at together: those of one run share a file of plain records, which is written anew once."""

TOGETHER = 1_000
"""Results a transaction."""

SMALL_BATCH = 20
"""The same where somebody waits."""

DAY = 86_400.0
"""Seconds between two collections that begin by themselves."""

SLACK = 0.05
"""Seconds: the clock of files may be behind by some milliseconds."""

_NOTE = b"collecting"
_FOLDERS = tuple(f"{number:02x}" for number in range(256))


class CollectedState(Protocol):
    """Of a state what a collector needs. What was recorded is committed before, and read anew after it was changed."""

    def oldest(self, *, after: bytes = b"", most: int) -> Sequence[Remembered]:
        """Results by their last hits, used longest ago first, from behind `after` (see `lru_key`) on."""

    def standing(self, entries: Sequence[Remembered], known: Known) -> frozenset[bytes]:
        """The places of those that a workspace refers to."""

    def collect(self, entries: Sequence[Remembered], known: Known) -> Sequence[Remembered]:
        """Remove these, durably, but for those that were hit since they were read, or stand; gives what is gone."""

    def touch(self, places: Iterable[bytes], *, at: float) -> None:
        """These results are of use now, durably."""

    def referenced(self, names: Iterable[ObjectName]) -> frozenset[ObjectName]:
        """Those of the objects that a result names, or a folder that a result names."""

    def counts(self, names: Iterable[ObjectName]) -> Mapping[ObjectName, int]:
        """By how many results and folders each object is named; without those that none names."""

    def ages(self) -> Mapping[int, int]:
        """How many results had their last hit in an hour."""

    def note(self, key: bytes) -> bytes | None:
        """What was noted under a name."""

    def put_note(self, key: bytes, value: bytes | None) -> None:
        """Note something, durably."""

    def used_bytes(self) -> int:
        """The bytes of disk it takes."""


class _Progress(msgspec.Struct):
    """How far a collection in slices is: `done` is when the last one began, `at` its stage, `size` what it has seen."""

    done: float = 0.0
    at: str = ""
    size: int = 0
    last_size: int = 0


@dataclass(slots=True)
class Group:
    """Results that go for one reason, the bytes of disk of their objects, the hour of the oldest last hit."""

    results: int = 0
    bytes: int = 0
    oldest: int | None = None

    def add(self, hour: int, free: int) -> None:
        """One more."""
        self.results, self.bytes = self.results + 1, self.bytes + free
        self.oldest = hour if self.oldest is None else min(self.oldest, hour)


@dataclass(slots=True)
class Report:
    """What a collection has removed, or would remove. Bytes are of disk; `standing` results were due but are in use.

    `orphans` are objects that no result refers to and temporary files, `records` bytes of plain records. `projects`
    are sentences about others that share the store; `swept` is false if nothing can be said of objects because of one.
    """

    groups: dict[Why, Group] = field(default_factory=dict)
    orphans: int = 0
    orphan_bytes: int = 0
    objects: int = 0
    object_bytes: int = 0
    records: int = 0
    standing: int = 0
    projects: list[str] = field(default_factory=list)
    swept: bool = True

    @property
    def results(self) -> int:
        """All results that go."""
        return sum(group.results for group in self.groups.values())

    @property
    def freed(self) -> int:
        """All bytes of disk that are free then."""
        return self.object_bytes + self.records


class Busy(Exception):
    """Another collection of this store goes on."""


class Collector:
    """Collects for one project. `open_other` opens the state of another one to read; raises StateTrouble, OSError."""

    def __init__(
        self,
        state: CollectedState,
        store: FolderStore,
        *,
        sharers: Sharers,
        open_other: Callable[[Sharer], CollectedState],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.state, self.store, self.sharers = state, store, sharers
        self._open_other, self._now = open_other, now
        self._others: list[CollectedState] = []
        self._held: list[Held] = []
        self._limit = 0.0
        self._sizes: dict[ObjectName, int] = {}
        self._spoken_for: set[bytes] = set()

    def run(self, policy: Policy, known: Known, *, dry: bool = False) -> Report:
        """A whole collection. Raises Busy, StateTrouble, OSError."""
        with self._alone(wait=False, dry=dry):
            began, report = self._now(), Report()
            self._look_around(policy, report, dry=dry)
            self._spoken_for.clear()
            tally = self._tally()
            size = self.size() if policy.max_size is not None else 0
            for why in (None, Why.SIZE):
                if why is None or policy.max_size is not None:
                    size -= self._let_go(policy, known, report, tally=tally, why=why, size=size, dry=dry)
            if report.swept:
                for folder in _FOLDERS:
                    self._sweep(folder, report, tally=tally, dry=dry)
                self._tidy(report, dry=dry)
            if not dry:
                progress = _Progress(done=began, last_size=self.size())
                self.state.put_note(_NOTE, msgspec.json.encode(progress))
            return report

    def slice(self, policy: Policy, known: Known, *, seconds: float, others: bool = True) -> bool:
        """Go on with the collection of the day for so long; whether it is done. Raises StateTrouble, OSError.

        Without `others` what they refer to cannot be asked quickly: then no object is removed.
        """
        end = time.monotonic() + seconds
        now, progress = self._now(), self._progress() or _Progress()
        try:
            with self._alone(wait=False):
                self._slice(policy, known, progress, until=lambda: time.monotonic() < end, others=others, now=now)
        except Busy:
            return False
        return not progress.at

    def is_due(self) -> bool:
        """Whether a collection goes on or is to be begun; none is begun in a state that has just been made."""
        progress = self._progress()
        if progress is None:
            # There is nothing yet that could be old.
            self.state.put_note(_NOTE, msgspec.json.encode(_Progress(done=self._now())))
            return False
        return bool(progress.at) or not 0 <= self._now() - progress.done < DAY

    def size(self) -> int:
        """The bytes of disk of all files in the store."""
        total = 0
        for here, _, names in os.walk(self.store.folder):
            for name in names:
                with suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(here, name)).st_blocks * BLOCK
        return total

    def _slice(
        self,
        policy: Policy,
        known: Known,
        progress: _Progress,
        *,
        until: Callable[[], bool],
        others: bool,
        now: float,
    ) -> None:
        if not progress.at:
            progress.done, progress.at, progress.size = now, "results", 0
        report = Report()
        self._look_around(policy, report, dry=False, objects=others and progress.at != "results")
        tally = self._tally()
        if progress.at == "results":
            free, ended = self._some_results(policy, known, report, tally=tally, size=progress.last_size, until=until)
            progress.last_size -= free
            progress.at = _FOLDERS[0] if ended else progress.at
        elif not report.swept or not others:
            progress.at = ""
        else:
            for folder in _FOLDERS[_FOLDERS.index(progress.at) :]:
                seen = self._sweep(folder, report, tally=tally, dry=False, until=until)
                if seen is None:
                    break
                progress.size += seen
                progress.at = f"{int(folder, 16) + 1:02x}" if folder != _FOLDERS[-1] else ""
                if not progress.at:
                    progress.last_size = progress.size
                if not until():
                    break
        self.state.put_note(_NOTE, msgspec.json.encode(progress))

    def _some_results(
        self, policy: Policy, known: Known, report: Report, *, tally: Tally, size: int, until: Callable[[], bool]
    ) -> tuple[int, bool]:
        free = 0
        for why in (None, Why.SIZE):
            for batch in self._batches(SMALL_BATCH):
                found, over = self._step(
                    policy, known, batch, report, tally=tally, why=why, size=size - free, dry=False
                )
                free += found
                if over:
                    break
                if not until():
                    return free, False
        return free, True

    def _progress(self) -> _Progress | None:
        if (noted := self.state.note(_NOTE)) is None:
            return None
        try:
            return msgspec.json.decode(noted, type=_Progress)
        except msgspec.DecodeError:
            return _Progress()

    # Results

    def _let_go(
        self, policy: Policy, known: Known, report: Report, *, tally: Tally, why: Why | None, size: int, dry: bool
    ) -> int:
        free = 0
        for batch in self._batches(BATCH):
            found, over = self._step(policy, known, batch, report, tally=tally, why=why, size=size - free, dry=dry)
            free += found
            if over:
                break
        return free

    def _batches(self, most: int) -> Iterator[Sequence[Remembered]]:
        after = b""
        while batch := self.state.oldest(after=after, most=most):
            yield batch
            after = lru_key(batch[-1])

    def _step(
        self,
        policy: Policy,
        known: Known,
        batch: Sequence[Remembered],
        report: Report,
        *,
        tally: Tally,
        why: Why | None,
        size: int,
        dry: bool,
    ) -> tuple[int, bool]:
        """Let go what of a batch may go; gives the bytes free by it, and whether nothing behind it can go."""
        now = self._now()
        standing = self.state.standing(batch, known)
        doomed: list[tuple[Remembered, Why, int]] = []
        lasting: list[bytes] = []
        free, over = 0, False
        for entry in batch:
            if entry.place in self._spoken_for:
                continue
            candidate = self._candidate(entry, standing)
            if why is None:
                unused = policy.unused_for is not None and age(entry.hour, now) >= policy.unused_for
                if not unused and not policy.only_runs:
                    over = True
                    break
                reason = due(candidate, policy, now=now)
                if unused and candidate.stands:
                    report.standing += 1
                    lasting.append(entry.place)
            else:
                if policy.max_size is None or size - free <= policy.max_size:
                    over = True
                    break
                reason = Why.SIZE if too_much(candidate, policy, size=size - free, tally=tally) else None
            if reason is not None:
                bytes_free = tally.let_go(candidate.objects)
                free += bytes_free
                doomed.append((entry, reason, bytes_free))
        gone = frozenset(entry.place for entry, _, _ in doomed)
        if dry:
            self._spoken_for |= gone
            traces = [entry.trace for entry, _, _ in doomed if entry.trace is not None]
            report.records += self.store.records.drop(traces, dry=True)
        else:
            gone = self._remove([entry for entry, _, _ in doomed], known, report)
        if lasting and not dry:
            # What stands is of use: once it does not stand any more, its time begins.
            self.state.touch(lasting, at=now)
        # They come again at the end of the order.
        self._spoken_for.update(lasting)
        for entry, reason, bytes_free in doomed:
            if entry.place in gone:
                report.groups.setdefault(reason, Group()).add(entry.hour, bytes_free)
        return free, over

    def _candidate(self, entry: Remembered, standing: frozenset[bytes]) -> Candidate:
        if entry.trace is None:
            return Candidate(entry.hour, "", "", (), entry.place in standing)
        objects = tuple(name for name, _ in objects_of(entry.trace))
        stands = entry.place in standing or any(
            (held.owner in (None, self.sharers.owner) and entry.hour >= hour_of(held.began))
            or not held.objects.isdisjoint(objects)
            for held in self._held
        )
        return Candidate(entry.hour, entry.trace.action, entry.trace.run, objects, stands)

    def _remove(self, doomed: Sequence[Remembered], known: Known, report: Report) -> frozenset[bytes]:
        """The plain record first: what is left by a kill is still found in the state, and goes the next time."""
        if not doomed:
            return frozenset()
        traces = [entry.trace for entry in doomed if entry.trace is not None]
        report.records += self.store.records.drop(traces)
        gone: set[bytes] = set()
        for start in range(0, len(doomed), TOGETHER):
            gone.update(entry.place for entry in self.state.collect(doomed[start : start + TOGETHER], known))
        for entry in doomed:
            if entry.place not in gone and entry.trace is not None:
                # It was hit meanwhile.
                self.store.remember(entry.trace)
        self.store.records.write()
        return frozenset(gone)

    # Objects

    def _tally(self) -> Tally:
        self._sizes.clear()
        return Tally(
            count=lambda name: self.state.counts([name]).get(name, 0),
            parts=self.store.parts,
            size=self._size,
        )

    def _size(self, name: ObjectName) -> int:
        """The bytes of disk that are free without this object; none if another project or a process refers to it."""
        if name not in self._sizes:
            self._sizes[name] = 0 if self._is_foreign(name) else sum(map(_blocks, self.store.places(name)))
        return self._sizes[name]

    def _is_foreign(self, name: ObjectName) -> bool:
        return any(name in held.objects for held in self._held) or any(o.referenced([name]) for o in self._others)

    def _sweep(
        self,
        folder: str,
        report: Report,
        *,
        tally: Tally,
        dry: bool,
        until: Callable[[], bool] = lambda: True,
    ) -> int | None:
        """Remove the objects in one folder that nothing refers to; gives the bytes of the others, None if cut short."""
        top = f"{self.store.folder}/objects/{folder}"
        try:
            names = os.listdir(top)
        except FileNotFoundError:
            return 0
        objects = {name: ObjectName(name.removesuffix(FOLDER)) for name in names}
        asked = [name for name in set(objects.values()) if _is_name(name)]
        kept = set(self.state.referenced(asked)).union(*(held.objects for held in self._held))
        for other in self._others:
            kept |= other.referenced(asked)
        total = 0
        for number, (name, thing) in enumerate(objects.items()):
            if number % 50 == 49 and not until():
                return None
            path = f"{top}/{name}"
            if not _is_name(thing):
                # Nothing that mlmake has put there.
                continue
            if thing in kept and not (dry and thing in tally.freed):
                total += _blocks(path)
            elif (free := _free(path, self._limit) if dry else self._unlink(path)) is not None:
                report.objects, report.object_bytes = report.objects + 1, report.object_bytes + free
                if thing not in tally.freed:
                    report.orphans, report.orphan_bytes = report.orphans + 1, report.orphan_bytes + free
        return total

    def _unlink(self, path: str) -> int | None:
        """Remove an object; gives the bytes of disk it took, None if a build has begun to use it again.

        It is moved away first: who uses it again from then on finds nothing, and writes it anew.
        """
        if (free := _free(path, self._limit)) is None:
            return None
        aside = self.store.temporary()
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return None
        if _free(aside, self._limit) is None:
            os.rename(aside, path)
            return None
        os.unlink(aside)
        return free

    def _tidy(self, report: Report, *, dry: bool) -> None:
        for free in self.store.leftovers(remove=not dry):
            report.orphans, report.orphan_bytes = report.orphans + 1, report.orphan_bytes + free
            report.objects, report.object_bytes = report.objects + 1, report.object_bytes + free

    # The others

    def _look_around(self, policy: Policy, report: Report, *, dry: bool, objects: bool = True) -> None:
        """Who else uses the store, and what is touched from when on."""
        now = self._now()
        self._held = self.sharers.in_use()
        self._limit = min([time.time(), *(held.began for held in self._held)]) - SLACK
        self._others = []
        for sharer in self.sharers.others(now=now):
            if sharer.gone_since is not None:
                patience = policy.unused_for
                if patience is not None and now - sharer.gone_since >= patience:
                    report.projects.append(f"{sharer.root} is gone: what only it has kept goes too")
                    if not dry:
                        self._forget(sharer, report)
                    continue
                report.projects.append(f"{sharer.root} is gone: what it has kept stays for the time that policy gives")
            elif sharer.trouble is not None:
                report.projects.append(f"{sharer.root} cannot be asked ({sharer.trouble}): what it has kept stays")
            if objects:
                self._ask(sharer, report)

    def _ask(self, sharer: Sharer, report: Report) -> None:
        try:
            self._others.append(self._open_other(sharer))
        except Exception as error:
            # Whatever it is that its state has: nothing that it may need is removed.
            report.swept = False
            report.projects.append(f"{sharer.root} cannot be asked ({error}): no object is removed")

    def _forget(self, sharer: Sharer, report: Report) -> None:
        for path in self.store.records.files(sharer.owner):
            free = _blocks(path)
            os.unlink(path)
            report.records += free
        self.sharers.forget(sharer)

    @contextmanager
    def _alone(self, *, wait: bool, dry: bool = False) -> Iterator[None]:
        """One collection at a time in a store. Raises Busy."""
        if dry or not os.path.isdir(self.store.folder):
            yield
            return
        descriptor = os.open(f"{self.store.folder}/collecting", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise Busy("another mlmake is collecting in this store") from error
            yield
        finally:
            os.close(descriptor)


def _is_name(name: str) -> bool:
    return len(name) == 64 and all(letter in "0123456789abcdef" for letter in name)


def _blocks(path: str) -> int:
    """The bytes of disk that are free without this file; none if it has another name too."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return 0
    return found.st_blocks * BLOCK if found.st_nlink == 1 else 0


def _free(path: str, limit: float) -> int | None:
    """The bytes that an unused object takes; None if it is gone, or was touched after the limit."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if found.st_mtime >= limit:
        return None
    return found.st_blocks * BLOCK if found.st_nlink == 1 else 0
