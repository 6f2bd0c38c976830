"""The ports in memory, under the laws of the real adapters; the disk is a dictionary and the clock a number."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeAlias

from mlmake.model.digest import Digest, ObjectName, Version
from mlmake.model.graph import Action
from mlmake.model.job import Ended, Imported, Job, Remark
from mlmake.model.observation import Observation
from mlmake.model.trace import Failure, Packages, Product, Trace
from mlmake.ports import (
    ContentStore,
    Crashed,
    DamagedObject,
    Done,
    Interrupted,
    Kept,
    Message,
    StoreTrouble,
)
from mlmake.stores.memory import MemoryState
from mlmake.testing.toy.workflow import inside, version_of

ROOT = "/toy/"
SPARED = "spared/"
"""Where what was somebody's own is kept for good."""


@dataclass
class FakeClock:
    """The time: `wall` may be set to anything, `mono` only grows; with `still` no wall time goes by."""

    wall: float = 1000.0
    mono: float = 0.0
    still: bool = False

    def now(self) -> float:
        """See `Clock.now`."""
        return self.wall

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self.mono

    def pass_(self, seconds: float) -> None:
        """Time goes by."""
        self.wall += 0 if self.still else seconds
        self.mono += seconds


Image: TypeAlias = tuple[
    dict[Digest, tuple[Trace, ...]],
    dict[Digest, Trace],
    dict[str, Trace],
    dict[str, Failure],
    dict[str, str],
    dict[int, float],
    int,
]


class Traces(MemoryState):
    """Traces that are lost unless committed; `writes` counts what would be written."""

    def __init__(self, traces: Iterable[Trace] = ()) -> None:
        super().__init__(traces)
        self.writes = 0
        self.commit()

    def record(self, trace: Trace) -> Trace:
        """See `TraceStore.record`."""
        self.writes += 1
        return super().record(trace)

    def choose(self, trace: Trace) -> None:
        """See `TraceStore.choose`."""
        self.writes += 1
        super().choose(trace)

    def fail(self, failure: Failure) -> None:
        """See `TraceStore.fail`."""
        self.writes += 1
        super().fail(failure)

    def revalidate(self, trace: Trace, *, at: float) -> None:
        """See `TraceStore.revalidate`."""
        self.writes += 1
        super().revalidate(trace, at=at)

    def forget_result(self, trace: Trace) -> None:
        """See `TraceStore.forget_result`."""
        self.writes += 1
        super().forget_result(trace)

    def warn(self, action: str, text: str) -> None:
        """See `TraceStore.warn`."""
        self.writes += 1
        super().warn(action, text)

    def commit(self) -> None:
        """See `TraceStore.commit`."""
        self._durable = self.image()

    def image(self) -> "Image":
        """All that is remembered, as a value."""
        results = {recipe: tuple(found) for recipe, found in self._results.items() if found}
        warned = dict(self._warned)
        checked = dict(self._checked)
        return results, dict(self._last), dict(self._latest), dict(self._failures), warned, checked, self._order

    def crash(self) -> None:
        """What was not committed never was."""
        self.load(self._durable)

    def load(self, image: "Image") -> None:
        """Become what an image holds."""
        results, last, latest, failures, warned, checked, order = image
        self._results = {recipe: list(found) for recipe, found in results.items()}
        self._last, self._latest, self._failures, self._order = dict(last), dict(latest), dict(failures), order
        self._warned, self._checked = dict(warned), dict(checked)

    def clone(self) -> "Traces":
        """The same once more, which goes its own way."""
        twin = Traces()
        twin.load(self.image())
        twin.commit()
        return twin


