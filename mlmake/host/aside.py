"""Previous outputs out of the way of a running step, by a journal that a kill survives; it knows no build."""

import errno
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mlmake.host.removal import remove


@dataclass(frozen=True, slots=True)
class Leftover:
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
    """Moves outputs into a folder and back. Paths are absolute. Every move is announced in the journal first."""

    def __init__(self, folder: str) -> None:
        self.folder = folder.rstrip("/")
        self.journal = f"{self.folder}/journal.jsonl"
        self._stays: dict[str, _Stay] = {}
        self._numbers = itertools.count()
        self._descriptor: int | None = None

    def move(self, job: str, outputs: Sequence[str]) -> None:
        """Announce a step that will write these, and move what is there now. Raises OSError."""
        there = [output for output in outputs if os.path.lexists(output)]
        stay = _Stay(list(outputs), {output: self._place() for output in there})
        self._write({"do": "start", "job": job, "outputs": stay.outputs, "moved": stay.moved})
        self._stays[job] = stay
        for output, place in list(stay.moved.items()):
            try:
                os.rename(output, place)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                folder = os.path.dirname(output)
                place = f"{folder}/.mlmake-aside-{os.getpid()}-{next(self._numbers)}"
                self._write({"do": "elsewhere", "job": job, "output": output, "place": place})
                stay.moved[output] = place
                os.rename(output, place)

    def put_back(self, job: str) -> None:
        """Remove what the step left and put the previous outputs back. Raises OSError."""
        if (stay := self._stays.get(job)) is not None:
            _put_back(stay)
            self._write({"do": "end", "job": job})
            del self._stays[job]

    def settle(self, job: str) -> None:
        """Drop the previous outputs. Raises OSError."""
        if (stay := self._stays.pop(job, None)) is not None:
            self._write({"do": "end", "job": job})
            for place in stay.moved.values():
                remove(place)

    def note_process(self, job: str, pid: int, started: int) -> None:
        """A step runs as this session leader, started at this many clock ticks after the boot."""
        self._write({"do": "process", "job": job, "pid": pid, "started": started})

    def leftovers(self) -> list[Leftover]:
        """The session leaders of steps that a killed mlmake never saw the end of, alive or not."""
        return [Leftover(job, *process) for job, stay in self._unended().items() for process in stay.processes]

    def recover(self) -> list[str]:
        """Undo what steps left that a killed mlmake had started; gives their outputs. Raises OSError.

        Only for the holder of the build lock, after the leftovers have ended.
        """
        stays = self._unended()
        for stay in stays.values():
            _put_back(stay)
        with suppress(FileNotFoundError):
            os.unlink(self.journal)
        self.close()
        return [output for stay in stays.values() for output in stay.outputs]

    def close(self) -> None:
        """Close the journal."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _place(self) -> str:
        os.makedirs(self.folder, exist_ok=True)
        while os.path.lexists(place := f"{self.folder}/{os.getpid()}-{next(self._numbers)}"):
            pass
        return place

    def _write(self, line: dict[str, object]) -> None:
        if self._descriptor is None:
            os.makedirs(self.folder, exist_ok=True)
            self._descriptor = os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        # One call a line, so that lines of two threads never mix.
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")

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


def _put_back(stay: _Stay) -> None:
    for output in stay.outputs:
        place = stay.moved.get(output)
        if place is None:
            remove(output)
        elif os.path.lexists(place):
            remove(output)
            os.rename(place, output)
        # Else it was never moved, or is back already.
