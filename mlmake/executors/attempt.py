"""What every executor does around a job's process: log, reports, discoveries, the verdict; it starts none itself."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from mlmake.executors import descendants
from mlmake.executors.inside.tracking import tracking_env
from mlmake.executors.log import Log
from mlmake.executors.making import with_functions
from mlmake.executors.memory import begin_counting, kills_since
from mlmake.executors.oversize import shorten_env, shorten_script
from mlmake.executors.process import Pursuit, StepProcess, Wish
from mlmake.executors.seen import Seen, read_seen
from mlmake.model.job import Ended, How, Job, Process, Remark, Reported

NoteProcess: TypeAlias = Callable[[str, int, int], None]
"""Told of every process that is started: job, pid, start time in clock ticks since boot (0 where unknown)."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class NotStarted(Exception):
    """The step's process could not be started; the message has place, cause and mend."""


class Started(StepProcess, Protocol):
    """A step's process with the reading ends of its streams, each with its name."""

    streams: dict[int, str]


Start: TypeAlias = Callable[["Attempt"], "Started"]


class Attempts:
    """The jobs that run now, for `cancel`."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._wishes: dict[str, Wish] = {}
        # Cancelled while still on their way here; and those that can no longer be.
        self._early: set[str] = set()
        self._over: set[str] = set()

    def run(self, job: Job, remark: Callable[[Remark], None], start: Start) -> Ended:
        """Run one job to its end; `start` raises `NotStarted`."""
        descendants.adopt_orphans()
        wish = Wish()
        with self._lock:
            if early := job.id in self._early:
                self._early.remove(job.id)
            self._wishes[job.id] = wish
        try:
            if early:
                return Ended(How.CANCELLED, None, 0.0)
            return Attempt(job, wish, remark, live=self._live).run(start)
        finally:
            with self._lock:
                del self._wishes[job.id]
                self._over.add(job.id)
            wish.close()

    def cancel(self, job: str, *, kill: bool) -> None:
        """Tell the thread that follows the job; one that has not begun does not begin."""
        with self._lock:
            if (wish := self._wishes.get(job)) is not None:
                wish.end(kill=kill)
            elif job not in self._over:
                self._early.add(job)


class Attempt:
    """One run of one job."""

    def __init__(self, job: Job, wish: Wish, remark: Callable[[Remark], None], *, live: bool) -> None:
        self.job = job
        self._wish = wish
        self._remark = remark
        self._live = live
        self._began = time.monotonic()
        self._report = _Report(job, remark)
        self._seen_path = job.log + ".seen" if job.track else None
        self._files: list[str] = []
        outer = job.env.get(descendants.TOKEN)
        self.token = f"{os.getpid()}.{job.id}"
        self.chain = f"{outer}/{self.token}" if outer else self.token

    def run(self, start: Start) -> Ended:
        """From the log to the verdict."""
        if os.path.lexists(self.job.log):
            self._clear()
        try:
            log = Log(self.job.log, self.job.id, secrets=self.job.secrets, say=self._remark if self._live else None)
        except OSError as error:
            return self._not_started(
                f"{self.job.log}: the log cannot be written: {error.strerror}; free the disk or mend the permissions"
            )
        try:
            try:
                process = start(self)
            except NotStarted as error:
                log.write("stderr", f"mlmake: {error}\n".encode("utf-8", "surrogateescape"))
                return self._not_started(str(error))
            return self._follow(process, log)
        finally:
            log.close()
            self._clear()

    @property
    def base_env(self) -> dict[str, str]:
        """The job's environment with the thread counts: all that a process may depend on."""
        env = dict(self.job.env)
        if self.job.threads is not None:
            for name in THREAD_VARIABLES:
                env.setdefault(name, str(self.job.threads))
        return env

    def env(self) -> dict[str, str]:
        """`base_env` and what mlmake adds for itself. Raises `NotStarted`."""
        env = with_functions(self.base_env)
        env[descendants.TOKEN] = self.chain
        env["MLMAKE_REPORT"] = self._report.path
        if self._seen_path is not None:
            env |= tracking_env(env, root=self.job.root, file=self._seen_path, reads=self.tracks_reads)
        try:
            env, files = shorten_env(env, self.job.log)
        except OSError as error:
            raise self._unwritable(error) from error
        self._files += files
        return env

    def argv(self, order: Process) -> Sequence[str]:
        """The command as it can be started. Raises `NotStarted`."""
        if not order.script:
            return order.argv
        try:
            argv, files = shorten_script(order.argv, self.job.log + ".script")
        except OSError as error:
            raise self._unwritable(error) from error
        self._files += files
        return argv

    def _unwritable(self, error: OSError) -> NotStarted:
        return NotStarted(
            f"{error.filename}: cannot be written: {error.strerror}; free the disk or mend the permissions"
        )

    @property
    def seen_path(self) -> str | None:
        """The file that takes the discoveries; None if nothing is to be discovered."""
        return self._seen_path

    @property
    def tracks_reads(self) -> bool:
        """Whether opened files are to be discovered too."""
        return "files" in self.job.track

    @property
    def report_path(self) -> str:
        """The file that takes reports."""
        return self._report.path

    def _follow(self, process: Started, log: Log) -> Ended:
        begin_counting()
        pursuit = Pursuit(
            process,
            process.streams,
            log=log,
            wish=self._wish,
            token=self.token,
            timeout=self.job.timeout,
            tick=self._report.look,
        )
        pursuit.run()
        self._report.look()
        if process.failure is not None and pursuit.how is How.EXITED:
            log.write("stderr", f"mlmake: {process.failure}\n".encode("utf-8", "surrogateescape"))
            return self._not_started(process.failure)
        seen = Seen()
        if self._seen_path is not None:
            seen = read_seen(self._seen_path, self.job.root, imports="imports" in self.job.track)
        return Ended(
            pursuit.how,
            pursuit.code,
            time.monotonic() - self._began,
            loaded=seen.loaded,
            read=seen.read,
            written=seen.written,
            imported=seen.imported,
            detail=self._detail(process, pursuit),
            survivors=tuple(line for line in pursuit.survivors.values() if line),
        )

    def _detail(self, process: Started, pursuit: Pursuit) -> str | None:
        if pursuit.abandoned:
            return (
                f"process {process.pid} does not end even by SIGKILL: it hangs in the kernel (a dead disk or network?)"
            )
        if pursuit.how is not How.EXITED:
            return None
        if self._report.detail is not None:
            return self._report.detail
        if process.explanation is not None:
            return process.explanation
        return _explain(pursuit.code)

    def _not_started(self, detail: str) -> Ended:
        return Ended(How.NOT_STARTED, None, time.monotonic() - self._began, detail=detail)

    def _clear(self) -> None:
        for path in (self._report.path, self._seen_path, self.job.log + ".tail", *self._files):
            if path is not None:
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    continue


