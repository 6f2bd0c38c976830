"""`mlmake accept`: what lies at a target's outputs counts as made by the present recipe; it runs nothing."""

import sys

import click

from mlmake.cli.ending import FAILED, say
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.cli.targets import TARGET
from mlmake.model.event import Warned
from mlmake.overruling import accept_outputs
from mlmake.running.accept import NotAccepted
from mlmake.views.documents import accept_document
from mlmake.views.jsonl import encoded
from mlmake.views.screen import printable


@command("accept")
@click.argument("target", type=TARGET)
@click.option("--reason", metavar="TEXT", help="Why; kept with the record, and shown by `mlmake why`.")
def accept(settings: Settings, target: str, reason: str | None) -> int:
    """Count TARGET's outputs on disk as made by the present recipe and inputs."""
    with opened(settings) as app:
        try:
            accepted = accept_outputs(app, [target], reason=reason)
        except NotAccepted as error:
            return say(str(error), FAILED)
        graph = app.graph
    notes = [event.text for event in accepted.warnings if isinstance(event, Warned)]
    notes += [
        f"{name} has never run here, so what its step loads is not known: changes of it are seen from the next run on"
        for name in accepted.blind
    ]
    if not settings.quiet:
        screen = settings.screen(sys.stderr)
        for note in notes:
            sys.stderr.write(f"{screen.paint('notice', 'warn')}: {printable(note)}\n")
    if settings.json:
        sys.stdout.buffer.write(encoded(accept_document(graph, accepted.traces)) + b"\n")
    elif not settings.quiet:
        for trace in accepted.traces:
            print(f"accepted {printable(trace.action)}: {printable(', '.join(p.path for p in trace.outputs))}")
    return 0
