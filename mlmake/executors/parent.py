"""One warm parent as its client sees it: started, asked, judged, let go; it knows nothing of jobs."""

import array
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING

from mlmake.executors import descendants
from mlmake.executors.attempt import NotStarted

if TYPE_CHECKING:
    import socket

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside", "warm_parent.py")

# Room for the tokens of nested steps in the memory that /proc shows as a child's environment; bytes.
_ROOM = 512
# How often installed packages are looked at; the project's files are looked at each time. Seconds.
_PACKAGES_EVERY = 1.0
# Clocks of file systems tick this coarsely; nanoseconds.
_COARSE = 20_000_000


class WarmParent:
    """A process that has imported `preload`, and forks one more for each call."""

    def __init__(
        self,
        python: str,
        root: str,
        *,
        preload: Sequence[str],
        env: Mapping[str, str],
        log: str,
        inherit: Sequence[int],
    ) -> None:
        """What it says until it is ready goes to the end of `log`. Raises `NotStarted`."""
        import socket  # noqa: PLC0415 - slow, and only needed once something is called

        self.python = python
        self.ready = False
        self._socket = socket
        self._failed = False
        self._root = root
        self._began_ns = 0
        self._stamps: dict[str, list[int]] = {}
        self._looked = 0.0
        self._requests, theirs = socket.socketpair()
        self._greeting = nameless_file(log + ".greeting")
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._popen = subprocess.Popen(
                [python, _SCRIPT, str(theirs.fileno()), str(self._greeting.fileno()), root, *preload],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=root,
                env={**env, descendants.TOKEN: "_" * _ROOM},
                start_new_session=True,
                pass_fds=(theirs.fileno(), self._greeting.fileno(), *inherit),
            )
        except (OSError, ValueError) as error:
            self._requests.close()
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise NotStarted(
                f"{python}: the interpreter of `call` steps cannot be started: {why};"
                " create its environment or correct `python` under [project]"
            ) from error
        finally:
            os.close(file)
            theirs.close()
        descendants.know(self._popen.pid)

    def send(self, descriptors: Sequence[int]) -> "socket.socket":
        """Ask for a child with these as stdout, stderr and order; gives the control socket."""
        ours, theirs = self._socket.socketpair()
        rights = array.array("i", [theirs.fileno(), *descriptors])
        try:
            self._requests.sendmsg([b"!"], [(self._socket.SOL_SOCKET, self._socket.SCM_RIGHTS, rights)])
        except OSError:
            # It has died just now; the closed control socket tells who waits.
            pass
        finally:
            theirs.close()
        return ours

    def fit(self) -> bool:
        """Whether the next step may come from it: it lives and nothing that it loaded has changed."""
        self._listen()
        if self._failed or self._popen.poll() is not None:
            return False
        if not self.ready:
            # It is importing right now.
            return True
        now = time.monotonic()
        packages = now - self._looked >= _PACKAGES_EVERY
        if packages:
            self._looked = now
        return not any(
            self._changed(path, stamp)
            for path, stamp in self._stamps.items()
            if packages or (path.startswith(self._root) and "-packages" not in path)
        )

    def retire(self) -> None:
        """Ask no more of it; it ends when its children have."""
        self._requests.close()

    def over(self) -> bool:
        """Whether it has ended."""
        if self._popen.poll() is None:
            return False
        descendants.forget(self._popen.pid)
        return True

    def end(self) -> None:
        """End it now, after a moment to do so by itself."""
        try:
            self._popen.wait(0.2 if self.ready else 0)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        descendants.forget(self._popen.pid)

    def how_it_ended(self) -> str:
        """Its exit code in words, once its sockets are closed."""
        try:
            code = self._popen.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it no longer answers"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _listen(self) -> None:
        """Take its greeting, if it has come."""
        if self.ready or self._failed:
            return
        try:
            sign = self._requests.recv(1, self._socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            sign = b""
        if not sign:
            self._failed = True
            return
        # The position is shared with the writer.
        self._greeting.seek(0)
        hello = json.loads(self._greeting.read())
        self._greeting.close()
        self._failed = hello["error"] is not None
        self.ready = True
        self._began_ns = int(hello["began"] * 1e9)
        self._stamps = hello["stamps"]

    def _changed(self, path: str, stamp: list[int]) -> bool:
        try:
            stat = os.stat(path)
        except OSError:
            return stamp[0] != -1
        # One that was written while the parent began may have been read before.
        unsure = self._began_ns - _COARSE < stat.st_mtime_ns <= time.time_ns()
        return unsure or stamp != [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def nameless_file(path: str) -> IO[bytes]:
    """An empty file that vanishes with its last descriptor; `path` is used for a moment where that needs a name."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("mlmake"), "w+b")
    file = open(path, "w+b")  # noqa: SIM115 - the caller closes it
    os.unlink(path)
    return file
