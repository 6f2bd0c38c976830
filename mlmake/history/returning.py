"""What a run left at the outputs of its targets, and what came of putting that back; it knows no disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mlmake.history.past import Past
from mlmake.model.trace import Product, Trace


class Way(StrEnum):
    """What came of putting a target's outputs back."""

    RESTORED = "restored"
    IN_PLACE = "in-place"
    LOST = "lost"
    FAILED = "failed"
    NO_RESULT = "no-result"


BAD = frozenset({Way.LOST, Way.FAILED})


@dataclass(frozen=True, slots=True)
class Item:
    """The result of one action that stood when a run ended, and what came of putting it back.

    `trace` is none where the run left no result or its record is gone. `changed` are the outputs that were (or, dry,
    would be) put back, `kept` where something lies now that was in the way and no result; `detail` says what is wrong.
    """

    action: str
    way: Way
    trace: Trace | None = None
    changed: tuple[Product, ...] = ()
    kept: tuple[str, ...] = ()
    detail: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """All of its outputs, if they are in place now."""
        good = self.trace is not None and self.way in (Way.RESTORED, Way.IN_PLACE)
        return tuple(product.path for product in self.trace.outputs) if good and self.trace else ()


@dataclass(frozen=True, slots=True)
class Return:
    """A run that was put back; `ended` is how it had ended, `named` whether its targets were asked for by name."""

    run: str
    ended: str
    items: tuple[Item, ...]
    dry: bool = False
    named: bool = False

    @property
    def succeeded(self) -> bool:
        """All that was asked for is in place."""
        bad = BAD | {Way.NO_RESULT} if self.named else BAD
        return not any(item.way in bad for item in self.items)

    def count(self, way: Way) -> int:
        """How many items went this way."""
        return sum(item.way is way for item in self.items)


def standing_then(past: Past, made: Mapping[tuple[str, str], Trace]) -> list[Item]:
    """The results that stood when a run ended; `made` are the recorded ones by (instance, run that made it)."""
    items = []
    for name, step in past.steps.items():
        trace = None if step.made_in is None else made.get((name, step.made_in))
        if trace is not None:
            items.append(Item(trace.action, Way.IN_PLACE, trace))
        elif step.made_in is not None:
            detail = f"the record of its result, made in run {step.made_in}, is gone"
            items.append(Item(name, Way.LOST, detail=detail))
        else:
            items.append(Item(name, Way.NO_RESULT, detail=f"it left no result then: {step.outcome or 'not ended'}"))
    return items
