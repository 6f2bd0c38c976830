"""`mlmake runs`: the history of builds; it reads what they have left and no Mlfile."""

import sys
import time

import click

from mlmake.cli.ending import WrongUse
from mlmake.cli.remembered import meant, past_runs, remark
from mlmake.cli.settings import Settings, command
from mlmake.model.units import seconds
from mlmake.stores.past import PastRuns
from mlmake.views.history import run_document, run_lines, runs_document, runs_table
from mlmake.views.jsonl import encoded
from mlmake.views.tables import text_lines

SHOWN = 20
"""Runs without `-n`."""


@command("runs")
@click.argument("run", required=False)
@click.option("-n", "count", type=click.IntRange(1), metavar="N", help=f"So many at most; {SHOWN} is the default.")
@click.option("--since", metavar="AGE", help="Only those that began within AGE, say 14d.")
def runs(settings: Settings, run: str | None, count: int | None, since: str | None) -> int:
    """Show the history of runs.

    With RUN (an id, its beginning or end, `last`, `last~1` …) the targets of that one, and when each began.
    """
    found, now = past_runs(settings), time.time()
    if run is not None:
        past = found.read(meant(run, found))
        if settings.json:
            sys.stdout.buffer.write(encoded(run_document(past)) + b"\n")
            return 0
        for line in run_lines(past, settings.screen(), now=now, each=settings.verbose > 0):
            print(line)
        return 0
    names = within(found, since, now=now)
    heads = [found.head(name) for name in names[: count or SHOWN]]
    if settings.json:
        sys.stdout.buffer.write(encoded(runs_document(heads)) + b"\n")
        return 0
    if not heads:
        remark("no run is remembered" + (f" of the last {since}" if since else ""), settings)
        return 0
    lines, _ = text_lines(runs_table(heads, settings.screen(), now=now), settings.screen())
    for line in lines:
        print(line)
    if len(names) > len(heads):
        remark(f"{len(names) - len(heads)} older ones: -n {len(names)} shows them too", settings)
    return 0


def within(found: PastRuns, since: str | None, *, now: float) -> list[str]:
    """The runs that began within a time. Raises WrongUse."""
    if since is None:
        return found.names()
    span = seconds(since)
    if span is None:
        raise WrongUse(f"--since {since}: write a duration like `90s`, `6h`, `14d` or `1d12h`")
    kept = []
    for name in found.names():
        if found.head(name).started < now - span:
            break
        kept.append(name)
    return kept
