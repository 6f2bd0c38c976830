"""The branches that a fan-in may start without: which they are, and an action with only some of them; pure values."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from mlmake.model.graph import Action, Chosen, Graph, Input, Item, Leaf, Listing, Made, Part, PartGlob, Select
from mlmake.model.trace import Trace
from mlmake.planning.evidence import Evidence
from mlmake.planning.selection import goes_with

ALL, ENDED = "all", "ended"
"""The words of `wait` that are no count."""


def needed(action: Action, graph: Graph) -> int:
    """How many branches have to be there; none where it waits for all, or there never are any."""
    wait = action.policy.wait
    if isinstance(wait, int):
        return wait
    return 1 if wait == ENDED and (action.branches or lists_nothing(action, graph)) else 0


def counts(action: Action) -> bool:
    """Whether it starts on some of its branches while others still run."""
    return isinstance(action.policy.wait, int)


def companions(action: Action) -> tuple[str, ...]:
    """What a selection that need not wait picks, besides its branches, by whose metrics it chooses."""
    select = action.command
    if not isinstance(select, Select) or not select.pick or action.policy.wait == ALL:
        return ()
    branches = set(action.branches)
    return tuple(name for name in select.pick if name not in branches)


def awaited(action: Action) -> tuple[str, ...]:
    """What has to have ended well before it is judged.

    All upstream, but for its branches, and for what a selection answers for among which it chose.
    """
    chosen = {name for item in _items(action) if isinstance(item, Chosen) for name in item.candidates.values()}
    if action.policy.wait == ALL and not chosen:
        return action.upstream + action.after
    free = {*action.branches, *companions(action), *chosen}
    firm = set(action.after)
    for declared in action.inputs:
        for item in declared.items:
            if isinstance(item, Chosen):
                firm.add(item.selector)
            elif (maker := _maker(item)) is not None and (action.policy.wait == ALL or not declared.many):
                firm.add(maker)
    if (source := action.policy.validity.source) is not None:
        firm.update(item.maker for item in source.items if isinstance(item, Made | Part | PartGlob))
    return tuple(name for name in action.upstream + action.after if name not in free or name in firm)


def in_folders(action: Action) -> set[str]:
    """The actions of which it reads only what lies inside their folders."""
    return {item.maker for item in _items(action) if isinstance(item, Part | PartGlob)}


def lists_nothing(action: Action, graph: Graph) -> bool:
    """Whether it has no branches because the list that they come from is empty."""
    upstream = (graph.actions[name].command for name in action.upstream)
    return not action.branches and any(isinstance(command, Listing) for command in upstream)


def narrowed(action: Action, taken: Collection[str], graph: Graph) -> Action:
    """The same action on these of its branches alone, and of these companions on those that go with them."""
    every, beside = action.branches, companions(action)
    kept = set(taken) & set(every)
    for name in beside:
        if name in taken and any(goes_with(graph.actions[name], graph.actions[b]) for b in every if b in taken):
            kept.add(name)
    left_out = {*every, *beside} - kept
    if not left_out:
        return action
    inputs = tuple(_without(declared, left_out) if declared.many else declared for declared in action.inputs)
    command = action.command
    if isinstance(command, Select):
        command = replace(
            command,
            candidates=tuple(name for name in command.candidates if name not in left_out),
            pick=tuple(name for name in command.pick if name not in left_out),
        )
    return replace(action, inputs=inputs, command=command)


def missing(action: Action, result: Trace) -> list[str]:
    """The branches of which nothing went into a result."""
    read = {path for path, _ in result.inputs}
    found = []
    for name in action.branches:
        made = [item.path for item in _items(action) if isinstance(item, Made | Part) and item.maker == name]
        if made and read.isdisjoint(made):
            found.append(name)
    return found


def is_news(evidence: Evidence) -> bool:
    """Whether a set holds a branch, by content, that the last result was not made from."""
    if evidence.last is None:
        return True
    before, own = set(evidence.last.inputs), set[str]()
    for bound in evidence.bound:
        if bound.input.many:
            own.update(bound.paths)
            own.difference_update(item.path for item in bound.input.items if isinstance(item, Leaf))
    return any((path, version) not in before for path, version in evidence.inputs if path in own)


def made_from(result: Trace, of: Trace) -> bool:
    """Whether a result was made from what another one made, or has nothing to do with it."""
    versions: Mapping[str, object] = dict(result.inputs)
    return all(versions.get(product.path, product.digest) == product.digest for product in of.outputs)


def _items(action: Action) -> Iterator[Item]:
    return (item for declared in action.inputs for item in declared.items)


def _maker(item: Item) -> str | None:
    return item.maker if isinstance(item, Made | Part | PartGlob) else None


def _without(declared: Input, left_out: Collection[str]) -> Input:
    return replace(declared, items=tuple(item for item in declared.items if _maker(item) not in left_out))
