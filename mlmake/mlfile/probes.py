"""The probe of each instance from what is written: names checked, arguments found; it asks nobody anything."""

from collections.abc import Callable, Mapping

from msgspec import to_builtins

from mlmake.mlfile import wording
from mlmake.mlfile.calls import Called, Offers, check_arguments, parameters_asked
from mlmake.mlfile.interpolate import LATER, Mistake, Mode, Unfillable, check, fill_text
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.matrix import Keys
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.parameters import Parameters
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.schema import ProbeTable, TargetTable
from mlmake.mlfile.using import written_parameters
from mlmake.model.command import Argv, Call, Shell
from mlmake.model.digest import Value, digest_of
from mlmake.model.units import Seconds, seconds
from mlmake.model.validity import MEASURES, Probe

OFFERED = ("matrix", "params")
"""What every function that measures may ask for, besides the source, matrix keys and parameters."""

DEFAULT_TIMEOUT = Seconds(60)
"""Of a probe that names none, and of the built-in ones."""


def read_probe(
    table: TargetTable,
    where: KeyPath,
    *,
    keys: Keys,
    scope: Mapping[str, object],
    parameters: Parameters,
    listed: Mapping[str, Value],
    find: Callable[[str], Called | Mistake],
    notes: Notes,
) -> Probe | None:
    """The probe of one instance; None without one, or after noting a mistake.

    `scope` is what names stand for in its paths, `listed` the parameters that the target lists by name; `find` gives
    a function by its name.
    """
    probe = table.probe
    if probe is None:
        return None
    if isinstance(probe, str):
        return _built_in(probe, where, scope, notes)
    command: Shell | Argv | Call
    params: dict[str, Value]
    if probe.call is not None:
        found = _call(probe.call, (*where, "call"), table, keys, parameters, listed, find, notes)
        if found is None:
            return None
        command, params = found
    else:
        command, params = _run(probe, (*where, "run"), table, keys, scope, parameters, notes)
    # How long it may take is no part of what it measures.
    written = {key: value for key, value in to_builtins(probe).items() if key != "timeout"}
    identity = digest_of([written, params] if params else written)
    return Probe(None, command, seconds(probe.timeout) or DEFAULT_TIMEOUT, identity, params)


def _built_in(text: str, where: KeyPath, scope: Mapping[str, object], notes: Notes) -> Probe | None:
    try:
        name = fill_text(text, scope)
    except Unfillable as problem:
        notes.mistakes(where, [problem.mistake])
        return None
    if name not in MEASURES:
        notes.take(Problem(where, *wording.not_one_of("probe", str(name), MEASURES, closest(str(name), MEASURES))))
        return None
    return Probe(str(name), None, DEFAULT_TIMEOUT, digest_of(name))


def _run(
    probe: ProbeTable,
    where: KeyPath,
    table: TargetTable,
    keys: Keys,
    scope: Mapping[str, object],
    parameters: Parameters,
    notes: Notes,
) -> tuple[Shell | Argv | Call, dict[str, Value]]:
    known: dict[str, object] = {**scope, **keys, "python": LATER, "root": LATER}
    if table.source is not None:
        known["source"] = LATER
    if isinstance(probe.run, str):
        notes.mistakes(where, check(probe.run, known, Mode.SHELL))
        return Shell(probe.run), written_parameters([(probe.run, True)], parameters)
    words = tuple(probe.run or ())
    for number, word in enumerate(words):
        notes.mistakes((*where, number), check(word, known, Mode.ARGV))
    return Argv(words), written_parameters([(word, False) for word in words], parameters)


def _call(
    text: str,
    where: KeyPath,
    table: TargetTable,
    keys: Keys,
    parameters: Parameters,
    listed: Mapping[str, Value],
    find: Callable[[str], Called | Mistake],
    notes: Notes,
) -> tuple[Shell | Argv | Call, dict[str, Value]] | None:
    called = find(text)
    if isinstance(called, Mistake):
        notes.mistakes(where, [called])
        return None
    last: dict[str, list[str]] = {}
    for dotted in listed:
        last.setdefault(dotted.rpartition(".")[2], []).append(dotted)
    offers = Offers(
        keys=tuple(keys),
        inputs=(),
        outputs=(),
        source=table.source is not None,
        parameters=tuple(parameters.values),
        listed=last,
        always=OFFERED,
    )
    notes.mistakes(where, check_arguments(called, offers))
    arguments = called.signature.arguments
    params = {dotted: parameters.get(dotted) for dotted in parameters_asked(called, offers)}
    if called.signature.rest:
        rest = [name for name in (*keys, *last) if name not in arguments and len(offers.of(name)) == 1]
        arguments = (*arguments, *dict.fromkeys(rest))
        params |= {dotted: listed[dotted] for name in rest for dotted in last.get(name, ())}
    return Call(called.module, called.function, arguments, called.signature.optional, called.signature.rest), params
