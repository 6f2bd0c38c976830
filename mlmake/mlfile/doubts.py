"""What is allowed in an Mlfile and yet looks like an oversight; it does not know what a mistake is."""

from collections.abc import Iterator

from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.references import is_reference
from mlmake.mlfile.schema import TargetTable
from mlmake.model.graph import Graph


def find_doubts(name: str, table: TargetTable, graph: Graph) -> Iterator[Problem]:
    """The references of a target that mean every instance though both have a matrix key of the same name."""
    own = _keys(name, graph)
    if not own:
        return
    for where, text in _written(name, table):
        if not is_reference(text):
            continue
        meant, _, selectors = text.partition("@")
        target = meant[1:].partition(".")[0]
        selected = {part.partition("=")[0].strip() for part in selectors.split(",")}
        if target not in graph.targets or "*" in selected:
            continue
        free = [key for key in _keys(target, graph) if key in own and key not in selected]
        if free:
            sign = f"{text}," if selectors else f"{text}@"
            yield Problem(
                where,
                f"{text} means every {' and '.join(free)} of {target}, though {name} has a key of that name too",
                f"write {sign}{','.join(free)} for the own value; if every one is meant, all is well",
            )


def _keys(name: str, graph: Graph) -> list[str]:
    """The matrix keys of all instances of a target."""
    return list(dict.fromkeys(key for action in graph.targets[name].actions for key in graph.actions[action].keys))


def _written(name: str, table: TargetTable) -> Iterator[tuple[KeyPath, str]]:
    """Every input as it is written, with its place."""
    entries = table.inputs.items() if isinstance(table.inputs, dict) else enumerate(table.inputs)
    for label, value in entries:
        where: KeyPath = ("target", name, "inputs", label)
        if isinstance(value, str):
            yield where, value
        else:
            yield from (((*where, number), text) for number, text in enumerate(value))
