"""`mlmake restore`: the outputs of an earlier run put back; it records nothing and runs nothing."""

import sys

import click

from mlmake.cli.ending import FAILED
from mlmake.cli.project import opened
from mlmake.cli.remembered import meant, runs_in
from mlmake.cli.settings import Settings, command
from mlmake.cli.targets import TARGET
from mlmake.overruling import restore_run
from mlmake.views.jsonl import encoded
from mlmake.views.returning import return_document, return_lines


@command("restore")
@click.argument("run")
@click.argument("targets", nargs=-1, type=TARGET)
@click.option("-n", "dry", is_flag=True, help="Only say what would be put back.")
def restore(settings: Settings, run: str, targets: tuple[str, ...], dry: bool) -> int:
    """Put the outputs of an earlier run back from the content store.

    RUN is an id, its beginning or end, `last`, `last~1` …; without TARGETS the outputs of all that it judged. It
    changes files and no record: the next build puts back what the Mlfile asks for.
    """
    with opened(settings) as app:
        done = restore_run(app, meant(run, runs_in(app.runs_folder)), targets, dry=dry)
    if settings.json:
        sys.stdout.buffer.write(encoded(return_document(done)) + b"\n")
    else:
        each, quiet = settings.verbose > 0, settings.quiet
        for line in return_lines(done, settings.screen(), each=each, quiet=quiet):
            print(line)
    return 0 if done.succeeded else FAILED
