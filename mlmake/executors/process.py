"""One step's process from its start to the last of its descendants; it knows nothing of how it was started."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Protocol

from mlmake.executors import descendants
from mlmake.model.job import How

GRACE = 5.0
"""Seconds between TERM and KILL."""

# What a step that ended by itself leaves behind may go by itself (resource trackers do) for this time; seconds.
_PATIENCE = 0.25
# How often unfinished lines are said and reports are looked for; seconds.
_TICK = 0.25
# A process that does not even die of KILL hangs in the kernel; seconds.
_HOPELESS = 30.0
_CHUNK = 1 << 16
# Linux: fcntl's F_SETPIPE_SZ, and what a pipe of a talkative step is widened to.
_SET_PIPE_SIZE = 1031
_WIDE = 1 << 20


class StepProcess(Protocol):
    """The main process of a step. Its pid stays its own until `release`."""

    @property
    def pid(self) -> int | None:
        """Its id, which is its session's too; None while it is still to be started."""

    @property
    def exit_fd(self) -> int | None:
        """Becomes readable when `ended` is worth asking; None: it has to be asked again and again."""

    def ended(self) -> bool:
        """Whether it has ended."""

    def release(self) -> int | None:
        """Its exit code, negative for a signal; None if it never started or nobody knows. Only once it has ended."""

    @property
    def explanation(self) -> str | None:
        """What is to be said of its end beside the exit code."""

    @property
    def failure(self) -> str | None:
        """Why it could not be started, found out late."""


class Listener(Protocol):
    """Gets what a process writes."""

    def write(self, stream: str, chunk: bytes) -> None:
        """Take what came on this stream."""

    def tick(self) -> None:
        """Time has passed: what is unfinished may be told."""


