"""The protocols between the core and the world; it knows no adapter."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mlmake.model.answer import Answer
from mlmake.model.digest import Digest, ObjectName, Stamp, Version
from mlmake.model.graph import Action
from mlmake.model.job import Ended, Imported, Job, Remark
from mlmake.model.observation import Observation
from mlmake.model.trace import Failure, Memory, Packages, Product, Trace
from mlmake.planning.lists import Grown


class Clock(Protocol):
    """The time."""

    def now(self) -> float:
        """Seconds since the epoch; may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back, from any zero."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A remembered digest: it holds while the file still has this stamp, if it was not too young when hashed.

    `hashed_ns` is the wall clock in nanoseconds just before the hashing.
    """

    stamp: Stamp
    digest: Digest
    hashed_ns: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A remembered number of what is in a file: it holds as a `Stamped` digest does."""

    stamp: Stamp
    count: int
    counted_ns: int


class StampStore(Protocol):
    """Remembers what was found out of files by their stamps, so that they need not be read again."""

    def stamps(self, paths: Iterable[str]) -> Mapping[str, Stamped]:
        """What is remembered of these paths (as in the graph); unknown ones are left out."""

    def put_stamps(self, stamps: Mapping[str, Stamped]) -> None:
        """Remember these. Where that is not possible (read-only, full) nothing happens."""

    def numbers(self, measure: str, paths: Iterable[str]) -> Mapping[str, Counted]:
        """What is remembered of this measure of these paths; unknown ones are left out."""

    def put_numbers(self, measure: str, counts: Mapping[str, Counted]) -> None:
        """Remember these, as `put_stamps` does."""


class TraceStore(Memory, Protocol):
    """Remembers results. One thread owns it; other processes may read at the same time."""

    def record(self, trace: Trace) -> Trace:
        """Take a result as the newest and as the last run of its recipe; gives it with its `order`.

        It is readable at once in this process and durable after `commit`. Wipes the action's failure.
        """

    def choose(self, trace: Trace) -> None:
        """An older result becomes the last run of its recipe again (it was restored); nothing else moves."""

    def revalidate(self, trace: Trace, *, at: float) -> None:
        """Note when a result was found to stand, in seconds since the epoch; its baseline does not move."""

    def hit(self, traces: Iterable[Trace], *, at: float, only_overdue: bool = False) -> bool:
        """Note that these results were of use, to the hour (`at`: seconds since the epoch); durable after `commit`.

        Gives whether one of them was last noted so long ago that it is worth a transaction; with `only_overdue`
        nothing is noted unless that is so.
        """

    def fail(self, failure: Failure) -> None:
        """Note how an attempt failed; touches no result."""

    def warned(self, action: str) -> str:
        """What the user was last warned of about the result that this action keeps; empty if of nothing."""

    def warn(self, action: str, text: str) -> None:
        """Note that the user was warned of this, so that it is said once."""

    def forget_result(self, trace: Trace) -> None:
        """Drop a result whose bytes turned out to be lost or damaged, so that it is never offered again."""

    def commit(self) -> None:
        """Make all that was recorded durable, in one transaction, in order."""


class ContentStore(Protocol):
    """Keeps bytes by the digest of their content. It may forget; it never gives wrong bytes."""

    def keep(self, path: str) -> "Kept":
        """Copy the file or folder (ends in "/") at this absolute path into the store and give its names.

        Durable after `sync`. Raises `StoreTrouble` where it cannot (full, no permission), leaving nothing behind.
        """

    def sync(self) -> None:
        """Make all that was kept durable. Raises `StoreTrouble`."""

    def has(self, name: ObjectName) -> bool:
        """Whether all bytes of this object are there (unverified)."""

    def place(self, name: ObjectName, path: str) -> None:
        """Put the object at this absolute path, whole or not at all, verified while copied, over what is there.

        Raises `DamagedObject` (and drops it) if its bytes are missing or wrong, OSError if the target cannot be
        written.
        """

    def files(self, name: ObjectName) -> Sequence[str] | None:
        """The files of a kept folder, as paths inside it, by bytes; None if that is not there whole."""

    def content(self, name: ObjectName) -> bytes | None:
        """The verified content of a kept file; None if it is not there whole."""

    def remember(self, trace: Trace) -> None:
        """Take a result's plain record, to be written beside the objects by `sync`: a lost state is rebuilt from it."""

    def remembered(self) -> Iterable[Trace]:
        """All plain records that can be read, by order of recording."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store says of bytes it took: their digest for comparing, their name, their size in bytes."""

    digest: Digest
    object: ObjectName
    size: int


