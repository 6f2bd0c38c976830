"""Runs the commands that measure sources, each as a process of its own; it does not know what their answers mean."""

import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

from mlmake.executors import descendants
from mlmake.executors.attempt import NotStarted
from mlmake.executors.local import ChildProcess, start_process
from mlmake.executors.oversize import shorten_env, shorten_script
from mlmake.executors.parent import nameless_file
from mlmake.executors.process import Pursuit, Wish
from mlmake.executors.warm import encode
from mlmake.model.answer import LONGEST, Answer
from mlmake.model.job import FunctionCall, How, Job, Process

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside", "measuring.py")
_KEPT = 16 * 1024
"""Bytes kept of the end of what a probe writes besides its answer."""

_CANCELLED = Answer(How.CANCELLED, None, b"", b"")
_numbers = count(1)


class ProbeRunner:
    """Runs probes for one survey of a project; any thread may ask."""

    def __init__(self, python: str, root: str) -> None:
        """`python` is the interpreter of calls, relative to the absolute `root` if it is a relative path."""
        self._python = os.path.join(root, python) if os.sep in python else python
        self._lock = threading.Lock()
        self._wishes: set[Wish] = set()
        self._over = False

    def ask(self, job: Job) -> Answer:
        """Run one probe to its end; when it returns, no process of it is left. See `Prober`."""
        descendants.adopt_orphans()
        wish = Wish()
        with self._lock:
            over = self._over
            self._wishes.add(wish)
        try:
            return _CANCELLED if over else self._run(job, wish)
        finally:
            with self._lock:
                self._wishes.discard(wish)
            wish.close()

    def cancel(self) -> None:
        """Kill what runs, and start nothing from now on."""
        with self._lock:
            self._over = True
            for wish in self._wishes:
                wish.end(kill=True)

    def _run(self, job: Job, wish: Wish) -> Answer:
        token = f"{os.getpid()}.probe-{next(_numbers)}"
        outer = job.env.get(descendants.TOKEN)
        heard = _Heard()
        files: list[str] = []
        try:
            process = self._start(job, f"{outer}/{token}" if outer else token, files)
            pursuit = Pursuit(
                process,
                process.streams,
                log=heard,
                wish=wish,
                token=token,
                timeout=job.timeout,
                tick=lambda: None,
            )
            pursuit.run()
        except NotStarted as error:
            return Answer(How.NOT_STARTED, None, b"", b"", str(error))
        finally:
            for file in files:
                with suppress(FileNotFoundError):
                    os.unlink(file)
        return Answer(pursuit.how, pursuit.code, heard.answer(), bytes(heard.rest))

    def _start(self, job: Job, chain: str, files: list[str]) -> ChildProcess:
        env = {**job.env, descendants.TOKEN: chain}
        # A script that names 20,000 files is too long for the system: it is read from a file then.
        path = f"{_scratch()}/mlmake-{chain.replace('/', '-')}"
        try:
            env, more = shorten_env(env, path)
            files += more
            match job.order:
                case Process() as order:
                    argv: Sequence[str] = order.argv
                    if order.script:
                        argv, more = shorten_script(argv, path)
                        files += more
                    return start_process(argv, env, cwd=job.root)
                case FunctionCall() as call:
                    return self._call(call, job.root, env, path)
        except OSError as error:
            raise NotStarted(f"{error.filename or path}: cannot be written: {error.strerror}; free the disk") from error

    def _call(self, call: FunctionCall, root: str, env: dict[str, str], path: str) -> ChildProcess:
        order = {"module": call.module, "function": call.function, "arguments": encode(call.arguments)}
        answer, answer_end = os.pipe()
        try:
            with nameless_file(path) as held:
                held.write(json.dumps(order).encode())
                held.seek(0)
                argv = [self._python, _SCRIPT, str(held.fileno()), str(answer_end), root]
                process = start_process(argv, env, cwd=root, inherit=(held.fileno(), answer_end))
        except BaseException:
            os.close(answer)
            raise
        finally:
            os.close(answer_end)
        process.streams[answer] = "answer"
        return process


def _scratch() -> str:
    import tempfile  # noqa: PLC0415 - slow, and only once something is asked

    return tempfile.gettempdir()


class _Heard:
    """What a probe writes: its answer, and the end of the rest."""

    def __init__(self) -> None:
        self._out = {"stdout": bytearray(), "answer": bytearray()}
        self.rest = bytearray()

    def write(self, stream: str, chunk: bytes) -> None:
        """Take what came on this stream."""
        if stream in self._out:
            kept = self._out[stream]
            kept += chunk[: max(0, LONGEST + 1 - len(kept))]
        else:
            self.rest = (self.rest + chunk)[-_KEPT:]

    def tick(self) -> None:
        """Nothing is told before the end."""

    def answer(self) -> bytes:
        """What a function returned, if it did, else what was printed."""
        return bytes(self._out["answer"] or self._out["stdout"])
