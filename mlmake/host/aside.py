"""Previous outputs out of the way of a running step, by a journal that a kill survives; it knows no build."""

import errno
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from mlmake.host.removal import remove

_STAGE = "stage-"
"""How the names of folders begin in which something new is made: they hold nobody's only copy."""


class Leftover(NamedTuple):
    """The leader of a step's session that a killed mlmake left; `started` in clock ticks since the boot."""

    job: str
    pid: int
    started: int


@dataclass(slots=True)
class _Stay:
    """What is known of one started step: where its outputs were moved to, and its processes."""

    outputs: list[str]
    moved: dict[str, str]
    processes: list[tuple[int, int]] = field(default_factory=list)


class Aside:
    """Moves outputs into a folder and back. Every move is announced in the journal first.

    Paths are as in the graph, so that a project that was moved finds its own again.
    """

    def __init__(self, folder: str, root: str) -> None:
        self.folder, self.root = folder.rstrip("/"), root
        self.journal = f"{self.folder}/journal.jsonl"
        self._stays: dict[str, _Stay] = {}
        self._numbers = itertools.count()
        self._descriptor: int | None = None

    def move(self, job: str, outputs: Sequence[str]) -> None:
        """Announce a step that will write these, and move what is there now. Raises OSError."""
        there = [output for output in outputs if os.path.lexists(self._at(output))]
        stay = _Stay(list(outputs), {output: self._place() for output in there})
        self._write({"do": "start", "job": job, "outputs": stay.outputs, "moved": stay.moved})
        self._stays[job] = stay
        for output, place in list(stay.moved.items()):
            try:
                os.rename(self._at(output), self._at(place))
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                place = self._beside(output)
                self._write({"do": "elsewhere", "job": job, "output": output, "place": place})
                stay.moved[output] = place
                os.rename(self._at(output), self._at(place))

    def put_back(self, job: str) -> None:
        """Remove what the step left and put the previous outputs back. Raises OSError."""
        if (stay := self._stays.get(job)) is not None:
            self._put_back(stay)
            self._write({"do": "end", "job": job})
            del self._stays[job]

    def moved(self, job: str) -> Mapping[str, str]:
        """Where each previous output of a job is now, as an absolute path."""
        stay = self._stays.get(job)
        return {output: self._at(place) for output, place in stay.moved.items()} if stay else {}

    def spare(self, job: str, output: str) -> str:
        """Keep a previous output for good, beside this folder; gives where. Raises OSError."""
        stay = self._stays[job]
        place = f"{os.path.dirname(self.folder)}/replaced/{job}/{output.lstrip('/')}".rstrip("/")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.rename(self._at(stay.moved[output]), place)
        del stay.moved[output]
        return place

    def settle(self, job: str) -> None:
        """Drop the previous outputs. Raises OSError."""
        if (stay := self._stays.get(job)) is not None:
            self._write({"do": "end", "job": job})
            for place in stay.moved.values():
                remove(self._at(place))
            del self._stays[job]

    def replace(self, output: str, make: Callable[[str], None]) -> None:
        """Put what `make` makes, at the absolute path it is given, in the place of an output: whole or not at all.

        Raises OSError, and what `make` raises.
        """
        try:
            os.makedirs(self.folder, exist_ok=True)
            self._replace(self._at(output), make, f"{self.folder}/{_STAGE}{os.getpid()}-{next(self._numbers)}")
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            place = self._beside(output)
            self._write({"do": "stage", "place": place})
            self._replace(self._at(output), make, self._at(place))

    def note_process(self, job: str, pid: int, started: int) -> None:
        """A step runs as this session leader, started at this many clock ticks after the boot."""
        self._write({"do": "process", "job": job, "pid": pid, "started": started})

    def leftovers(self) -> list[Leftover]:
        """The session leaders of steps that a killed mlmake never saw the end of, alive or not."""
        return [Leftover(job, *process) for job, stay in self._unended().items() for process in stay.processes]

    def recover(self, keep: Callable[[Sequence[str]], bool]) -> list[str]:
        """Undo what steps left that a killed mlmake had started; gives a sentence for each.

        `keep` says whether these outputs are those of a result that was recorded: the kill came after it. Only for
        the holder of the build lock, after the leftovers have ended. Raises OSError.
        """
        told = []
        for stay in self._unended().values():
            if stay.outputs and keep(stay.outputs):
                for place in stay.moved.values():
                    remove(self._at(place))
            elif self._put_back(stay):
                names = ", ".join(stay.outputs)
                told.append(f"a build was killed while it made {names}: what was there before is back")
        for place in self._litter():
            remove(place)
        with suppress(FileNotFoundError):
            os.unlink(self.journal)
        self.close()
        return told

    def close(self) -> None:
        """Close the journal; if every step it tells of has ended it is not needed any more."""
        if self._descriptor is not None:
            if not self._stays:
                with suppress(OSError):
                    os.unlink(self.journal)
            os.close(self._descriptor)
            self._descriptor = None

    def _place(self) -> str:
        os.makedirs(self.folder, exist_ok=True)
        while os.path.lexists(place := f"{self.folder}/{os.getpid()}-{next(self._numbers)}"):
            pass
        return place.removeprefix(self.root.rstrip("/") + "/")

    def _beside(self, output: str) -> str:
        """A place as in the journal on the disk of an output."""
        folder, _, _ = output.rstrip("/").rpartition("/")
        return os.path.join(folder, f".mlmake-aside-{os.getpid()}-{next(self._numbers)}")

    def _replace(self, target: str, make: Callable[[str], None], stage: str) -> None:
        new, old = f"{stage}/new", f"{stage}/old"
        os.mkdir(stage)
        try:
            make(new)
            if os.path.isdir(new) or (os.path.isdir(target) and not os.path.islink(target)):
                with suppress(FileNotFoundError):
                    os.rename(target, old)
                try:
                    os.rename(new, target)
                except BaseException:
                    if os.path.lexists(old):
                        os.rename(old, target)
                    raise
                remove(old)
            else:
                os.replace(new, target)
            os.rmdir(stage)
        except BaseException:
            remove(stage)
            raise

    def _litter(self) -> Iterator[str]:
        """What was dropped or half made when the kill came."""
        for line in self._lines():
            match line:
                case {"do": "start", "moved": dict(moved)}:
                    yield from (self._at(place) for place in moved.values())
                case {"do": "elsewhere" | "stage", "place": str(place)}:
                    yield self._at(place)
                case _:
                    pass  # nothing that takes room
        with suppress(FileNotFoundError):
            yield from (f"{self.folder}/{name}" for name in os.listdir(self.folder) if name.startswith(_STAGE))

    def _write(self, line: dict[str, object]) -> None:
        if self._descriptor is None:
            os.makedirs(self.folder, exist_ok=True)
            self._descriptor = os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        # Begun anew, should the one before it have found no room for its end.
        data = b"\n" + json.dumps(line).encode() + b"\n"
        try:
            # One call a line, so that lines of two threads never mix.
            count = os.write(self._descriptor, data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.journal) from error
        if count < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.journal)

    def _unended(self) -> dict[str, _Stay]:
        stays: dict[str, _Stay] = {}
        for line in self._lines():
            match line:
                case {"do": "start", "job": str(job), "outputs": list(outputs), "moved": dict(moved)}:
                    stays[job] = _Stay(outputs, moved)
                case {"do": "elsewhere", "job": str(job), "output": str(output), "place": str(place)} if job in stays:
                    stays[job].moved[output] = place
                case {"do": "process", "job": str(job), "pid": int(pid), "started": int(started)}:
                    stays.setdefault(job, _Stay([], {})).processes.append((pid, started))
                case {"do": "end", "job": str(job)}:
                    stays.pop(job, None)
                case _:
                    pass  # of a newer mlmake, or torn
        return stays

    def _lines(self) -> Iterator[object]:
        try:
            with open(self.journal, "rb") as file:
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return
        for line in lines:
            # The last line may be torn: what it would have announced was not begun.
            with suppress(ValueError):
                yield json.loads(line)

    def _put_back(self, stay: _Stay) -> bool:
        """Whether there was anything to do."""
        did = False
        for output in stay.outputs:
            place, target = stay.moved.get(output), self._at(output)
            if place is None:
                did = did or os.path.lexists(target)
                remove(target)
            elif os.path.lexists(self._at(place)):
                did = True
                remove(target)
                os.rename(self._at(place), target)
            # Else it was never moved, or is back already.
        return did

    def _at(self, path: str) -> str:
        """Where a path as in the journal is."""
        path = path.rstrip("/")
        return path if path.startswith("/") else f"{self.root}/{path}"
