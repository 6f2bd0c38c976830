"""What an attempt that succeeded leaves to be remembered and to be told; it records and tells nothing itself."""

from collections.abc import Iterator

from mlmake.model.decision import Decision
from mlmake.model.graph import Action, Graph, Select
from mlmake.model.trace import Trace
from mlmake.planning.evidence import Evidence
from mlmake.planning.request import owner_of
from mlmake.running import mishaps
from mlmake.running.attempt import Attempted
from mlmake.running.options import Options


def trace_of(
    evidence: Evidence, decision: Decision, done: Attempted, *, now: float, options: Options, complete: bool
) -> Trace:
    """The result of a run that ended `now`, in seconds since the epoch; `complete` if it was made from all branches."""
    action, ended = evidence.action, done.ended
    assert ended is not None, "a success has ended"
    return Trace(
        action=action.id,
        recipe=action.recipe,
        facts=action.facts,
        inputs=tuple((path, version) for path, version in evidence.inputs if isinstance(version, str)),
        discovered=tuple(done.discovered.items()),
        outputs=done.products,
        started=now - ended.seconds,
        ended=now,
        seconds=ended.seconds,
        run=options.run,
        reasons=decision.reasons,
        metrics=done.metrics,
        origin=options.origin.told(),
        read=done.read,
        packages=done.packages,
        baseline=done.baseline,
        complete=complete,
    )


def remarks(action: Action, done: Attempted, graph: Graph) -> Iterator[str]:
    """What the user should know of a success."""
    if done.read:
        yield mishaps.discovered(done.read)
    if done.own:
        yield mishaps.own_data(done.own)
    for path in done.discovered:
        maker = owner_of(graph, path)
        if maker is not None and maker not in action.upstream:
            yield mishaps.undeclared(path, maker)
    if isinstance(action.command, Select) and done.ended is not None and done.ended.detail:
        yield done.ended.detail
