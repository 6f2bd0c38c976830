"""The parameters of a build: files, `[params]`, `--params` and `--set`, one over the other; not what uses them."""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli

from mlmake.mlfile import wording
from mlmake.mlfile.document import Document
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.paramfile import check_parameters, read_parameters
from mlmake.mlfile.paths import normal
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.spans import Position, Spans
from mlmake.model.digest import Value

_FRACTION = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Origin:
    """What set a value: a file, or `--set NAME=VALUE` as it was given; `where` is its key path in a TOML file."""

    source: str
    where: KeyPath = ()


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values, nested, and what set each by dotted name. `texts` are the files they came from, by name."""

    values: Mapping[str, Value]
    origins: Mapping[str, Origin]
    texts: Mapping[str, str]

    def get(self, name: str) -> Value:
        """The value (a table too) of a dotted name; LookupError if there is none."""
        value: Value = self.values
        for part in name.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise LookupError(name)
            value = value[part]
        return value

    def names(self) -> Iterator[str]:
        """All dotted names, in order; tables too, before what they hold."""
        yield from _names(self.values, "")

    def place(self, name: str) -> tuple[str, Position | None]:
        """What set a value, and its position where that is a TOML file."""
        origin = self.origins[name]
        text = self.texts.get(origin.source)
        if text is None or not origin.where:
            return origin.source, None
        return origin.source, Spans(text).find(origin.where)

    def places(self) -> dict[str, str]:
        """What set each value, with its line where that is a TOML file; reads each text once."""
        spans = {source: Spans(text) for source, text in self.texts.items() if self._is_pointed_at(source)}
        found = {}
        for name, origin in self.origins.items():
            position = spans[origin.source].find(origin.where) if origin.where and origin.source in spans else None
            found[name] = f"{origin.source}:{position[0]}" if position else origin.source
        return found

    def _is_pointed_at(self, source: str) -> bool:
        return any(origin.where and origin.source == source for origin in self.origins.values())


def merge_parameters(
    document: Document,
    read: Callable[[str], bytes | None],
    *,
    settings: Sequence[str] = (),
    extra_file: str | None = None,
) -> tuple[Parameters, tuple[Problem, ...]]:
    """The parameters as one table: the files of `project.params`, `[params]`, `extra_file`, then each `NAME=VALUE`.

    `read` gives a file's bytes by its path from the project root, None if there is none.
    """
    merger = _Merger()
    for i, path in enumerate(document.table.project.params):
        merger.file(read, normal(path), ("project", "params", i), document.name)
    params = document.table.params
    for found in check_parameters(params, ("params",), None):
        merger.problems.append(found)
    merger.texts.update(document.texts)
    merger.merge(params, lambda where: Origin(document.file_of(("params", *where)), ("params", *where)))
    if extra_file is not None:
        merger.file(read, extra_file, (), f"--params {extra_file}")
    for setting in settings:
        merger.set(setting)
    return Parameters(merger.values, merger.origins, merger.texts), tuple(merger.problems)


class _Merger:
    """Lays tables over each other and keeps what set each value."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = {}
        self.texts: dict[str, str] = {}
        self.problems: list[Problem] = []

    def file(self, read: Callable[[str], bytes | None], path: str, where: KeyPath, named_by: str) -> None:
        """Lay a parameter file over the rest."""
        data = read(path)
        if data is None:
            self.problems.append(Problem(where, *wording.missing_file(path, by_flag=not where), file=named_by))
            return
        values, text, problems = read_parameters(data, path)
        self.texts[path] = text
        self.problems += problems
        in_toml = path.lower().endswith(".toml")
        if values is not None:
            self.merge(values, lambda where: Origin(path, where if in_toml else ()))

    def merge(self, values: Mapping[str, Any], origin: Callable[[KeyPath], Origin]) -> None:
        """Lay a table over the rest: tables are merged, anything else replaces what was there."""
        self.values = self._over(self.values, values, (), origin)

    def set(self, setting: str) -> None:
        """Set one value that exists, read as the type it has."""
        name, equals, text = setting.partition("=")
        name = name.strip()
        source = f"--set {setting}"
        if not equals or not name:
            self.problems.append(Problem((), *wording.no_setting(), file=source))
            return
        *parents, last = name.split(".")
        table: Any = self.values
        for part in parents:
            table = table.get(part) if isinstance(table, dict) else None
        if not isinstance(table, dict) or last not in table:
            near = _near(name, list(_names(self.values, "")))
            self.problems.append(Problem((), *wording.unknown_parameter(name, near), file=source))
            return
        try:
            value = read_as(table[last], text)
        except ValueError:
            self.problems.append(Problem((), *wording.wrong_setting(name, text, table[last]), file=source))
            return
        self._forget(name)
        nested: dict[str, Any] = {last: value}
        for part in reversed(parents):
            nested = {part: nested}
        if isinstance(value, dict):
            table[last] = {}
        self.merge(nested, lambda where: Origin(source))

    def _over(
        self,
        below: dict[str, Any],
        above: Mapping[str, Any],
        where: tuple[str, ...],
        origin: Callable[[KeyPath], Origin],
    ) -> dict[str, Any]:
        merged = dict(below)
        for key, value in above.items():
            here = (*where, key)
            if isinstance(value, dict):
                under = merged.get(key)
                if not isinstance(under, dict):
                    self.origins.pop(".".join(here), None)
                    under = {}
                merged[key] = self._over(under, value, here, origin)
                if value:
                    continue
            else:
                if isinstance(merged.get(key), dict):
                    self._forget(".".join(here))
                merged[key] = value
            self.origins[".".join(here)] = origin(here)
        return merged

    def _forget(self, name: str) -> None:
        """Drop what set a value and all that was below it."""
        for known in [known for known in self.origins if known == name or known.startswith(f"{name}.")]:
            del self.origins[known]


def read_as(like: Value, text: str) -> Value:
    """A value in a text, of the type of another one; ValueError if it is of none such."""
    if isinstance(like, str):
        return text
    value: Any
    if isinstance(like, float) and _FRACTION.fullmatch(text.strip()):
        return float(text)
    try:
        # the second key is swallowed by a comment in the text, and a third one shows
        table = tomli.loads(f"table = {{ value = {text.strip()}, end = 0 }}")["table"]
    except (RecursionError, ValueError):
        if like is None:
            return text
        raise ValueError(text) from None
    if len(table) != 2:
        raise ValueError(text)
    value = table["value"]
    if like is None:
        return value  # type: ignore[no-any-return]  # of any type that TOML has
    if isinstance(like, float) and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError(text) from None
    if isinstance(like, datetime.datetime | datetime.date | datetime.time):
        same = type(value) is type(like)
    else:
        same = next(kind for kind in (bool, int, float, list, dict) if isinstance(like, kind)) is type(value)
    if not same:
        raise ValueError(text)
    return value  # type: ignore[no-any-return]  # of the type of `like`


def _near(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant: by all of it, or by its last part alone."""
    last_parts = {known.rpartition(".")[2]: known for known in reversed(names)}
    return closest(name, names) or last_parts.get(closest(name.rpartition(".")[2], last_parts) or "")


def _names(values: Mapping[str, Value], before: str) -> Iterator[str]:
    for key, value in values.items():
        yield before + str(key)
        if isinstance(value, Mapping):
            yield from _names(value, f"{before}{key}.")
