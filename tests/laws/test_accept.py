"""What is accepted is a result like any other: kept, judged, remembered, and nothing but what it says."""

from collections import Counter

import pytest
from history import check_clean
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import outputs_at

from mlmake.model.event import Outcome
from mlmake.model.graph import Select
from mlmake.model.reason import Code
from mlmake.running.accept import NotAccepted
from mlmake.testing.toy.strategies import designs, orders
from mlmake.testing.toy.workflow import PARAMS, Design, Ref, Step, graph_of, version_of
from mlmake.testing.toy.world import World


def steps(world: World) -> list[str]:
    """The instances that can be accepted."""
    actions = world.graph().actions.values()
    return [a.id for a in actions if a.outputs and not isinstance(a.command, Select)]


def tampered(world: World, name: str, value: int) -> list[str]:
    """Somebody puts something of his own at every output of an instance; gives the outputs."""
    paths = [output.path for output in world.graph().actions[name].outputs]
    for path in paths:
        world.edit(f"{path}0" if path.endswith("/") else path, value)
    return paths


@given(
    designs(noise=False, undone=False),
    st.integers(0, 20),
    st.integers(0, 9),
    st.sampled_from([None, *PARAMS]),
    st.booleans(),
    orders,
)
def test_what_is_accepted_is_the_result_of_the_present_recipe(
    design: Design, which: int, value: int, param: str | None, wiped: bool, order: tuple[int, ...]
) -> None:
    """Accepted, it is neither run nor restored; what is behind it is made from it, whatever the store has lost."""
    world = World(design)
    world.build(order=order)
    name = steps(world)[which % len(steps(world))]
    if param is not None:
        world.params[param] = 2
    upstream = sorted(world.closure([name]) - {name})
    if upstream:
        told = world.build(upstream, order=order)
        assume(told.good == set(told.ended))
    paths = tampered(world, name, value)
    if wiped:
        world.store.objects.clear()
    files = outputs_at(world.disk.files, paths)
    accepted = world.accept(name, reason="because")
    trace = world.last(name)
    assert accepted.traces == (trace,) == (world.traces.latest(name),)
    assert trace.recipe == graph_of(design, world.params).actions[name].recipe
    assert trace.inputs == tuple((path, version_of(world.disk.files, path)) for path, _ in trace.inputs)
    assert [(r.code, r.subject, r.new) for r in trace.reasons] == [(Code.ACCEPTED, "somebody", "because")]
    assert name not in world.build([name], order=order).with_(Outcome.RAN, Outcome.RESTORED)
    told = world.build(order=order, keep_going=True)
    assert name not in told.with_(Outcome.RAN, Outcome.RESTORED)
    assert outputs_at(world.disk.files, paths) == files
    check_clean(world, told, told.good - {name})
    again = world.build(order=order, keep_going=True)
    assert not again.with_(Outcome.RAN, Outcome.RESTORED)
    # Its bytes are in the store: whoever spoils them gets them back.
    if world.graph().actions[name].policy.cache and name in again.good:
        world.edit(f"{paths[0]}0" if paths[0].endswith("/") else paths[0], value + 1)
        assert world.build([name], order=order).restored == {name}
        assert outputs_at(world.disk.files, paths) == files


@given(designs(noise=False, undone=False), st.integers(0, 20), st.sampled_from(PARAMS), orders)
def test_nothing_is_accepted_upon_what_is_not_up_to_date(
    design: Design, which: int, param: str, order: tuple[int, ...]
) -> None:
    """Accepting fails just if the judge has something to do upstream, and then nothing is written."""
    world = World(design)
    world.build(order=order)
    name = steps(world)[which % len(steps(world))]
    world.params[param] = 2
    tampered(world, name, 3)
    graph = world.graph()
    upstream, todo = set(), [name]
    while todo:
        new = set(graph.actions[todo.pop()].upstream) - upstream
        upstream |= new
        todo += new
    decisions = world.plan(sorted(upstream)).decisions if upstream else {}
    late = sorted(n for n in upstream if n in decisions and decisions[n].verb in ("run", "restore"))
    before = world.traces.image()
    if not late:
        world.accept(name)
        return
    with pytest.raises(NotAccepted) as refusal:
        world.accept(name)
    for target, number in Counter(other.partition("@")[0] for other in late).items():
        said = [f"{other} is not up to date" for other in late if other.partition("@")[0] == target]
        assert (said[0] if number == 1 else f"{number} instances of {target} are not up to date") in str(refusal.value)
    assert world.traces.image() == before


