"""The captured log of one step: bytes of both streams as they come, capped; it knows nothing of processes."""

import codecs
import os
from collections.abc import Callable, Sequence

from mlmake.executors.mask import Mask
from mlmake.model.job import Said

HALF = 32 << 20
"""Bytes kept of the beginning, and as many of the end."""

# A line is said in pieces of this size if it does not end before; characters.
_PIECE = 1 << 16
# What is said between two ticks, in bytes: a flood must not fill the inbox.
_BUDGET = 1 << 20


class Log:
    """Writes a step's log; what is beyond the first half goes round in a ring beside it until `close`.

    With `say` the text is also told as it comes, in whole lines where they end in time.
    """

    def __init__(
        self, path: str, job: str, *, secrets: Sequence[str] = (), say: Callable[[Said], None] | None = None,
        half: int = HALF,
    ) -> None:  # fmt: skip
        """Raises OSError if the log cannot be written."""
        self._path = path
        self._half = half
        self._file = _open(path, os.O_TRUNC | os.O_APPEND)
        self._size = 0
        self._ring = -1
        self._ringed = 0
        self._masks = {stream: Mask(secrets) for stream in ("stdout", "stderr")} if secrets else {}
        self._speeches = {stream: _Speech(job, stream, say) for stream in ("stdout", "stderr")} if say else {}
        self.trouble: OSError | None = None

    def write(self, stream: str, chunk: bytes) -> None:
        """Take what came on this stream."""
        if self._masks:
            chunk = self._masks[stream].feed(chunk)
        self._put(chunk)
        if self._speeches:
            self._speeches[stream].hear(chunk)

    def tick(self) -> None:
        """Say unfinished lines too; to be called now and then."""
        for speech in self._speeches.values():
            speech.pause()

    def close(self) -> None:
        """Write what is held back and join the halves."""
        for stream, mask in self._masks.items():
            rest = mask.end()
            self._put(rest)
            if self._speeches:
                self._speeches[stream].hear(rest)
        for speech in self._speeches.values():
            speech.end()
        try:
            if self._ring >= 0:
                self._join()
        except OSError as error:
            self.trouble = self.trouble or error
        finally:
            os.close(self._file)

    def _put(self, data: bytes) -> None:
        # A full disk must cost the log, not the step: its streams are read on and dropped.
        if self.trouble is not None or not data:
            return
        try:
            if self._size < self._half:
                head = data[: self._half - self._size]
                _write(self._file, head)
                self._size += len(head)
                data = data[len(head) :] if len(head) < len(data) else b""
            if data:
                self._put_ring(data)
        except OSError as error:
            self.trouble = error

    def _put_ring(self, data: bytes) -> None:
        if self._ring < 0:
            self._ring = _open(self._path + ".tail", os.O_TRUNC)
        view = memoryview(data)
        while view:
            place = self._ringed % self._half
            count = os.pwrite(self._ring, view[: self._half - place], place)
            self._ringed += count
            view = view[count:]

    def _join(self) -> None:
        left_out = max(0, self._ringed - self._half)
        try:
            if left_out:
                notice = f"\n[mlmake: {left_out:,} bytes left out here; a log keeps its first and last "
                _write(self._file, f"{notice}{self._half:,} bytes]\n".encode())
            start = self._ringed % self._half if left_out else 0
            kept = min(self._ringed, self._half)
            for begin, end in ((start, kept), (0, start)):
                while begin < end:
                    piece = os.pread(self._ring, min(1 << 20, end - begin), begin)
                    _write(self._file, piece)
                    begin += len(piece)
        finally:
            os.close(self._ring)
            os.unlink(self._path + ".tail")


class _Speech:
    """One stream as text, said in whole lines if possible."""

    def __init__(self, job: str, stream: str, say: Callable[[Said], None]) -> None:
        self._job, self._stream, self._say = job, stream, say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._budget = _BUDGET
        self._unsaid = 0

    def hear(self, chunk: bytes) -> None:
        if len(chunk) > self._budget:
            self._unsaid += len(chunk)
            return
        self._budget -= len(chunk)
        text = self._rest + self._decoder.decode(chunk)
        end = text.rfind("\n") + 1
        if len(text) - end >= _PIECE:
            end = len(text)
        self._rest = text[end:]
        self._tell(text[:end])

    def pause(self) -> None:
        text, self._rest = self._rest, ""
        if self._unsaid:
            text += f"\n[mlmake: {self._unsaid:,} bytes not shown here; they are in the log]\n"
        self._budget, self._unsaid = _BUDGET, 0
        self._tell(text)

    def end(self) -> None:
        self._rest += self._decoder.decode(b"", final=True)
        self.pause()

    def _tell(self, text: str) -> None:
        for start in range(0, len(text), _PIECE):
            self._say(Said(self._job, self._stream, text[start : start + _PIECE]))


def tail(path: str, lines: int = 50) -> tuple[str, ...]:
    """The last lines of a log as text, without line ends; undecodable bytes replaced, lines over 64 KiB cut in front.

    Raises OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        place = file.seek(0, os.SEEK_END)
        data = b""
        # Not more than 4 MiB in all: a line may be a hundred.
        while place > 0 and data.count(b"\n") <= lines and len(data) < 4 << 20:
            step = min(1 << 16, place)
            place -= step
            file.seek(place)
            data = file.read(step) + data
    found = data.split(b"\n")
    if found and not found[-1]:
        found.pop()
    return tuple(line[-_PIECE:].decode("utf-8", "replace").rstrip("\r") for line in found[-lines:])


def _open(path: str, flags: int) -> int:
    flags |= os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o666)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
