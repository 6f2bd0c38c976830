"""Random toy workflows and random histories of them, for Hypothesis; they know no law."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from mlmake.model.condition import All, Compare, Condition, Not, Some
from mlmake.model.validity import Scale, Significance, Tolerance
from mlmake.testing.toy.workflow import (
    FEEDS,
    MODULES,
    NO_RULES,
    PARAMS,
    PROBES,
    SIZE,
    SOURCES,
    Design,
    Ref,
    Rules,
    Step,
)

EARLIER = ("file", "file", "two", "folder")


@st.composite
def designs(
    draw: st.DrawFn,
    *,
    noise: bool = True,
    uncached: bool = True,
    undone: bool = True,
    lists: bool = False,
    memo: bool = False,
) -> Design:
    """A workflow of two to six targets.

    `undone`: with phonies and groups; `lists`: with fan-outs over folders; `memo`: with rules of age, source, metrics.
    """
    steps: list[Step] = []
    for i in range(draw(st.integers(2, 6))):
        shapes = [*EARLIER, *(["phony", "group"] if undone else [])]
        folders = [s for s in steps if s.shape == "folder"] if lists else []
        if lists and not folders and i < 2:
            shapes = ["folder"]
        matrices = [s for s in steps if (s.fan or s.over) and s.shape in ("file", "two")]
        shape = draw(st.sampled_from([*shapes, *(["select", "select"] if matrices else [])]))
        if shape == "select":
            chosen = draw(st.sampled_from(matrices))
            steps.append(Step(name=f"t{i}", shape=shape, refs=(Ref("whole", chosen.name),)))
            continue
        whole = [s for s in steps if s.shape not in ("phony", "group")]
        refs = draw(st.lists(_refs(whole), min_size=0 if shape == "phony" else 1, max_size=3, unique=True))
        if shape == "group":
            refs = [ref for ref in refs if ref.kind == "whole"]
        before = [s for s in steps if s.shape != "select"]
        after = draw(st.lists(st.sampled_from(before).map(lambda s: s.name), max_size=2, unique=True)) if before else []
        over = draw(st.sampled_from(["", *(s.name for s in folders)])) if shape in EARLIER and folders else ""
        modules = draw(_modules([s for s in steps if s.name in after])) if shape != "group" else ()
        steps.append(
            Step(
                name=f"t{i}",
                shape=shape,
                refs=tuple(refs),
                after=tuple(after),
                fan=draw(st.sampled_from([0, 0, 2, 3])) if shape in EARLIER and not over else 0,
                over=over,
                divisor=draw(st.integers(1, 3)),
                params=tuple(draw(st.lists(st.sampled_from(PARAMS), max_size=1))),
                modules=modules,
                seconds=draw(st.sampled_from([0.02, 0.05, 0.5])),
                cache=not (uncached and draw(st.integers(0, 7)) == 0),
                noisy=noise and shape in EARLIER and draw(st.integers(0, 7)) == 0,
                rules=draw(_rules(shape, steps)) if memo and shape in EARLIER else NO_RULES,
            )
        )
    return tuple(steps)


TOLERANCES = (
    Tolerance(Scale.SHARE, Decimal("0.02")),
    Tolerance(Scale.FACTOR, Decimal(2)),
    Tolerance(Scale.AMOUNT, Decimal("0.2")),
    Tolerance(Scale.AMOUNT, Decimal(2)),
)
LOW, MISSING = Compare("v", "<", 4), Compare("w", ">=", 0)
CONDITIONS: tuple[Condition, ...] = (
    Compare("v", ">=", 3),
    Not(LOW),
    All((LOW, Not(Compare("v", "==", 0)))),
    Some((MISSING, LOW)),
    MISSING,
)


@st.composite
def _rules(draw: st.DrawFn, shape: str, steps: list[Step]) -> Rules:
    """Windows are of several lengths, so that a history is in and out of them."""
    made = [(s.paths(None)[0][1], s.name) for s in steps if s.shape in ("file", "two") and not s.fan and not s.over]
    feed, maker = draw(st.sampled_from([(None, None), *((path, None) for path in FEEDS * 2), *made]))
    declared = feed is not None and (maker is not None or draw(st.integers(0, 4)) > 0)
    probe = draw(st.sampled_from([None, *PROBES])) if feed is not None else None
    fresh_for = draw(st.sampled_from([None, None, 4.0, 300.0, 6000.0]))
    max_age = draw(st.sampled_from([None, None, max(300.0, fresh_for or 0), 6000.0, 10.0**7]))
    if feed is not None and not declared and probe is None and max_age is None:
        fresh_for = fresh_for or 300.0
    metric = shape != "folder" and draw(st.booleans())
    return Rules(
        feed=feed,
        declared=declared,
        maker=maker,
        probe=probe,
        fresh_for=fresh_for,
        max_age=max_age,
        stale_if_error=draw(st.sampled_from([None, 4.0, 10.0**6])),
        significant=draw(_significance(probe)) if probe is not None else None,
        enough=draw(st.sampled_from(CONDITIONS)) if metric else None,
    )


def _significance(probe: str) -> st.SearchStrategy[Significance]:
    one = st.sampled_from([None, *TOLERANCES])
    if probe != "pair":
        return one
    return one | st.dictionaries(st.sampled_from(["rows", "odd"]), one, min_size=1)


@st.composite
def _refs(draw: st.DrawFn, whole: list[Step]) -> Ref:
    step = draw(st.sampled_from([None, *whole, *whole]))
    if step is None:
        return Ref("leaf", draw(st.sampled_from(SOURCES)))
    kinds = ["whole"]
    if step.shape == "folder":
        kinds = ["whole", "part", "glob"]
    elif step.shape == "select":
        kinds = ["whole", "chosen", "chosen"]
    return Ref(draw(st.sampled_from(kinds)), step.name, draw(st.booleans()))


@st.composite
def _modules(draw: st.DrawFn, after: list[Step]) -> tuple[str, ...]:
    """What a step loads: the project's modules, or what a step before it makes, without saying so."""
    made = [path for s in after if not s.over for _, path in s.paths(s.each()[0])]
    made = [f"{path}0" if path.endswith("/") else path for path in made]
    return tuple(draw(st.lists(st.sampled_from([*MODULES, *made]), max_size=2, unique=True)))