CHAIN = (
    Step(name="a", refs=(Ref("leaf", "data/s0"),), params=("p0",), modules=("lib/m0.py",)),
    Step(name="b", refs=(Ref("whole", "a"),), params=("p1",)),
)


def test_the_files_it_was_seen_to_load_count_as_they_are_now() -> None:
    world = World(CHAIN)
    world.build()
    world.edit("lib/m0.py", 5)
    world.accept("a")
    assert dict(world.last("a").discovered) == {"lib/m0.py": version_of(world.disk.files, "lib/m0.py")}
    assert "a" in world.build().with_(Outcome.SKIPPED)
    world.edit("lib/m0.py", 6)
    assert "a" in world.build().ran


def test_a_loaded_file_that_is_gone_is_no_input_any_more() -> None:
    world = World(CHAIN)
    world.build()
    world.disk.remove("lib/m0.py")
    world.accept("a")
    assert world.last("a").discovered == ()


def test_several_are_accepted_together_upstream_first() -> None:
    world = World(CHAIN)
    world.edit("out/a.json", 4)
    world.edit("out/b.json", 5)
    accepted = world.accept("b", "a")
    assert [trace.action for trace in accepted.traces] == ["a", "b"]
    assert accepted.blind == ("a", "b")
    assert world.build().with_(Outcome.SKIPPED) == {"a", "b"}


def test_a_missing_output_or_input_is_named_and_nothing_is_accepted() -> None:
    world = World(CHAIN)
    world.edit("out/b.json", 5)
    with pytest.raises(NotAccepted, match=r"a is not accepted: out/a\.json is not there"):
        world.accept("a", "b")
    world.edit("out/a.json", 4)
    world.disk.remove("data/s0")
    with pytest.raises(NotAccepted, match="a is not accepted: data/s0 does not exist"):
        world.accept("a", "b")
    assert world.last("a") is world.last("b") is None


def test_metrics_are_those_of_the_file() -> None:
    world = World(CHAIN)
    world.build()
    world.edit("out/a.json", 4)
    world.accept("a")
    assert world.last("a").metrics == {"v": 4.0}
    world.disk.write("out/a.json", "no metrics")
    with pytest.raises(NotAccepted, match=r"its metrics out/a\.json cannot be read: it is not JSON"):
        world.accept("a")


def test_it_takes_no_time_and_a_run_is_expected_to_take_what_it_took() -> None:
    world = World((Step(name="a", refs=(Ref("leaf", "data/s0"),), seconds=7.0),))
    world.build()
    world.accept("a")
    trace = world.last("a")
    assert trace.started == trace.ended
    assert trace.seconds == 7.0


def test_a_full_store_costs_a_warning() -> None:
    world = World(CHAIN)
    world.build()
    world.edit("out/a.json", 4)
    world.store.full = True
    accepted = world.accept("a")
    assert len(accepted.warnings) == 1
    assert world.last("a").outputs[0].object is None
    assert "a" in world.build(["a"]).with_(Outcome.SKIPPED)


def test_taking_a_parameter_back_brings_the_earlier_result() -> None:
    world = World(CHAIN)
    world.build()
    made = world.outputs()
    world.params["p0"] = 3
    world.edit("out/a.json", 4)
    world.accept("a")
    world.build()
    world.params["p0"] = 1
    world.build()
    assert world.outputs() == made


def test_it_wipes_a_failure() -> None:
    world = World(CHAIN)
    world.broken.add("a")
    world.build()
    assert world.traces.failure("a") is not None
    world.edit("out/a.json", 4)
    world.accept("a")
    assert world.traces.failure("a") is None
