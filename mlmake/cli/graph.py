"""`mlmake graph`: the workflow drawn; the drawing is not here."""

import sys

import click

from mlmake.cli.ending import WrongUse
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command, later
from mlmake.cli.targets import TARGET
from mlmake.views import graph as view
from mlmake.views.jsonl import encoded


@command("graph")
@click.argument("targets", nargs=-1, type=TARGET)
@click.option("--dot", "as_dot", is_flag=True, help="For Graphviz.")
@click.option("--mermaid", "as_mermaid", is_flag=True, help="For Mermaid.")
@later("--svg", metavar="FILE", help="As a picture.")
@later("--html", metavar="FILE", help="As a page.")
@click.option("--expand", is_flag=True, help="Every instance of a matrix by itself.")
def graph(settings: Settings, targets: tuple[str, ...], as_dot: bool, as_mermaid: bool, expand: bool) -> int:
    """Draw what is made from what."""
    if as_dot + as_mermaid + settings.json > 1:
        raise WrongUse("choose one of --dot, --mermaid and --json")
    with opened(settings) as app:
        actions = app.request(targets).actions if targets else tuple(app.graph.actions)
        nodes = view.drawing(app.graph, actions, expand=expand)
    if settings.json:
        sys.stdout.buffer.write(encoded(view.document(nodes)) + b"\n")
        return 0
    if as_dot:
        lines = view.dot(nodes)
    elif as_mermaid:
        lines = view.mermaid(nodes)
    else:
        lines = view.tree(nodes, settings.screen())
    for line in lines:
        print(line)
    return 0