@dataclass
class Disk:
    """Files with the time of their last change, and what was moved aside for running jobs."""

    clock: FakeClock
    files: dict[str, str] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    aside: dict[str, tuple[tuple[str, ...], dict[str, str]]] = field(default_factory=dict)
    writes: int = 0

    def write(self, path: str, content: str) -> None:
        """Put a file there."""
        self.files[path] = content
        self.changed[path] = self.clock.wall
        self.writes += 1

    def remove(self, path: str) -> None:
        """Delete a file, or a folder with all in it."""
        for found in self.at(path):
            del self.files[found]
            self.writes += 1

    def at(self, path: str) -> list[str]:
        """The files at a path: one, or all in a folder."""
        return inside(self.files, path) if path.endswith("/") else [path] if path in self.files else []

    def put_back(self, job: str) -> None:
        """Undo what a job did at its outputs."""
        outputs, before = self.aside.pop(job, ((), {}))
        for output in outputs:
            self.remove(output)
        for path, content in before.items():
            self.write(path, content)

    def recover(self) -> None:
        """After a crash: what was moved aside and never settled goes back, the last first."""
        for job in reversed(list(self.aside)):
            self.put_back(job)

    def clone(self, clock: FakeClock) -> "Disk":
        """The same once more, which goes its own way."""
        return Disk(clock, dict(self.files), dict(self.changed), dict(self.aside), self.writes)


