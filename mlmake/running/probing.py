"""From an action to the job that its probe is; it knows the Mlfile's words, not how a job is run or what it answers."""

from collections.abc import Callable, Sequence

from mlmake.mlfile.interpolate import fill_argv, fill_shell
from mlmake.model.command import Argv, Call, Shell
from mlmake.model.graph import Action
from mlmake.model.item import Leaf, Made, Part
from mlmake.model.job import FunctionCall, Job, Order, Process
from mlmake.running.order import (
    Surroundings,
    environment,
    nested,
    source_value,
    told_outputs,
    told_resources,
    with_paths,
)


def make_probe(action: Action, *, around: Surroundings, listing: Callable[[str], Sequence[str]]) -> Job:
    """The order to measure the source of an action by its command. Raises Unfillable."""
    validity = action.policy.validity
    probe = validity.probe
    assert probe is not None and probe.command is not None, "only a probe that is a command is a job"
    parameters = nested(probe.params)
    scope: dict[str, object] = dict(action.keys) | {
        "params": parameters,
        "matrix": dict(action.keys),
        "target": action.target,
        "instance": action.id,
        "python": around.python,
        "root": around.root,
    }
    if validity.source is not None:
        scope["source"] = source_value(validity.source, listing)
    order: Order
    match probe.command:
        case Shell(text):
            order = Process((*around.project.shell, fill_shell(text, scope)), script=True)
        case Argv(words):
            order = Process(fill_argv(words, scope))
        case Call() as call:
            offered = {**parameters, **{n.rpartition(".")[2]: v for n, v in probe.params.items()}, **action.keys}
            offered |= {"params": parameters, "matrix": dict(action.keys)}
            if "source" in scope:
                offered["source"] = with_paths(scope["source"])
            given = {name: offered[name] for name in call.arguments if name in offered}
            order = FunctionCall(call.module, call.function, given, {})
    # A variable of `env` may name what only the step has: as far as the Mlfile says which files that are.
    needs = action.policy.resources
    context = {**scope, "attempt": 1, "inputs": _inputs(action), "outputs": told_outputs(action)}
    context["resources"] = told_resources(action, needs.cpus)
    return Job(
        id=f"probe of {action.id}",
        action=action.id,
        order=order,
        root=around.root,
        env=environment(action, context, context, granted=needs, around=around),
        log="",
        timeout=probe.timeout,
    )


def _inputs(action: Action) -> object:
    paths = [(d, [i.path for i in d.items if isinstance(i, Leaf | Made | Part)]) for d in action.inputs]
    if any(declared.name for declared, _ in paths):
        return {d.name or "": found if d.many else found[0] for d, found in paths if found or d.many}
    return list(dict.fromkeys(path for _, found in paths for path in found))
