"""The outputs of each instance, filled and claimed; it does not know who reads them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from mlmake.mlfile.interpolate import Mistake, Scope, Unfillable, fill_string
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.paths import normal
from mlmake.mlfile.schema import TargetTable
from mlmake.mlfile.territory import Territory, bad_output
from mlmake.model.graph import Output


def claim_outputs(
    name: str,
    table: TargetTable,
    instances: Iterable[str],
    *,
    scopes: Mapping[str, Scope],
    protected: Mapping[str, str],
    territory: Territory,
    target: Callable[[str], str],
    notes: Notes,
) -> dict[str, tuple[Output, ...]]:
    """The outputs of a target's instances, each of which becomes the owner of its own.

    `protected` gives for files of the project what they are, `target` the target of an instance.
    """
    found: dict[str, tuple[Output, ...]] = {}
    if not table.outputs:
        return found
    where: KeyPath = ("target", name, "outputs")
    declared: list[tuple[str | None, str, KeyPath]] = (
        [(label, text, (*where, label)) for label, text in table.outputs.items()]
        if isinstance(table.outputs, dict)
        else [(None, text, (*where, number)) for number, text in enumerate(table.outputs)]
    )
    sources = [table.source] if isinstance(table.source, str) else table.source or []
    for instance in instances:
        own = []
        for label, text, place in declared:
            path = _output(text, place, instance, scopes=scopes, protected=protected, sources=sources, notes=notes)
            if path is not None:
                own.append(Output(label, path))
                territory.claim(path, instance, where=place, notes=notes, target=target)
        found[instance] = tuple(own)
    return found


def _output(
    text: str,
    where: KeyPath,
    instance: str,
    *,
    scopes: Mapping[str, Scope],
    protected: Mapping[str, str],
    sources: Sequence[str],
    notes: Notes,
) -> str | None:
    path = text
    if "{" in text:
        try:
            path = fill_string(text, scopes[instance])
        except Unfillable as problem:
            notes.mistakes(where, [problem.mistake])
            return None
    wrong = bad_output(path, protected)
    if wrong is None and "*" in text:
        wrong = Mistake(f'the output "{text}" is a pattern', "name one file, or a folder with a final /")
    if wrong is not None:
        notes.mistakes(where, [wrong])
        return None
    path = normal(path)
    for source in sources:
        if "{" not in source and normal(source).rstrip("/") == path.rstrip("/"):
            notes.add(where, f"the output {path} is the source of {instance}", "write it elsewhere")
            return None
        if source.endswith("/") and path.startswith(normal(source)):
            notes.add(where, f"the output {path} lies in {source}, the source of {instance}", "write it elsewhere")
            return None
    return path
