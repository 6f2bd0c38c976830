"""Laws 5, 8 and 20: any order of finishing, nothing twice, and what an interruption leaves."""

from history import History, check_clean
from hypothesis import given
from hypothesis import strategies as st

from mlmake.model.event import Outcome
from mlmake.testing.toy.strategies import HARD, TOLD, Do, designs, histories, orders
from mlmake.testing.toy.workflow import Design
from mlmake.testing.toy.world import Told, World, essence


def seen(world: World, told: Told) -> tuple[object, ...]:
    """What law 5 compares."""
    return world.outputs(), world.results(), told.outcomes(), sorted(told.executed)


@given(designs(), histories(TOLD, HARD), st.lists(orders, min_size=2, max_size=3), st.integers(1, 4))
def test_law_5_order(design: Design, things: list[Do], several: list[tuple[int, ...]], jobs: int) -> None:
    """Disk, last results, failed, blocked and what ran are the same for every order of finishing."""
    history = History(World(design))
    history.live(things)
    history.world.movers.clear()
    found = []
    for i, order in enumerate(several):
        world = history.world.clone()
        told = world.build(keep_going=True, order=order, jobs=jobs if i else 1)
        found.append(seen(world, told))
    assert all(other == found[0] for other in found[1:])


@given(designs(), histories(TOLD, ("fail", "lazy", "mend")), st.integers(0, 3), orders)
def test_law_8_once(design: Design, things: list[Do], retries: int, order: tuple[int, ...]) -> None:
    """In a build no action runs twice, but retries."""
    history = History(World(design))
    history.live(things)
    world = history.world
    told = world.build(order=order, retries=retries, keep_going=True)
    for name in set(told.executed):
        tries = told.executed.count(name)
        assert tries == (1 + retries if name in told.with_(Outcome.FAILED) else 1)
    assert sorted(told.started) == sorted([*told.executed, *(n for n in told.started if n not in told.executed)])


@given(
    designs(noise=False),
    histories(TOLD),
    orders,
    st.sampled_from(["interrupt", "crash", "power"]),
    st.integers(0, 25),
)
def test_law_20_interruption(design: Design, things: list[Do], order: tuple[int, ...], how: str, when: int) -> None:
    """Cut after any finished job: the traces are those of an uninterrupted build, which the next one completes."""
    history = History(World(design))
    history.live(things)
    world = history.world
    whole = world.clone()
    uncut = whole.build(order=order)
    assert uncut.over is not None and uncut.over.outcome == "ok"
    allowed = {essence(trace) for trace in whole.traces.everything()}
    if how == "interrupt":
        cut = history.build(order=order, interrupts=(when,))
    else:
        cut = history.build(order=order, crash_after=when + 1, power=how == "power")
    assert {essence(trace) for trace in world.traces.everything()} <= allowed
    done = cut.ran
    kept = [p.object for trace in world.traces.everything() for p in trace.outputs if p.object is not None]
    assert set(kept) <= set(world.store.objects), "bytes before records"
    told = history.build(order=order)
    assert told.over is not None and told.over.outcome == "ok"
    assert world.outputs() == whole.outputs()
    assert world.results() == whole.results()
    phonies = {name for name, action in world.graph().actions.items() if action.is_phony}
    assert not done & set(told.executed) - phonies, "no finished action runs again"
    check_clean(world, told)


@given(designs(), histories(TOLD, HARD), orders, st.integers(0, 12))
def test_law_20_second_signal(design: Design, things: list[Do], order: tuple[int, ...], when: int) -> None:
    """After two signals nothing more starts, and the build says so and ends."""
    history = History(World(design))
    history.live(things)
    history.world.movers.clear()
    told = history.build(order=order, interrupts=(when, when))
    if told.over is not None and told.over.signal is not None:
        first = next(
            i
            for i, event in enumerate(told.events)
            if type(event).__name__ == "Warned" and event.text.startswith(("stopping ", "killing "))
        )
        assert not any(type(event).__name__ == "TargetStarted" for event in told.events[first + 1 :])
        assert told.over.outcome == "interrupted"
