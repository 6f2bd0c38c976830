"""The instances of all targets, matrices that follow other targets included; it does not know what they build."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from mlmake.mlfile.globs import matcher
from mlmake.mlfile.handed import Handed
from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.lists import Looker, unknown_target
from mlmake.mlfile.matrix import Keys, expand, instance_id, is_looked
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.order import circles, in_order
from mlmake.mlfile.parameters import Parameters
from mlmake.mlfile.references import Instances, Listed, check_selectors, parse_reference, select_instances
from mlmake.mlfile.schema import TargetTable
from mlmake.mlfile.territory import Territory
from mlmake.model.graph import Output

_ALONE: Keys = {}


class Multiplied:
    """The instances by target, in the order of the targets, and the targets whose matrix has mistakes.

    Of the latter the instances are wrong, so that nothing can be said of references to them. `claim` is told of each
    target's instances as soon as they are known, and fills in their outputs, which other matrices may list.
    """

    def __init__(
        self,
        targets: Mapping[str, TargetTable],
        parameters: Parameters,
        *,
        claim: Callable[[Instances], None],
        outputs: Mapping[str, tuple[Output, ...]],
        territory: Territory,
        handed: Handed,
        notes: Notes,
    ) -> None:
        self.targets, self.notes = targets, notes
        self.broken: set[str] = set()
        self.patterns: dict[str, Mapping[str, KeyPath]] = {}
        follows = {name: _followed(name, table, targets, notes) for name, table in targets.items()}
        edges: dict[str, list[str]] = {}
        for name, table in targets.items():
            before = [follows[name], *_listed_targets(table)]
            edges[name] = list(dict.fromkeys(other for other in before if other is not None and other in targets))
        for circle in circles(edges):
            notes.add(
                ("target", circle[0], "matrix"),
                f"the matrices follow each other in a circle: {' → '.join((*circle, circle[0]))}",
                "write one of them as a table",
            )
        made: dict[str, Instances] = {}
        names = list(parameters.names()) if any(not isinstance(t.matrix, str | None) for t in targets.values()) else []
        for name in _looking_last(in_order(edges), targets, follows):
            matrix = targets[name].matrix
            if matrix is None:
                made[name] = Instances(name, (name,), (_ALONE,))
            elif isinstance(matrix, str):
                made[name] = _following(name, matrix, made, notes)
                empty = not made[name].ids and made[name].listed is None
                if follows[name] is None or follows[name] in self.broken or empty:
                    self.broken.add(name)
            else:
                look = Looker(name, targets, instances=made, outputs=outputs, territory=territory, handed=handed)
                where = ("target", name, "matrix")
                expanded = expand(matrix, where, parameter=parameters.get, parameters=names, look=look)
                for problem in expanded.problems:
                    notes.take(problem)
                    self.broken.add(name)
                keys, listed = expanded.instances, look.listed
                ids = tuple(instance_id(name, k) for k in keys)
                made[name] = Instances(name, ids, keys, _names(matrix) if listed else (), listed)
                self.patterns[name] = look.patterns
                if listed is not None and any(other in self.broken for other in edges[name]):
                    self.broken.add(name)
            claim(made[name])
        self.broken |= targets.keys() - made.keys()
        self.instances = {name: made.get(name) or Instances(name, (), ()) for name in targets}

    def check_patterns(self, outputs: Mapping[str, tuple[Output, ...]]) -> None:
        """No list of files may match what its own instances make."""
        for name, patterns in self.patterns.items():
            for pattern, where in patterns.items():
                whole = matcher(pattern)
                for instance in self.instances[name].ids:
                    for output in outputs.get(instance, ()):
                        if whole.fullmatch(output.path):
                            self.notes.add(
                                where,
                                f'"{pattern}" matches {output.path}, an output of {instance} itself',
                                "narrow the pattern, or write the outputs elsewhere",
                            )


def _tables(table: TargetTable) -> Sequence[Mapping[str, object]]:
    matrix = table.matrix
    return [matrix] if isinstance(matrix, Mapping) else matrix if isinstance(matrix, list) else []


def _names(matrix: Mapping[str, object] | Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """The keys of a matrix, whether there are instances or not."""
    tables = [matrix] if isinstance(matrix, Mapping) else matrix
    return tuple(dict.fromkeys(key for table in tables for key in table if key not in ("include", "exclude")))


def _listed_targets(table: TargetTable) -> Iterator[str]:
    """The targets whose outputs a matrix lists."""
    for part in _tables(table):
        for listed in part.values():
            if isinstance(listed, Mapping) and isinstance(text := listed.get("from"), str):
                reference = parse_reference(text)
                if not isinstance(reference, Mistake):
                    yield reference.target


def _looking_last(
    ordered: Sequence[str], targets: Mapping[str, TargetTable], follows: Mapping[str, str | None]
) -> list[str]:
    """The same, but those that must look after all others: what these make, a pattern may match."""
    late: set[str] = set()
    for name in ordered:
        looks = any(is_looked(listed) for part in _tables(targets[name]) for listed in part.values())
        if looks or follows[name] in late:
            late.add(name)
    return sorted(ordered, key=late.__contains__)


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
    listed = other.listed
    if listed is not None:
        known = f"{name}@{','.join(f'{key}=?' for key in listed.keys)}"
        listed = Listed(known, listed.keys, (listed.id,), (), listed.complete)
    keys = tuple(other.keys[place] for place in select_instances(reference, other, own_names=(), own=_ALONE))
    return Instances(name, tuple(instance_id(name, k) for k in keys), keys, other.names, listed)
