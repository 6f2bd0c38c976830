"""Sends each job to the executor for its kind of order; it knows nothing of how they run it."""

from collections.abc import Callable

from mlmake.model.job import Ended, FunctionCall, Job, Process, Remark
from mlmake.ports import Executor


class DispatchExecutor:
    """Commands to one executor, calls to another."""

    def __init__(self, commands: Executor, calls: Executor) -> None:
        self._commands = commands
        self._calls = calls

    def execute(self, job: Job, remark: Callable[[Remark], None]) -> Ended:
        """Run one job to its end, blocking the calling thread."""
        match job.order:
            case Process():
                return self._commands.execute(job, remark)
            case FunctionCall():
                return self._calls.execute(job, remark)

    def cancel(self, job: str, *, kill: bool = False) -> None:
        """End a running job wherever it runs."""
        self._commands.cancel(job, kill=kill)
        self._calls.cancel(job, kill=kill)

    def close(self) -> None:
        """End all that was started for jobs to come."""
        self._commands.close()
        self._calls.close()