class FakeStore:
    """Bytes by name; may be full, may have lost or damaged objects; forgets what was not synced in a power cut."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.objects: dict[ObjectName, dict[str, str]] = {}
        self.damaged: set[ObjectName] = set()
        self.records: list[Trace] = []
        self.unsynced: list[ObjectName] = []
        self.unsynced_records: list[Trace] = []
        self.full = False
        self.writes = 0

    def keep(self, path: str) -> Kept:
        """See `ContentStore.keep`."""
        if self.full:
            raise StoreTrouble("the store is full")
        relative = path.removeprefix(ROOT)
        bytes_ = {p.removeprefix(relative): self.disk.files[p] for p in self.disk.at(relative)}
        digest = version_of(self.disk.files, relative)
        assert isinstance(digest, str), f"{path} is kept but is not there"
        name = ObjectName(digest * 2)
        if name not in self.objects or name in self.damaged:
            self.objects[name] = bytes_
            self.damaged.discard(name)
            self.unsynced.append(name)
            self.writes += 1
        return Kept(digest, name, sum(map(len, bytes_.values())))

    def sync(self) -> None:
        """See `ContentStore.sync`."""
        if self.full:
            raise StoreTrouble("the store is full")
        self.unsynced.clear()
        self.unsynced_records.clear()

    def has(self, name: ObjectName) -> bool:
        """See `ContentStore.has`."""
        return name in self.objects

    def place(self, name: ObjectName, path: str) -> None:
        """See `ContentStore.place`."""
        if name not in self.objects or name in self.damaged:
            self.objects.pop(name, None)
            self.damaged.discard(name)
            raise DamagedObject(name)
        relative = path.removeprefix(ROOT)
        self.disk.remove(relative)
        for inner, content in self.objects[name].items():
            self.disk.write(relative + inner, content)

    def files(self, name: ObjectName) -> list[str] | None:
        """See `ContentStore.files`."""
        return sorted(self.objects[name]) if name in self.objects and name not in self.damaged else None

    def content(self, name: ObjectName) -> bytes | None:
        """See `ContentStore.content`."""
        return self.objects[name][""].encode() if name in self.objects and name not in self.damaged else None

    def remember(self, trace: Trace) -> None:
        """See `ContentStore.remember`."""
        if self.full:
            raise StoreTrouble("the store is full")
        self.records.append(trace)
        self.unsynced_records.append(trace)

    def remembered(self) -> list[Trace]:
        """See `ContentStore.remembered`."""
        return list(self.records)

    def lose_power(self) -> None:
        """What was not synced is gone."""
        for name in self.unsynced:
            self.objects.pop(name, None)
        self.records = [trace for trace in self.records if trace not in self.unsynced_records]
        self.unsynced.clear()
        self.unsynced_records.clear()

    def clone(self, disk: Disk) -> "FakeStore":
        """The same once more, which goes its own way."""
        twin = FakeStore(disk)
        twin.objects, twin.damaged = dict(self.objects), set(self.damaged)
        twin.records, twin.full = list(self.records), self.full
        return twin


class FakeWorkspace:
    """The disk by graph paths, with looks that are kept until told otherwise."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.looks: dict[str, Version] = {}

    def version(self, path: str) -> Version:
        """See `Workspace.version`."""
        if path not in self.looks:
            self.looks[path] = version_of(self.disk.files, path)
        return self.looks[path]

    def look_again(self, path: str) -> Version:
        """See `Workspace.look_again`."""
        self.looks.pop(path, None)
        return self.version(path)

    def listing(self, pattern: str) -> list[str]:
        """See `Workspace.listing`."""
        return sorted(path for path in self.disk.files if fnmatchcase(path, pattern))

    def files(self, folder: str) -> list[str]:
        """See `Workspace.files`."""
        return inside(self.disk.files, folder)

    def touched(self, path: str) -> float | None:
        """See `Workspace.touched`."""
        found = self.disk.at(path)
        return max(self.disk.changed[p] for p in found) if found else None

    def read(self, path: str) -> bytes:
        """See `Workspace.read`."""
        if path not in self.disk.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.disk.files[path].encode()

    def write(self, path: str, content: bytes) -> None:
        """See `Workspace.write`."""
        self.disk.write(path, content.decode())

    def forget(self, paths: Iterable[str]) -> None:
        """See `Workspace.forget`."""
        for path in paths:
            for kept in [k for k in self.looks if k == path or (path.endswith("/") and k.startswith(path))]:
                del self.looks[kept]

    def clear(self, job: str, outputs: Sequence[str], keep: Sequence[str]) -> None:
        """See `Workspace.clear`."""
        moved = tuple(output for output in outputs if output not in keep)
        before = {path: self.disk.files[path] for output in moved for path in self.disk.at(output)}
        self.disk.aside[job] = (moved, before)
        for output in moved:
            self.disk.remove(output)

    def put_back(self, job: str) -> None:
        """See `Workspace.put_back`."""
        self.disk.put_back(job)

    def spare(self, job: str, products: Sequence[Product]) -> Sequence[str]:
        """See `Workspace.spare`."""
        moved, before = self.disk.aside.get(job, ((), {}))
        made = {product.path: product.digest for product in products}
        spared = []
        for output in moved:
            own = {path: before[path] for path in (inside(before, output) if output.endswith("/") else [output])
                   if path in before}  # fmt: skip
            if own and version_of(own, output) != made.get(output):
                for path, content in own.items():
                    self.disk.write(SPARED + path, content)
                spared.append(ROOT + SPARED + output)
        return spared

    def settle(self, job: str) -> None:
        """See `Workspace.settle`."""
        self.disk.aside.pop(job, None)

    def product(self, name: str | None, path: str, *, store: ContentStore | None) -> Product | None:
        """See `Workspace.product`."""
        version = version_of(self.disk.files, path)
        if not isinstance(version, str):
            return None
        if store is None:
            return Product(name, path, version, sum(len(self.disk.files[p]) for p in self.disk.at(path)), None)
        kept = store.keep(ROOT + path)
        return Product(name, path, kept.digest, kept.size, kept.object)

    def lent(self, job: str, path: str) -> str:
        """See `Workspace.lent`."""
        return f"lent/{job}/{path}"

    def lend(self, job: str, products: Sequence[Product], store: ContentStore) -> None:
        """See `Workspace.lend`."""
        for product in products:
            if product.object is None:
                raise DamagedObject(product.path)
            store.place(product.object, ROOT + self.lent(job, product.path))

    def take_back(self, job: str) -> None:
        """See `Workspace.take_back`."""
        self.disk.remove(f"lent/{job}/")

    def restore(self, products: Sequence[Product], store: ContentStore) -> None:
        """See `Workspace.restore`."""
        for product in products:
            if version_of(self.disk.files, product.path) != product.digest:
                if product.object is None:
                    raise DamagedObject(product.path)
                store.place(product.object, ROOT + product.path)


