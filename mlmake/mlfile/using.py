"""Which parameters a target uses, of those there are; it does not know who set them."""

from collections.abc import Iterable, Mapping

from mlmake.mlfile.interpolate import slots_in
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.parameters import Parameters
from mlmake.mlfile.schema import TargetTable
from mlmake.model.digest import Value


def listed_parameters(table: TargetTable, where: KeyPath, parameters: Parameters, notes: Notes) -> dict[str, Value]:
    """The parameters that a target lists, by dotted name; `"model.*"` gives all that is directly in the table."""
    found: dict[str, Value] = {}
    for number, name in enumerate(table.params):
        place = (*where, "params", number)
        base = "" if name == "*" else name.removesuffix(".*")
        try:
            value = parameters.get(base) if base else parameters.values
        except LookupError:
            names = list(parameters.names())
            meant = closest(base, names)
            hint = f"did you mean {meant}{name[len(base) :]}?" if meant else "set it under [params]"
            notes.add(place, f"there is no parameter {base}", hint)
            continue
        if name == base:
            found[name] = value
        elif isinstance(value, Mapping):
            found |= {f"{base}.{key}" if base else key: inner for key, inner in value.items()}
        else:
            notes.add(place, f"the parameter {base} is no table, so {name} names nothing", f'write "{base}"')
    return found


def written_parameters(texts: Iterable[tuple[str, bool]], parameters: Parameters) -> dict[str, Value]:
    """The parameters that templates name; each comes with whether it is a shell script. Unknown ones are left out."""
    found: dict[str, Value] = {}
    for text, shell in texts:
        if "{params" not in text:
            continue
        for slot in slots_in(text, shell=shell):
            name = slot.dotted.partition(".")[2]
            if slot.path[0] != "params" or not name or name in found:
                continue
            try:
                found[name] = parameters.get(name)
            except LookupError:
                # Checking the template says so, with its place.
                continue
    return found
