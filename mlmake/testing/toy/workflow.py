"""Toy workflows: what their steps compute and the graph they stand for; knows no judge and no build."""

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Protocol

from mlmake.model.condition import Condition
from mlmake.model.digest import MISSING, Digest, Version, digest_of
from mlmake.model.fact import fact, recipe_digest
from mlmake.model.graph import (
    Action,
    Call,
    Chosen,
    Graph,
    Group,
    Input,
    Item,
    Leaf,
    Listing,
    Made,
    Output,
    Part,
    PartGlob,
    Policy,
    Project,
    Resources,
    Retries,
    Select,
    Target,
)
from mlmake.model.observation import Measures
from mlmake.model.reason import Code, Plain
from mlmake.model.units import Bytes, Seconds
from mlmake.model.validity import Probe, Significance, Source, Validity

FEEDS = ("feeds/f0", "feeds/f1")
"""Datasets: files that steps read as their source, or behind the back of the tool."""

PROBES = ("count", "again", "tenths", "pair", "any")
SOURCES = ("data/s0", "data/s1", "data/s2")
MODULES = ("lib/m0.py", "lib/m1.py")
PACKAGES = ("q0", "q1")
PARAMS = ("p0", "p1")
SIZE = 7
"""Every number in the toy world is below this, so that values meet again often."""

Files = Mapping[str, str]


def text_of(value: int) -> str:
    """The content of a file that holds this number; it is a metrics file too."""
    return json.dumps({"v": value})


def number_in(content: str) -> int:
    """What a step makes of a content: its number, or for any other text one that depends on all of it."""
    try:
        return int(json.loads(content)["v"])
    except (ValueError, KeyError, TypeError):
        return zlib.crc32(content.encode()) % SIZE


def inside(files: Files, folder: str) -> list[str]:
    """The files in a folder, by name."""
    return sorted(path for path in files if path.startswith(folder))


def version_of(files: Files, path: str) -> Version:
    """The digest of a file, or of a folder's names and contents."""
    if path.endswith("/"):
        found = inside(files, path)
        return digest_of([[p.removeprefix(path), files[p]] for p in found]) if found else MISSING
    return digest_of(files[path]) if path in files else MISSING


def measured(probe: str, number: int) -> Measures:
    """What a probe says of a dataset that holds this number; `any` gives whatever a probe may give."""
    anything: tuple[Plain, ...] = (0, 3, -3, math.nan, "a", "b", True, 0.0, 6)
    match probe:
        case "count" | "again":
            return {"count": number}
        case "tenths":
            return {"tenths": number / 10}
        case "pair":
            return {"rows": number, "odd": number % 2}
        case _:
            which = number % (len(anything) + 1)
            return {"any": anything[which]} if which < len(anything) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """For how long and for which changes results of a step stand.

    `feed` is the path of a dataset that it reads; `declared` says that it is the source, otherwise nobody knows of it.
    `maker` is the step that makes the dataset, if one does. Durations are seconds.
    """

    feed: str | None = None
    declared: bool = True
    maker: str | None = None
    probe: str | None = None
    fresh_for: float | None = None
    max_age: float | None = None
    stale_if_error: float | None = None
    significant: Significance = None
    enough: Condition | None = None

    @property
    def source(self) -> str | None:
        """The path of the source, if it has one."""
        return self.feed if self.declared else None

    @property
    def asks(self) -> bool:
        """Whether there is a validator."""
        return self.source is not None or self.probe is not None


NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Ref:
    """An input: `kind` is leaf (a source), whole, part, glob (of a folder output) or chosen (by a selection).

    `paired` takes the instance with this instance's own key.
    """

    kind: str
    name: str
    paired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One target. `shape` is file, two (files), folder, phony, group or select; `fan` its instances, 0 for no matrix.

    `over` names a target of folders: there is an instance for each file in them. Which there are is told by `keys`,
    what they were read from by `read`, and whether that is all by `complete`; see `listed`.

    `modules` are loaded while it runs: the first always, the second only if its sum is odd; `reads` are read without
    being declared, `packages` imported. `track` is what counts of that. `noisy`: it gives another result each time.
    """

    name: str
    shape: str = "file"
    refs: tuple[Ref, ...] = ()
    after: tuple[str, ...] = ()
    fan: int = 0
    over: str = ""
    keys: tuple[int, ...] = ()
    read: tuple[tuple[str, str, Digest], ...] = ()
    complete: bool = False
    divisor: int = 2
    params: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    track: tuple[str, ...] = ("imports",)
    seconds: float = 0.05
    cache: bool = True
    noisy: bool = False
    on_error: str = "stop"
    retries: int = 0
    keep: tuple[str, ...] = ()
    least: float | None = None
    cpus: float = 1
    wait: str | int = "all"
    carry: bool = True
    rules: Rules = NO_RULES

    def ids(self) -> tuple[str, ...]:
        """Its instances."""
        return tuple(self.name if k is None else f"{self.name}@k={k}" for k in self.each())

    @property
    def listing(self) -> str | None:
        """What stands for instances that are not known yet."""
        return f"{self.name}@k=?" if self.over else None

    def paths(self, key: int | None) -> tuple[tuple[str, str], ...]:
        """Names and paths of the outputs of the instance with this key."""
        stem = f"out/{self.name}" + ("" if key is None else f"-{key}")
        match self.shape:
            case "file":
                return (("a", f"{stem}.json"),)
            case "two":
                return (("a", f"{stem}.a"), ("b", f"{stem}.b"))
            case "folder":
                return (("a", f"{stem}/"),)
            case "select":
                return (("a", f"{stem}.best"),)
            case _:
                return ()

    def each(self) -> tuple[int | None, ...]:
        """The keys of its instances."""
        if self.over:
            return self.keys
        return tuple(range(self.fan)) if self.fan else (None,)


Design = tuple[Step, ...]


def step_of(design: Design, action: str) -> tuple[Step, int | None]:
    """The step and the key of an instance."""
    name, _, rest = action.partition("@k=")
    return next(step for step in design if step.name == name), int(rest) if rest.isdigit() else None


def item_of(design: Design, step: Step, key: int | None) -> tuple[str, str] | None:
    """The file that an instance stands for, and its maker."""
    if not step.over or key is None:
        return None
    maker = next(s for s in design if s.name == step.over)
    inner = None if maker.each() == (None,) else key // 10
    return f"{maker.paths(inner)[0][1]}{key % 10}", id_of(maker, inner)


class Recorded(Protocol):
    """One folder as its maker left it."""

    @property
    def digest(self) -> Digest:
        """Of its content."""

    @property
    def files(self) -> Sequence[str]:
        """Their paths."""


Look = Callable[[str, str, str], Recorded | None]


def listed(step: Step, design: Sequence[Step], look: Look) -> Step:
    """A step with the instances that there are by what is recorded of the folders that it lists."""
    if not step.over:
        return step
    maker = next(s for s in design if s.name == step.over)
    keys: list[int] = []
    read, complete = [], not maker.over or maker.complete
    for k in maker.each():
        name, path = id_of(maker, k), maker.paths(k)[0][1]
        recorded = look(step.name, name, path)
        if recorded is None:
            complete = False
            continue
        read.append((name, path, recorded.digest))
        keys += [10 * (k or 0) + int(file.removeprefix(path)) for file in recorded.files]
    return replace(step, keys=tuple(keys), read=tuple(read), complete=complete)


def known(design: Design, look: Look) -> Design:
    """A design with all instances that there are by what is recorded."""
    found: list[Step] = []
    for step in design:
        found.append(listed(step, found, look))
    return tuple(found)


def makers(design: Design, ref: Ref, key: int | None) -> list[tuple[Step, int | None]]:
    """The instances that an input refers to."""
    step = next(s for s in design if s.name == ref.name)
    if ref.paired and key is not None and step.fan:
        return [(step, key % step.fan)]
    return [(step, k) for k in step.each()]


def id_of(step: Step, key: int | None) -> str:
    """The instance's id."""
    return step.name if key is None else f"{step.name}@k={key}"


# What a step reads and leaves: used by the executor on the toy disk and by the oracle on a clean one.


def inputs_of(design: Design, step: Step, key: int | None, files: Files) -> list[str]:
    """The paths an instance reads, in order, each once, in the world of `files`."""
    found: list[str] = []
    for ref in step.refs:
        match ref.kind:
            case "leaf":
                found.append(ref.name)
            case "whole":
                found += [path for maker, k in makers(design, ref, key) for _, path in maker.paths(k)]
            case "part":
                found += [f"{path}0" for maker, k in makers(design, ref, key) for _, path in maker.paths(k)]
            case "glob":
                patterns = [f"{path}*" for maker, k in makers(design, ref, key) for _, path in maker.paths(k)]
                found += [p for pattern in patterns for p in sorted(files) if fnmatchcase(p, pattern)]
            case "chosen":
                for maker, k in makers(design, ref, key):
                    chosen = json.loads(files[maker.paths(k)[0][1]])["selected"]
                    found += [entry["outputs"]["a"]["path"] for entry in chosen]
            case other:
                raise AssertionError(f"no input is {other}")
    if (item := item_of(design, step, key)) is not None:
        found.append(item[0])
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Left:
    """What a step leaves, and what it loaded."""

    files: dict[str, str]
    loaded: tuple[str, ...]


