"""From an action with its inputs bound to a self-contained job; it knows the Mlfile's words, not how a job is run."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mlmake.mlfile.devices import VISIBLE
from mlmake.mlfile.interpolate import fill_argv, fill_shell, fill_string
from mlmake.model.digest import Value
from mlmake.model.graph import Action, Argv, Call, FilePath, Leaf, Made, Part, PartGlob, Project, Resources, Shell
from mlmake.model.job import FunctionCall, Job, Order, PathText, Process
from mlmake.model.validity import Pattern, Remote, Source
from mlmake.planning.evidence import Bound

SHORTEST_SECRET = 4
"""Characters from which on a passed-through value is masked in logs: shorter ones would mask ordinary text."""

_TOLD = ("matrix", "params", "inputs", "outputs")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is the same for all jobs of a build. `root` is absolute; `environ` the caller's environment.

    `places` are the variables by which what a step starts finds the places it may share.
    """

    root: str
    python: str
    project: Project
    environ: Mapping[str, str]
    places: Mapping[str, str] = field(default_factory=dict)


def make_job(
    action: Action,
    bound: Sequence[Bound],
    *,
    name: str,
    attempt: int,
    log: str,
    granted: Resources,
    around: Surroundings,
    listing: Callable[[str], Sequence[str]],
) -> Job:
    """The order for one attempt of an action, with the room it was granted; `listing` finds what patterns match."""
    cpus = granted.cpus
    inputs, outputs = _inputs(bound), told_outputs(action)
    parameters, keys = nested(action.params), _with_parts(action)
    scope: dict[str, object] = keys | {
        "inputs": inputs,
        "outputs": outputs,
        "params": parameters,
        "matrix": keys,
        "resources": told_resources(action, cpus),
        "target": action.target,
        "instance": action.id,
        "python": around.python,
        "root": around.root,
    }
    if action.policy.validity.source is not None:
        scope["source"] = source_value(action.policy.validity.source, listing)
    context = {
        "target": action.target,
        "instance": action.id,
        "attempt": attempt,
        "matrix": dict(action.keys),
        "inputs": inputs,
        "outputs": outputs,
        "params": parameters,
    }
    return Job(
        id=name,
        action=action.id,
        order=_order(action, scope, context, around.project),
        root=around.root,
        env=environment(action, context, scope, granted=granted, around=around),
        log=log,
        timeout=action.policy.timeout,
        track=action.policy.track,
        threads=max(1, int(cpus)),
        secrets=tuple(v for n in action.passed if len(v := around.environ.get(n, "")) >= SHORTEST_SECRET),
    )


def _order(action: Action, scope: Mapping[str, object], context: Mapping[str, object], project: Project) -> Order:
    match action.command:
        case Shell(text):
            return Process((*project.shell, fill_shell(text, scope)), script=True)
        case Argv(words):
            return Process(fill_argv(words, scope))
        case Call() as call:
            told = {**_told_paths(context), "matrix": _with_files(action)}
            return FunctionCall(call.module, call.function, _arguments(call, action, scope), told)
        case other:
            raise AssertionError(f"{action.id}: a {type(other).__name__} is no job")


def _arguments(call: Call, action: Action, scope: Mapping[str, object]) -> dict[str, object]:
    """The keyword arguments that the function asks for, from what the action offers."""
    inputs, outputs, keys = scope["inputs"], scope["outputs"], _with_files(action)
    offered: dict[str, object] = {key: value for key, value in nested(action.params).items() if key not in scope}
    offered |= {name.rpartition(".")[2]: value for name, value in action.params.items()}
    for files in (inputs, outputs):
        if isinstance(files, dict):
            offered |= {name: with_paths(value) for name, value in files.items()}
    offered |= keys
    always: dict[str, object] = {
        "matrix": keys,
        "inputs": with_paths(inputs),
        "outputs": with_paths(outputs),
        "params": scope["params"],
    }
    if "source" in scope:
        always["source"] = with_paths(scope["source"])
    asked = [name for name in call.arguments if name != "step"]
    given = {name: always[name] if name in always else offered[name] for name in asked if name in {**offered, **always}}
    if call.rest:
        given |= {key: value for key, value in keys.items() if key not in given}
    return given


