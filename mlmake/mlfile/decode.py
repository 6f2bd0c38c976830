"""Text to tables: TOML, then each key by its type, all mistakes at once; it does not know what the values mean."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import tomli

from mlmake.mlfile import wording
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.schema import NAME_PATTERN, MlfileTable, Table, TargetTable
from mlmake.mlfile.spans import MOST_KEY_PARTS, Spans
from mlmake.mlfile.syntax import explain

LONGEST_FILE = 16 * 2**20
"""Bytes; the parser takes seconds a megabyte of some texts."""
DEEPEST_VALUE = 32

_NAME = re.compile(NAME_PATTERN)
_DEEP_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+)"""
    rf"{{{MOST_KEY_PARTS}}}"
)
_NULL = re.compile(r"\\(?:x00|u0000|U00000000)")
_T = TypeVar("_T", bound=Table)


class _Bad(Exception):
    """A value that does not fit; the problem has been noted."""


def text_of(data: bytes, name: str) -> tuple[str | None, tuple[Problem, ...]]:
    """The text of a file: UTF-8, a byte order mark left out."""
    if len(data) > LONGEST_FILE:
        return None, (Problem((), *wording.too_big(len(data), LONGEST_FILE), file=name),)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None, (Problem((), *wording.not_utf8_but_16(), file=name),)
    try:
        return data.decode("utf-8").removeprefix("\ufeff"), ()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        words = wording.not_utf8(data[error.start])
        return None, (Problem((), *words, file=name, position=(line, column)),)


def parse(text: str, name: str) -> tuple[dict[str, Any] | None, tuple[Problem, ...]]:
    """TOML to plain values; of mistakes in the syntax only the first is known."""
    if len(text) > LONGEST_FILE:
        return None, (Problem((), *wording.too_big(len(text), LONGEST_FILE), file=name),)
    text = text.replace("\r\n", "\n")
    deep = _deep_key(text)
    if deep:
        words = wording.key_too_deep(deep[0], MOST_KEY_PARTS)
        return None, (Problem((), *words, file=name, position=deep[1]),)
    try:
        return tomli.loads(text), ()
    except tomli.TOMLDecodeError as error:
        return None, (explain(error, name),)
    except RecursionError:
        return None, (Problem((), *wording.value_too_deep(DEEPEST_VALUE), file=name, position=_deep_value(text)),)
    except ValueError:
        return None, (Problem((), *wording.bad_number(), file=name, position=_long_number(text)),)


def decode(
    text: str, name: str, *, sections: Collection[str] | None = None
) -> tuple[MlfileTable | None, tuple[Problem, ...]]:
    """An Mlfile's tables. With problems, the table has all keys that are right; None if the text is no TOML.

    `sections` are the tables that it may have, all if None: an included file may have fewer.
    """
    raw, problems = parse(text, name)
    if raw is None:
        return None, problems
    found: list[Problem] = []
    for section in raw.keys() & _fields(MlfileTable).keys() if sections is not None else ():
        if section not in (sections or ()):
            found.append(Problem((section,), *wording.not_in_included(section), file=name, at_key=True))
            del raw[section]
    try:
        table = msgspec.convert(raw, MlfileTable)
    except msgspec.ValidationError:
        reader = _Reader(name)
        table = reader.table(raw, MlfileTable, ()) or MlfileTable()
        found += reader.problems
    for kind, names in (("target", table.target), ("serve", table.serve)):
        for each in names:
            if not _NAME.match(each) or each.endswith("\n"):
                found.append(Problem((kind, each), *wording.bad_name(kind, each), file=name, at_key=True))
    where = _too_deep(table.params, ("params",))
    for target_name, target in table.target.items():
        if where is None and target.matrix is not None and not isinstance(target.matrix, str):
            where = _too_deep(target.matrix, ("target", target_name, "matrix"))
    if _NULL.search(text):
        found += [Problem(place, *wording.null_character(), file=name) for place in _nulls(raw, ())]
    if where is not None:
        return None, (*found, Problem(where, *wording.value_too_deep(DEEPEST_VALUE), file=name))
    return table, tuple(found)


def _nulls(value: object, where: KeyPath) -> Iterator[KeyPath]:
    """The places of strings with U+0000, as keys and as values."""
    match value:
        case str() if "\0" in value:
            yield where
        case dict():
            for key, inner in value.items():
                yield from [(*where, key)] if "\0" in key else _nulls(inner, (*where, key))
        case list():
            for i, inner in enumerate(value):
                yield from _nulls(inner, (*where, i))
        case _:
            return


def _deep_key(text: str) -> tuple[int, tuple[int, int]] | None:
    """A key with too many parts, which the parser would take seconds for; the number of parts and its position."""
    if not any(line.count(".") >= MOST_KEY_PARTS and _DEEP_KEY.search(line) for line in text.split("\n")):
        return None
    spans = Spans(text)
    return (spans.deep[0], spans.position(spans.deep[1])) if spans.deep else None


def _deep_value(text: str) -> tuple[int, int] | None:
    """Where brackets begin to be nested too deep."""
    spans = Spans(text)
    for where in spans.places:
        if len(where) > DEEPEST_VALUE:
            return spans.find(where[:DEEPEST_VALUE])
    return None


def _long_number(text: str) -> tuple[int, int] | None:
    """Where the number is that has more digits than can be read."""
    match = re.search(r"(?<![\w\"'])[+-]?\d[\d_]{4000,}", text)
    return Spans(text).position(match.start()) if match else None


