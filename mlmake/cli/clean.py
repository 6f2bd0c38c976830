"""`mlmake clean`: removes outputs, never inputs; it knows the declared outputs and nothing else of the project."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mlmake.cli.ending import MACHINE, WrongUse, machine, say
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.cli.targets import TARGET
from mlmake.host.lock import BuildLock
from mlmake.model.graph import Action
from mlmake.model.trace import Memory, Trace
from mlmake.model.units import show_bytes, show_seconds
from mlmake.views.jsonl import encoded
from mlmake.views.screen import printable

if TYPE_CHECKING:
    from mlmake.app import App


@dataclass(frozen=True, slots=True)
class Rubbish:
    """What would go: outputs that are there, as paths from the root, and their bytes."""

    paths: tuple[str, ...]
    size: int


@command("clean")
@click.argument("targets", nargs=-1, type=TARGET)
@click.option("-n", "dry_run", is_flag=True, help="Only say what would go.")
@click.option("-y", "sure", is_flag=True, help="Do not ask.")
@click.option("--cache", is_flag=True, help="Also what is remembered of them, so that they have to run again.")
def clean(settings: Settings, targets: tuple[str, ...], dry_run: bool, sure: bool, cache: bool) -> int:
    """Remove outputs, never inputs.

    Without TARGETS, the outputs of all targets.
    """
    with opened(settings) as app:
        graph = app.graph
        names = app.request(targets).actions if targets else tuple(graph.actions)
        actions = [graph.actions[name] for name in names]
        rubbish = find(app.root, actions)
        results = remembered(app.memory, actions) if cache else []
        if not rubbish.paths and not results:
            return _tell(settings, [], "nothing to remove")
        question = summary(rubbish, results, cache=cache)
        if dry_run:
            return _tell(settings, rubbish.paths, f"would remove {question}")
        if not sure:
            _ask(question, rubbish, settings)
        lock = BuildLock(os.path.join(app.state_dir, "lock"))
        lock.acquire("mlmake clean", wait=lambda text: print(f"mlmake: {text}, waiting", file=sys.stderr, flush=True))
        with closing(lock):
            failed = remove(app.root, rubbish.paths)
            forget(app, results)
    if failed:
        for error in failed:
            say(machine(error), MACHINE)
        return MACHINE
    return _tell(settings, rubbish.paths, f"removed {question}")


def find(root: str, actions: Iterable[Action]) -> Rubbish:
    """The declared outputs that are there and lie inside the project, no symbolic link leading out."""
    found = {}
    home = os.path.realpath(root)
    for action in actions:
        for output in action.outputs:
            place = os.path.join(root, output.path.rstrip("/"))
            parent = os.path.realpath(os.path.dirname(place))
            if os.path.lexists(place) and (parent == home or parent.startswith(home + os.sep)):
                found[output.path] = size_of(place)
    return Rubbish(tuple(found), sum(found.values()))


def size_of(path: str) -> int:
    """The bytes of a file, or of all files in a folder; links are not followed."""
    if os.path.islink(path) or not os.path.isdir(path):
        return os.lstat(path).st_size
    total = 0
    for folder, _, names in os.walk(path):
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    return total


def remembered(memory: Memory, actions: Iterable[Action]) -> list[Trace]:
    """All results of the present recipes, and the last one of each action."""
    found: dict[int, Trace] = {}
    for action in actions:
        latest = memory.latest(action.id)
        for trace in (*memory.results(action.recipe), *((latest,) if latest else ())):
            found[trace.order] = trace
    return list(found.values())


def summary(rubbish: Rubbish, results: Sequence[Trace], *, cache: bool) -> str:
    """What goes, in words; with the cache also what it would cost to get it back."""
    count = len(rubbish.paths)
    text = f"{count} output{'s' if count != 1 else ''} ({show_bytes(rubbish.size)})"
    if not cache:
        return text
    newest: dict[str, Trace] = {}
    for trace in results:
        if trace.action not in newest or newest[trace.action].order < trace.order:
            newest[trace.action] = trace
    cost = show_seconds(sum(trace.seconds for trace in newest.values()))
    return (
        f"{text} and {len(results)} remembered result{'s' if len(results) != 1 else ''}; "
        f"running {len(newest)} step{'s' if len(newest) != 1 else ''} again would take {cost} of work"
    )


def remove(root: str, paths: Iterable[str]) -> list[OSError]:
    """Remove outputs and the folders that are empty then; gives what could not be removed."""
    failed = []
    for path in paths:
        place = os.path.join(root, path.rstrip("/"))
        try:
            if os.path.isdir(place) and not os.path.islink(place):
                shutil.rmtree(place)
            else:
                os.unlink(place)
        except FileNotFoundError:
            continue
        except OSError as error:
            failed.append(error)
            continue
        parent = os.path.dirname(path.rstrip("/"))
        while parent and not os.listdir(os.path.join(root, parent)):
            os.rmdir(os.path.join(root, parent))
            parent = os.path.dirname(parent)
    return failed


def forget(app: "App", results: Sequence[Trace]) -> None:
    """Drop remembered results, and their bytes as far as no other result in the store has them."""
    for trace in results:
        app.state.forget_result(trace)
        app.store.forget(trace)
    app.state.commit()
    kept = {product.object for trace in app.store.remembered() for product in trace.outputs}
    for name in {product.object for trace in results for product in trace.outputs} - kept:
        if name is not None:
            app.store.drop(name)


def _ask(question: str, rubbish: Rubbish, settings: Settings) -> None:
    """Ask on a terminal; elsewhere nobody could answer."""
    if not sys.stdin.isatty():
        raise WrongUse(f"this would remove {question}; say -y if that is meant, -n to see what")
    for path in rubbish.paths:
        sys.stderr.write(f"  {printable(path)}\n")
    sys.stderr.write(f"Remove {question}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise click.Abort


def _tell(settings: Settings, paths: Sequence[str], text: str) -> int:
    if settings.json:
        sys.stdout.buffer.write(encoded({"schema": "mlmake.clean/1", "paths": list(paths), "text": text}) + b"\n")
    elif not settings.quiet:
        for path in paths:
            print(printable(path))
        print(text)
    return 0
