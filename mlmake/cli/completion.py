"""`mlmake completion`: the script that makes a shell complete commands, options and targets."""

import os

import click
from click.shell_completion import get_completion_class

from mlmake.cli.settings import Settings, command

PLACES = {
    "bash": ("~/.local/share/bash-completion/completions/mlmake", "start a new shell"),
    "zsh": ("~/.zfunc/_mlmake", "put `fpath+=~/.zfunc; autoload -Uz compinit; compinit` into ~/.zshrc"),
    "fish": ("~/.config/fish/completions/mlmake.fish", "start a new shell"),
}
"""Where each shell looks for it, and what is left to be done."""


@command("completion")
@click.argument("shell", type=click.Choice(list(PLACES)))
@click.option("--install", is_flag=True, help="Write it where the shell looks for it.")
def completion(settings: Settings, shell: str, install: bool) -> int:
    """Print the completion script for SHELL."""
    text = script(shell)
    if not install:
        print(text)
        return 0
    place, rest = PLACES[shell]
    path = os.path.expanduser(place)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    if not settings.quiet:
        print(f"{path} is written; {rest}")
    return 0


def script(shell: str) -> str:
    """The script for a shell; it asks mlmake itself at every completion."""
    # Here because the group imports this module by name.
    from mlmake.cli.commands import COMPLETE, group  # noqa: PLC0415

    made = get_completion_class(shell)
    assert made is not None, "click knows all shells in PLACES"
    vars_of = made(group, {}, "mlmake", COMPLETE).source_vars()
    return (made.source_template % vars_of).strip()