def _too_deep(value: object, where: KeyPath, depth: int = 0) -> KeyPath | None:
    """The path of a value that is nested too deep, or None."""
    if depth > DEEPEST_VALUE:
        return where
    match value:
        case dict():
            found = (_too_deep(inner, (*where, key), depth + 1) for key, inner in value.items())
        case list():
            found = (_too_deep(inner, (*where, i), depth + 1) for i, inner in enumerate(value))
        case _:
            return None
    return next((path for path in found if path is not None), None)


@cache
def _fields(kind: type[Table]) -> dict[str, Any]:
    """Key → type of a table, with what is said of it."""
    return get_type_hints(kind, include_extras=True)


def _form(annotation: Any) -> str:
    for meta in getattr(annotation, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.extra:
            return str(meta.extra["form"])
    return ""


def _members(annotation: Any) -> list[Any]:
    """The alternatives of a type, bare."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [bare for member in get_args(annotation) for bare in _members(member)]
    return [annotation]


class _Reader:
    """Takes a table apart key by key and notes what does not fit."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def note(self, where: KeyPath, words: wording.Words, *, at_key: bool = False) -> None:
        """A problem at this place."""
        self.problems.append(Problem(where, *words, file=self.file, at_key=at_key))

    def table(self, raw: dict[str, Any], kind: type[_T], where: KeyPath) -> _T | None:
        """The table with all keys that are right; None if one that it needs is not."""
        fields = _fields(kind)
        good: dict[str, Any] = {}
        meant = set()
        for key, value in raw.items():
            if key not in fields:
                near = closest(key, fields)
                meant.add(near)
                words = wording.unknown_key(where, key, near) if where else wording.unknown_table(key, near)
                self.note((*where, key), words, at_key=True)
                continue
            try:
                good[key] = self.value(value, fields[key], (*where, key), _form(fields[key]))
            except _Bad:
                continue
        for field in msgspec.structs.fields(kind):
            if field.required and field.name not in raw and field.name not in meant:
                words = wording.missing_key(where, field.name, _form(fields[field.name]))
                self.note(where, words, at_key=True)
        if any(field.required and field.name not in good for field in msgspec.structs.fields(kind)):
            return None
        return kind(**good)

    def value(self, raw: Any, annotation: Any, where: KeyPath, form: str) -> Any:
        """A value of this type; raises `_Bad` after noting what is wrong."""
        form = _form(annotation) or form
        try:
            return msgspec.convert(raw, annotation)
        except msgspec.ValidationError:
            members = _members(annotation)
        containers = [m for m in members if (get_origin(m) or m) is type(raw)]
        if isinstance(raw, dict):
            structs = [m for m in members if isinstance(m, type) and issubclass(m, Table)]
            if structs:
                read = self.table(raw, structs[0], where)
                if read is None:
                    raise _Bad
                return read
            if containers:
                return self._inside(raw, containers[0], where, form)
        elif isinstance(raw, list) and containers and raw:
            return self._inside(raw, containers[0], where, form)
        self._wrong(raw, members, where, form)
        raise _Bad

    def _inside(self, raw: Any, container: Any, where: KeyPath, form: str) -> Any:
        """The elements that are right; those of named tables (targets) are kept beside broken ones."""
        element = get_args(container)[-1]
        before = len(self.problems)
        if isinstance(raw, list):
            for i, value in enumerate(raw):
                try:
                    self.value(value, element, (*where, i), "")
                except _Bad:
                    continue
            if len(self.problems) == before:
                self._wrong(raw, [list], where, form)
            raise _Bad
        good = {}
        for key, value in raw.items():
            try:
                good[key] = self.value(value, element, (*where, key), "")
            except _Bad:
                if element is TargetTable and not isinstance(value, dict):
                    continue
        if where in (("target",), ("serve",), ("params",), ("env",), ("resources",)):
            return good
        raise _Bad

    def _wrong(self, raw: Any, members: list[Any], where: KeyPath, form: str) -> None:
        """Note a value of a wrong type or outside of what is allowed."""
        literals = [word for m in members if get_origin(m) is Literal for word in get_args(m)]
        near = closest(raw, literals) if literals and isinstance(raw, str) else None
        kinds = {type(m) if get_origin(m) is Literal else (get_origin(m) or m) for m in members}
        same = type(raw) in kinds or (type(raw) is int and float in kinds)
        form = form or _forms(members)
        below = self._belongs_above(where, raw)
        words = below or wording.wrong_type(where, form, raw, same_type=same, near=near)
        self.note(where, words, at_key=below is not None)

    def _belongs_above(self, where: KeyPath, raw: Any) -> wording.Words | None:
        """A target's key under the header of one of its sub-tables."""
        if where[:1] != ("target",) or len(where) != 4 or not isinstance(where[3], str):
            return None
        fields = _fields(TargetTable)
        if where[2] != "matrix" or where[3] not in fields:
            return None
        try:
            msgspec.convert(raw, fields[where[3]])
        except msgspec.ValidationError:
            return None
        return wording.key_below_its_table(where[:2], where[3], where[:3])


def _forms(members: list[Any]) -> str:
    """A form for values without one of their own, from their types."""
    names = {str: "a string", int: "an integer", float: "a float", bool: "a boolean", list: "an array", dict: "a table"}
    said: list[str] = []
    for member in members:
        if get_origin(member) is Literal:
            said += [wording.shown(word) for word in get_args(member)]
        elif isinstance(member, type) and issubclass(member, Table):
            said.append("a table")
        elif (get_origin(member) or member) in names:
            said.append(names[get_origin(member) or member])
    said = list(dict.fromkeys(said))
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + f" or {said[-1]}"
