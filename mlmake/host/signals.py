"""Ctrl-C and its kin become messages in the inbox; it knows nothing of what is to be stopped."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mlmake.ports import Crew, Interrupted

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def interrupts(crew: Crew, *, spared: Callable[[int], bool] = lambda number: False) -> Iterator[None]:
    """Post every SIGINT, SIGTERM and SIGHUP to the crew, each time it comes; the former handlers return afterwards.

    What the caller ignores stays ignored (`nohup`), and what `spared` says is somebody else's affair. To be entered by
    the main thread.
    """

    def post(number: int, frame: FrameType | None) -> None:
        if not spared(number):
            crew.post(Interrupted(number))

    # A handler that was not set from Python (None) could not be put back.
    former = {number: signal.getsignal(number) for number in _SIGNALS}
    taken = [number for number, handler in former.items() if handler not in (signal.SIG_IGN, None)]
    for number in taken:
        signal.signal(number, post)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, former[number])
