"""`mlmake lineage`: what an artifact was made from; it judges nothing and runs nothing."""

import sys

import click

from mlmake.cli.ending import FAILED
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.cli.targets import TARGET
from mlmake.recalling import lineage_of
from mlmake.views.jsonl import encoded
from mlmake.views.lineage import lineage_document, lineage_lines


@command("lineage")
@click.argument("artifacts", nargs=-1, required=True, type=TARGET, metavar="PATH|TARGET...")
def lineage(settings: Settings, artifacts: tuple[str, ...]) -> int:
    """Show what an artifact was made from, down to sources, code and the git commit.

    It is told from the records of when it was made, whatever has changed since. A PATH may be any file or folder, also
    a copy elsewhere: it is known by its bytes.
    """
    with opened(settings) as app:
        found = lineage_of(app, artifacts)
    if settings.json:
        sys.stdout.buffer.write(encoded(lineage_document(found)) + b"\n")
    else:
        for line in lineage_lines(found, settings.screen(), everything=settings.verbose > 0):
            print(line)
    known = all(artifact.trace is not None or artifact.source for artifact in found.artifacts)
    return 0 if known else FAILED
