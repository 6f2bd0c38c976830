"""The facts of a recipe: all that makes a result another one, and nothing else; it does not know what is on disk."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from mlmake.model.digest import Value, digest_of
from mlmake.model.fact import Fact, fact
from mlmake.model.graph import Output
from mlmake.model.reason import Code

PER_INSTANCE = ("target", "instance")
"""Names in a command whose values differ by instance and are no matrix key."""


def command_facts(
    *, run: str | Sequence[str] | None, call: str | None, select: Mapping[str, Value] | None
) -> list[Fact]:
    """The command as it is written: what its names stand for comes as facts of its own."""
    if run is not None:
        return [_written("run", run) if isinstance(run, str) else fact(Code.RECIPE_CHANGED, "run", list(run))]
    if call is not None:
        return [fact(Code.RECIPE_CHANGED, "call", call)]
    return [fact(Code.RECIPE_CHANGED, f"select.{key}", value) for key, value in (select or {}).items()]


def code_fact(module: str, function: str, source: str) -> Fact:
    """The called function's own source."""
    return fact(Code.CODE_CHANGED, f"{module}:{function}", digest_of(source))


def parameter_facts(params: Mapping[str, Value]) -> list[Fact]:
    """One fact for each single value, by dotted name."""
    found: dict[str, Fact] = {}
    waiting = list(reversed(list(params.items())))
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            waiting += [(f"{name}.{key}", inner) for key, inner in reversed(list(value.items()))]
        else:
            found[name] = fact(Code.PARAM_CHANGED, name, value)
    return list(found.values())


def environment_facts(env: Mapping[str, str], passed: Sequence[str], environ: Mapping[str, str]) -> list[Fact]:
    """Variables that are set, as written; those passed through by a digest of their value."""
    found = [fact(Code.ENV_CHANGED, name, value) for name, value in env.items()]
    return found + [fact(Code.ENV_CHANGED, name, environ.get(name), secret=True) for name in passed]


def output_facts(outputs: Sequence[Output]) -> list[Fact]:
    """The declared outputs: their paths, and their names."""
    if any(output.name is not None for output in outputs):
        return [fact(Code.RECIPE_CHANGED, f"outputs.{output.name}", output.path) for output in outputs]
    return [fact(Code.RECIPE_CHANGED, "outputs", [output.path for output in outputs])] if outputs else []


def input_facts(written: Mapping[str, Value]) -> list[Fact]:
    """The declared inputs as they are written, filled; what patterns match is no recipe."""
    return [
        _written(subject, value) if isinstance(value, str) else fact(Code.RECIPE_CHANGED, subject, value)
        for subject, value in written.items()
    ]


def matrix_facts(keys: Mapping[str, Value]) -> list[Fact]:
    """The matrix values, a table whole."""
    return [fact(Code.RECIPE_CHANGED, f"matrix.{key}", value) for key, value in keys.items()]


@lru_cache(maxsize=4096)
def _written(subject: str, text: str) -> Fact:
    """A text that many instances share."""
    return fact(Code.RECIPE_CHANGED, subject, text)
