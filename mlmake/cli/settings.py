"""The options that many commands share, and what they say together; it runs nothing."""

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

import click

from mlmake.cli.ending import NotYet
from mlmake.views.screen import Screen, screen_for

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the options of every command say."""

    directory: str | None = None
    file: str | None = None
    verbose: int = 0
    quiet: bool = False
    color: str = "auto"
    json: bool = False

    def screen(self, stream: TextIO | None = None) -> Screen:
        """What a stream can show; standard output if none is given. Only a terminal has a width."""
        out = stream or sys.stdout
        return screen_for(out, os.environ, color=self.color, width=_columns() if out.isatty() else None)


def _columns() -> int:
    """The columns of the terminal."""
    # Slow, and only on a terminal.
    from shutil import get_terminal_size  # noqa: PLC0415

    return get_terminal_size().columns


def command(
    name: str, *, file_flags: tuple[str, ...] = ("-f", "--file")
) -> Callable[[Callable[..., int]], click.Command]:
    """A command with the options of every command, which come as `settings`."""

    def wrap(function: Callable[..., int]) -> click.Command:
        @functools.wraps(function)
        def called(
            directory: str | None, mlfile: str | None, verbose: int, quiet: bool, color: str, as_json: bool, **rest: Any
        ) -> int:
            settings = Settings(
                directory=directory, file=mlfile, verbose=verbose, quiet=quiet, color=color, json=as_json
            )
            return function(settings=settings, **rest)

        decorated: Callable[..., int] = called
        for option in reversed(_everywhere(file_flags)):
            decorated = option(decorated)
        return click.command(name, context_settings={"help_option_names": ["-h", "--help"]})(decorated)

    return wrap


def _everywhere(file_flags: tuple[str, ...]) -> list[Callable[[Any], Any]]:
    return [
        click.option("-C", "--directory", metavar="DIR", help="Work as if started in DIR."),
        click.option(*file_flags, "mlfile", metavar="FILE", help="Read this Mlfile."),
        click.option("-v", "--verbose", count=True, help="Tell more; of a build, the output of its steps."),
        click.option("-q", "--quiet", is_flag=True, help="Tell bad news only."),
        click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Use colours."),
        click.option("--json", "as_json", is_flag=True, help="Machine-readable output."),
    ]


def choosing(function: Function) -> Function:
    """The options that say what the world is like: parameters and force; they come as keywords of `Choices`."""
    options = [
        click.option("--set", "sets", multiple=True, metavar="K=V", help="Set a parameter; repeatable."),
        click.option("--params", "params_file", metavar="FILE", help="Merge a file over the parameters."),
        click.option("--exact", is_flag=True, help="No windows, no tolerances: everything by content."),
        click.option("-B", "force_named", is_flag=True, help="Force all targets named."),
        click.option("--force", multiple=True, metavar="T", help="Force this target; repeatable."),
    ]

    @functools.wraps(function)
    def called(
        sets: tuple[str, ...],
        params_file: str | None,
        exact: bool,
        force_named: bool,
        force: tuple[str, ...],
        **rest: Any,
    ) -> Any:
        chosen = {
            "set": sets,
            "params_file": params_file,
            "exact": exact,
            "force_named": force_named,
            "force": force,
        }
        return function(chosen=chosen, **rest)

    decorated: Any = called
    for option in reversed(options):
        decorated = option(decorated)
    result: Function = decorated
    return result


def later(*flags: str, help: str, **how: Any) -> Callable[[Function], Function]:
    """An option of the contract whose feature is not yet built: using it says so."""

    def refuse(ctx: click.Context, param: click.Parameter, value: object) -> None:
        if value not in (None, False, ()):
            raise NotYet(f"`{ctx.command_path} {flags[0]}`")

    text = f"{help.rstrip('.')} (not yet)."
    return click.option(*flags, callback=refuse, expose_value=False, help=text, **how)


def not_yet(name: str, help: str) -> click.Command:
    """A command of the contract whose feature is not yet built."""

    def refuse(words: tuple[str, ...]) -> int:
        raise NotYet(f"`mlmake {name}`")

    refuse.__doc__ = f"{help} (not yet)."
    # Whatever its options will be, the answer to all of them is the same.
    how = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
    return click.command(name, context_settings=how)(click.argument("words", nargs=-1, type=click.UNPROCESSED)(refuse))