def compute(
    step: Step, key: int | None, paths: Sequence[str], files: Files, *, params: Mapping[str, int], noise: int = 0
) -> Left:
    """Add and divide: lossy, so that different inputs often give equal outputs; the order of inputs counts."""
    numbers = []
    for path in paths:
        if path.endswith("/"):
            numbers.append(sum(number_in(files[p]) + 1 for p in inside(files, path)))
        else:
            numbers.append(number_in(files[path]))
    total = sum((i + 1) * n for i, n in enumerate(numbers)) + sum(params[p] for p in step.params) + (key or 0)
    loaded = tuple(m for i, m in enumerate(step.modules) if i == 0 or total % 2)
    total += sum(number_in(files[m]) for m in (*loaded, *step.reads)) + noise
    total += number_in(files[feed]) if (feed := step.rules.feed) is not None and feed in files else 0
    value = total // step.divisor % SIZE
    outputs = dict(step.paths(key))
    match step.shape:
        case "file":
            made = {outputs["a"]: text_of(value)}
        case "two":
            made = {outputs["a"]: text_of(value), outputs["b"]: text_of(value // 2)}
        case "folder":
            made = {f"{outputs['a']}{i}": text_of(value // 2 + i) for i in range(1 + value % 3)}
        case _:
            made = {}
    return Left(made, loaded)


def manifest(design: Design, step: Step, files: Files) -> dict[str, object] | None:
    """What a selection of one leaves, by its meaning: the best by number, the first among equals; none if none fits."""
    entrants = []
    for ref in step.refs:
        for maker, key in makers(design, ref, None):
            entrants.append((number_in(files[dict(maker.paths(key))["a"]]), maker, key))
    allowed = [e for e in entrants if step.least is None or e[0] >= step.least]
    if not allowed:
        return None
    value, maker, key = max(allowed, key=lambda e: e[0])
    outputs = {n: {"path": p, "digest": version_of(files, p)} for n, p in maker.paths(key)}
    return {
        "selected": [
            {
                "target": maker.name,
                "instance": id_of(maker, key),
                "keys": {} if key is None else {"k": key},
                "rank": 1,
                "outputs": outputs,
                "metrics": {"v": float(value)},
            }
        ]
    }


# The graph, as the Mlfile's expansion would make it.


def project(cpus: int = 4) -> Project:
    """A project with room for a few steps."""
    totals = Resources(cpus=cpus, memory=Bytes(8))
    return Project("toy", (), None, (), ("sh", "-c"), totals, None, ("copy",))


def graph_of(design: Design, params: Mapping[str, int]) -> Graph:
    """The graph of a design under these parameters."""
    actions = {id_of(s, k): _action(design, s, k, params) for s in design for k in s.each()}
    actions |= {s.listing: _standing_for(design, s) for s in design if s.listing}
    targets = {s.name: Target(s.name, None, False, s.ids(), tuple(n for n, _ in s.paths(0)), s.listing) for s in design}
    owners = {output.path: action.id for action in actions.values() for output in action.outputs}
    return Graph(project(), targets, actions, owners, {}, dict(params), SOURCES)


def _action(design: Design, step: Step, key: int | None, params: Mapping[str, int]) -> Action:
    inputs, upstream = [], []
    lists = [step.listing] if step.listing else []
    candidates: list[str] = []
    for ref in step.refs:
        items, needs = _items(design, ref, key)
        inputs.append(Input(None, len(items) != 1, tuple(items)))
        upstream += needs
        candidates += needs
        lists += _lists(design, ref)
    if (item := item_of(design, step, key)) is not None:
        inputs.append(Input(None, False, (Part(*item),)))
        upstream.append(item[1])
    upstream += lists
    if step.rules.maker is not None:
        upstream.append(step.rules.maker)
    before = [next(s for s in design if s.name == name) for name in step.after]
    after = [i for s in before for i in (*([s.listing] if s.listing else []), *s.ids())]
    used = {name: params[name] for name in step.params}
    facts = (
        fact(Code.RECIPE_CHANGED, "call", f"{step.shape}/{step.divisor}"),
        fact(Code.RECIPE_CHANGED, "inputs", [[r.kind, r.name, r.paired] for r in step.refs]),
        fact(Code.RECIPE_CHANGED, "outputs", [list(pair) for pair in step.paths(key)]),
        *([fact(Code.RECIPE_CHANGED, "source", step.rules.source)] if step.rules.source is not None else []),
        *(fact(Code.PARAM_CHANGED, name, value) for name, value in used.items()),
    )
    command: Call | Group | Select = Call("steps", step.name, ())
    if step.shape == "group":
        command = Group()
    elif step.shape == "select":
        command = Select("v", min=step.least, candidates=tuple(dict.fromkeys(candidates)))
    return Action(
        id=id_of(step, key),
        target=step.name,
        keys={} if key is None else {"k": key},
        command=command,
        inputs=tuple(inputs),
        outputs=tuple(Output(name, path) for name, path in step.paths(key)),
        upstream=tuple(dict.fromkeys(upstream)),
        after=tuple(name for name in dict.fromkeys(after) if name not in upstream),
        params=used,
        env={},
        passed=(),
        facts=facts,
        recipe=recipe_digest(facts),
        policy=Policy(
            resources=Resources(cpus=step.cpus),
            retries=Retries(step.retries, Seconds(1)),
            on_error=step.on_error,
            cache=step.cache,
            track=step.track,
            keep=tuple(path for name, path in step.paths(key) if name in step.keep),
            metrics="a" if step.shape in ("file", "two") else None,
            wait=step.wait,
            carry=step.carry,
            validity=_validity(step.rules),
        ),
    )


def _validity(rules: Rules) -> Validity:
    source = probe = None
    if rules.source is not None:
        item = Made(rules.source, rules.maker) if rules.maker is not None else Leaf(rules.source)
        source = Source((item,), many=False)
    if rules.probe is not None:
        probe = Probe(None, Call("probes", rules.probe, ()), Seconds(60), digest_of(rules.probe))
    return Validity(
        fresh_for=None if rules.fresh_for is None else Seconds(rules.fresh_for),
        max_age=None if rules.max_age is None else Seconds(rules.max_age),
        stale_if_error=None if rules.stale_if_error is None else Seconds(rules.stale_if_error),
        source=source,
        probe=probe,
        significant=rules.significant,
        enough=rules.enough,
        enough_text="" if rules.enough is None else "enough",
    )


def _lists(design: Design, ref: Ref) -> list[str]:
    """What may still have more instances, of all that an input stands for."""
    if ref.kind == "leaf":
        return []
    step = next(s for s in design if s.name == ref.name)
    through = step.refs if ref.kind == "chosen" or step.shape == "group" else ()
    return [*([step.listing] if step.listing else []), *(name for r in through for name in _lists(design, r))]


def _standing_for(design: Design, step: Step) -> Action:
    """The action that stands for the instances of a step that are not known yet."""
    maker = next(s for s in design if s.name == step.over)
    assert step.listing is not None, "only a dynamic step lists"
    return Action(
        id=step.listing,
        target=step.name,
        keys={},
        command=Listing(step.read, step.complete),
        inputs=(),
        outputs=(),
        upstream=(*([maker.listing] if maker.listing else []), *maker.ids()),
        after=(),
        params={},
        env={},
        passed=(),
        facts=(),
        recipe=recipe_digest(()),
        policy=Policy(),
    )


def _items(design: Design, ref: Ref, key: int | None) -> tuple[list[Item], list[str]]:
    if ref.kind == "leaf":
        return [Leaf(ref.name)], []
    found = makers(design, ref, key)
    items: list[Item] = []
    needs = [id_of(maker, k) for maker, k in found]
    for maker, k in found:
        for _, path in maker.paths(k):
            match ref.kind:
                case "whole":
                    items.append(Made(path, id_of(maker, k)))
                case "part":
                    items.append(Part(f"{path}0", id_of(maker, k)))
                case "glob":
                    items.append(PartGlob(f"{path}*", id_of(maker, k)))
                case "chosen":
                    candidates = {
                        dict(m.paths(c))["a"]: id_of(m, c) for r in maker.refs for m, c in makers(design, r, None)
                    }
                    items.append(Chosen("a", id_of(maker, k), path, candidates))
                    needs += [maker for maker in candidates.values() if maker not in needs]
                case other:
                    raise AssertionError(f"no input is {other}")
    return items, needs
