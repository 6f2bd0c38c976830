"""The command `mlmake`: the shortcut if it holds, else the commands; it knows none of them."""

import sys


def main() -> int:
    """Run the command line of this process and give its exit code."""
    argv = sys.argv[1:]
    # Slow: click and all that a command needs, after the shortcut.
    from mlmake.cli.commands import run  # noqa: PLC0415

    return run(argv)