def source_value(source: Source, listing: Callable[[str], Sequence[str]]) -> str | list[str]:
    """The paths and addresses that a source stands for now: one, or a list if it is written as one."""
    found: dict[str, None] = {}
    for item in source.items:
        match item:
            case Leaf(path) | Made(path, _) | Part(path, _):
                found[path] = None
            case Pattern(pattern) | PartGlob(pattern, _):
                found.update(dict.fromkeys(listing(pattern)))
            case Remote(url):
                found[url] = None
    return list(found) if source.many else next(iter(found), "")


def _with_files(action: Action) -> dict[str, object]:
    """The matrix values for a function, which gets files as such."""
    return {key: PathText(str(value)) if key in action.files else value for key, value in action.keys.items()}


def _with_parts(action: Action) -> dict[str, object]:
    """The matrix values for templates, which may ask for the parts of a file's path."""
    return {key: FilePath(value) if key in action.files else value for key, value in action.keys.items()}


def with_paths(value: object) -> object:
    """The same with every path marked as one; an address is none."""
    if isinstance(value, str):
        return value if "://" in value else PathText(value)
    if isinstance(value, dict):
        return {name: with_paths(inner) for name, inner in value.items()}
    return [with_paths(inner) for inner in value] if isinstance(value, list | tuple) else value


def _told_paths(context: Mapping[str, object]) -> dict[str, object]:
    return {**context, "inputs": with_paths(context["inputs"]), "outputs": with_paths(context["outputs"])}


def _inputs(bound: Sequence[Bound]) -> list[str] | dict[str, str | list[str]]:
    """Paths by name, one or a list each; of unnamed inputs one flat list."""
    if any(b.input.name is not None for b in bound):
        # Without a name among named ones is the file that the instance stands for: its matrix key names it.
        return {b.input.name: list(b.paths) if b.input.many else b.paths[0] for b in bound if b.input.name is not None}
    return list(dict.fromkeys(path for b in bound for path in b.paths))


def told_outputs(action: Action) -> list[str] | dict[str, str]:
    """What `{outputs}` stands for."""
    if any(output.name is not None for output in action.outputs):
        return {output.name or output.path: output.path for output in action.outputs}
    return [output.path for output in action.outputs]


def told_resources(action: Action, cpus: float) -> dict[str, Value]:
    """What `{resources}` stands for, with the cpus that were granted."""
    wanted = action.policy.resources
    count: Value = int(cpus) if float(cpus).is_integer() else cpus
    return {"cpus": count, "memory": wanted.memory, "gpus": wanted.gpus or 0, **wanted.named}


def nested(params: Mapping[str, Value]) -> dict[str, object]:
    """Parameters by dotted names as nested tables."""
    tree: dict[str, object] = {}
    for name, value in params.items():
        *parents, leaf = name.split(".")
        node = tree
        for part in parents:
            inner = node.setdefault(part, {})
            assert isinstance(inner, dict), f"parameter {name} lies below a value"
            node = inner
        node[leaf] = value
    return tree


def environment(
    action: Action,
    context: Mapping[str, object],
    scope: Mapping[str, object],
    *,
    granted: Resources,
    around: Surroundings,
) -> dict[str, str]:
    """All of the environment; `scope` fills the variables of `env`. Raises Unfillable."""
    environ = around.environ
    threads = {name: str(max(1, int(granted.cpus))) for name in THREAD_VARIABLES if name not in environ}
    # Who passes a variable through means the caller's value.
    places = {name: value for name, value in around.places.items() if name not in action.passed}
    # Stronger than `env`: no two steps share a device. Without `gpus` it stays as it is.
    devices = {} if action.policy.resources.gpus is None else {VISIBLE: ",".join(granted.devices)}
    return {
        **environ,
        **threads,
        **places,
        **{name: fill_string(value, scope) for name, value in action.env.items()},
        **devices,
        "MLMAKE_TARGET": action.target,
        "MLMAKE_INSTANCE": action.id,
        "MLMAKE_ATTEMPT": str(context["attempt"]),
        **{f"MLMAKE_{name.upper()}": json.dumps(_plain(context[name]), ensure_ascii=True) for name in _TOLD},
    }


def _plain(value: object) -> object:
    """The same in JSON's words: dates, infinities and NaN as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
