"""Runs orders that are commands, each as a process of its own on this machine; it knows nothing of calls."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from mlmake.executors import descendants
from mlmake.executors.attempt import Attempt, Attempts, NoteProcess, NotStarted, Started
from mlmake.executors.direct import program, without_shell
from mlmake.executors.making import without_number
from mlmake.model.job import Ended, Job, Process, Remark


class LocalExecutor:
    """Runs `Process` orders. `live` tells output as it comes; `inherit` are descriptors that steps get too."""

    def __init__(self, note_process: NoteProcess, *, live: bool = False, inherit: Sequence[int] = ()) -> None:
        self._note = note_process
        self._inherit = tuple(inherit)
        self._attempts = Attempts(live=live)

    def execute(self, job: Job, remark: Callable[[Remark], None]) -> Ended:
        """Run one job to its end, blocking the calling thread."""
        return self._attempts.run(job, remark, self._start)

    def cancel(self, job: str, *, kill: bool = False) -> None:
        """End a running job: TERM, and KILL 5 s later, or KILL at once; unknown ids are ignored."""
        self._attempts.cancel(job, kill=kill)

    def close(self) -> None:
        """Nothing was started for jobs to come."""

    def _start(self, attempt: Attempt) -> Started:
        job = attempt.job
        if not isinstance(job.order, Process):
            raise TypeError(f"a local executor runs commands, not {type(job.order).__name__}")
        process = start_process(attempt.argv(job.order), attempt.env(), cwd=job.root, inherit=self._inherit)
        self._note(job.id, process.pid, descendants.start_time(process.pid))
        return process


class ChildProcess:
    """A child of this process."""

    explanation: str | None = None
    failure: str | None = None

    def __init__(self, popen: subprocess.Popen[bytes], streams: dict[int, str]) -> None:
        self._popen = popen
        self.pid = popen.pid
        self.streams = streams
        self.exit_fd = _watch(popen.pid)
        descendants.know(popen.pid)

    def ended(self) -> bool:
        """Whether it has ended; its pid stays taken."""
        if sys.platform != "linux":
            return self._popen.poll() is not None
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def release(self) -> int | None:
        """Its exit code; the pid may then be somebody else's."""
        if self.exit_fd is not None:
            os.close(self.exit_fd)
            self.exit_fd = None
        # None while it hangs in the kernel.
        code = self._popen.poll()
        descendants.forget(self.pid)
        return code


def start_process(argv: Sequence[str], env: dict[str, str], *, cwd: str, inherit: Sequence[int] = ()) -> ChildProcess:
    """Start a command in a session of its own with empty stdin and piped streams. Raises `NotStarted`."""
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    try:
        argv = without_number(without_shell(argv, env), env)
        popen = subprocess.Popen(
            argv,
            # Found once and not anew in every folder of PATH by every child.
            executable=program(argv[0], env.get("PATH")),
            stdin=subprocess.DEVNULL,
            stdout=out_end,
            stderr=err_end,
            cwd=cwd,
            env=env,
            start_new_session=True,
            pass_fds=inherit,
        )
    except (OSError, ValueError) as error:
        os.close(out)
        os.close(err)
        raise NotStarted(explain_start(error, argv, cwd=cwd)) from error
    finally:
        os.close(out_end)
        os.close(err_end)
    return ChildProcess(popen, {out: "stdout", err: "stderr"})


def explain_start(error: OSError | ValueError, argv: Sequence[str], *, cwd: str) -> str:
    """Why a command could not be started: place, cause and mend."""
    program = argv[0] if argv else ""
    if isinstance(error, ValueError):
        return f"{program}: cannot be started: {error}; a command and its environment cannot hold NUL characters"
    if not os.path.isdir(cwd):
        return f"{cwd}: the folder to run in is not there; has the project been moved?"
    match error.errno:
        case errno.ENOENT if "/" in program and os.path.exists(os.path.join(cwd, program)):
            return f"{program}: its interpreter (the first line, after #!) was not found; correct that line"
        case errno.ENOENT:
            return f"{program}: command not found; install it, correct the name, or add its folder to PATH"
        case errno.EACCES:
            return f"{program}: permission denied; make it executable with `chmod +x`"
        case errno.ENOEXEC:
            return f"{program}: not a program this machine can run; a script needs a first line such as #!/bin/sh"
        case errno.E2BIG:
            return f"{program}: command and environment are too long for the system; pass fewer or shorter arguments"
        case errno.EAGAIN | errno.ENOMEM | errno.EMFILE | errno.ENFILE:
            return f"{program}: cannot be started: {error.strerror}; run fewer steps at once (-j) or raise `ulimit`"
        case _:
            return f"{program}: cannot be started: {error.strerror}"


def _watch(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # a kernel before 5.3, or no descriptors left
        return None
