"""Runs steps twice where nobody sees it and compares what they leave; it records nothing and builds nothing."""

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

from mlmake.app import App
from mlmake.executors.local import LocalExecutor
from mlmake.executors.log import tail
from mlmake.executors.registry import DispatchExecutor
from mlmake.executors.warm import WarmExecutor
from mlmake.history.twice import Checked, Output
from mlmake.host.comparing import compare
from mlmake.host.crew import ThreadCrew
from mlmake.host.removal import remove
from mlmake.host.signals import interrupts
from mlmake.host.view import make_view
from mlmake.mlfile.interpolate import Unfillable
from mlmake.model.digest import MISSING
from mlmake.model.graph import Action, Select
from mlmake.model.job import Ended, Job
from mlmake.model.plan import Request
from mlmake.planning.discovered import with_discovered_edges
from mlmake.planning.evidence import Settled, gather
from mlmake.planning.plan import closure
from mlmake.planning.request import with_commands
from mlmake.planning.schedule import Room, claim
from mlmake.ports import Crashed, Done, Interrupted
from mlmake.reading import Usage
from mlmake.running import mishaps
from mlmake.running.attempt import Attempted
from mlmake.running.failing import mishap
from mlmake.running.order import Surroundings, make_job
from mlmake.running.runs import log_name

ROUNDS = ("first", "second")

FOLDER = "twice"
"""In the state: where steps run twice, and what they left differing."""


class Stopped(Exception):
    """A signal came; the argument is its number."""


def check_twice(app: App, word: str) -> Iterator[Checked]:
    """Run each step that `word` names twice. Waits for a build to end first. Raises Usage, Stopped, OSError."""
    names = with_commands(app.graph, app.request([word]).actions)
    steps = [name for name in names if not isinstance(app.graph.actions[name].command, Select)]
    steps = [name for name in steps if app.graph.actions[name].outputs]
    if not steps:
        raise Usage(f"--check-deterministic {word}: there is no step with outputs that could be compared")
    with app.alone("mlmake build --check-deterministic"):
        for name in steps:
            yield _check(app, name)


def _check(app: App, name: str) -> Checked:
    graph = with_discovered_edges(app.graph, app.state)
    action = graph.actions[name]
    top = os.path.join(app.state_dir, FOLDER, log_name(name).removesuffix(".log"))
    remove(top)
    os.makedirs(top)
    view, done = os.path.join(top, "project"), list[Ended]()
    checked: Checked | None = None
    try:
        for number, word in enumerate(ROUNDS, 1):
            # Both at one place, one after the other: what only depends on where it runs is no chance.
            outputs = [output.path for output in action.outputs]
            make_view(app.root, view, outputs=outputs, hidden=(app.state_dir, app.store.folder))
            try:
                job = _job(app, action, view, log=os.path.join(top, f"{word}.log"), name=f"twice-{number}")
            except Unfillable as error:
                return Checked(name, trouble=mishaps.unfillable(error.mistake))
            if isinstance(job, str):
                return Checked(name, trouble=job)
            ended = _run(app, job, view)
            done.append(ended)
            seconds = tuple(e.seconds for e in done)
            if not ended.succeeded:
                said = mishap(action, Attempted(ended))
                return Checked(name, seconds=seconds, trouble=f"the {word} run {said}", log=_last_lines(job.log))
            missing = [path for path in outputs if not _is_there(os.path.join(view, path))]
            if missing:
                return Checked(name, seconds=seconds, trouble=f"the {word} run left no {', '.join(missing)}")
            for path in outputs:
                kept = os.path.join(top, word, path.rstrip("/"))
                os.makedirs(os.path.dirname(kept), exist_ok=True)
                os.rename(os.path.join(view, path.rstrip("/")), kept)
            remove(view)
        found = tuple(
            Output(path, compare(*(os.path.join(top, w, path.rstrip("/")) for w in ROUNDS), folder=path.endswith("/")))
            for path in outputs
        )
        checked = Checked(name, found, seconds)
        if not checked.same:
            for path in (output.path for output in found if output.difference is None):
                for word in ROUNDS:
                    remove(os.path.join(top, word, path.rstrip("/")))
            checked = replace(checked, kept=top)
        return checked
    finally:
        remove(view)
        if checked is None or not checked.kept:
            remove(top)
            with suppress(OSError):  # others may have left something to look at
                os.rmdir(os.path.dirname(top))


def _job(app: App, action: Action, view: str, *, log: str, name: str) -> Job | str:
    """The order for one run on the inputs as they lie there; or why there can be none."""
    graph = with_discovered_edges(app.graph, app.state)
    settled = {}
    try:
        for other in closure(graph, [action.id]):
            versions = {output.path: app.workspace.version(output.path) for output in graph.actions[other].outputs}
            settled[other] = Settled(versions, in_place=True)
        evidence = gather(action, graph, request=Request((action.id,)), snapshot=app.snapshot(), settled=settled)
    except OSError as error:
        return mishaps.unreadable(error)
    missing = [path for path, version in evidence.inputs if version is MISSING]
    if missing:
        makers = dict.fromkeys(m for path in missing if (m := graph.owners.get(path)) is not None)
        if makers:
            return f"{', '.join(missing)} not there: `mlmake build {' '.join(makers)}` first"
        return mishaps.missing_inputs(missing)
    totals = graph.project.totals
    environ = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "").replace(app.root, view)}
    if "PYTHONPATH" not in os.environ:
        del environ["PYTHONPATH"]
    job = make_job(
        action,
        evidence.bound,
        name=name,
        attempt=1,
        log=log,
        granted=Room(totals, 1).take(claim(action, totals)),
        around=Surroundings(root=view, python=app.python, project=graph.project, environ=environ),
        listing=app.workspace.listing,
    )
    return replace(job, track=())


def _run(app: App, job: Job, view: str) -> Ended:
    """One run, by a parent of its own: two children of one parent would share its seed of hashes."""
    note = app.workspace.note_process
    warm = WarmExecutor(app.python, view, app.graph.project.preload, note)
    crew = ThreadCrew(size=1)
    with closing(DispatchExecutor(LocalExecutor(note), warm)) as executor, closing(crew), interrupts(crew):
        crew.submit(job.id, lambda: executor.execute(job, crew.post))
        signal: int | None = None
        while True:
            match crew.get(None):
                case Done(_, Ended() as ended):
                    if signal is not None:
                        raise Stopped(signal)
                    return ended
                case Crashed(_, error):
                    raise error
                case Interrupted(number):
                    executor.cancel(job.id, kill=signal is not None)
                    signal = signal or number
                case _:
                    pass  # what it says goes into its log


def _is_there(path: str) -> bool:
    return os.path.isdir(path) if path.endswith("/") else os.path.isfile(path)


def _last_lines(log: str) -> tuple[str, ...]:
    try:
        return tail(log)
    except FileNotFoundError:
        return ()
