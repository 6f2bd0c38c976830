"""Laws 14 to 18 and 22: what is kept, what is put back, and by which result."""

from history import History
from hypothesis import assume, given
from hypothesis import strategies as st

from mlmake.model.decision import Verb
from mlmake.model.event import GOOD, Outcome
from mlmake.testing.toy.strategies import CUT, HARD, TOLD, Do, designs, histories, orders
from mlmake.testing.toy.workflow import MODULES, PARAMS, SOURCES, Design, step_of, version_of
from mlmake.testing.toy.world import World


@given(designs(), histories(HARD, TOLD, CUT), orders)
def test_laws_14_and_15_recipe_and_inputs(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """Whatever is kept or restored has the present recipe and the present contents of its inputs."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.movers.clear()
    told = history.build(order=order, keep_going=True)
    for name in told.good:
        action = world.graph().actions[name]
        if action.is_phony:
            continue
        trace = world.traces.last(action.recipe)
        assert trace is not None and trace.recipe == action.recipe
        for path, digest in (*trace.inputs, *trace.discovered):
            maker = world.graph().owners.get(path)
            if maker is not None:
                upstream = world.last(maker)
                assert upstream is not None
                assert {p.path: p.digest for p in upstream.outputs}[path] == digest
            assert version_of(world.disk.files, path) == digest


@given(designs(), histories(TOLD, ("lose-object", "wipe", "lose-state", "crash")), orders)
def test_law_16_restore(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """Restored is only what the judge would then skip, and it changes no time and no measure."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.disk.recover()
    before = {recipe.order: recipe for recipe in world.traces.everything()}
    told = history.build(order=order, keep_going=True)
    if told.over is None or told.over.outcome != "ok":
        return
    plan = world.plan()
    for name in told.restored:
        assert plan.decisions[name].verb is Verb.SKIP
        trace = world.last(name)
        assert trace is not None and before[trace.order] == trace
    untouched = [trace for trace in world.traces.everything() if trace.order in before]
    assert untouched == list(before.values())


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, int]:
    return draw(st.sampled_from([*PARAMS, *SOURCES, *MODULES])), draw(st.integers(0, 6))


def change(world: World, what: str, value: int) -> int:
    """Set a parameter or a file; gives what it was."""
    from mlmake.testing.toy.workflow import number_in

    if what in world.params:
        old, world.params[what] = world.params[what], value
        return old
    old = number_in(world.disk.files[what])
    world.edit(what, value)
    return old


@given(designs(uncached=False), histories(TOLD), st.lists(changes(), min_size=1, max_size=3), orders)
def test_law_17_there_and_back(
    design: Design, things: list[Do], several: list[tuple[str, int]], order: tuple[int, ...]
) -> None:
    """Change something, build, change it back, build: the last runs nothing and the disk equals the first."""
    history = History(World(design))
    history.live(things)
    world = history.world
    history.build(forced=world.everything(), order=order)
    phonies = {name for name, action in world.graph().actions.items() if action.is_phony}
    first, results = world.outputs(), {n: r for n, r in world.results().items() if n not in phonies}
    olds = [(what, change(world, what, value)) for what, value in several]
    middle = history.build(order=order)
    assert middle.over is not None and middle.over.outcome == "ok"
    for what, old in reversed(olds):
        change(world, what, old)
    told = history.build(order=order)
    assert not told.executed and not told.ran, told.outcomes()
    assert world.outputs() == first
    assert {n: r for n, r in world.results().items() if n not in phonies} == results
    assert set(told.outcomes().values()) <= GOOD


@given(designs(), histories(TOLD), st.integers(0, 20), orders)
def test_law_18_cutoff(design: Design, things: list[Do], which: int, order: tuple[int, ...]) -> None:
    """Forced with equal output: exactly that action runs, once, and the phonies before it."""
    history = History(World(design))
    history.live(things)
    world = history.world
    history.build(order=order)
    steady = [
        name
        for name in world.everything()
        if not step_of(design, name)[0].noisy and step_of(design, name)[0].shape != "group"
    ]
    assume(steady)
    name = steady[which % len(steady)]
    outputs = world.outputs()
    told = history.build(forced=(name,), order=order)
    graph = world.graph()
    assert told.ran == {name} | phonies_before(world, {name})
    assert told.reasons(name) == {("forced", "")}
    assert told.executed.count(name) == (graph.actions[name].command.__class__.__name__ != "Select")
    assert world.outputs() == outputs
    told = history.build(order=order)
    assert not told.executed


def phonies_before(world: World, names: set[str]) -> set[str]:
    """The phonies that have to run before these, and before those phonies."""
    graph, found, stack = world.graph(), set(), list(names)
    while stack:
        for need in graph.actions[stack.pop()].after:
            if graph.actions[need].is_phony and need not in found:
                found.add(need)
                stack.append(need)
    return found


@given(designs(uncached=False), st.integers(0, 20), st.integers(1, 3), orders)
def test_law_22_exact_key(design: Design, which: int, times: int, order: tuple[int, ...]) -> None:
    """With noisy steps results stay consistent; after force the newest result of the key comes back."""
    history = History(World(design))
    world = history.world
    history.build(order=order)
    names = [name for name in world.everything() if step_of(design, name)[0].shape not in ("group", "phony")]
    assume(names)
    name = names[which % len(names)]
    for _ in range(times):
        history.build(forced=(name,), order=order)
    newest, outputs = world.last(name), world.outputs()
    world.params.update(p0=5, p1=6)
    world.edit("data/s0", 5)
    history.build(order=order)
    world.params.update(p0=1, p1=1)
    world.edit("data/s0", 0)
    told = history.build(order=order)
    assert told.outcomes()[name] in (Outcome.RESTORED, Outcome.SKIPPED)
    assert world.last(name) == newest
    assert world.outputs() == outputs
