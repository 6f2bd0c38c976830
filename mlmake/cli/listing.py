"""`mlmake list`: the targets with their help; it looks at nothing but the Mlfile."""

import sys

import click

from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.views.jsonl import encoded
from mlmake.views.rows import beside
from mlmake.views.screen import columns, printable


@command("list")
@click.option("--all", "everything", is_flag=True, help="Also manual targets, and every instance.")
def listing(settings: Settings, everything: bool) -> int:
    """List the targets with their help."""
    with opened(settings) as app:
        graph = app.graph
    targets = [t for t in graph.targets.values() if everything or not t.manual]
    if settings.json:
        rows = [{"target": t.name, "help": t.help, "manual": t.manual, "instances": list(t.actions)} for t in targets]
        sys.stdout.buffer.write(encoded({"schema": "mlmake.list/1", "targets": rows}) + b"\n")
        return 0
    screen = settings.screen()
    times = screen.mark("×", "x")
    counts = {t.name: str(len(t.actions)) if t.listing is None or t.actions else "?" for t in targets}
    names = {name: name + (f" {times}{count}" if count != "1" else "") for name, count in counts.items()}
    room = screen.width // 2 if screen.width is not None else None
    width = max((columns(name) for name in names.values() if room is None or columns(name) <= room), default=0)
    for target in targets:
        name = names[target.name]
        about = " ".join(part for part in (printable(target.help or ""), "(manual)" * target.manual) if part)
        left = f"{screen.paint(name, 'bold')}{' ' * (width - columns(name))}"
        for line in beside(left, about, screen, width=width if columns(name) <= width else None, below=4):
            print(line)
        if everything and target.actions != (target.name,):
            for action in target.actions:
                print(f"  {printable(action)}")
    return 0
