"""The workflow as a graph of actions; it knows what is declared, not what is on disk or what was built before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mlmake.model.digest import Digest, Value
from mlmake.model.fact import Recipe
from mlmake.model.units import Bytes, Seconds

# Paths are strings with "/" between parts, relative to the project root, normalised; those outside the project keep
# leading "../" parts or are absolute. A folder ends in "/". Names that are not UTF-8 carry surrogate escapes.


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file or folder that nothing in the graph makes."""

    path: str


@dataclass(frozen=True, slots=True)
class Made:
    """A whole output of another action."""

    path: str
    maker: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file, or a folder, inside the folder output of another action; known once that has run."""

    path: str
    maker: str


@dataclass(frozen=True, slots=True)
class PartGlob:
    """What matches a pattern inside the folder output of another action; known once that has run."""

    pattern: str
    maker: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """One output of the instances that a selection chose, best first; known once that has run.

    `selector` is the action that selects, `manifest` the path of what it writes. `candidates` gives, for every
    instance that may be chosen, the path of that output and the action that makes it.
    """

    output: str
    selector: str
    manifest: str
    candidates: Mapping[str, str]


Item: TypeAlias = Leaf | Made | Part | PartGlob | Chosen


@dataclass(frozen=True, slots=True)
class Input:
    """One input as declared: its name (none in an array), whether it is one path or a list, and what it stands for."""

    name: str | None
    many: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One declared output: a file, or a folder if the path ends in "/"."""

    name: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Shell:
    """A script for the project's shell; a template whose values are shell-quoted."""

    text: str


@dataclass(frozen=True, slots=True)
class Argv:
    """A command run without a shell; each element is a template."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A Python function of the project; `arguments` are the names it asks for, read from its source."""

    module: str
    function: str
    arguments: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """Choose the best of a fan-out by a metric; `pick` names the action ids whose outputs are chosen instead."""

    by: str
    top: int = 1
    order: str = "max"
    min: float | None = None
    max: float | None = None
    per: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    pick: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """No command: the target means its inputs."""


Command: TypeAlias = Shell | Argv | Call | Select | Group


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
    """How a step is run and judged; none of it is recipe."""

    resources: Resources = Resources()
    retries: Retries = Retries()
    timeout: Seconds | None = None
    on_error: str = "stop"
    cache: bool = True
    keep: tuple[str, ...] = ()
    track: tuple[str, ...] = ("imports",)
    metrics: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One instance of a target: a recipe with inputs, outputs and policy.

    `id` is `target` or `target@key=value,…`. `keys` are the matrix values in file order, `params` the parameters it
    uses by dotted name. `env` is set for the step, `passed` names variables that pass through. `upstream` are the
    actions whose outputs it reads, `after` those that only come before; both without doubles.
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

    @property
    def is_phony(self) -> bool:
        """It has a command and no outputs, so there is nothing to be up to date."""
        return not self.outputs and not isinstance(self.command, Group)

    @property
    def is_group(self) -> bool:
        """It stands for its inputs and never runs."""
        return isinstance(self.command, Group)


@dataclass(frozen=True, slots=True)
class Target:
    """What the Mlfile says of a name; `actions` are its instances in order."""

    name: str
    help: str | None
    manual: bool
    actions: tuple[str, ...]
    outputs: tuple[str | None, ...]


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
    aggregate: str = "mean"
    model_output: str | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """What holds for every step: interpreter, shell, preloaded modules, defaults, where the store is."""

    name: str
    default: tuple[str, ...]
    python: str | None
    preload: tuple[str, ...]
    shell: tuple[str, ...]
    totals: Resources
    cache_dir: str | None
    link: tuple[str, ...]


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