class StoreTrouble(Exception):
    """The content store cannot take or give; the message names the folder and the cause. Never fails a build."""


class DamagedObject(Exception):
    """The bytes of an object are missing or not those of its name."""


class StateTrouble(Exception):
    """The machine: the state cannot be written or is of a newer mlmake; the message has place, cause and mend."""


class Workspace(Protocol):
    """The project's files, by graph paths. Looks are kept until told otherwise. All may be called from any thread."""

    def version(self, path: str) -> Version:
        """What is at this path; a file or (ends in "/") a folder as a whole. Kept: asked again it is not re-read."""

    def look_again(self, path: str) -> Version:
        """The same, but stat the path again and re-hash where the stamp differs; replaces the kept look."""

    def listing(self, pattern: str) -> Sequence[str]:
        """The files that match a glob now, ordered by bytes."""

    def files(self, folder: str) -> Sequence[str]:
        """All files in a folder (ends in "/"), hidden ones and those in folders below too, by bytes of path.

        Raises OSError.
        """

    def touched(self, path: str) -> float | None:
        """When the file at this path was last changed in any way (ctime, seconds since the epoch); None if missing."""

    def read(self, path: str) -> bytes:
        """The content of a file. Raises OSError."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file, whole or not at all. Raises OSError."""

    def forget(self, paths: Iterable[str]) -> None:
        """Drop the kept looks at these paths (and inside them): they were written."""

    def clear(self, job: str, outputs: Sequence[str], keep: Sequence[str]) -> None:
        """Before a step: make parent folders and move previous outputs (except `keep`) aside, by journal.

        Looks at outputs are dropped here and in `put_back`, and made anew in `product`.

        Raises OSError where that is not possible, and `OutsideProject` if a parent is a link that leads out.
        """

    def put_back(self, job: str) -> None:
        """After a failure: remove what the step left at its outputs and put the previous ones back."""

    def spare(self, job: str, products: Sequence[Product]) -> Sequence[str]:
        """After the first success: what was moved aside is no result but somebody's own, so keep it for good.

        Gives where it is now, by absolute paths; what equals the new product is left to be dropped. Raises OSError.
        """

    def settle(self, job: str) -> None:
        """After a success: drop what was moved aside."""

    def lent(self, job: str, path: str) -> str:
        """Where an output is that is lent to this job, as a graph path; nothing is put there yet."""

    def lend(self, job: str, products: Sequence[Product], store: ContentStore) -> None:
        """Put copies from the store where `lent` says. Raises `DamagedObject`, OSError."""

    def take_back(self, job: str) -> None:
        """Remove what was lent to this job."""

    def product(self, name: str | None, path: str, *, store: ContentStore | None) -> Product | None:
        """The output at this path, hashed, and kept in the store if one is given; None if it is not there.

        Raises `StoreTrouble` if the store cannot take it; without a store the product has no object.
        """

    def restore(self, products: Sequence[Product], store: ContentStore) -> None:
        """Put outputs back from the store, those that differ only. Raises `DamagedObject`, OSError."""


class Installed(Protocol):
    """The distributions that Python imports from outside the project. All may be called from any thread."""

    def resolve(self, imported: Sequence[Imported]) -> tuple[Packages, ...]:
        """The distributions of these modules with their versions now, looked at anew."""

    def now(self, packages: Packages) -> Mapping[str, str]:
        """The versions of these packages as they are now, without those that are gone. Looks are kept."""


