"""What an opened project was and came from, and what it has now; it changes nothing and judges nothing itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mlmake.app import App
from mlmake.history.lineage import Lineage
from mlmake.history.past import NOW, Head, Parameter, Past
from mlmake.model.digest import Digest
from mlmake.model.trace import Product
from mlmake.planning.discovered import with_discovered_edges
from mlmake.planning.explain import Chain
from mlmake.planning.request import Wrong
from mlmake.planning.versus import versus
from mlmake.reading import Usage
from mlmake.running.lineage import find_lineage
from mlmake.stores.past import asked_from, given_past
from mlmake.views.jsonl import speakable


def given(app: App) -> Past:
    """What a build would be given now: parameters with their places, and instances; nothing that came out."""
    past = given_past(Head(NOW, app.clock.now(), "ok"), asked_from(app.asked(())))
    places = app.parameters.places()
    return replace(past, params={n: Parameter(p.value, places.get(n, p.source)) for n, p in past.params.items()})


def present(app: App) -> Past:
    """The results that the workspace has now, as if a run had just ended with them."""
    now, steps = given(app), {}
    app.state.prefetch((), app.graph.actions)
    for action in app.graph.actions:
        step, trace = now.steps.get(speakable(action)), app.state.latest(action)
        if step is not None and trace is not None:
            steps[step.instance] = replace(step, metrics=trace.metrics, seconds=trace.seconds, made_in=trace.run)
    return replace(now, steps=steps)


def versus_now(app: App, action: str, past: Past) -> Chain:
    """What differs between an action's result that stood in a run and what it would be made from now."""
    made = {name: step.made_in for name, step in past.steps.items() if step.made_in is not None}
    recorded = app.state.made_in(frozenset(made.values()))
    stood = {trace.action: trace for trace in recorded if made.get(speakable(trace.action)) == trace.run}
    graph = with_discovered_edges(app.graph, app.state)
    found = versus(graph, action, run=past.head.run, stood=stood, snapshot=app.snapshot())
    app.remember_looks()
    return found


def lineage_of(app: App, words: Sequence[str]) -> Lineage:
    """What these artifacts were made from, by the records of then. Writes nothing but stamps. Raises Usage."""
    found = find_lineage(
        app.graph,
        words,
        folder=app.folder,
        workspace=app.workspace,
        archive=app.state,
        inside=_inside(app),
    )
    app.workspace.flush_stamps()
    if isinstance(found, Wrong):
        raise Usage(found.message)
    return found


def _inside(app: App) -> Callable[[Product, str], Digest | None]:
    """Reads digests out of the lists of kept folders."""
    return lambda product, path: None if product.object is None else app.store.digest_in(product.object, path)
