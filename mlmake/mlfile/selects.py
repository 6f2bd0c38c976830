"""The selection of a target: its candidates, and all that its manifest tells of; it does not choose."""

from collections.abc import Mapping

from mlmake.mlfile.inputs import Resolver
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.schema import SelectTable
from mlmake.model.graph import Input, Made, Select


def read_select(
    asked: SelectTable, name: str, place: int, *, resolver: Resolver, target_of: Mapping[str, str], notes: Notes
) -> tuple[Select, tuple[Input, ...]]:
    """What the instance at this place of a target selects from, and its inputs with all that the manifest tells of."""
    where = ("target", name, "select")
    table, broken = resolver.targets[name], name in resolver.broken
    instance, inputs = resolver.instances[name].ids[place], resolver.resolve(name)[place].inputs
    if len(table.outputs) != 1 and not broken:
        hint = f'outputs = ["build/{name}.json"]'
        notes.add(where, "a selection writes one file, the list of what it chose", hint)
    if asked.min is not None and asked.max is not None and asked.min > asked.max:
        notes.add(where, f"min {asked.min} is above max {asked.max}, nothing can be chosen", "swap them")
    candidates = resolver.candidates(name, place)
    picks = resolver.picked(name, place)
    if not table.inputs and not broken:
        notes.add(where, "a selection chooses from its inputs, and there are none", 'inputs = [":train"]')
    for target in dict.fromkeys(target_of[c] for c in candidates):
        if resolver.targets[target].metrics is None and target not in resolver.broken:
            hint = f'say which output of {target} holds them: metrics = "metrics"'
            notes.add(where, f"{target} has no metrics to choose by", hint)
    chosen = picks or candidates
    names = dict.fromkeys(k for c in chosen for k in resolver.instances[target_of[c]].names)
    for number, key in enumerate(asked.per):
        if key not in names and chosen:
            meant = closest(key, names)
            listed = f"there {'is only' if len(names) == 1 else 'are'} {', '.join(names)}" if names else None
            notes.add(
                (*where, "per", number),
                f"no candidate has a matrix key {key}",
                f"did you mean {meant}?" if meant else listed,
            )
    # The manifest tells the digests of all outputs of what it chose, so all of them are read.
    known = {item for i in inputs for item in i.items if isinstance(item, Made)}
    more = [
        resolver.territory.made(o.path)
        for c in chosen
        for o in resolver.outputs.get(c, ())
        if resolver.territory.owners.get(o.path) == c
    ]
    unread = tuple(item for item in dict.fromkeys(more) if item not in known and item.maker != instance)
    if unread:
        inputs = (*inputs, Input(None, True, unread))
    select = Select(
        by=asked.by,
        top=asked.top,
        order=asked.order,
        min=asked.min,
        max=asked.max,
        per=tuple(asked.per),
        candidates=candidates,
        pick=picks,
    )
    return select, inputs