class FakeCrew:
    """Does a task when it is given or when it is heard of, and lets tasks end in any order: both as `picks` say.

    `interrupts` are the numbers of messages after which a signal comes; `most` how many tasks were under way at once.
    """

    def __init__(self, clock: FakeClock, picks: Sequence[int], interrupts: Sequence[int] = ()) -> None:
        self.clock, self.picks, self.interrupts = clock, tuple(picks) or (0,), list(interrupts)
        self.inbox: list[Message] = []
        self.pending: list[tuple[str, Callable[[], object], Message | None]] = []
        self.heard = self.asked = self.most = 0

    def _pick(self, most: int) -> int:
        self.asked += 1
        assert self.asked < 5000, "the build does not come to an end"
        return self.picks[self.asked % len(self.picks)] % most

    def submit(self, task: str, work: Callable[[], object]) -> None:
        """See `Crew.submit`."""
        assert all(task != other for other, _, _ in self.pending), f"{task} runs already"
        self.pending.append((task, work, _do(task, work) if self._pick(2) else None))
        self.most = max(self.most, len(self.pending))

    def post(self, message: Message) -> None:
        """See `Crew.post`."""
        self.inbox.append(message)

    def get(self, timeout: float | None) -> Message | None:
        """See `Crew.get`."""
        if self.interrupts and self.heard >= self.interrupts[0]:
            self.interrupts.pop(0)
            return Interrupted(2)
        if self.inbox:
            return self.inbox.pop(0)
        if timeout is not None and (not self.pending or self._pick(3) == 2):
            self.clock.pass_(timeout)
            return None
        assert self.pending, "the build waits for nothing"
        task, work, message = self.pending.pop(self._pick(len(self.pending)))
        self.heard += 1
        return message or _do(task, work)


def _do(task: str, work: Callable[[], object]) -> Message:
    try:
        return Done(task, work())
    except (DamagedObject, OSError) as error:
        return Crashed(task, error)


class FakeInstalled:
    """Distributions by name in one folder for all; a module has its distribution's name."""

    def __init__(self, versions: dict[str, str]) -> None:
        self.versions = versions

    def resolve(self, imported: Sequence[Imported]) -> tuple[Packages, ...]:
        """See `Installed.resolve`."""
        found = {item.module: self.versions[item.module] for item in imported if item.module in self.versions}
        return (Packages("/packages", "python", True, found),) if found else ()

    def now(self, packages: Packages) -> dict[str, str]:
        """See `Installed.now`."""
        return {name: self.versions[name] for name in packages.versions if name in self.versions}


class FakeExecutor:
    """Runs a job by the function it was made with."""

    def __init__(self, run: Callable[[Job, bool], Ended]) -> None:
        self.run = run
        self.cancelled: dict[str, bool] = {}

    def execute(self, job: Job, remark: Callable[[Remark], None]) -> Ended:
        """See `Executor.execute`."""
        return self.run(job, job.id in self.cancelled)

    def cancel(self, job: str, *, kill: bool = False) -> None:
        """See `Executor.cancel`."""
        self.cancelled[job] = kill

    def close(self) -> None:
        """See `Executor.close`: nothing was started."""


class FakeSources:
    """Says of sources what a function says; `asked` are the actions whose validators were asked."""

    def __init__(self, say: Callable[[str, bool], Observation], asked: list[str]) -> None:
        self.say, self.asked, self.over = say, asked, False

    def observe(self, action: Action, *, content: bool = False) -> Observation:
        """See `Sources.observe`."""
        self.asked.append(action.id)
        if self.over:
            return Observation(error="nothing is asked any more")
        return self.say(action.id, content)

    def content(self, action: Action) -> Digest | None:
        """See `Sources.content`."""
        return None if self.over else self.say(action.id, True).content

    def cancel(self) -> None:
        """See `Sources.cancel`."""
        self.over = True
