"""What the keys of one table may hold and say together; it does not know other targets, files or the machine."""

import re
from collections.abc import Collection, Mapping

from mlmake.mlfile import wording
from mlmake.mlfile.condition import read_condition
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.policy import read_duration, read_link, read_size
from mlmake.mlfile.problems import Place, Problem
from mlmake.mlfile.schema import MlfileTable, ProbeTable, ServeTable, TargetTable
from mlmake.model.validity import MEASURES

WAITS = ("all", "ended", "any")
LOADERS = ("joblib", "pickle", "onnx", "skops")
AGGREGATES = ("mean", "vote", "first")
JUDGED = ("fresh_for", "max_age", "stale_if_error", "probe", "significant", "enough", "ready")
"""The keys that say when results hold, which a target without results cannot have."""

_FUNCTION = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CHANGE = re.compile(r"any|\d+(?:\.\d+)?\s*%|x\s*\d+(?:\.\d+)?")


def check_rules(table: MlfileTable, *, broken: Collection[str] = ()) -> tuple[Problem, ...]:
    """The mistakes that can be seen without looking at any other table.

    Of `broken` targets, which lack keys that could not be read, nothing is said to be missing.
    """
    problems: list[Problem] = []
    if table.cache.unused_for is not None:
        read_duration(table.cache.unused_for, ("cache", "unused_for"), problems)
    if table.cache.max_size is not None:
        read_size(table.cache.max_size, ("cache", "max_size"), problems)
    problems += read_link(table.cache.link)[1]
    for name, target in table.target.items():
        where: KeyPath = ("target", name)
        absent: list[Problem] = []
        _commands(target, where, problems, absent)
        if target.wait != "all":
            _wait(target.wait, (*where, "wait"), problems)
        if any(getattr(target, key) is not None for key in JUDGED):
            _judging(target, where, problems, absent)
        if absent and name not in broken:
            problems += absent
    for name, serve in table.serve.items():
        _serve(serve, ("serve", name), problems)
    return tuple(problems)


def _commands(target: TargetTable, where: KeyPath, problems: list[Problem], absent: list[Problem]) -> None:
    """A target does one thing, and what has outputs does something."""
    given = [key for key in ("run", "call", "select") if getattr(target, key) is not None]
    if len(given) > 1:
        words = wording.several_commands(where, given)
        first = Place((*where, given[0]), wording.first_here(), at_key=True)
        problems.append(Problem((*where, given[1]), *words, at_key=True, also=(first,)))
    elif not given and target.outputs:
        absent.append(Problem((*where, "outputs"), *wording.no_command(where), at_key=True))
    if isinstance(target.run, str) and not target.run.strip():
        problems.append(Problem((*where, "run"), *wording.empty_command()))
    if target.call is not None and "{" not in target.call and not _FUNCTION.fullmatch(target.call):
        problems.append(Problem((*where, "call"), *wording.bad_function("call", target.call)))


def _wait(value: str | int, where: KeyPath, problems: list[Problem]) -> None:
    if isinstance(value, str) and value not in WAITS:
        words = wording.not_one_of("wait", value, (*WAITS, "a whole number"), closest(value, WAITS))
        problems.append(Problem(where, *words))


def _judging(target: TargetTable, where: KeyPath, problems: list[Problem], absent: list[Problem]) -> None:
    """When results hold: each value, then what goes together."""
    if not target.outputs:
        absent += [
            Problem((*where, key), *wording.needs_outputs(key), at_key=True)
            for key in JUDGED
            if getattr(target, key) is not None
        ]
    times = {}
    for key in ("fresh_for", "max_age", "stale_if_error"):
        if getattr(target, key) is not None:
            times[key] = read_duration(getattr(target, key), (*where, key), problems)
    fresh, oldest = times.get("fresh_for"), times.get("max_age")
    if fresh is not None and oldest is not None and fresh > oldest:
        words = wording.window_beyond_limit(str(target.fresh_for), str(target.max_age))
        limit = Place((*where, "max_age"), wording.limit_here())
        problems.append(Problem((*where, "fresh_for"), *words, also=(limit,)))
    if target.stale_if_error is not None and target.keep is not False and target.keep != []:
        problems.append(Problem((*where, "stale_if_error"), *wording.stale_with_keep(), at_key=True))
    _probe(target, where, problems, absent)
    _significant(target, where, problems, absent)
    if target.enough is not None:
        if read_condition(target.enough) is None:
            problems.append(Problem((*where, "enough"), *wording.bad_condition(target.enough)))
        if target.metrics is None:
            absent.append(Problem((*where, "enough"), *wording.enough_without_metrics(), at_key=True))


def _probe(target: TargetTable, where: KeyPath, problems: list[Problem], absent: list[Problem]) -> None:
    probe, here = target.probe, (*where, "probe")
    if isinstance(probe, ProbeTable):
        read_duration(probe.timeout, (*here, "timeout"), problems)
        if (probe.run is None) == (probe.call is None):
            absent.append(Problem(here, *wording.probe_needs_one()))
        if probe.call is not None and not _FUNCTION.fullmatch(probe.call):
            problems.append(Problem((*here, "call"), *wording.bad_function("call", probe.call)))
    elif probe is not None and probe not in MEASURES and "{" not in probe:
        problems.append(Problem(here, *wording.not_one_of("probe", probe, MEASURES, closest(probe, MEASURES))))
    elif probe is not None and target.source is None:
        absent.append(Problem(here, *wording.probe_without_source(probe), at_key=True))


def _significant(target: TargetTable, where: KeyPath, problems: list[Problem], absent: list[Problem]) -> None:
    given, here = target.significant, (*where, "significant")
    if given is None:
        return
    parts: Mapping[KeyPath, str | int | float] = (
        {(*here, name): value for name, value in given.items()} if isinstance(given, dict) else {here: given}
    )
    for place, value in parts.items():
        if not (value >= 0 if isinstance(value, int | float) else _CHANGE.fullmatch(value)):
            problems.append(Problem(place, *wording.bad_tolerance(value)))
    if given != "any" and target.probe is None:
        absent.append(Problem(here, *wording.significant_without_probe(), at_key=True))


def _serve(serve: ServeTable, where: KeyPath, problems: list[Problem]) -> None:
    if serve.aggregate not in AGGREGATES and not _FUNCTION.fullmatch(serve.aggregate):
        near = closest(serve.aggregate, AGGREGATES)
        words = wording.not_one_of("aggregate", serve.aggregate, (*AGGREGATES, "a function like module:function"), near)
        problems.append(Problem((*where, "aggregate"), *words))
    if serve.loader is not None and serve.loader not in LOADERS and not _FUNCTION.fullmatch(serve.loader):
        near = closest(serve.loader, LOADERS)
        words = wording.not_one_of("loader", serve.loader, (*LOADERS, "a function like module:function"), near)
        problems.append(Problem((*where, "loader"), *words))
    if not serve.method.isidentifier():
        problems.append(Problem((*where, "method"), *wording.no_method(serve.method)))
    if serve.inputs is not None and len(serve.inputs) != 1:
        problems.append(Problem((*where, "inputs"), *wording.several_inputs(len(serve.inputs))))
    elif serve.inputs is not None and serve.inputs[0].datatype == "BYTES":
        problems.append(Problem((*where, "inputs", 0, "datatype"), *wording.no_numbers("BYTES")))
