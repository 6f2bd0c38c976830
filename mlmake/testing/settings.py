"""Parameters one by one: their dotted names, another value of the same type, a value as `--set` spells it."""

import datetime
import json
from collections.abc import Iterator, Mapping

from mlmake.model.digest import Value


def leaves(values: Mapping[str, Value], before: str = "") -> Iterator[tuple[str, Value]]:
    """Every parameter that is no table, by its dotted name; one whose own name has a dot cannot be named."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{before}{name}.")
        elif "." not in name:
            yield before + name, value


def another(value: Value) -> Value:
    """A value of the same type that is not this one. Raises ValueError for what has no other."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * 2 + 1 if abs(value) < 1e300 else 0.0
        case str():
            return f"{value}-changed"
        case datetime.datetime() | datetime.date():
            return value + datetime.timedelta(days=1 if value.year < datetime.MAXYEAR else -1)
        case list() | tuple():
            return [*value, another(value[-1])] if value else ["changed"]
        case _:
            raise ValueError(f"no other value is known for {value!r}: give one")


def spelled(value: object) -> str:
    """A value as the command line takes it. Raises ValueError for what it cannot."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return repr(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case list() | tuple():
            return "[" + ", ".join(json.dumps(v) if isinstance(v, str) else spelled(v) for v in value) + "]"
        case _:
            raise ValueError(f"{value!r} cannot be set from the command line: write it into the Mlfile with `edit`")