class Wish:
    """What other threads want of a running step; waking the one that follows it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.fd, self._bell = os.pipe()
        self.stop = False
        self.kill = False

    def end(self, *, kill: bool) -> None:
        """Stop the step, or kill it at once."""
        with self._lock:
            self.stop = True
            self.kill = self.kill or kill
            if self._bell >= 0:
                os.write(self._bell, b"!")

    def close(self) -> None:
        """Nobody follows the step any more."""
        with self._lock:
            os.close(self.fd)
            os.close(self._bell)
            self._bell = -1


class Pursuit:
    """Follows one process: reads its streams, ends it when its time is up or somebody wishes so, and its leftovers."""

    def __init__(
        self,
        process: StepProcess,
        streams: dict[int, str],
        *,
        log: Listener,
        wish: Wish,
        token: str,
        timeout: float | None,
        tick: Callable[[], None],
    ) -> None:
        """`streams` maps the reading ends of pipes to stream names; they are closed when they end."""
        self._process = process
        self._streams = streams
        self._log = log
        self._wish = wish
        self._token = token
        self._tick = tick
        self._now = time.monotonic()
        self._time_up = None if timeout is None else self._now + timeout
        self._kill_at: float | None = None
        self._killed_at: float | None = None
        self._next_tick = self._now + _TICK
        self._full: dict[int, int] = {}
        self._released = False
        self.how = How.EXITED
        self.code: int | None = None
        self.survivors: dict[int, str] = {}
        self.abandoned = False

    def run(self) -> None:
        """Return when neither the process nor anything it started is left."""
        poll = select.poll()
        for fd in self._streams:
            os.set_blocking(fd, False)
            poll.register(fd, select.POLLIN)
        poll.register(self._wish.fd, select.POLLIN)
        exit_fd = self._process.exit_fd
        if exit_fd is not None:
            poll.register(exit_fd, select.POLLIN)
        try:
            while not self._main_over(poll, exit_fd):
                pass
            if exit_fd is not None:
                poll.unregister(exit_fd)
            session = self._process.pid
            self.code = self._process.release()
            self._released = True
            if session is not None:
                self._end_leftovers(poll, session)
            self._drain()
        except BaseException:
            # A bug of ours or of who listens: even then nothing may be left running.
            if not self._released and (pid := self._process.pid) is not None:
                self._signal(pid, signal.SIGKILL)
            raise
        finally:
            for fd in self._streams:
                os.close(fd)
            self._streams.clear()

    def _main_over(self, poll: select.poll, exit_fd: int | None) -> bool:
        limit = self._time_up if self._kill_at is None else self._kill_at
        wait = self._next_tick if limit is None else min(self._next_tick, limit)
        asked = self._attend(poll, wait - self._now if exit_fd is not None else 0.02, exit_fd)
        if (asked or exit_fd is None) and self._process.ended():
            return True
        if self._time_up is not None and self._now >= self._time_up:
            self._time_up = None
            self._begin_end(How.TIMED_OUT)
        if self._killed_at is not None and self._now - self._killed_at > _HOPELESS:
            self.abandoned = True
            return True
        # Before it has a pid there is nothing to wait for.
        return self._kill_at is not None and self._process.pid is None

    def _attend(self, poll: select.poll, wait: float, exit_fd: int | None) -> bool:
        """Wait for something and deal with it; whether the process may have ended."""
        asked = False
        for fd, _ in poll.poll(max(0.0, wait) * 1000 + 0.5):
            if fd in self._streams:
                if not self._read(fd):
                    poll.unregister(fd)
                    os.close(fd)
                    del self._streams[fd]
            elif fd == exit_fd:
                asked = True
            else:
                os.read(fd, 64)
        self._now = time.monotonic()
        if self._wish.kill:
            self._begin_end(How.CANCELLED, signal.SIGKILL)
            self._kill_at = self._now
        elif self._wish.stop:
            self._begin_end(How.CANCELLED)
        if self._kill_at is not None and self._now >= self._kill_at:
            self._kill()
        if self._now >= self._next_tick:
            self._next_tick = self._now + _TICK
            self._log.tick()
            self._tick()
        return asked

    def _begin_end(self, how: How, number: int = signal.SIGTERM) -> None:
        if self._kill_at is not None:
            return
        self._kill_at = self._now + GRACE
        pid = self._process.pid
        if pid is None:
            self.how = how
            return
        if not self._released and not self._process.ended():
            self.how = how
        self._signal(pid, number)

    def _kill(self) -> None:
        pid = self._process.pid
        if pid is None:
            return
        if self._killed_at is None:
            self._killed_at = self._now
        # Again a little later, should something have been born between looking and killing.
        self._kill_at = self._now + 0.01
        self._signal(pid, signal.SIGKILL)

    def _signal(self, pid: int, number: int) -> None:
        """To the process group, and to those descendants that left it."""
        if self._released:
            return
        away = descendants.tree(pid)
        if not descendants.send_group(pid, number):
            descendants.send(pid, number)
        for child in away:
            try:
                if os.getpgid(child) != pid:
                    descendants.send(child, number)
            except ProcessLookupError:
                continue

    def _end_leftovers(self, poll: select.poll, session: int) -> None:
        """Give them the time they have, then kill until none is left."""
        if not descendants.any_left(session, self._token):
            return
        deadline = self._now + _PATIENCE if self._kill_at is None else self._kill_at
        hopeless = deadline + _HOPELESS
        pause = 0.001
        while descendants.any_left(session, self._token):
            if self._now >= deadline or self._wish.kill:
                left = descendants.find_left(session, self._token)
                # A group whose only members are dead, and not ours to clear away, counts as gone.
                if not left and self._now >= deadline + 1.0:
                    return
                for pid in left:
                    if pid not in self.survivors:
                        self.survivors[pid] = descendants.command_line(pid)
                    descendants.send(pid, signal.SIGKILL)
                descendants.send_group(session, signal.SIGKILL)
                if self._now >= hopeless:
                    self.abandoned = True
                    return
            until = time.monotonic() + pause
            while self._streams and time.monotonic() < until:
                self._attend(poll, until - time.monotonic(), None)
            if not self._streams:
                self._attend(poll, pause, None)
            pause = min(0.02, pause * 2)

    def _drain(self) -> None:
        """Read what is there. Somebody unknown may hold a pipe and go on writing: not for ever."""
        end = time.monotonic() + 1.0
        for fd in list(self._streams):
            while time.monotonic() < end:
                try:
                    chunk = os.read(fd, _CHUNK)
                except BlockingIOError:
                    break
                if not chunk:
                    break
                self._log.write(self._streams[fd], chunk)

    def _read(self, fd: int) -> bool:
        """Take one chunk; False at the end of the stream."""
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:
            return True
        if len(chunk) == _CHUNK:
            self._full[fd] = self._full.get(fd, 0) + 1
            if self._full[fd] == 4:
                _widen(fd)
        if chunk:
            self._log.write(self._streams[fd], chunk)
        return bool(chunk)


def _widen(fd: int) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on every system, and only for a talkative step

        fcntl.fcntl(fd, _SET_PIPE_SIZE, _WIDE)
    except (ImportError, OSError):  # it is only faster
        return
