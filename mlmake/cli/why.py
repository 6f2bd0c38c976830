"""`mlmake why`: the chain of causes of one target; the wording is not here."""

import sys
from typing import Any

import click

from mlmake.cli.project import opened
from mlmake.cli.remembered import meant, runs_in
from mlmake.cli.settings import Settings, choosing, command
from mlmake.cli.targets import TARGET
from mlmake.planning.explain import Chain, chain
from mlmake.planning.request import with_commands
from mlmake.recalling import versus_now
from mlmake.views.documents import chain_document, chain_lines
from mlmake.views.jsonl import encoded
from mlmake.views.screen import printable, wrapped

NAMED = 3
"""Instances that are named where several have the same answer."""


@command("why")
@click.argument("target", type=TARGET)
@click.option("--vs", "run", metavar="RUN", help="What differs from its result in that run instead.")
@choosing
def why(settings: Settings, target: str, run: str | None, chosen: dict[str, Any]) -> int:
    """Say why TARGET will run or last ran.

    The answer is the chain of causes, with old and new values. With --vs it tells what differs, from the result that
    stood in RUN (an id, its beginning or end, `last`, `last~1` …) to what there is now.
    """
    past = None
    with opened(settings, **chosen) as app:
        if run is None:
            plan = app.plan([target])
            actions = with_commands(app.graph, plan.request.actions)
            chains = {action: chain(app.graph, plan, app.memory, action) for action in actions}
        else:
            runs = runs_in(app.runs_folder)
            past = runs.read(meant(run, runs))
            actions = with_commands(app.graph, app.request([target]).actions)
            chains = {action: versus_now(app, action, past) for action in actions}
    if settings.json:
        vs = {"vs": past.head.run} if past else {}
        documents = [{**chain_document(action, found), **vs} for action, found in chains.items()]
        whole = documents[0] if len(documents) == 1 else {"schema": "mlmake.why/1", "answers": documents}
        sys.stdout.buffer.write(encoded(whole) + b"\n")
        return 0
    screen = settings.screen()
    for number, (action, others) in enumerate(alike(chains).items()):
        if number:
            print()
        for line in chain_lines(chains[action], screen, over="differs" if past else "done"):
            print(line)
        if others:
            named = ", ".join(map(printable, others[:NAMED])) + (", …" if len(others) > NAMED else "")
            for line in wrapped(f"The same holds for {len(others)} more: {named}", screen.width):
                print(screen.paint(line, "dim"))
    return 0


def alike(chains: dict[str, Chain]) -> dict[str, list[str]]:
    """The first action of each answer, and the others that have the same one."""
    firsts: dict[tuple[str, ...], str] = {}
    groups: dict[str, list[str]] = {}
    for action, found in chains.items():
        key = tuple(text.replace(action, "") for text in (found.sentence, found.line))
        first = firsts.setdefault(key, action)
        if first == action:
            groups[action] = []
        else:
            groups[first].append(action)
    return groups
