"""Edges that no Mlfile declares: a step was seen to load what another target makes; it looks at traces only."""

from collections.abc import Mapping
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
        fitting = [maker for maker in sorted(new) if not needs(maker, name, graph, added)]
        if fitting:
            added[name] = replace(action, upstream=(*action.upstream, *fitting))
    return replace(graph, actions={**graph.actions, **added}) if added else graph


def declaring(graph: Graph, path: str, maker: str) -> str:
    """What to add to `inputs` for a file that this action makes: a reference to a whole output, else the path."""
    action = graph.actions[maker]
    output = next((output for output in action.outputs if output.path == path), None)
    if output is None:
        return path
    instance = "@" + maker.partition("@")[2] if "@" in maker else ""
    return f":{action.target}" + (f".{output.name}" if output.name is not None else "") + instance


def needs(name: str, other: str, graph: Graph, added: Mapping[str, Action] | None = None) -> bool:
    """Whether `name` comes after `other`, near or far; `added` are actions in place of those of the graph."""
    seen, stack = {name}, [name]
    while stack:
        here = stack.pop()
        action = (added and added.get(here)) or graph.actions[here]
        for need in action.upstream + action.after:
            if need == other:
                return True
            if need not in seen:
                seen.add(need)
                stack.append(need)
    return False
