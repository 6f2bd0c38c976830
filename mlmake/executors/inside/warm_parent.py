"""A parent that has imported what steps need and computed nothing, and forks one process for each call it is sent.

Run as a script: SOCKET GREETING ROOT MODULE…, the first two descriptors; stands alone, in any CPython from 3.8 on.
It knows nothing of what the calls do. A request is one byte with four descriptors: control, stdout, stderr, order.
On the control socket it writes {"pid"} and {"status"} or {"error"}, a line each; when the other side closes it, the
child is killed if it still lives, and waited for.
"""

from __future__ import annotations

import array
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOKEN = b"MLMAKE_STEP="


class _Child:
    """A forked step and the socket to who wants it."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self.control = control
        self.told = False


class _Parent:
    def __init__(self, requests: socket.socket, root: str) -> None:
        self.requests = requests
        self.root = root
        self.children: dict[int, _Child] = {}
        self.error: str | None = None
        self.began = time.time()
        self.tracking = _sibling("tracking")
        self.step = _sibling("step")
        self.values = _sibling("values")
        self.calling = _sibling("calling")
        self.tracker = self.tracking.Tracker(root)
        self.tracker.install()
        _sibling("bytecode").distrust()
        self.token_place = _find_token()
        self.main = sys.modules["__main__"]
        self.changes: dict[str, str] = {}

    def preload(self, modules: list[str], greeting: int) -> None:
        """Import these; what goes wrong is told to every caller."""
        # As if this script had never been: the project comes first, and __main__ is nobody.
        sys.path[0] = self.root
        sys.modules["__main__"] = ModuleType("__main__")
        sys.argv = [""]
        before = dict(os.environ)
        for name in modules:
            try:
                __import__(name)
            except BaseException as error:
                import traceback  # noqa: PLC0415 - slow, and only needed after a failure

                traceback.print_exc()
                what = traceback.format_exception_only(type(error), error)[-1].strip()
                self.error = f"preload of {name} failed: {what}"
                break
        # Some libraries set variables for their own later use when they are imported.
        self.changes = {name: value for name, value in os.environ.items() if before.get(name) != value}
        hello = {"began": self.began, "error": self.error, "loaded": self.tracker.found, "stamps": self._stamps()}
        # By a file: a socket takes no more than its reader reads, and nobody need read this yet.
        with os.fdopen(greeting, "wb") as file:
            file.write(json.dumps(hello).encode())
        self.requests.sendall(b"!")
        sys.stdout.flush()
        sys.stderr.flush()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (1, 2):
            os.dup2(nothing, fd)
        os.close(nothing)
        gc.collect()
        gc.freeze()

    def serve(self) -> None:
        """Fork until nobody asks any more and no child is left."""
        wake, bell = os.pipe()
        for fd in (wake, bell):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        self.own = (wake, bell)
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self.requests.fileno(), select.POLLIN)
        asked = True
        while asked or self.children:
            for fd, _ in poll.poll():
                if fd == wake:
                    os.read(wake, 4096)
                    for child in list(self.children.values()):
                        self._look(child)
                elif fd == self.requests.fileno():
                    asked = self._request(poll)
                    if not asked:
                        poll.unregister(fd)
                elif fd in self.children:
                    poll.unregister(fd)
                    self._let_go(self.children.pop(fd))

    def _request(self, poll: select.poll) -> bool:
        descriptors = array.array("i")
        size = 4 * descriptors.itemsize
        try:
            message, ancillary, _, _ = self.requests.recvmsg(1, socket.CMSG_LEN(size))
        except ConnectionResetError:  # closed before our greeting was read
            return False
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        if not message:
            return False
        control_fd, out, err, order = descriptors
        control = socket.socket(fileno=control_fd)
        try:
            self._begin(poll, control, (out, err, order))
        finally:
            for fd in (out, err, order):
                os.close(fd)
        return True

    def _begin(self, poll: select.poll, control: socket.socket, streams: tuple[int, int, int]) -> None:
        error = self.error
        if error is None and not _gone(control):
            try:
                pid = os.fork()
            except OSError as trouble:
                error = f"fork failed: {trouble.strerror}; run fewer steps at once (-j) or free memory"
            else:
                if pid == 0:
                    self._become_step(control, streams)
                child = _Child(pid, control)
                self.children[control.fileno()] = child
                poll.register(control.fileno(), select.POLLIN)
                _send(control, {"pid": pid})
                return
        if error is not None:
            _send(control, {"error": error})
        control.close()

    def _look(self, child: _Child) -> None:
        """Tell how a child has ended; its pid stays taken until it is let go."""
        if child.told:
            return
        if hasattr(os, "waitid"):
            result = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if result is None:
                return
            status = result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
        else:
            pid, raw = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                return
            status = os.WEXITSTATUS(raw) if os.WIFEXITED(raw) else -os.WTERMSIG(raw)
            child.pid = 0
        child.told = True
        _send(child.control, {"status": status})

    def kill_children(self) -> None:
        """End what still runs."""
        for child in self.children.values():
            if child.pid and not child.told:
                _kill(child.pid)

    def _let_go(self, child: _Child) -> None:
        if child.pid:
            if not child.told:
                _kill(child.pid)
            os.waitpid(child.pid, 0)
        child.control.close()

    def _become_step(self, control: socket.socket, streams: tuple[int, int, int]) -> None:
        """In the child: from here on nothing of the parent is to be seen; never returns."""
        out, err, order_fd = streams
        code = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(out, 1)
            os.dup2(err, 2)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)
            with os.fdopen(os.dup(order_fd), "rb") as file:
                order = json.loads(file.read())
            for fd in (out, err, order_fd, *self.own):
                os.close(fd)
            for held in (control, self.requests, *(child.control for child in self.children.values())):
                held.close()
            self._dress(order)
            code = self.calling.call(order, decode=self.values.decode, step_type=self.step.Step)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        self.calling.finish(code)

    def _dress(self, order: Any) -> None:
        self._show_token(order["token"])
        os.environ.clear()
        os.environ.update(order["env"])
        os.environ.update(self.changes)
        os.chdir(self.root)
        # Nobody has listed these folders since, though their times may be too coarse to show it.
        for folder in list(sys.path_importer_cache):
            if folder.startswith(self.root):
                del sys.path_importer_cache[folder]
        # A fork shares the state of NumPy's global generator; `random` looks after itself.
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is not None:
            numpy_random.seed()
        if order["track"] is not None:
            self.tracker.tell(order["track"], reads=order["reads"])

    def _show_token(self, token: str) -> None:
        """Write into the memory that /proc shows as this process's environment, where room was left for it."""
        if self.token_place is None:
            return
        place, room = self.token_place
        data = os.fsencode(token)[-room:]
        try:
            memory = os.open("/proc/self/mem", os.O_RDWR)
            try:
                os.pwrite(memory, data.ljust(room, b"\0"), place)
            finally:
                os.close(memory)
        except OSError:  # hardened: then only the session tells whose a process is
            return

    def _stamps(self) -> dict[str, list[int]]:
        """The files of all modules but the standard library's, as they are now."""
        library = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
        files = {os.path.join(self.root, name) for name in self.tracker.found}
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if not isinstance(path, str) or path.startswith(_HERE):
                continue
            if not path.startswith(library) or "-packages" in path:
                files.add(os.path.abspath(path))
        stamps = {}
        for path in files:
            try:
                stat = os.stat(path)
            except OSError:
                stamps[path] = [-1, 0, 0]
            else:
                stamps[path] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        return stamps


