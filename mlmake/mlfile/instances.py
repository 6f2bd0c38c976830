"""The instances of all targets, matrices that follow other targets included; it does not know what they build."""

from collections.abc import Mapping

from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.matrix import Keys, expand, instance_id
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.order import circles, in_order
from mlmake.mlfile.parameters import Parameters
from mlmake.mlfile.references import Instances, check_selectors, parse_reference, select_instances
from mlmake.mlfile.schema import TargetTable

_ALONE: Keys = {}


def multiply(
    targets: Mapping[str, TargetTable], parameters: Parameters, notes: Notes
) -> tuple[dict[str, Instances], set[str]]:
    """The instances by target, in the order of the targets, and the targets whose matrix has mistakes.

    Of the latter the instances are wrong, so that nothing can be said of references to them.
    """
    follows = {name: _followed(name, table, targets, notes) for name, table in targets.items()}
    edges = {name: [] if other is None else [other] for name, other in follows.items()}
    for circle in circles(edges):
        notes.add(
            ("target", circle[0], "matrix"),
            f"the matrices follow each other in a circle: {' → '.join((*circle, circle[0]))}",
            "write one of them as a table",
        )
    made: dict[str, Instances] = {}
    broken: set[str] = set()
    names = list(parameters.names()) if any(not isinstance(t.matrix, str | None) for t in targets.values()) else []
    for name in in_order(edges):
        matrix = targets[name].matrix
        if matrix is None:
            made[name] = Instances(name, (name,), (_ALONE,))
        elif isinstance(matrix, str):
            made[name] = _following(name, matrix, made, notes)
            if follows[name] is None or follows[name] in broken or not made[name].ids:
                broken.add(name)
        else:
            where = ("target", name, "matrix")
            expanded = expand(matrix, where, parameter=parameters.get, parameters=names)
            for problem in expanded.problems:
                notes.take(problem)
                broken.add(name)
            keys = expanded.instances
            made[name] = Instances(name, tuple(instance_id(name, k) for k in keys), keys)
    broken |= targets.keys() - made.keys()
    return {name: made.get(name) or Instances(name, (), ()) for name in targets}, broken


def _followed(name: str, table: TargetTable, targets: Mapping[str, TargetTable], notes: Notes) -> str | None:
    """The target whose instances a matrix takes over."""
    if not isinstance(table.matrix, str):
        return None
    where = ("target", name, "matrix")
    reference = parse_reference(table.matrix)
    if isinstance(reference, Mistake):
        notes.add(where, reference.what, 'a matrix is a table of arrays, or a reference like ":train"')
        return None
    if reference.target not in targets:
        notes.add(where, *unknown_target(reference.target, targets))
        return None
    if reference.output is not None:
        notes.add(where, f'"{table.matrix}" refers to an output, a matrix takes over instances', f":{reference.target}")
    if targets[reference.target].matrix is None:
        notes.add(where, f"{reference.target} has no matrix to take over", "take this key away")
        return None
    return reference.target


def _following(name: str, text: str, made: Mapping[str, Instances], notes: Notes) -> Instances:
    reference = parse_reference(text)
    if isinstance(reference, Mistake) or reference.target not in made:
        return Instances(name, (name,), (_ALONE,))
    other = made[reference.target]
    own = Instances(name, (), ())
    if mistakes := check_selectors(reference, other, own):
        notes.mistakes(("target", name, "matrix"), mistakes)
        return own
    keys = tuple(other.keys[place] for place in select_instances(reference, other, own_names=(), own=_ALONE))
    return Instances(name, tuple(instance_id(name, k) for k in keys), keys)


def unknown_target(name: str, targets: Mapping[str, object]) -> tuple[str, str | None]:
    """What to say of a target that is not there."""
    meant = closest(name, targets)
    if meant:
        return f"there is no target {name}", f"did you mean {meant}?"
    listed = ", ".join(list(targets)[:8]) + (", …" if len(targets) > 8 else "")
    return f"there is no target {name}", f"there are {listed}" if targets else "the Mlfile has no targets"
