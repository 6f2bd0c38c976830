"""Lets a model load and answer in a process that may die of it; it does not know what becomes of the model."""

import json
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from time import monotonic

from mlmake.model.release import Manner, ReleasedModel
from mlmake.serving.loader import Fetched, Refused

PATIENCE = 60.0
"""Seconds that loading and warming up one model may take."""

SLACK = 5.0
"""Seconds more after which the process that keeps the time is itself taken for dead."""

LENGTH = struct.Struct("!QQ")


class Nursery:
    """Keeps one process, which forks one a model: a crash, an exit or a hang ends that one alone.

    `root` is where models find the project's own modules. To be used in one thread, but for `close`.
    """

    def __init__(self, root: str | None, *, patience: float = PATIENCE) -> None:
        self._root, self._patience = root, patience
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to get ready, so that the first model need not wait for it."""
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlmake.serving.trial", self._root or "", str(self._patience)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the server, which ends this one when it has drained.
            start_new_session=True,
            env={**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")},
        )

    def rear(self, model: ReleasedModel, fetched: Fetched, manner: Manner, request: bytes | None) -> None:
        """Load a model there and let it answer the request, if there is one. Raises `Refused`."""
        order = pickle.dumps((model, replace(fetched, content=None, folder=None), manner, request))
        content = fetched.content
        self.start()
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            process.stdin.write(LENGTH.pack(len(order), 0 if content is None else len(content) + 1))
            process.stdin.write(order)
            if content is not None:
                process.stdin.write(content)
            process.stdin.flush()
            answer = self._read_line(process)
        except OSError:
            answer = b""
        if not answer.endswith(b"\n"):
            self._end()
            raise Refused(f"{model.instance}: {model.path}: the process that tries models died of it")
        told = json.loads(answer)
        if told is not None:
            raise Refused(told if told.startswith(model.instance) else f"{model.instance}: {told}")

    def _read_line(self, process: "subprocess.Popen[bytes]") -> bytes:
        assert process.stdout is not None
        descriptor, end, told = process.stdout.fileno(), monotonic() + self._patience + SLACK, b""
        while not told.endswith(b"\n") and (left := end - monotonic()) > 0:
            if select.select([descriptor], [], [], left)[0]:
                piece = os.read(descriptor, 65536)
                if not piece:
                    break
                told += piece
        return told

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.poll()  # it has gone by itself
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                continue  # what was not yet written is for nobody

    def close(self) -> None:
        """End it, whatever it is at; a `rear` that waits for it fails. Any thread may ask."""
        self._end()
