"""Laws 2, 6, 7, 8 and 20 for fan-ins that need not wait: whatever happens, the end is as if all had waited."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import event, given
from hypothesis import strategies as st

from mlmake.model.event import GOOD, Outcome
from mlmake.model.graph import Select
from mlmake.model.trace import Trace
from mlmake.testing.toy.strategies import orders
from mlmake.testing.toy.workflow import SOURCES, Design, Ref, Step
from mlmake.testing.toy.world import Told, World, essence


@st.composite
def fan_ins(draw: st.DrawFn) -> Design:
    """One or two fan-outs, a fan-in that need not wait for all, and what depends on it."""
    select = draw(st.booleans())
    shapes = ["file", "two"] if select else ["file", "two", "folder"]
    many = Step(
        name="b",
        shape=draw(st.sampled_from(shapes)),
        refs=(Ref("leaf", draw(st.sampled_from(SOURCES))),),
        fan=draw(st.integers(2, 4)),
        divisor=draw(st.integers(1, 2)),
        seconds=draw(st.sampled_from([0.02, 0.5])),
        cache=draw(st.integers(0, 5)) > 0,
    )
    first = Step(name="a", refs=(Ref("leaf", "data/s0"),), divisor=1) if draw(st.booleans()) else None
    if first is not None:
        many = replace(many, refs=(*many.refs, Ref("whole", "a")))
    more = Step(name="c", refs=(Ref("leaf", "data/s1"),), fan=draw(st.sampled_from([2, 3])), seconds=0.3)
    others = (more,) if not select and draw(st.booleans()) else ()
    count = many.fan + sum(step.fan for step in others)
    wait = draw(st.sampled_from(["ended", *range(1, count + 1)]))
    refs = (Ref("whole", "b"), *(Ref("whole", step.name) for step in others))
    shape = "select" if select else draw(st.sampled_from(["file", "two"]))
    join = Step(name="g", shape=shape, refs=refs, divisor=1, wait=wait, carry=draw(st.booleans()))
    after = Step(name="h", refs=(Ref("whole", "g"),), divisor=1)
    return tuple(step for step in (first, many, *others, join, after) if step is not None)


happenings = st.lists(
    st.tuples(st.sampled_from(["edit", "edit", "fail", "mend", "build", "cut", "param"]), st.integers(0, 11), orders),
    max_size=6,
)


def live(world: World, things: Sequence[tuple[str, int, tuple[int, ...]]]) -> None:
    """Let these happen after a first build."""
    world.build(keep_going=True)
    for kind, number, order in things:
        each = [name for name in world.graph().actions if name.startswith(("b", "c"))]
        match kind:
            case "edit":
                world.edit(SOURCES[number % 3], number % 5)
            case "param":
                world.clock.pass_(1)
            case "fail":
                world.broken.add(each[number % len(each)])
            case "mend":
                world.repair()
            case "build":
                check_rounds(world, *built(world, order))
            case "cut":
                world.build(order=order, interrupts=(number, number + 2))


def built(world: World, order: Sequence[int]) -> tuple[Told, Trace | None, list[Trace]]:
    """A build, the last result of the fan-in before it, and its results in it, in order."""
    before = world.last("g")
    told = world.build(order=order)
    run = f"run{world.builds}"
    found = [trace for trace in world.traces.everything() if trace.action == "g" and trace.run == run]
    # What turned out to be made from all that there is, is recorded once more as that.
    again = {u.order for t, u in pairwise(found) if (t.inputs, t.outputs) == (u.inputs, u.outputs)}
    return told, before, [trace for trace in found if trace.order not in again]


def check_rounds(world: World, told: Told, before: Trace | None, rounds: Sequence[Trace]) -> None:
    """Laws 7 and 8: no set is a proper part of the one before it, unless it is final, and none is tried twice."""
    action = world.graph().actions["g"]
    ended = all(told.ended[b].outcome is not None for b in action.branches if b in told.ended)
    for number, trace in enumerate(rounds):
        last = rounds[number - 1] if number else before
        final = ended and number == len(rounds) - 1
        event(f"a round on {'all' if final else 'some'}")
        if last is not None and last.recipe == trace.recipe:
            assert trace.inputs != last.inputs, "a set is taken once"
            assert final or not set(trace.inputs) < set(last.inputs), "no shrinking"
    if not isinstance(action.command, Select):
        assert len(rounds) == told.executed.count("g")


def waiting_for_all_that_ended(world: World) -> World:
    """The same world, in which fan-ins wait until all have ended."""
    twin = world.clone()
    twin.declared = tuple(replace(step, wait="ended") if step.name == "g" else step for step in world.declared)
    return twin


@given(fan_ins(), happenings, orders, st.integers(1, 4))
def test_law_6_synchrony(
    design: Design, things: list[tuple[str, int, tuple[int, ...]]], order: tuple[int, ...], jobs: int
) -> None:
    """In any order, after any failures and interruptions, the end is that of a build which waited."""
    world = World(design)
    live(world, things)
    twin = waiting_for_all_that_ended(world)
    told, waited = world.build(order=order, jobs=jobs), twin.build(order=(0,))
    action = world.graph().actions["g"]
    good = [b for b in action.branches if told.ended[b].outcome in GOOD]
    for name in action.branches:
        assert told.ended[name].outcome == waited.ended[name].outcome, "a failed branch stops no other"
    wait = next(step.wait for step in design if step.name == "g")
    if len(good) < (wait if isinstance(wait, int) else 1):
        assert told.ended["g"].outcome is Outcome.FAILED
        assert told.ended["h"].outcome is Outcome.BLOCKED
        return
    event("enough branches")
    assert world.outputs() == twin.outputs()
    last, other = world.last("g"), twin.last("g")
    assert last is not None and other is not None
    assert last.inputs == other.inputs and last.complete == other.complete
    assert told.over is not None and waited.over is not None
    assert (told.over.outcome == "ok") == (waited.over.outcome == "ok")


@given(fan_ins(), happenings, orders)
def test_laws_7_and_8_growth(
    design: Design, things: list[tuple[str, int, tuple[int, ...]]], order: tuple[int, ...]
) -> None:
    """Sets only grow, by content, until all have ended; each is taken once."""
    world = World(design)
    live(world, things)
    check_rounds(world, *built(world, order))


@given(fan_ins(), st.integers(0, 4), orders)
def test_law_7_carry(design: Design, number: int, order: tuple[int, ...]) -> None:
    """In a retraining every set holds all branches, those still to end as they were, and no step misses an input."""
    design = tuple(replace(step, cache=True, carry=True) for step in design)
    world = World(design)
    world.build(order=order)
    world.edit("data/s0", number)
    told, before, rounds = built(world, order)
    assert before is not None
    paths = {path for path, _ in before.inputs}
    for trace in rounds:
        event("a round in a retraining")
        assert {path for path, _ in trace.inputs} == paths
    assert not told.warnings()


@given(fan_ins(), happenings, orders)
def test_law_2_idempotence(
    design: Design, things: list[tuple[str, int, tuple[int, ...]]], order: tuple[int, ...]
) -> None:
    """After a good build nothing runs, and nothing is taken anew."""
    world = World(design)
    live(world, things)
    world.repair()
    world.build(order=order)
    told = world.build(order=order)
    assert not told.executed
    assert set(told.outcomes().values()) == {Outcome.SKIPPED}


@given(fan_ins(), orders, st.integers(0, 12), st.sampled_from(["interrupt", "crash", "power"]))
def test_law_20_interruption(design: Design, order: tuple[int, ...], when: int, how: str) -> None:
    """Cut anywhere, the next build goes on where it was and ends as if uncut."""
    world = World(design)
    whole = world.clone()
    whole.build(order=order)
    if how == "interrupt":
        cut = world.build(order=order, interrupts=(when,))
    else:
        cut = world.build(order=order, crash_after=when + 1, power=how == "power")
    told = world.build(order=order)
    assert told.over is not None and told.over.outcome == "ok"
    assert world.outputs() == whole.outputs()
    last, uncut = world.last("g"), whole.last("g")
    assert last is not None and uncut is not None and essence(last) == essence(uncut)
    assert not {name for name in cut.ran if name != "g"} & set(told.executed), "no finished branch runs again"
