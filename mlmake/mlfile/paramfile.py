"""A parameter file's bytes to plain values, by its suffix; it does not know where they go."""

import datetime
import json
import re
from functools import cache
from typing import Any

from mlmake.mlfile import wording
from mlmake.mlfile.decode import DEEPEST_VALUE, parse, text_of
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.problems import Problem
from mlmake.model.digest import Value

MOST_VALUES = 1_000_000
"""In one file; aliases of YAML make billions out of ten lines."""

SUFFIXES = (".toml", ".json", ".yaml", ".yml")

# the core schema of YAML 1.2: `1e-3` is a number, `no` and `12:30` are text
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:(?:[Tt]|[ \t]+)[0-9:.]+[ \t]*(?:Z|[-+][0-9:]+)?)?")


class _Broken(Exception):
    """The file cannot be read: why, and where if that is known."""

    def __init__(self, message: str, position: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.message, self.position = message, position


def read_parameters(data: bytes, name: str) -> tuple[dict[str, Value] | None, str, tuple[Problem, ...]]:
    """The values of a file and its text; None if there are none to be had."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix not in SUFFIXES:
        return None, "", (Problem((), *wording.unknown_format(name), file=name),)
    text, problems = text_of(data, name)
    if text is None:
        return None, "", problems
    try:
        if suffix == ".toml":
            raw, problems = parse(text, name)
            if raw is None:
                return None, text, problems
        else:
            raw = _json(text) if suffix == ".json" else _yaml(text)
    except _Broken as broken:
        words = wording.broken_file(name, broken.message)
        return None, text, (Problem((), *words, file=name, position=broken.position),)
    except RecursionError:
        return None, text, (Problem((), *wording.value_too_deep(DEEPEST_VALUE), file=name),)
    if raw is None:
        return {}, text, ()
    if not isinstance(raw, dict):
        return None, text, (Problem((), *wording.not_a_table(name, raw), file=name),)
    found = check_parameters(raw, (), name)
    return (None if found else raw), text, found


def check_parameters(values: dict[Any, Any], start: KeyPath, name: str | None) -> tuple[Problem, ...]:
    """What cannot be a parameter: names with dots or of other types than text, values of odd types, deep nests."""
    problems: list[Problem] = []
    left = MOST_VALUES
    open_: list[tuple[Any, KeyPath, int, bool]] = [(values, start, 0, True)]
    while open_:
        value, where, depth, named = open_.pop()
        left -= 1
        if depth > DEEPEST_VALUE or left < 0:
            problems.append(Problem(where[:-1], *wording.value_too_deep(DEEPEST_VALUE), file=name))
            break
        match value:
            case dict():
                for key, inner in value.items():
                    if not isinstance(key, str) or (named and "." in key) or not _is_text(key):
                        problems.append(Problem((*where, str(key)), *wording.bad_parameter_name(key), file=name))
                    else:
                        open_.append((inner, (*where, key), depth + 1, named))
            case list():
                open_ += [(inner, (*where, i), depth + 1, False) for i, inner in enumerate(value)]
            case str() if "\0" in value:
                problems.append(Problem(where, *wording.null_in_parameter(where), file=name))
            case str() if not _is_text(value):
                problems.append(Problem(where, *wording.lone_surrogate(where), file=name))
            case None | bool() | int() | float() | str() | datetime.date() | datetime.time():
                continue
            case _:
                problems.append(Problem(where, *wording.bad_parameter_value(where, value), file=name))
    return tuple(problems)


def _is_text(value: str) -> bool:
    """Whether it can be written to a file: escapes of JSON and YAML can make halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(text: str) -> Any:
    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [key for key, _ in pairs]
            raise _Broken(f"`{next(key for key in names if names.count(key) > 1)}` is set twice")
        return made

    try:
        return json.loads(text, object_pairs_hook=table)
    except json.JSONDecodeError as error:
        raise _Broken(error.msg[:1].lower() + error.msg[1:], (error.lineno, error.colno)) from error
    except ValueError as error:
        raise _Broken("a number is too long to be read") from error


def _yaml(text: str) -> Any:
    import yaml  # noqa: PLC0415 - slow, and few projects have such a file

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else None
        raise _Broken(error.problem or error.context or "not YAML", position) from error
    except yaml.YAMLError as error:
        raise _Broken(str(error).split("\n", 1)[0]) from error
    except ValueError as error:
        raise _Broken(f"a value is out of range: {error}") from error


@cache
def _loader() -> Any:
    """The safe loader with the core schema of YAML 1.2 and dates, to which a key that is there twice is an error."""
    import yaml  # noqa: PLC0415 - slow, and few projects have such a file

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # either may be there
        yaml_implicit_resolvers: dict[str | None, list[Any]] = {}

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    if (key.tag, key.value) in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"`{key.value}` is set twice", key.start_mark
                        )
                    seen.add((key.tag, key.value))
            return super().construct_mapping(node, deep=deep)

    def whole(pattern: re.Pattern[str]) -> re.Pattern[str]:
        return re.compile(rf"(?:{pattern.pattern})\Z")

    def number(loader: Any, node: Any) -> int:
        text = loader.construct_scalar(node)
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)

    def fraction(loader: Any, node: Any) -> float:
        text = loader.construct_scalar(node).lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))

    digits = list("-+.0123456789")
    Loader.add_implicit_resolver("tag:yaml.org,2002:null", whole(_NULL), ["~", "n", "N", ""])
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", whole(_BOOL), list("tTfF"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", whole(_INT), digits)
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", whole(_FLOAT), digits)
    Loader.add_implicit_resolver("tag:yaml.org,2002:timestamp", whole(_DATE), digits)
    Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])
    Loader.add_constructor("tag:yaml.org,2002:int", number)
    Loader.add_constructor("tag:yaml.org,2002:float", fraction)
    return Loader
