"""The branches that a fan-in may start without: which they are, and an action with only some of them; pure values."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from mlmake.model.digest import Version
from mlmake.model.graph import Action, Input, Item, Made, Part, PartGlob, Select
from mlmake.model.trace import Trace

ALL, ENDED = "all", "ended"
"""The words of `wait` that are no count."""


def needed(action: Action) -> int:
    """How many branches have to be there."""
    wait = action.policy.wait
    return wait if isinstance(wait, int) else 1


def counts(action: Action) -> bool:
    """Whether it starts on some of its branches while others still run."""
    return isinstance(action.policy.wait, int)


def narrowed(action: Action, taken: Collection[str]) -> Action:
    """The same action on these of its branches alone."""
    every = action.branches
    if not every or set(every) <= set(taken):
        return action
    left_out = set(every) - set(taken)
    inputs = tuple(_without(declared, left_out) if declared.many else declared for declared in action.inputs)
    command = action.command
    if isinstance(command, Select):
        command = replace(command, candidates=tuple(c for c in command.candidates if c not in left_out))
    return replace(action, inputs=inputs, command=command)


def made_by(action: Action, names: Collection[str]) -> set[str]:
    """The paths that these branches give to an action."""
    items = [item for declared in action.inputs if declared.many for item in declared.items]
    return {item.path for item in items if isinstance(item, Made) and item.maker in names}


def is_news(inputs: Mapping[str, Version], action: Action, last: Trace | None) -> bool:
    """Whether a set holds a branch, by content, that the last result was not made from."""
    if last is None:
        return True
    before = set(last.inputs)
    own = made_by(action, action.branches) or set(inputs)
    return any((path, version) not in before for path, version in inputs.items() if path in own)


def _maker(item: Item) -> str | None:
    return item.maker if isinstance(item, Made | Part | PartGlob) else None


def _without(declared: Input, left_out: Collection[str]) -> Input:
    return replace(declared, items=tuple(item for item in declared.items if _maker(item) not in left_out))
