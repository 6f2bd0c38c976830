"""The instances of a target: its matrix multiplied out, and their names; it does not know what they build."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from mlmake.mlfile.interpolate import RESERVED, as_text
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.problems import Problem
from mlmake.model.digest import Value

Keys = Mapping[str, Value]
"""The values of one instance by matrix key, in file order."""

LOOKED = ("glob", "from")
"""Tables with one of these are lists that are known only by looking."""

Look: TypeAlias = Callable[[str, Mapping[str, object], KeyPath], Sequence[Value] | Problem]
"""Gives the values of a key from such a table at a place, or what is wrong with it."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PLAIN = re.compile(r"[A-Za-z0-9._/+-]*")
_OTHER = re.compile(rb"[^A-Za-z0-9._/+-]")


@dataclass(frozen=True, slots=True)
class Expanded:
    """Instances in order, each with its values and how these are shown; or what is wrong."""

    instances: tuple[Keys, ...]
    problems: tuple[Problem, ...] = ()


def encode(text: str) -> str:
    """A shown value inside a name: everything but letters, digits and `._/+-` percent-encoded, byte by byte."""
    if _PLAIN.fullmatch(text) and text.isascii():
        return text
    return _OTHER.sub(lambda m: b"%%%02X" % m[0][0], text.encode("utf-8", "surrogateescape")).decode("ascii")


def show(value: Value) -> str:
    """A matrix value as it is shown: a table by its `name`. Not yet encoded."""
    return as_text(value["name"]) if isinstance(value, Mapping) else as_text(value)


def instance_id(target: str, keys: Keys) -> str:
    """`train`, or `train@algo=forest,depth=3`."""
    if not keys:
        return target
    return f"{target}@" + ",".join(f"{key}={encode(show(value))}" for key, value in keys.items())


def expand(
    matrix: Mapping[str, object] | Sequence[Mapping[str, object]],
    where: KeyPath,
    *,
    parameter: Callable[[str], object],
    parameters: Sequence[str] = (),
    look: Look,
) -> Expanded:
    """Multiply out a table, or the tables of an array; `parameter` gives one by dotted name, LookupError if none."""
    problems: list[Problem] = []
    several = not isinstance(matrix, Mapping)
    tables: Sequence[Mapping[str, object]] = [matrix] if isinstance(matrix, Mapping) else matrix
    found: dict[frozenset[tuple[str, str]], Keys] = {}
    for number, table in enumerate(tables):
        place = (*where, number) if several else where
        axes = _axes(table, place, problems, parameter=parameter, parameters=parameters, look=look)
        excluded = _excluded(table, axes, place, problems)
        names = tuple(axes)
        shown = [[(key, show(value)) for value in values] for key, values in axes.items()]
        products = zip(itertools.product(*axes.values()), itertools.product(*shown), strict=True) if axes else ()
        for values, pairs in products:
            mark = frozenset(pairs)
            if any(wanted <= mark for wanted in excluded):
                continue
            if mark in found:
                problems.append(_twice(dict(zip(names, values, strict=True)), place))
            else:
                found[mark] = dict(zip(names, values, strict=True))
        for keys, spot in _included(table, place, problems):
            mark = frozenset((key, show(value)) for key, value in keys.items())
            if mark in found:
                problems.append(_twice(keys, spot))
            else:
                found[mark] = keys
    return Expanded(tuple(found.values()), tuple(problems))


