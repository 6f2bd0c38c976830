"""All commands as one lazy group: a command's module is imported when it is asked for."""

import codecs
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from mlmake import __version__
from mlmake.cli.ending import code_of
from mlmake.cli.words import COMMANDS, ordered
from mlmake.views.screen import spelled

COMPLETE = "_MLMAKE_COMPLETE"
"""The variable by which a shell asks for completions."""


class Commands(click.Group):
    """The commands by name, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, if there is one."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and targets, because a target may stand in a command's place."""
        # Slow, and only for completion.
        from mlmake.cli.targets import TARGET  # noqa: PLC0415

        return super().shell_complete(ctx, incomplete) + TARGET.shell_complete(ctx, click.Argument(["x"]), incomplete)


@click.group(
    name="mlmake",
    cls=Commands,
    invoke_without_command=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The first word is a command if it is one, otherwise a target: `mlmake train` is `mlmake build train`.",
)
@click.version_option(__version__, prog_name="mlmake", message="%(prog)s %(version)s")
def group() -> None:
    """Build machine-learning artifacts: only what changed, in parallel, explained."""


def run(argv: Sequence[str]) -> int:
    """Run one command line and give its exit code; never raises."""
    codecs.register_error("mlmake", spelled)
    for stream in (sys.stdout, sys.stderr):
        # Whatever the locale, a name must never stop a message.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="mlmake")
    try:
        if COMPLETE in os.environ:
            return complete(os.environ[COMPLETE])
        code = invoke(ordered(argv))
        sys.stdout.flush()
        return code
    except BaseException as error:
        return code_of(error)


def invoke(argv: Sequence[str]) -> int:
    """Run one command line whose first word is the command; gives what the command returns."""
    # Not by click's own `main`: that one has its own ends for closed pipes.
    with group.make_context("mlmake", list(argv)) as context:
        result: Any = group.invoke(context)
    return result if isinstance(result, int) else 0


def complete(instruction: str) -> int:
    """Answer a shell that asks for completions."""
    # Slow, and only for completion.
    from click.shell_completion import shell_complete  # noqa: PLC0415

    return shell_complete(group, {}, "mlmake", COMPLETE, instruction)
