"""A look that may kill its process, in a process of its own; it does not know what is looked at."""

import faulthandler
import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Died(Exception):
    """The look has killed its process or raised; the message says what."""


class Late(Exception):
    """The look did not end in time; the message says within which."""


def apart(look: Callable[[], T], *, seconds: float) -> T:
    """What `look` gives, by a forked copy of this process, which must have one thread. Raises Died, Late, OSError."""
    ear, mouth = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(ear)
            _be_silent()
            left = pickle.dumps(_answer(look))
            while left:
                left = left[os.write(mouth, left) :]
            code = 0
        finally:
            # Nothing of the parent's is ended twice: no handlers, no buffers.
            os._exit(code)
    os.close(mouth)
    try:
        data = _heard(ear, until=time.monotonic() + seconds)
    finally:
        os.close(ear)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if data is None:
        raise Late(f"no answer within {seconds:.0f} s")
    if not data:
        code = os.waitstatus_to_exitcode(status)
        raise Died(f"it died of signal {-code}" if code < 0 else f"it ended with exit code {code}")
    answer, error = pickle.loads(data)
    if error is not None:
        raise Died(error)
    found: T = answer
    return found


def _be_silent() -> None:
    """Die without a word and without a core file: what killed this process is told by who waits for it."""
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _answer(look: Callable[[], T]) -> tuple[T | None, str | None]:
    try:
        return look(), None
    except Exception as error:
        # Whatever it is, the parent tells it: some exceptions cannot be sent.
        return None, f"{type(error).__name__}: {error}"


def _heard(ear: int, *, until: float) -> bytes | None:
    parts = list[bytes]()
    while True:
        ready, _, _ = select.select([ear], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        part = os.read(ear, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)
