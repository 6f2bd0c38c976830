"""What a user settles by hand, past the judge: outputs that count as made, an earlier run back; it builds nothing."""

from collections.abc import Sequence

from mlmake.app import App
from mlmake.history.returning import Return, standing_then
from mlmake.host.machine import user
from mlmake.planning.discovered import with_discovered_edges
from mlmake.planning.plan import closure
from mlmake.planning.request import Wrong
from mlmake.reading import Usage
from mlmake.running.accept import Acceptance, Accepted, accept, unacceptable
from mlmake.running.returning import put_back, select
from mlmake.running.runs import new_run
from mlmake.stores.past import PastRuns
from mlmake.views.jsonl import speakable


def accept_outputs(app: App, words: Sequence[str], *, reason: str | None) -> Accepted:
    """Take what lies at the outputs of these for what the present recipes make of the present inputs.

    Waits for a build of this project to end first. Raises Usage, NotAccepted, OSError.
    """
    request = app.request(words)
    if wrong := [why for name in request.actions if (why := unacceptable(app.graph.actions[name]))]:
        raise Usage("\n".join(wrong))
    with app.alone("mlmake accept"):
        graph = with_discovered_edges(app.graph, app.state)
        app.prefetch(closure(graph, request.actions))
        run = new_run(app.clock.now())
        return accept(
            graph,
            request.actions,
            Acceptance(by=user(), reason=reason, run=run, origin=app.origin().told()),
            clock=app.clock,
            workspace=app.workspace,
            traces=app.state,
            store=app.store,
            installed=app.installed,
            sources=app.sources(),
        )


def restore_run(app: App, run: str, words: Sequence[str], *, dry: bool = False) -> Return:
    """Put back the outputs of all targets, or of those named, as they were when a run ended. Records nothing.

    Waits for a build of this project to end first, unless `dry`. Raises Usage.
    """
    if dry:
        return _restore(app, run, words, dry=True)
    with app.alone("mlmake restore"):
        found = _restore(app, run, words, dry=False)
        app.note_former({path: i.action for i in found.items if "@" in i.action for path in i.paths})
        return found


def _restore(app: App, run: str, words: Sequence[str], *, dry: bool) -> Return:
    past = PastRuns(app.runs_folder).read(run)
    recorded = app.state.made_in({step.made_in for step in past.steps.values() if step.made_in is not None})
    made = {(speakable(trace.action), trace.run): trace for trace in recorded}
    items = standing_then(past, made)
    chosen = select(items, words, folder=app.folder)
    if isinstance(chosen, Wrong):
        raise Usage(f"run {run}: {chosen.message}")
    job = f"restore-{new_run(app.clock.now())}"
    done = put_back(chosen, workspace=app.workspace, store=app.store, archive=app.state, job=job, dry=dry)
    return Return(run, past.head.ended, tuple(done), dry=dry, named=bool(words))
