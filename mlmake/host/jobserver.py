"""Places for all that runs at once, shared with `make` and its kin by GNU make's protocol; it knows nothing of steps.

A place is a byte in a pipe or FIFO: who starts something beyond its first process reads one, and writes it back. What
mlmake starts itself takes its places from the same pipe, so both together stay within one number.
"""

import os
import select
import stat
import threading
from collections.abc import Callable, Mapping, Sequence

from mlmake.host.makeflags import VARIABLE, Offer, read_offer, write_flags

STYLES = ("pipe", "fifo", "none")
STYLE = "MLMAKE_JOBSERVER"
"""The variable that chooses the style. GNU make before 4.4 knows only pipes, ninja only FIFOs."""

# What every pipe can hold; nobody runs so many at once.
_MOST = 4096
# Scripts use the numbers up to 9 by hand and shells the next ones; the first that is nobody's.
_FIRST_FD = 20


class Places:
    """Tells how many may run and who may; `take` and `give` are called by one thread.

    `environ` and `inherit` are what a step needs to share the places: variables, and descriptors. `jobs` is how many
    there are, none if others decide. `warning` is what is to be said to the user.
    """

    environ: Mapping[str, str]
    inherit: Sequence[int] = ()
    warning: str | None = None

    def __init__(self, jobs: int | None = None, *, warning: str | None = None) -> None:
        self.jobs, self.warning = jobs, warning
        self.environ = {}

    def take(self) -> bool:
        """Take a place; where none is free it is told later that one may be."""
        return True

    def give(self) -> None:
        """Give one back."""

    def close(self) -> None:
        """Give all back and let go of what was opened."""


