"""Keys and values whose feature is still to come; each is said, so that nothing is silently left out."""

from mlmake.mlfile import wording
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.schema import MlfileTable, TargetTable

TARGET_KEYS = ("sandbox",)
CACHE_KEYS = ("remote",)


def not_yet(table: MlfileTable) -> tuple[Problem, ...]:
    """A problem for each key or value that this mlmake cannot honour."""
    problems = [_key("cache", key) for key in CACHE_KEYS if getattr(table.cache, key) is not None]
    for name, target in table.target.items():
        _target(target, ("target", name), problems)
    return tuple(problems)


def _key(*where: str | int) -> Problem:
    return Problem(where, *wording.key_not_yet(str(where[-1])), at_key=True)


def _target(target: TargetTable, where: KeyPath, problems: list[Problem]) -> None:
    problems += [_key(*where, key) for key in TARGET_KEYS if getattr(target, key) is not None]