class _Report:
    """The file into which a step's processes write what they report, a JSON object a line."""

    def __init__(self, job: Job, remark: Callable[[Remark], None]) -> None:
        self.path = job.log + ".report"
        self.detail: str | None = None
        self._job = job.id
        self._remark = remark
        self._place = 0

    def look(self) -> None:
        """Pass on what is new."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._place)
                data = file.read()
        except FileNotFoundError:
            return
        end = data.rfind(b"\n") + 1
        self._place += end
        for line in data[:end].splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:  # anybody may write there
            return
        if not isinstance(said, dict):
            return
        if isinstance(detail := said.get("detail"), str):
            self.detail = detail
        metrics = said.get("metrics")
        if isinstance(metrics, dict):
            numbers = {k: float(v) for k, v in metrics.items() if isinstance(v, int | float)}
            self._remark(Reported(self._job, numbers))


def _explain(code: int | None) -> str | None:
    """What an exit code that stands for a signal means."""
    if code is None:
        return None
    number = -code if code < 0 else code - 128 if code > 128 else 0
    try:
        name = signal.Signals(number).name if number else ""
    except ValueError:
        name = f"signal {number}" if code < 0 else ""
    if number == signal.SIGKILL:
        who = f"killed by {name} (signal 9, exit code 137)"
        if kills_since() > 0:
            return f"{who}: the kernel has killed here because memory ran out; run fewer steps at once (-j)"
        return f"{who}: memory may have run out (see `dmesg`), or somebody killed it"
    if code < 0:
        return f"ended by {name} (signal {number})" if not name.startswith("signal") else f"ended by {name}"
    return None
