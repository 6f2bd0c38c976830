"""Runs orders that are calls, each in a process forked from a warm parent; it knows nothing of commands."""

import datetime
import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mlmake.executors import descendants
from mlmake.executors.attempt import Attempt, Attempts, NoteProcess, Started
from mlmake.executors.parent import WarmParent, nameless_file
from mlmake.model.job import Ended, FunctionCall, Job, PathText, Remark

if TYPE_CHECKING:
    import socket

# One parent for each environment that steps want, and not more than these.
_PARENTS = 4
# Differ from step to step and are read late: no reason for another parent.
_LATE = ("CUDA_VISIBLE_DEVICES",)


class WarmExecutor:
    """Runs `FunctionCall` orders. `live` tells output as it comes; `inherit` are descriptors that steps get too."""

    def __init__(
        self,
        python: str,
        root: str,
        preload: Sequence[str],
        note_process: NoteProcess,
        *,
        live: bool = False,
        inherit: Sequence[int] = (),
    ) -> None:
        """`python` is the interpreter, relative to the absolute `root` if it is a relative path."""
        self._python = os.path.join(root, python) if os.sep in python else python
        self._root = root
        self._preload = tuple(preload)
        self._note = note_process
        self._inherit = tuple(inherit)
        self._attempts = Attempts(live=live)
        self._lock = threading.Lock()
        # The latest used comes last.
        self._parents: dict[frozenset[tuple[str, str]], WarmParent] = {}
        self._retired: list[WarmParent] = []

    def execute(self, job: Job, remark: Callable[[Remark], None]) -> Ended:
        """Run one job to its end, blocking the calling thread."""
        return self._attempts.run(job, remark, self._start)

    def cancel(self, job: str, *, kill: bool = False) -> None:
        """End a running job: TERM, and KILL 5 s later, or KILL at once; unknown ids are ignored."""
        self._attempts.cancel(job, kill=kill)

    def close(self) -> None:
        """End the warm parents."""
        with self._lock:
            parents = [*self._parents.values(), *self._retired]
            self._parents.clear()
            self._retired.clear()
        for parent in parents:
            parent.retire()
        for parent in parents:
            parent.end()

    def _start(self, attempt: Attempt) -> Started:
        job = attempt.job
        if not isinstance(job.order, FunctionCall):
            raise TypeError(f"a warm executor runs calls, not {type(job.order).__name__}")
        order = {
            "module": job.order.module,
            "function": job.order.function,
            "arguments": encode(job.order.arguments),
            "context": encode(job.order.context),
            "env": attempt.env(),
            "report": attempt.report_path,
            "track": attempt.seen_path,
            "reads": attempt.tracks_reads,
            "token": attempt.chain,
        }
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        try:
            with nameless_file(job.log + ".order") as held, self._lock:
                held.write(json.dumps(order).encode())
                held.seek(0)
                parent = self._parent(attempt)
                control = parent.send((out_end, err_end, held.fileno()))
        except BaseException:
            os.close(out)
            os.close(err)
            raise
        finally:
            os.close(out_end)
            os.close(err_end)
        return _WarmProcess(parent, control, {out: "stdout", err: "stderr"}, lambda pid: self._noted(job.id, pid))

    def _noted(self, job: str, pid: int) -> None:
        self._note(job, pid, descendants.start_time(pid))

    def _parent(self, attempt: Attempt) -> WarmParent:
        """One that has what this step needs and nothing that has changed since."""
        env = {
            name: value
            for name, value in attempt.base_env.items()
            if not name.startswith("MLMAKE_") and name not in _LATE
        }
        key = frozenset(env.items())
        parent = self._parents.pop(key, None)
        if parent is not None and not parent.fit():
            self._retire(parent)
            parent = None
        if parent is None:
            self._retired = [old for old in self._retired if not old.over()]
            parent = WarmParent(
                self._python, self._root, preload=self._preload, env=env, log=attempt.job.log, inherit=self._inherit
            )
        self._parents[key] = parent
        while len(self._parents) > _PARENTS:
            self._retire(self._parents.pop(next(iter(self._parents))))
        return parent

    def _retire(self, parent: WarmParent) -> None:
        parent.retire()
        self._retired.append(parent)


class _WarmProcess:
    """A step's process, a child of a warm parent, seen through its control socket."""

    def __init__(
        self, parent: WarmParent, control: "socket.socket", streams: dict[int, str], note: Callable[[int], None]
    ) -> None:
        self.pid: int | None = None
        self.exit_fd: int | None = control.fileno()
        self.streams = streams
        self.explanation: str | None = None
        self.failure: str | None = None
        self._parent = parent
        self._control = control
        self._note = note
        self._unread = b""
        self._over = False
        self._code: int | None = None
        control.setblocking(False)

    def ended(self) -> bool:
        """Read what the parent says; whether the step has ended."""
        while not self._over:
            try:
                chunk = self._control.recv(4096)
            except BlockingIOError:
                break
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self._lose()
            *lines, self._unread = (self._unread + chunk).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
        return self._over

    def release(self) -> int | None:
        """Let the parent wait for the step, or forget about it."""
        import socket  # noqa: PLC0415 - slow, and loaded by now

        try:
            self._control.shutdown(socket.SHUT_WR)
        except OSError:  # the parent is gone
            self._over = True
        # Its answer is the end of the stream. One that is busy importing will find out by itself.
        poll = select.poll()
        poll.register(self._control.fileno(), select.POLLIN)
        limit = time.monotonic() + (0.2 if self.pid is None else 2.0)
        while (left := limit - time.monotonic()) > 0 and poll.poll(left * 1000):
            try:
                if not self._control.recv(4096):
                    break
            except OSError:
                break
        self._control.close()
        self.exit_fd = None
        return self._code

    def _take(self, message: Mapping[str, object]) -> None:
        match message:
            case {"pid": int(pid)}:
                self.pid = pid
                self._note(pid)
            case {"status": int(code)}:
                self._code = code
                self._over = True
            case {"error": str(text)}:
                self.failure = text
                self._over = True
            case _:
                raise ValueError(f"a warm parent says {message!r}")

    def _lose(self) -> None:
        """The parent has died: the step's process, if it lives, is nobody's now and ends too."""
        self._over = True
        how = self._parent.how_it_ended()
        if self.pid is None:
            self.failure = (
                f"{self._parent.python}: the parent of `call` steps ended before it could start this one ({how})"
            )
            self.failure += "; what it said is in the log" if not self._parent.ready else ""
            return
        self.explanation = f"the parent of `call` steps ended while this one ran ({how}); memory may have run out"
        self._code = -signal.SIGKILL
        if not descendants.send_group(self.pid, signal.SIGKILL):
            descendants.send(self.pid, signal.SIGKILL)


def encode(value: object) -> object:
    """Values of arguments as JSON can hold them; `executors/inside/values.py` reads them."""
    match value:
        case PathText(text=text):
            return ["path", text]
        case datetime.datetime():
            return ["datetime", value.isoformat()]
        case datetime.date():
            return ["date", value.isoformat()]
        case datetime.time():
            return ["time", value.isoformat()]
        case str() | bool() | int() | float() | None:
            return value
        case Mapping():
            return ["table", {str(name): encode(item) for name, item in value.items()}]
        case Sequence():
            return ["list", [encode(item) for item in value]]
        case _:
            raise TypeError(f"an argument cannot be a {type(value).__name__}")
