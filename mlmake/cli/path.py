"""`mlmake path`: where the outputs of a target are; it does not look if they are there."""

import os
import sys

import click

from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.cli.targets import TARGET
from mlmake.views.jsonl import encoded


@command("path")
@click.argument("target", type=TARGET)
def path(settings: Settings, target: str) -> int:
    """Print where TARGET's outputs are, one a line."""
    with opened(settings) as app:
        actions = [app.graph.actions[name] for name in app.request([target]).actions]
        root = app.root
    paths = [seen_from_here(root, output.path) for action in actions for output in action.outputs]
    if settings.json:
        sys.stdout.buffer.write(encoded({"schema": "mlmake.path/1", "paths": paths}) + b"\n")
    else:
        # As bytes: a name that is not UTF-8 must reach the next program unchanged.
        sys.stdout.buffer.write(b"".join(os.fsencode(p) + b"\n" for p in paths))
    return 0


def seen_from_here(root: str, path: str) -> str:
    """A path of the project relative to the current folder; a folder keeps its final "/"."""
    return os.path.relpath(os.path.join(root, path)) + ("/" if path.endswith("/") else "")
