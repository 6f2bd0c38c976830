"""`mlmake status`: how each target stands; it changes nothing."""

import sys
from typing import Any

import click

from mlmake.cli.ending import NOT_UP_TO_DATE
from mlmake.cli.plan import is_done, tell_troubles
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, choosing, command
from mlmake.cli.targets import TARGET
from mlmake.views.documents import due_line, plan_document, status_lines
from mlmake.views.jsonl import encoded


@command("status")
@click.argument("targets", nargs=-1, type=TARGET)
@click.option("--check", is_flag=True, help="Exit 3 if something is not up to date.")
@choosing
def status(settings: Settings, targets: tuple[str, ...], check: bool, chosen: dict[str, Any]) -> int:
    """Say how each target stands: up to date, stale, failed …"""
    with opened(settings, **chosen) as app:
        plan = app.plan(targets)
        if settings.json:
            sys.stdout.buffer.write(encoded(plan_document(app.graph, plan, failure_of=app.memory.failure)) + b"\n")
        elif not settings.quiet:
            each = settings.verbose > 0
            for line in status_lines(plan, settings.screen(), failure_of=app.memory.failure, each=each):
                print(line)
            if due := due_line(plan, now=app.clock.now()):
                print(due)
        failed = tell_troubles(plan)
    return failed or (NOT_UP_TO_DATE if check and not is_done(plan) else 0)
