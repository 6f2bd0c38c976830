"""`mlmake log`: what steps have printed, found by the journals of the runs; it does not know how it was captured."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from mlmake.cli.ending import WrongUse
from mlmake.cli.project import opened
from mlmake.cli.remembered import meant, runs_in
from mlmake.cli.settings import Settings, command
from mlmake.cli.targets import TARGET
from mlmake.history.past import EVENTS as NAME
from mlmake.views.jsonl import encoded, speakable
from mlmake.views.screen import printable

BAD = frozenset({"failed", "timed-out", "disturbed", "cancelled"})

PAUSE = 0.2
"""Seconds between two looks at a log that is followed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One captured log: of which instance in which run, how that ended (none: it runs, or mlmake was killed)."""

    run: str
    instance: str
    path: str
    outcome: str | None


@command("log", file_flags=("--file",))
@click.argument("target", required=False, type=TARGET)
@click.option("--run", "run", metavar="ID", help="Of that run (also `last`, `last~1` …); the newest is the default.")
@click.option("-f", "follow", is_flag=True, help="Go on as long as the step runs.")
@click.option("--failed", is_flag=True, help="Only of steps that failed.")
@click.option("--path", "path_only", is_flag=True, help="Print where the log is instead.")
def log(settings: Settings, target: str | None, run: str | None, follow: bool, failed: bool, path_only: bool) -> int:
    """Print what steps have printed.

    With TARGET, its newest log; without, all logs of the newest run that has any.
    """
    with opened(settings) as app:
        folder, root = app.runs_folder, app.root
        wanted = frozenset(app.request([target]).actions) if target else None
    if run and not os.path.isdir(os.path.join(folder, run)):
        run = meant(run, runs_in(folder))
    entries = find(folder, wanted, run=run, failed=failed)
    if not entries:
        what = " failed" if failed else ""
        where = f" in run {run}" if run else ""
        raise WrongUse(f"there is no log of a{what or ' finished'} step" + (f" of {target}" if target else "") + where)
    if settings.json:
        rows = [{"run": e.run, "instance": e.instance, "path": e.path, "outcome": e.outcome} for e in entries]
        sys.stdout.buffer.write(encoded({"schema": "mlmake.log/1", "logs": rows}) + b"\n")
        return 0
    for entry in entries:
        path = os.path.join(root, entry.path)
        if path_only:
            sys.stdout.buffer.write(os.fsencode(path) + b"\n")
            continue
        if len(entries) > 1 and not settings.quiet:
            sys.stdout.buffer.write(f"==> {speakable(entry.instance)} <==\n".encode())
        show(path, is_running=_is_running(folder, entry) if follow else None)
        if not settings.quiet and os.path.getsize(path) == 0:
            sys.stderr.write(f"{printable(entry.instance)} printed nothing in run {entry.run}\n")
    return 0


def find(folder: str, wanted: frozenset[str] | None, *, run: str | None = None, failed: bool = False) -> list[Entry]:
    """The logs of the newest run that has any that are wanted; with `wanted`, the newest of each instance."""
    found: dict[str, Entry] = {}
    for name in [run] if run else runs(folder):
        for entry in entries_of(folder, name):
            fits = wanted is None or entry.instance in wanted
            if fits and (entry.outcome in BAD or not failed):
                found.setdefault(entry.instance, entry)
        if found and (wanted is None or wanted <= found.keys()):
            break
    return list(found.values())


def runs(folder: str) -> list[str]:
    """The runs that have a journal, newest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    journals = {name: os.path.join(folder, name, NAME) for name in names}
    times = {name: os.stat(path).st_mtime_ns for name, path in journals.items() if os.path.isfile(path)}
    return sorted(times, key=lambda name: (times[name], name), reverse=True)


def entries_of(folder: str, run: str) -> list[Entry]:
    """The logs of one run, in order of start; of several attempts the last one."""
    found: dict[str, Entry] = {}
    for event in events(os.path.join(folder, run, NAME)):
        if event.get("event") in ("target-started", "target-finished") and event.get("log"):
            instance = str(event["instance"])
            outcome = event.get("outcome")
            # The journal has absolute paths; the project may have moved since, with its state.
            here = os.path.join(folder, run, "logs", os.path.basename(str(event["log"])))
            path = here if os.path.exists(here) else str(event["log"])
            found[instance] = Entry(run, instance, path, str(outcome) if outcome else None)
    return list(found.values())


def events(path: str) -> Iterator[dict[str, object]]:
    """What a journal holds; a last line that was cut off is left out."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def show(path: str, *, is_running: Callable[[], bool] | None = None) -> None:
    """Copy a log to standard output as it is; with `is_running`, what is added too, until that says no."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - the message for a missing one differs
    except FileNotFoundError as error:
        raise WrongUse(f"{path} is not there any more") from error
    with file:
        while True:
            goes_on = is_running is not None and is_running()
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            if not goes_on:
                return
            time.sleep(PAUSE)


def _is_running(folder: str, entry: Entry) -> Callable[[], bool]:
    def look() -> bool:
        journal = list(events(os.path.join(folder, entry.run, NAME)))
        over = any(e.get("event") == "run-finished" for e in journal)
        ended = any(e.get("event") == "target-finished" and e.get("instance") == entry.instance for e in journal)
        return not over and not ended

    return look
