"""Which outputs a reference or a word of the command line names; it does not know whether they are there."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlmake.model.graph import Action, Graph, Output, Select
from mlmake.planning.request import Wrong, choose, joined, nearest, owner_of


@dataclass(frozen=True, slots=True)
class Named:
    """Some outputs of some actions: one of them by name, or all.

    `single` says that by its writing it means one instance, however many there are. `path` is the output that was named
    by its path.
    """

    text: str
    actions: tuple[str, ...]
    single: bool
    output: str | None = None
    path: str | None = None


def name_outputs(graph: Graph, text: str, folder: str = "") -> Named | Wrong:
    """What `:NAME[.OUTPUT][@KEY=VALUE,…]`, a target, an instance, a pattern or the path of an output means.

    `folder` is the caller's folder relative to the root; paths are read from there.
    """
    if not text.startswith(":"):
        return _named_by_word(graph, text, folder)
    head, at, selector = text[1:].partition("@")
    target, dot, wanted = head.partition(".")
    if not target or (dot and not wanted) or (at and not all("=" in part for part in selector.split(","))):
        return Wrong(f'"{text}" names nothing here; write :NAME, :NAME.OUTPUT or :NAME.OUTPUT@key=value,…')
    found = _named_by_word(graph, target + at + selector, "")
    if isinstance(found, Wrong) or not wanted:
        return found
    action = graph.actions[found.actions[0]]
    if not isinstance(action.command, Select) and _output(action, wanted) is None:
        names = [output.name or output.path for output in action.outputs]
        meant = nearest(wanted, names)
        hint = f"did you mean :{target}.{meant}?" if meant else f"its outputs are {', '.join(names)}"
        return Wrong(f"{target} has no output {wanted}; {hint}")
    return Named(text, found.actions, found.single, wanted)


def outputs_of(named: Named, action: Action) -> tuple[Output, ...]:
    """Those outputs of an action that are named; of a selection, its own."""
    if named.path is not None:
        return tuple(output for output in action.outputs if output.path == named.path)
    if named.output is None:
        return action.outputs
    found = _output(action, named.output)
    return (found,) if found else ()


def model_of(action: Action, wanted: str | None) -> Output | Wrong:
    """The output that is the model: the one asked for, that named `model`, or the only one that is not the metrics."""
    if wanted is not None:
        return _output(action, wanted) or Wrong(f"{action.id} has no output {wanted}")
    metrics = action.policy.metrics
    models = [output for output in action.outputs if output.name == "model"] or [
        output for output in action.outputs if metrics is None or metrics not in (output.name, output.path)
    ]
    if len(models) == 1:
        return models[0]
    if not models:
        return Wrong(f"{action.id} has no output that could be a model")
    names = ", ".join(output.name or output.path for output in models)
    return Wrong(f"several outputs of {action.id} may be the model ({names}): name one, :{action.target}.OUTPUT")


def chosen_outputs(entry: Mapping[str, Mapping[str, str]], names: tuple[str, ...]) -> Mapping[str, str] | None:
    """Path and digest of the first of these outputs in an entry of a selection's manifest; none if it has none."""
    return next((entry[name] for name in names if name in entry), None)


def _named_by_word(graph: Graph, word: str, folder: str) -> Named | Wrong:
    found = choose(graph, [word], folder)
    if isinstance(found, Wrong):
        return found
    path = joined(folder, word)
    if word not in graph.targets and word not in graph.actions and owner_of(graph, path) == found[0]:
        outputs = [output.path for output in graph.actions[found[0]].outputs]
        if whole := [o for o in outputs if path.rstrip("/") == o.rstrip("/") or (o[-1] == "/" and path.startswith(o))]:
            return Named(word, found, single=True, path=whole[0])
    return Named(word, found, single=len(found) == 1 and _is_pinned(graph, word, found[0]))


def _is_pinned(graph: Graph, word: str, action: str) -> bool:
    """Whether the writing leaves no key open."""
    keys = {part.partition("=")[0] for part in word.partition("@")[2].split(",") if part}
    return set(graph.actions[action].keys) <= keys


def _output(action: Action, name: str) -> Output | None:
    return next((output for output in action.outputs if name in (output.name, output.path)), None)