def _find_token() -> tuple[int, int] | None:
    """Where in memory the value of the token's variable lies, and how long it is; None where that is not known."""
    try:
        with open("/proc/self/environ", "rb") as file:
            environ = file.read()
        with open("/proc/self/stat", "rb") as file:
            start = int(file.read().rpartition(b")")[2].split()[47])
    except (OSError, IndexError):
        return None
    place = 0
    for entry in environ.split(b"\0"):
        if entry.startswith(_TOKEN):
            return start + place + len(_TOKEN), len(entry) - len(_TOKEN)
        place += len(entry) + 1
    return None


def _kill(pid: int) -> None:
    # Its session may not have begun yet.
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _gone(control: socket.socket) -> bool:
    """Whether the other side has lost interest."""
    poll = select.poll()
    poll.register(control.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    try:
        control.sendall((json.dumps(message) + "\n").encode())
    except OSError:  # the other side is gone; its end of the socket says so too
        return


def _sibling(name: str) -> Any:
    """A module beside this one, under a name that no project has."""
    full = "_mlmake_" + name
    loader = SourceFileLoader(full, os.path.join(_HERE, name + ".py"))
    module = ModuleType(full)
    module.__spec__ = ModuleSpec(full, loader, origin=loader.path)
    module.__file__ = loader.path
    sys.modules[full] = module
    loader.exec_module(module)
    return module


def main() -> None:
    """Serve the socket that was handed down."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.set_inheritable(False)
    parent = _Parent(requests, sys.argv[3])
    parent.preload(sys.argv[4:], int(sys.argv[2]))
    try:
        parent.serve()
    except BaseException:
        # A bug or no memory: the children must not outlive who could end them.
        parent.kill_children()
        raise
    # The children live on their own; there is nothing to tidy up that the end of a process does not.
    os._exit(0)


if __name__ == "__main__":
    main()