def is_looked(listed: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a list is known only by looking."""
    return isinstance(listed, Mapping) and any(word in listed for word in LOOKED)


def _twice(keys: Keys, where: KeyPath) -> Problem:
    return Problem(
        where,
        f"the instance {instance_id('', keys)[1:]} is there twice",
        "take one away; values that are shown alike cannot be told apart",
    )


def _axes(
    table: Mapping[str, object],
    where: KeyPath,
    problems: list[Problem],
    *,
    parameter: Callable[[str], object],
    parameters: Sequence[str],
    look: Look,
) -> dict[str, list[Value]]:
    axes: dict[str, list[Value]] = {}
    for key, listed in table.items():
        if key in ("include", "exclude"):
            continue
        place = (*where, key)
        if problem := _bad_key(key, place):
            problems.append(problem)
            continue
        if is_looked(listed):
            found = look(key, listed, place)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                axes[key] = list(found)
            continue
        values = _listed(listed, place, problems, parameter=parameter, parameters=parameters)
        if values is None:
            continue
        good: dict[str, Value] = {}
        for number, value in enumerate(values):
            spot = (*place, number) if isinstance(listed, list) else place
            if trouble := _bad_value(value, spot):
                problems.append(trouble)
                continue
            text = show(value)
            if text in good:
                problems.append(
                    Problem(spot, f'two values of {key} would both be shown as "{text}"', "change one, or take it away")
                )
                continue
            good[text] = value
        axes[key] = list(good.values())
    return axes


def _bad_key(key: str, where: KeyPath) -> Problem | None:
    if key in RESERVED:
        return Problem(
            where,
            f"{key} cannot be a matrix key: {{{key}}} has a meaning of its own",
            "give it another name",
            at_key=True,
        )
    if not _KEY.fullmatch(key):
        return Problem(
            where, f'"{key}" cannot be a matrix key', "letters, digits, - and _, not starting with a digit", at_key=True
        )
    return None


def _bad_value(value: object, where: KeyPath) -> Problem | None:
    if isinstance(value, str | bool | int | float):
        return None
    if isinstance(value, Mapping):
        name = value.get("name")
        if isinstance(name, str | bool | int | float):
            return None
        return Problem(
            where,
            "a table among the values of a matrix needs a name" if name is None else "the name of a value is a text",
            '{ name = "small", … } is shown as small in the names of instances',
        )
    return Problem(where, "not a matrix value", "strings, numbers, booleans, or tables with a name")


def _listed(
    listed: object,
    where: KeyPath,
    problems: list[Problem],
    *,
    parameter: Callable[[str], object],
    parameters: Sequence[str],
) -> Sequence[Value] | None:
    if isinstance(listed, list):
        return listed
    if not isinstance(listed, Mapping) or set(listed) != {"param"} or not isinstance(listed["param"], str):
        hint = 'write ["a", "b"], { param = "folds" }, { glob = "data/*" } or { from = ":split" }'
        word = next(iter(listed), None) if isinstance(listed, Mapping) else None
        if word is not None and (meant := closest(word, ("param", *LOOKED))):
            hint = f"did you mean {meant}?"
        problems.append(Problem(where, "the values of a matrix key are an array", hint))
        return None
    name = listed["param"]
    try:
        value = parameter(name)
    except LookupError:
        meant = closest(name, parameters)
        hint = f"did you mean {meant}?" if meant else "set it under [params]"
        problems.append(Problem((*where, "param"), f"there is no parameter {name}", hint))
        return None
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return range(value)
    problems.append(
        Problem(
            (*where, "param"), f"the parameter {name} gives no list", "an array, or a count n for the values 0 to n-1"
        )
    )
    return None


def _tables(
    table: Mapping[str, object], key: str, where: KeyPath, problems: list[Problem]
) -> list[Mapping[str, Value]]:
    listed = table.get(key, [])
    if isinstance(listed, list) and all(isinstance(item, Mapping) and item for item in listed):
        return listed
    problems.append(Problem((*where, key), f"{key} is an array of tables", f'{key} = [{{ algo = "gbm", depth = 9 }}]'))
    return []


def _excluded(
    table: Mapping[str, object], axes: Mapping[str, Sequence[Value]], where: KeyPath, problems: list[Problem]
) -> list[frozenset[tuple[str, str]]]:
    found = []
    for number, wanted in enumerate(_tables(table, "exclude", where, problems)):
        pairs: list[tuple[str, str]] = []
        for key, value in wanted.items():
            place = (*where, "exclude", number, key)
            if key not in axes:
                if key not in table:
                    meant = closest(key, axes)
                    hint = f"did you mean {meant}?" if meant else f"its keys are {', '.join(axes)}"
                    problems.append(Problem(place, f"the matrix has no key {key}", hint, at_key=True))
                pairs = []
                break
            text = show(value) if _bad_value(value, place) is None else as_text(value)
            names = [show(v) for v in axes[key]]
            if text not in names and not is_looked(table[key]):
                meant = closest(text, names)
                hint = f"did you mean {meant}?" if meant else f"its values are {', '.join(names)}"
                problems.append(Problem(place, f'{key} has no value "{text}"', hint))
            pairs.append((key, text))
        # One without a pair is wrong, and would match all.
        if pairs:
            found.append(frozenset(pairs))
    return found


def _included(
    table: Mapping[str, object], where: KeyPath, problems: list[Problem]
) -> list[tuple[dict[str, Value], KeyPath]]:
    found = []
    for number, keys in enumerate(_tables(table, "include", where, problems)):
        place: KeyPath = (*where, "include", number)
        troubles = [
            trouble
            for key, value in keys.items()
            if (trouble := _bad_key(key, (*place, key)) or _bad_value(value, (*place, key)))
        ]
        problems += troubles
        if not troubles:
            found.append((dict(keys), place))
    return found
