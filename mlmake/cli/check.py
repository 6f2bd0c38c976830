"""`mlmake check`: every mistake and doubt in the Mlfile; it runs nothing and finds only the doubts about commands."""

import sys

import click

from mlmake.cli.ending import WRONG
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.cli.words import COMMANDS
from mlmake.mlfile.problems import render
from mlmake.model.graph import Graph, Group, Select
from mlmake.views.jsonl import encoded


@command("check")
@click.option("--strict", is_flag=True, help="Doubts are mistakes: exit 2. Also says what is not discovered.")
def check(settings: Settings, strict: bool) -> int:
    """Show every mistake and doubt in the Mlfile."""
    # Slow, and already there when the project is open.
    from mlmake.app import MlfileMistakes  # noqa: PLC0415

    try:
        with opened(settings) as app:
            doubts = [*(render([doubt], app.document.texts) for doubt in app.doubts), *doubts_about_names(app.graph)]
            size = len(app.graph.targets), len(app.graph.actions)
            blind = blind_spots(app.graph) if strict else []
    except MlfileMistakes as error:
        if settings.json:
            _print_document([error.text], [], [])
        else:
            sys.stdout.write(error.text.rstrip("\n") + "\n")
        return WRONG
    if settings.json:
        _print_document([], doubts, blind)
    else:
        for doubt in doubts:
            print(doubt.rstrip("\n") + "\n" if "\n" in doubt.rstrip("\n") else doubt)
        for text in blind:
            print(f"note: {text}")
        if not settings.quiet:
            print(verdict(*size, len(doubts)))
    return WRONG if strict and doubts else 0


def doubts_about_names(graph: Graph) -> list[str]:
    """Targets that a command hides."""
    return [
        f"target {name} is named like a command: `mlmake {name}` is the command, `mlmake build {name}` builds it"
        for name in graph.targets
        if name in COMMANDS
    ]


def blind_spots(graph: Graph) -> list[str]:
    """What no step of this project is seen to read, whatever `track` says."""
    tracking = [action for action in graph.actions.values() if not isinstance(action.command, Group | Select)]
    if not any(action.policy.track for action in tracking):
        return []
    where = "" if any("files" in action.policy.track for action in tracking) else ', nor any data without "files"'
    return [
        "what is discovered is what Python opens or imports; declare in `inputs` what is read otherwise:",
        f"not seen are files that compiled readers open by themselves (Parquet, Arrow, HDF5, LMDB){where}",
        "not seen is what other programs read (shell commands, R, compilers)",
        "not seen is anything in a Python started with -I, -E or -S, or without the step's environment",
        "not seen are listings of folders, and modules outside the project that no installed package owns",
    ]


def verdict(targets: int, actions: int, doubts: int) -> str:
    """What was looked at and how it stands."""
    told = "no mistakes" if not doubts else f"no mistakes, {doubts} doubt{'s' if doubts > 1 else ''}"
    names = f"{targets} target{'s' if targets != 1 else ''}"
    return f"{names}, {actions} step{'s' if actions != 1 else ''}: {told}"


def _print_document(mistakes: list[str], doubts: list[str], blind: list[str]) -> None:
    document = {"schema": "mlmake.check/1", "mistakes": mistakes, "doubts": doubts}
    if blind:
        document["blind_spots"] = blind
    sys.stdout.buffer.write(encoded(document) + b"\n")
