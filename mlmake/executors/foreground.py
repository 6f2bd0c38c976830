"""Runs the jobs of one action in the foreground, with this process's own streams; it leaves all others to others.

The step stays in our process group: keys like Ctrl-C and Ctrl-Z reach it as they would without us, and what a shell
does with the terminal stays possible. So its descendants are found by the token alone, which is Linux's way.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mlmake.executors import descendants
from mlmake.executors.attempt import Attempt, Attempts, NoteProcess, NotStarted, Started
from mlmake.executors.direct import program, without_shell
from mlmake.executors.local import ChildProcess, explain_start
from mlmake.executors.making import without_number
from mlmake.executors.parent import nameless_file
from mlmake.executors.terminal import terminal_lent
from mlmake.executors.warm import encode
from mlmake.model.job import Ended, FunctionCall, Job, Process, Remark
from mlmake.ports import Executor

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside", "single.py")

_LOGGED = b"This step ran in the foreground (--debug): what it printed went to the terminal.\n"


class ForegroundExecutor:
    """Commands and calls of `action` as children of this process that have its streams; without a time limit."""

    def __init__(
        self,
        others: Executor,
        action: str,
        *,
        python: str,
        note_process: NoteProcess,
        interrupted: Callable[[], None],
        inherit: Sequence[int] = (),
    ) -> None:
        """`python` is the interpreter for calls, absolute; `interrupted` hears that Ctrl-C has ended the step.

        `inherit` are descriptors that the step gets too.
        """
        self._others, self._action, self._python = others, action, python
        self._note, self._interrupted, self._inherit = note_process, interrupted, tuple(inherit)
        self._attempts = Attempts(live=False)
        self._running = self._struck = False

    def execute(self, job: Job, remark: Callable[[Remark], None]) -> Ended:
        """Run one job to its end, blocking the calling thread."""
        if job.action != self._action:
            return self._others.execute(job, remark)
        self._struck = False
        with terminal_lent():
            try:
                ended = self._attempts.run(replace(job, timeout=None), remark, self._start)
            finally:
                self._running = False
        if ended.code == -signal.SIGINT or (self._struck and ended.code == 128 + signal.SIGINT):
            self._interrupted()
        return ended

    def takes(self, number: int) -> bool:
        """Whether a signal that came to us is the step's affair: it has got it too. For a signal handler."""
        if number != signal.SIGINT or not self._running:
            return False
        self._struck = True
        return True

    def cancel(self, job: str, *, kill: bool = False) -> None:
        """End a running job wherever it runs."""
        self._attempts.cancel(job, kill=kill)
        self._others.cancel(job, kill=kill)

    def close(self) -> None:
        """End all that was started for jobs to come."""
        self._others.close()

    def _start(self, attempt: Attempt) -> Started:
        job = attempt.job
        with open(job.log, "ab") as log:
            log.write(_LOGGED)
        match job.order:
            case Process() as order:
                process = _start(attempt.argv(order), attempt.env(), cwd=job.root, inherit=self._inherit)
            case FunctionCall() as call:
                process = self._call(call, attempt)
        self._note(job.id, process.pid, descendants.start_time(process.pid))
        # Not before: until then Ctrl-C is ours alone.
        self._running = True
        return process

    def _call(self, call: FunctionCall, attempt: Attempt) -> ChildProcess:
        order = {
            "module": call.module,
            "function": call.function,
            "arguments": encode(call.arguments),
            "context": encode(call.context),
            "report": attempt.report_path,
        }
        root = attempt.job.root
        with nameless_file(attempt.job.log + ".order") as held:
            held.write(json.dumps(order).encode())
            held.seek(0)
            argv = [self._python, _SCRIPT, str(held.fileno()), root]
            return _start(argv, attempt.env(), cwd=root, inherit=(held.fileno(), *self._inherit))


def _start(argv: Sequence[str], env: Mapping[str, str], *, cwd: str, inherit: Sequence[int] = ()) -> ChildProcess:
    """Start a command with our own streams. Raises `NotStarted`."""
    try:
        argv = without_number(without_shell(argv, env), env)
        popen = subprocess.Popen(
            argv, executable=program(argv[0], env.get("PATH")), cwd=cwd, env=dict(env), pass_fds=inherit
        )
    except (OSError, ValueError) as error:
        raise NotStarted(explain_start(error, argv, cwd=cwd)) from error
    return ChildProcess(popen, {})
