"""Whether a dynamic list is what the graph takes it for, and what follows where it is not; it lists nothing itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmake.model.graph import Action, Graph, Listing
from mlmake.model.plan import Request
from mlmake.model.reason import Code, Reason
from mlmake.planning.settled import Settled


@dataclass(frozen=True, slots=True)
class Grown:
    """The graph with the instances of a list that is known now, and what is asked for in it."""

    graph: Graph
    request: Request


def open_lists(action: Action, graph: Graph, settled: Mapping[str, Settled]) -> tuple[str, ...]:
    """Those upstream that stand for instances to come, as long as these are not known."""
    return tuple(n for n in action.upstream if n not in settled and isinstance(graph.actions[n].command, Listing))


def doubts(action: Action, graph: Graph, settled: Mapping[str, Settled]) -> Sequence[Reason]:
    """Why the list that an action stands for may be another than that of the graph; none if it is the same."""
    listing = action.command
    assert isinstance(listing, Listing), "only a listing lists"
    found = [Reason(Code.INPUT_MAY_CHANGE, name) for name in open_lists(action, graph, settled)]
    read = {maker for maker, _, _ in listing.read}
    for maker, path, digest in listing.read:
        if maker not in settled or settled[maker].outputs.get(path) != digest:
            found.append(Reason(Code.INPUT_MAY_CHANGE, path))
    if not found and not listing.complete:
        unread = [n for n in action.upstream if n not in read]
        outputs = [o.path for n in unread for o in graph.actions[n].outputs]
        found = [Reason(Code.INPUT_MAY_CHANGE, path) for path in outputs or unread or [action.id]]
    return found
