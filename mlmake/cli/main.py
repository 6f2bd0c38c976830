"""The command `mlmake`: the shortcut if it holds, else the commands; it knows none of them."""

import sys

from mlmake.cli.shortcut import answer


def main() -> int:
    """Run the command line of this process and give its exit code."""
    argv = sys.argv[1:]
    if answer(argv):
        return 0
    # Slow: click and all that a command needs, after the shortcut.
    from mlmake.cli.commands import run  # noqa: PLC0415

    return run(argv)
