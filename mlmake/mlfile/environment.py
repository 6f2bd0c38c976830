"""The environment of a target: what is set, what passes through; it does not know the values that pass."""

from collections.abc import Mapping, Sequence

from mlmake.mlfile.interpolate import as_text
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.schema import Scalar


def read_environment(
    common: Mapping[str, Scalar], own: Mapping[str, Scalar] | Sequence[str], where: KeyPath, notes: Notes
) -> tuple[dict[str, str], tuple[str, ...], dict[str, KeyPath]]:
    """Variables that are set, names that pass through, and where each variable is set.

    `common` is `[env]`, `own` the target's `env`, which is at `where`.
    """
    env: dict[str, str] = {}
    passed: dict[str, None] = {}
    places: dict[str, KeyPath] = {}
    tables: list[tuple[KeyPath, Mapping[str, Scalar]]] = [(("env",), common)]
    if isinstance(own, Mapping):
        tables.append((where, own))
    for place, table in tables:
        for variable, value in table.items():
            here = (*place, variable)
            if not _names_variable(variable, here, notes):
                continue
            if value is True:
                env.pop(variable, None)
                passed[variable] = None
            elif value is False:
                notes.add(here, f"{variable} is false", 'true passes it through; for the text write "false"')
            else:
                passed.pop(variable, None)
                env[variable] = as_text(value)
                places[variable] = here
    if not isinstance(own, Mapping):
        for number, variable in enumerate(own):
            if _names_variable(variable, (*where, number), notes):
                env.pop(variable, None)
                passed[variable] = None
    return env, tuple(passed), places


def _names_variable(name: str, where: KeyPath, notes: Notes) -> bool:
    if name and "=" not in name and "\0" not in name:
        return True
    notes.add(where, f'"{name}" cannot name an environment variable', 'set one as { NAME = "value" }')
    return False