class Jobserver(Places):
    """Places in a pipe. `total` is how many of them are ours to keep up; none if the pipe is somebody else's.

    `freed` is called from another thread when `take` has failed and a place may have become free.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        *,
        jobs: int | None,
        flags: str,
        inherit: Sequence[int],
        total: int | None,
        freed: Callable[[], None],
    ) -> None:
        """`source` does not wait when read. `flags` are the steps' MAKEFLAGS.

        Both descriptors, and those of `inherit` if the pipe is ours, are closed in the end.
        """
        super().__init__(jobs)
        self.environ = {VARIABLE: flags}
        self.inherit = tuple(inherit)
        self.path: str | None = None
        self._source, self._sink = source, sink
        self._total = total
        self._freed = freed
        self._held: list[bytes] = []
        self._running = 0
        self._bell: tuple[int, int] | None = None
        self._watcher: threading.Thread | None = None
        self._watching = False
        if total is not None:
            os.write(sink, b"+" * total)

    def take(self) -> bool:
        """Take a place; where none is free, `freed` is called once there may be one."""
        # Who was started by a `make` runs in a place already: its first needs no other.
        if self._total is not None or self._running:
            token = self._read()
            if token:
                self._held.append(token)
            elif self._running:
                self._watch()
                return False
        self._running += 1
        return True

    def give(self) -> None:
        """Give one back; when nothing runs, also those that killed processes took with them."""
        self._running -= 1
        needed = self._running if self._total is not None else max(0, self._running - 1)
        while len(self._held) > needed:
            self._write(self._held.pop())
        if self._total is not None and not self._running:
            self._read(_MOST)
            self._write(b"+" * self._total)

    def close(self) -> None:
        """Give all back and let go of what was opened."""
        if self._watcher is not None and self._bell is not None:
            os.write(self._bell[1], b"!")
            self._watcher.join()
        while self._held:
            self._write(self._held.pop())
        ours = self.inherit if self._total is not None else ()
        for fd in {self._source, self._sink, *(self._bell or ()), *ours}:
            os.close(fd)
        if self.path is not None:
            os.unlink(self.path)

    def _read(self, count: int = 1) -> bytes:
        try:
            return os.read(self._source, count)
        except BlockingIOError:
            return b""

    def _write(self, tokens: bytes) -> None:
        try:
            os.write(self._sink, tokens)
        except (BrokenPipeError, BlockingIOError):
            # The `make` above is gone and nobody misses them; or somebody has filled the pipe.
            return

    def _watch(self) -> None:
        """Call `freed` as soon as there is something to read, once."""
        if self._watching:
            return
        if self._bell is None:
            self._bell = os.pipe()
        if self._watcher is not None:
            self._watcher.join()
        self._watching = True
        self._watcher = threading.Thread(target=self._wait, name="jobserver", daemon=True)
        self._watcher.start()

    def _wait(self) -> None:
        assert self._bell is not None, "the bell is there before the watcher"
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._bell[0], select.POLLIN)
        ready = [fd for fd, _ in poll.poll()]
        self._watching = False
        if self._bell[0] not in ready:
            self._freed()


def share(environ: Mapping[str, str], *, jobs: int | None, cpus: int, fifo: str, freed: Callable[[], None]) -> Places:
    """Join the places that a `make` above offers, else offer `jobs` (none: `cpus`) to the steps.

    `fifo` is the path for that style. Raises ValueError for a style that does not exist.
    """
    style = environ.get(STYLE) or "pipe"
    if style not in STYLES:
        raise ValueError(f"{STYLE} must be pipe, fifo or none, not `{style}`")
    if style == "none":
        return Places(jobs)
    if (offer := read_offer(environ)) is not None:
        joined = _join(offer, jobs, freed)
        if joined is None:
            text = "the `make` above shares no places with mlmake; put `+` before the command in its rule"
            return Places(jobs or 1, warning=text if jobs else f"{text}: one step runs at a time")
        return joined
    total = min(jobs or cpus, _MOST)
    if style == "fifo":
        return _serve_fifo(fifo, jobs, total, freed)
    source, sink = (_move(fd) for fd in os.pipe())
    # Steps wait when they read and so must have a description that does.
    return Jobserver(
        _apart(source),
        os.dup(sink),
        jobs=jobs,
        flags=write_flags(f"{source},{sink}", total),
        inherit=(source, sink),
        total=total,
        freed=freed,
    )


def _serve_fifo(path: str, jobs: int | None, total: int, freed: Callable[[], None]) -> Jobserver:
    # One that a killed build left; the project's lock says that nobody uses it.
    if os.path.lexists(path):
        os.unlink(path)
    os.mkfifo(path, 0o600)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    flags = write_flags(f"fifo:{path}", total)
    made = Jobserver(fd, fd, jobs=jobs, flags=flags, inherit=(), total=total, freed=freed)
    made.path = path
    return made


def _join(offer: Offer, jobs: int | None, freed: Callable[[], None]) -> Jobserver | None:
    """The places of a `make` above; None if it keeps them to itself."""
    if isinstance(offer.where, str):
        try:
            fd = os.open(offer.where, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            return None
        source, sink = fd, fd
    elif _is_pipe(*offer.where):
        source, sink = _apart(offer.where[0]), os.dup(offer.where[1])
    else:
        return None
    inherit = () if isinstance(offer.where, str) else offer.where
    flags = write_flags(offer.auth, offer.jobs)
    return Jobserver(source, sink, jobs=jobs or offer.jobs, flags=flags, inherit=inherit, total=None, freed=freed)


def _is_pipe(source: int, sink: int) -> bool:
    """Whether these are the two ends of one pipe: the numbers may be somebody else's by now."""
    import fcntl  # noqa: PLC0415 - not on every system, and only below a `make`

    try:
        ends = [os.fstat(fd) for fd in (source, sink)]
        modes = [fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE for fd in (source, sink)]
    except (OSError, OverflowError, ValueError):
        return False
    one = len({(end.st_dev, end.st_ino) for end in ends}) == 1
    return one and stat.S_ISFIFO(ends[0].st_mode) and modes[0] != os.O_WRONLY and modes[1] != os.O_RDONLY


def _apart(fd: int) -> int:
    """The same pipe to be read without waiting, if possible without changing that for others."""
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        other = os.dup(fd)
        os.set_blocking(other, False)
        return other


def _move(fd: int) -> int:
    """The same descriptor under a number that scripts do not use."""
    import fcntl  # noqa: PLC0415 - not on every system, and only once something is built

    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FD)
    except OSError:  # few descriptors are allowed
        return fd
    os.close(fd)
    return moved
