"""How a step is run, from the values of its keys; it does not know what the step does or when it runs."""

import math
from collections.abc import Callable, Mapping, Sequence

from msgspec import UnsetType

from mlmake.mlfile import wording
from mlmake.mlfile.devices import devices
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.schema import RetriesTable, TargetTable
from mlmake.model.graph import Output, Policy, Resources, Retries
from mlmake.model.units import Bytes, Seconds, seconds, show_bytes, size

LINKS = ("reflink", "hardlink", "copy")
LONGEST = Seconds(1e10)
"""Seconds, three centuries: what is longer is a slip."""
MOST_GPUS = 65_536
"""Each has an id; no machine has more, and a slip must not fill the memory."""

_PLAIN = Policy()


def read_duration(value: object, where: KeyPath, problems: list[Problem], *, zero: bool = False) -> Seconds | None:
    """A duration in text; None after noting what is wrong. 0 only where that makes sense."""
    key = str(where[-1])
    read = seconds(value) if isinstance(value, str) else None
    if read is None or read > LONGEST:
        problems.append(Problem(where, *wording.bad_duration(key, value)))
        return None
    if not read and not zero:
        problems.append(Problem(where, *wording.zero_duration(key)))
        return None
    return read


def read_size(value: object, where: KeyPath, problems: list[Problem]) -> Bytes | None:
    """A size in text, or a whole number of bytes; None after noting what is wrong."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Bytes(value)
    try:
        read = size(value) if isinstance(value, str) else None
    except OverflowError:
        read = None
    if read is None:
        problems.append(Problem(where, *wording.bad_size(str(where[-1]), value)))
    return read


def read_link(text: str) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The ways of putting outputs in place, in order of preference, from `cache.link`."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    problems = [Problem(("cache", "link"), *wording.bad_link(w, closest(w, LINKS))) for w in words if w not in LINKS]
    return words, tuple(problems)


def read_totals(
    table: Mapping[str, object],
    machine: Resources,
    *,
    environ: Mapping[str, str] | None = None,
    gpus: Callable[[], int] | None = None,
) -> tuple[Resources, tuple[Problem, ...]]:
    """What there is in all: `[resources]` over what the machine has.

    `gpus` counts the machine's graphics cards, if somebody asks for any; `environ` may leave fewer.
    """
    problems: list[Problem] = []
    given = _read_resources(table, ("resources",), problems)
    if (given.gpus or 0) > MOST_GPUS:
        words = wording.bad_count("gpus", given.gpus, f"at most {MOST_GPUS}")
        return machine, (Problem(("resources", "gpus"), *words),)
    ids = devices(given.gpus, environ or {}, gpus or (lambda: 0))
    totals = Resources(
        given.cpus if "cpus" in table else machine.cpus,
        given.memory if "memory" in table else machine.memory,
        len(ids),
        {**machine.named, **given.named},
        ids,
    )
    return totals, tuple(problems)


def read_resources(
    table: Mapping[str, object], where: KeyPath, *, totals: Resources
) -> tuple[Resources, tuple[Problem, ...]]:
    """What a step occupies: never more than there is, of cpus silently, of anything else by a problem."""
    problems: list[Problem] = []
    wanted = _read_resources(table, where, problems)
    for name, amount in wanted.named.items():
        total = totals.named.get(name)
        if total is None:
            near = closest(name, ("cpus", "memory", "gpus", *totals.named))
            problems.append(Problem((*where, name), *wording.unknown_resource(name, near), at_key=True))
        elif amount > total:
            problems.append(Problem((*where, name), *wording.too_much(name, f"{amount:g}", f"{total:g}")))
    if wanted.memory > totals.memory:
        shown = show_bytes(wanted.memory), show_bytes(totals.memory)
        exact = f"{wanted.memory} bytes", f"{totals.memory} bytes"
        words = wording.too_much("memory", *(exact if shown[0] == shown[1] else shown))
        problems.append(Problem((*where, "memory"), *words))
    if (wanted.gpus or 0) > (totals.gpus or 0):
        words = wording.too_many_gpus(wanted.gpus or 0, totals.gpus or 0)
        problems.append(Problem((*where, "gpus"), *words))
    return Resources(min(wanted.cpus, totals.cpus), wanted.memory, wanted.gpus, wanted.named), tuple(problems)


def read_policy(
    target: TargetTable,
    where: KeyPath,
    *,
    totals: Resources,
    outputs: Sequence[Output] = (),
    resources: Mapping[str, object] | None = None,
    timeout: object = None,
) -> tuple[Policy, tuple[Problem, ...]]:
    """The policy of one instance of the target at `where`.

    `outputs` are the instance's, in the order of the table; `resources` and `timeout` the values after
    interpolation, by default those of the table.
    """
    resources = target.resources if resources is None else resources
    timeout = target.timeout if timeout is None else timeout
    if not (resources or timeout or target.retries or target.keep or target.metrics) and (
        target.on_error == "stop" and target.cache and isinstance(target.track, UnsetType) and target.wait == "all"
    ):
        return _PLAIN, ()
    occupied, found = read_resources(resources, (*where, "resources"), totals=totals)
    problems = list(found)
    limit = None if timeout is None else read_duration(timeout, (*where, "timeout"), problems)
    retries = _read_retries(target.retries, (*where, "retries"), problems)
    policy = Policy(
        resources=occupied,
        retries=retries,
        timeout=limit,
        on_error=target.on_error,
        cache=target.cache,
        keep=_read_keep(target, where, outputs, problems),
        track=("imports",) if isinstance(target.track, UnsetType) else tuple(dict.fromkeys(target.track)),
        metrics=_read_metrics(target, where, outputs, problems),
        wait=1 if target.wait == "any" else target.wait,
        carry=target.carry is not False,
    )
    return policy, tuple(problems)


def _read_resources(table: Mapping[str, object], where: KeyPath, problems: list[Problem]) -> Resources:
    cpus, memory, gpus, named = 1.0, Bytes(0), None, {}
    for name, value in table.items():
        here = (*where, name)
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if name == "memory":
            memory = read_size(value, here, problems) or Bytes(0)
        elif name == "cpus":
            if 0 < number < math.inf:
                cpus = number
            else:
                problems.append(Problem(here, *wording.bad_count(name, value, "a number above 0")))
        elif name == "gpus":
            if number >= 0 and isinstance(value, int):
                gpus = value
            else:
                problems.append(Problem(here, *wording.bad_count(name, value, "a whole number from 0 up")))
        elif 0 <= number < math.inf:
            named[name] = number
        else:
            problems.append(Problem(here, *wording.bad_count(name, value, "a number from 0 up")))
    return Resources(cpus, memory, gpus, named)


def _read_retries(value: int | RetriesTable, where: KeyPath, problems: list[Problem]) -> Retries:
    if isinstance(value, int):
        return Retries(value)
    delay = read_duration(value.delay, (*where, "delay"), problems, zero=True)
    return Retries(value.times, Seconds(1) if delay is None else delay, value.backoff)


def _read_keep(
    target: TargetTable, where: KeyPath, outputs: Sequence[Output], problems: list[Problem]
) -> tuple[str, ...]:
    """The paths of outputs that stay in place."""
    if isinstance(target.keep, bool):
        return tuple(output.path for output in outputs) if target.keep else ()
    kept = []
    for i, name in enumerate(target.keep):
        output = _output(name, target, outputs)
        if output:
            kept.append(output.path)
        else:
            words = wording.unknown_output("keep", name, closest(name, _names(outputs)))
            problems.append(Problem((*where, "keep", i), *words))
    return tuple(dict.fromkeys(kept))


def _read_metrics(
    target: TargetTable, where: KeyPath, outputs: Sequence[Output], problems: list[Problem]
) -> str | None:
    """The name of the output that holds the metrics, or its path if it has none."""
    if target.metrics is None:
        return None
    output = _output(target.metrics, target, outputs)
    if output:
        return output.name or output.path
    words = wording.unknown_output("metrics", target.metrics, closest(target.metrics, _names(outputs)))
    problems.append(Problem((*where, "metrics"), *words))
    return None


def _output(name: str, target: TargetTable, outputs: Sequence[Output]) -> Output | None:
    """An output by its name, by its path, or by its path as it is written in the table."""
    for output in outputs:
        if name in (output.name, output.path):
            return output
    written = list(target.outputs.values() if isinstance(target.outputs, dict) else target.outputs)
    return outputs[written.index(name)] if name in written and len(written) == len(outputs) else None


def _names(outputs: Sequence[Output]) -> list[str]:
    return [output.name or output.path for output in outputs]
