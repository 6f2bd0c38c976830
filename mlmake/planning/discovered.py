"""Edges that no Mlfile declares: a step was seen to load what another target makes; it looks at traces only."""

from dataclasses import replace

from mlmake.model.graph import Action, Graph
from mlmake.model.trace import Memory
from mlmake.planning.request import owner_of


def with_discovered_edges(graph: Graph, memory: Memory) -> Graph:
    """The graph with an edge to the maker of every discovered input, but those that would close a cycle."""
    added: dict[str, Action] = {}
    for name, action in graph.actions.items():
        last = memory.last(action.recipe)
        if last is None or not last.discovered:
            continue
        makers = {owner_of(graph, path) for path, _ in last.discovered}
        new = [maker for maker in makers if maker is not None and maker != name and maker not in action.upstream]
        fitting = [maker for maker in sorted(new) if not _needs(maker, name, graph, added)]
        if fitting:
            added[name] = replace(action, upstream=(*action.upstream, *fitting))
    return replace(graph, actions={**graph.actions, **added}) if added else graph


def _needs(name: str, other: str, graph: Graph, added: dict[str, Action]) -> bool:
    """Whether `name` is built from `other`, near or far."""
    seen, stack = {name}, [name]
    while stack:
        action = added.get(here := stack.pop()) or graph.actions[here]
        for need in action.upstream + action.after:
            if need == other:
                return True
            if need not in seen:
                seen.add(need)
                stack.append(need)
    return False
