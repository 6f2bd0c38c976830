"""`mlmake plan`: what would run and why; it changes nothing."""

import sys
from typing import Any

import click

from mlmake.cli.ending import FAILED, NOT_UP_TO_DATE
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, choosing, command, later
from mlmake.cli.targets import TARGET
from mlmake.model.decision import Verb
from mlmake.model.graph import Graph
from mlmake.model.plan import Plan
from mlmake.views.documents import plan_document, plan_lines
from mlmake.views.jsonl import encoded
from mlmake.views.screen import printable


@command("plan")
@click.argument("targets", nargs=-1, type=TARGET)
@click.option("--all", "everything", is_flag=True, help="Also what is up to date.")
@click.option("--check", is_flag=True, help="Exit 3 if something would run or be restored.")
@later("--critical-path", is_flag=True, help="The longest way through what would run.")
@choosing
def plan(settings: Settings, targets: tuple[str, ...], everything: bool, check: bool, chosen: dict[str, Any]) -> int:
    """Say what would run and why; nothing is changed."""
    with opened(settings, **chosen) as app:
        found = app.plan(targets)
        show_plan(app.graph, found, settings, everything=everything)
    return FAILED if found.troubles else NOT_UP_TO_DATE if check and not is_done(found) else 0


def show_plan(graph: Graph, plan: Plan, settings: Settings, *, everything: bool = False) -> int:
    """Print a plan on standard output."""
    if settings.json:
        sys.stdout.buffer.write(encoded(plan_document(graph, plan)) + b"\n")
        return tell_troubles(plan)
    each = settings.verbose > 0
    lines = plan_lines(plan, settings.screen(), everything=everything or each, each=each)
    for line in lines[-1:] if settings.quiet else lines:
        print(line)
    return tell_troubles(plan)


def tell_troubles(plan: Plan) -> int:
    """Say on standard error what nothing could be decided about; gives the exit code."""
    for name, text in plan.troubles.items():
        what, *quoted = text.split("\n")
        sys.stderr.write(f"{printable(name)}: {printable(what)}\n")
        sys.stderr.writelines(f"  | {printable(line)}\n" for line in quoted)
    return FAILED if plan.troubles else 0


def is_done(plan: Plan) -> bool:
    """Whether a build would do nothing at all."""
    return not plan.troubles and all(decision.verb is Verb.SKIP for decision in plan.decisions.values())