@dataclass(frozen=True, slots=True)
class Do:
    """One thing that happens; `a`, `b` and `c` choose among what there is, whatever it is."""

    kind: str
    a: int = 0
    b: int = 0
    c: tuple[int, ...] = (0,)


HARMLESS = ("edit", "edit", "revert", "revert", "param", "clock", "delete", "spoil", *("build",) * 6, "subset")
HARD = ("wipe", "lose-object", "damage", "full", "lose-state", "fail", "fail", "lazy", "mend")
TOLD = ("forced", "forced", "uncached", "keep-going", "stopped")
MEMO = ("feed", "feed", "feed", "tick", "tick", "policy", "down", "gone", "up", *("build",) * 6)
"""What befalls datasets, windows and rules, with builds between."""

CUT = ("interrupt", "crash", "power", "moved")

orders = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


def histories(*more: tuple[str, ...], longest: int = 12) -> st.SearchStrategy[list[Do]]:
    """Things that happen one after the other to a world that was built once, of the harmless kinds and those named."""
    kinds = [*HARMLESS, *(kind for kinds in more for kind in kinds)]
    one = st.builds(Do, st.sampled_from(kinds), st.integers(0, 20), st.integers(0, SIZE - 1), orders)
    start = [Do("edit", 0, 3), Do("build", 0, 2)]
    return st.lists(one, min_size=longest // 3, max_size=longest).map(lambda things: [*start, *things])


choices = st.lists(st.builds(Do, st.just("choice"), st.integers(0, 20), st.integers(0, SIZE - 1)), max_size=4)
