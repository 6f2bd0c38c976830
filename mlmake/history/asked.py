"""What a build was asked for as a document to keep beside its events; it does not know how it is written."""

from collections.abc import Iterator, Mapping, Sequence

from mlmake.history.past import Json
from mlmake.model.digest import Value
from mlmake.model.graph import Graph, Select

SCHEMA = "mlmake.asked/1"


def asked_document(graph: Graph, sources: Mapping[str, str], words: Sequence[str]) -> dict[str, Json]:
    """Parameters with what set each, and every instance with its keys and the parameters it uses.

    A parameter stands here once, whoever uses it; instances name a list of names by its place in `uses`.
    """
    uses: dict[tuple[str, ...], int] = {}
    instances: dict[str, list[Json]] = {}
    for action in graph.actions.values():
        if not action.is_group:
            names = tuple(name for name, _ in flat(action.params))
            instances[action.id] = [action.target, dict(action.keys), uses.setdefault(names, len(uses))]
    params = {name: [value, _source(name, sources)] for name, value in flat(graph.params)}
    chosen = {s.by: s.order for action in graph.actions.values() if isinstance(s := action.command, Select)}
    return {
        "schema": SCHEMA,
        "words": list(words),
        "params": params,
        "better": chosen,
        "uses": [list(names) for names in uses],
        "instances": instances,
    }


def flat(values: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """Each single value with its dotted name, in order; an empty table is a value."""
    waiting = list(reversed(list(values.items())))
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            waiting += [(f"{name}.{key}", inner) for key, inner in reversed(list(value.items()))]
        else:
            yield name, value


def _source(name: str, sources: Mapping[str, str]) -> str:
    """What set a value, or the table that it is in."""
    while name not in sources:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return ""
    return sources[name]
