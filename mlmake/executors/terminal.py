"""Lends this process's terminal to a step and takes it back as it was; it knows nothing of what the step does."""

import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def terminal_lent() -> Iterator[None]:
    """Whatever is done to the terminal meanwhile, afterwards it is ours again, in its former modes.

    Without a terminal, or where it is not ours to lend, nothing is touched.
    """
    terminal = next((fd for fd in (0, 2, 1) if os.isatty(fd)), None)
    if terminal is None:
        yield
        return
    try:
        ours, modes = os.tcgetpgrp(terminal) == os.getpgrp(), termios.tcgetattr(terminal)
    except (OSError, termios.error):  # not the terminal of this session
        yield
        return
    try:
        yield
    finally:
        if ours:
            _take_back(terminal, modes)


def _take_back(terminal: int, modes: list[Any]) -> None:
    # A shell in the step may have made another group the foreground: who then sets anything is stopped by SIGTTOU.
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        # It may have been closed meanwhile.
        with suppress(OSError, termios.error):
            if os.tcgetpgrp(terminal) != os.getpgrp():
                os.tcsetpgrp(terminal, os.getpgrp())
            termios.tcsetattr(terminal, termios.TCSADRAIN, modes)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