class Sources(Protocol):
    """Asks validators how sources are."""

    def observe(self, action: Action, *, content: bool = False) -> Observation:
        """What the validator of this action says now; with `content` what the source holds too.

        May take as long as a probe may. Never raises for what the source or the probe does: the observation says it.
        """

    def content(self, action: Action) -> Digest | None:
        """What the source holds, without asking the probe; None where that cannot be told, and for a server."""

    def cancel(self) -> None:
        """End what is being asked, and answer nothing from now on. Any thread may ask."""


class Prober(Protocol):
    """Runs the commands that measure sources."""

    def ask(self, job: Job) -> Answer:
        """Run one to its end, within its time, blocking the calling thread. No process of it is left then.

        Never raises for what the command does.
        """

    def cancel(self) -> None:
        """Kill those that run, and start none from now on. Any thread may ask."""


class OutsideProject(Exception):
    """A path would leave the project through a symbolic link; the message names both."""


class Lists(Protocol):
    """Tells a build what instances there are once the makers of a list are up to date."""

    def expand(self, listing: str) -> Grown:
        """The graph with the list of this action as it is now. Raises `BadList`; then nothing has changed."""

    def settle(self, listing: str) -> None:
        """The list is final for this build: what instances that it no longer has have left may be put away."""


class BadList(Exception):
    """What a list holds makes no instances; the message has place, cause and mend."""


class Origin(Protocol):
    """By what and where results are made."""

    def ask(self) -> None:
        """Begin to find out, if nobody has begun: a step is about to run. Any thread may ask."""

    def told(self) -> Mapping[str, str]:
        """What has been found out, by name."""


class Archive(Protocol):
    """All results that are remembered, looked for by what they made; each look may pass over everything."""

    def made_in(self, runs: Collection[str]) -> Sequence[Trace]:
        """Those that these runs have recorded, by order of recording."""

    def making(self, digests: Collection[Digest]) -> Sequence[Trace]:
        """Those with an output that has one of these digests, by order of recording."""

    def filling(self, folders: Collection[str]) -> Sequence[Trace]:
        """Those with one of these folders (end in "/") as an output, by order of recording."""

    def latest(self, action: str) -> Trace | None:
        """The last result of this action under any recipe."""


class Executor(Protocol):
    """Runs jobs, each whole: its process, its streams, its time limit, its descendants."""

    def execute(self, job: Job, remark: Callable[[Remark], None]) -> Ended:
        """Run one job to its end, blocking the calling thread; `remark` may be called from any thread meanwhile.

        Never raises for what the step does. When it returns, no process of the step is left.
        """

    def cancel(self, job: str, *, kill: bool = False) -> None:
        """End a running job: TERM, and KILL 5 s later, or KILL at once. Returns at once; unknown ids are ignored."""

    def close(self) -> None:
        """End all that was started for jobs to come (warm parents)."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task given to the crew has ended with this value."""

    task: str
    value: object


@dataclass(frozen=True, slots=True)
class Crashed:
    """A task given to the crew has raised: a bug or a broken machine."""

    task: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A signal has come: SIGINT, SIGTERM or SIGHUP."""

    signal: int


@dataclass(frozen=True, slots=True)
class PlaceFree:
    """A place that was asked for in vain may be free now."""


Message: TypeAlias = Done | Crashed | Interrupted | PlaceFree | Remark


class Places(Protocol):
    """Permission for one more step at once, where others have a say: what steps start, or who started mlmake."""

    def take(self) -> bool:
        """Take a place. If none is free, `PlaceFree` comes as soon as one may be; the first is always free."""

    def give(self) -> None:
        """Give a place back."""


class Crew(Protocol):
    """Does tasks beside the loop and keeps the one inbox; from outside everything comes through it."""

    def submit(self, task: str, work: Callable[[], object]) -> None:
        """Do this in another thread; its end comes as `Done` or `Crashed`."""

    def post(self, message: Message) -> None:
        """Put a message into the inbox, from any thread or a signal handler."""

    def get(self, timeout: float | None) -> Message | None:
        """The next message; None if none came within `timeout` seconds."""
