"""The workflow as a graph of actions; it knows what is declared, not what is on disk or what was built before."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmake.model.command import Argv as Argv
from mlmake.model.command import Call as Call
from mlmake.model.command import Command as Command
from mlmake.model.command import Group as Group
from mlmake.model.command import Listing as Listing
from mlmake.model.command import Select as Select
from mlmake.model.command import Shell as Shell
from mlmake.model.digest import Digest, Value
from mlmake.model.fact import Recipe
from mlmake.model.item import Chosen as Chosen
from mlmake.model.item import FilePath as FilePath
from mlmake.model.item import Input as Input
from mlmake.model.item import Item as Item
from mlmake.model.item import Leaf as Leaf
from mlmake.model.item import Made as Made
from mlmake.model.item import Output as Output
from mlmake.model.item import Part as Part
from mlmake.model.item import PartGlob as PartGlob
from mlmake.model.release import Manner
from mlmake.model.units import Bytes, Seconds
from mlmake.model.validity import ALWAYS_VALID, Validity


@dataclass(frozen=True, slots=True)
class Resources:
    """What a step occupies while it runs; the totals of the machine use the same type.

    Without `gpus` a step leaves devices alone. `devices` are ids: all there are, or those given to a running step.
    """

    cpus: float = 1
    memory: Bytes = Bytes(0)
    gpus: int | None = None
    named: Mapping[str, float] = field(default_factory=dict)
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed step is tried again; the n-th pause is delay · backoff^(n-1)."""

    times: int = 0
    delay: Seconds = Seconds(1)
    backoff: float = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """How a step is run and judged; none of it is recipe.

    `wait` is "all", "ended" or how many branches it starts on; with `carry` a branch that is to run again counts with
    its last good result until then.
    """

    resources: Resources = Resources()
    retries: Retries = Retries()
    timeout: Seconds | None = None
    on_error: str = "stop"
    cache: bool = True
    keep: tuple[str, ...] = ()
    track: tuple[str, ...] = ("imports",)
    metrics: str | None = None
    validity: Validity = ALWAYS_VALID
    wait: str | int = "all"
    carry: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """One instance of a target: a recipe with inputs, outputs and policy.

    `id` is `target` or `target@key=value,…`. `keys` are the matrix values in file order, `params` the parameters it
    uses by dotted name. `env` is set for the step, `passed` names variables that pass through. `upstream` are the
    actions whose outputs it reads, `after` those that only come before; both without doubles. `files`
    are the keys whose values are paths of files, of which templates may ask parts.
    """

    id: str
    target: str
    keys: Mapping[str, Value]
    command: Command
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    upstream: tuple[str, ...]
    after: tuple[str, ...]
    params: Mapping[str, Value]
    env: Mapping[str, str]
    passed: tuple[str, ...]
    facts: Recipe
    recipe: Digest
    policy: Policy
    files: frozenset[str] = frozenset()

    @property
    def is_phony(self) -> bool:
        """It has a command and no outputs, so there is nothing to be up to date."""
        return not self.outputs and not self.is_group

    @property
    def branches(self) -> tuple[str, ...]:
        """The actions that its list inputs refer to, each once, if it need not wait for all of them; else none.

        Those of a selection are its candidates, not what it picks instead of them.
        """
        if self.policy.wait == "all":
            return ()
        items = (item for declared in self.inputs if declared.many for item in declared.items)
        found = dict.fromkeys(item.maker for item in items if isinstance(item, Made | Part | PartGlob))
        if isinstance(self.command, Select):
            candidates = set(self.command.candidates)
            return tuple(name for name in found if name in candidates)
        return tuple(found)

    @property
    def is_group(self) -> bool:
        """It stands for others and never runs."""
        return isinstance(self.command, Group | Listing)


@dataclass(frozen=True, slots=True)
class Target:
    """What the Mlfile says of a name; `actions` are its instances in order.

    `listing` is the action that stands for those that are not known yet; none where the Mlfile alone tells them.
    """

    name: str
    help: str | None
    manual: bool
    actions: tuple[str, ...]
    outputs: tuple[str | None, ...]
    listing: str | None = None

    @property
    def meant(self) -> tuple[str, ...]:
        """All that its name stands for: its instances, and those to come."""
        return self.actions if self.listing is None else (self.listing, *self.actions)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be served: an action and the path of its model output, in order of rank."""

    action: str
    path: str


@dataclass(frozen=True, slots=True)
class Serve:
    """One `[serve.NAME]`: what may be served and how answers are joined.

    `selected_by` is the action whose manifest says which of `candidates` are live; none: all of them, in this order.
    """

    name: str
    candidates: tuple[Candidate, ...]
    selected_by: str | None
    manner: Manner = Manner()
    model_output: str | None = None


UNUSED_FOR = Seconds(30 * 86_400.0)
"""How long results that nobody uses are kept where the Mlfile does not say."""


@dataclass(frozen=True, slots=True)
class Project:
    """What holds for every step: interpreter, shell, preloaded modules, defaults, where the store is.

    `unused_for` and `max_size` say what the store may forget.
    """

    name: str
    default: tuple[str, ...]
    python: str | None
    preload: tuple[str, ...]
    shell: tuple[str, ...]
    totals: Resources
    cache_dir: str | None
    link: tuple[str, ...]
    unused_for: Seconds = UNUSED_FOR
    max_size: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """All actions by id in the order of the Mlfile, and who makes which path. Free of cycles."""

    project: Project
    targets: Mapping[str, Target]
    actions: Mapping[str, Action]
    owners: Mapping[str, str]
    serves: Mapping[str, Serve]
    params: Mapping[str, Value]
    sources: tuple[str, ...]
