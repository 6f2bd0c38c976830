"""The command `mlmake`: the shortcut if it holds, else the commands; it knows none of them."""

import gc
import os
import sys

from mlmake.cli.shortcut import answer


def main() -> int:
    """Run the command line of this process and give its exit code."""
    argv = sys.argv[1:]
    for name in ("stdout", "stderr"):
        # A stream that the caller has closed is None in Python; what is said there is said to nobody.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
    try:
        if is_answered(argv):
            return 0
        # Modules and a big graph are objects that stay: looking for cycles among them costs a third of a judgement.
        gc.set_threshold(1_000_000, 20, 100)
        # Slow: click and all that a command needs, after the shortcut.
        from mlmake.cli.commands import run  # noqa: PLC0415

        gc.freeze()
        return run(argv)
    except KeyboardInterrupt:
        # Before anything has begun; later ones are met where they can be told of.
        return 130


def is_answered(argv: list[str]) -> bool:
    """Whether the shortcut has answered. Whatever troubles it, the full way meets too, and tells."""
    try:
        return answer(argv)
    except OSError:
        return False
