"""Laws 1 to 4: what a build leaves, when nothing is done, and what a plan promises."""

from history import History, check_clean
from hypothesis import given
from oracle import clean, noisy, outputs_at

from mlmake.model.decision import Verb
from mlmake.model.event import Outcome
from mlmake.testing.toy.strategies import CUT, HARD, TOLD, Do, choices, designs, histories, orders
from mlmake.testing.toy.workflow import Design, step_of
from mlmake.testing.toy.world import World


@given(designs(), histories(HARD, TOLD, CUT), orders)
def test_law_1_clean(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """After any history a build leaves, for every target that succeeded, what a clean build leaves."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.movers.clear()
    world.store.damaged.clear()
    told = history.build(keep_going=True, order=order)
    check_clean(world, told)
    wanted = clean(design, world.disk.files, world.params)
    for name in told.good - noisy(design):
        step, key = step_of(design, name)
        paths = [path for _, path in step.paths(key)]
        assert outputs_at(world.disk.files, paths) == outputs_at(wanted, paths), name


@given(designs(), histories(HARD, TOLD, CUT), orders)
def test_law_2_idempotent(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """Nothing failing: a second same build runs and restores nothing and writes nothing."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.repair()
    first = history.build(order=order)
    assert first.over is not None and first.over.outcome == "ok", first.over
    writes = world.disk.writes, world.traces.writes, world.store.writes
    second = history.build(order=order)
    assert set(second.outcomes().values()) <= {Outcome.SKIPPED}, second.outcomes()
    assert (world.disk.writes, world.traces.writes, world.store.writes) == writes


@given(designs(), histories(TOLD), orders)
def test_law_3_fixpoint(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """The world fixed and the clock moving: builds end in zero runs."""
    history = History(World(design))
    history.live(things)
    history.build(order=order)
    for jump in (10_000_000, -20_000_000, 1):
        history.world.clock.wall += jump
        told = history.build(order=order)
        assert set(told.outcomes().values()) <= {Outcome.SKIPPED}, told.outcomes()


@given(designs(), histories(TOLD, ("lose-state", "crash", "full")), orders, choices)
def test_law_4_bracket(design: Design, things: list[Do], order: tuple[int, ...], choice: list[Do]) -> None:
    """Certain ⊆ ran ⊆ possible, with force; planning leaves world, store and traces equal."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.disk.recover()
    world.repair()
    graph = world.graph()
    names = sorted(graph.actions)
    forced = tuple(names[thing.a % len(names)] for thing in choice[:2] if thing.b % 2)
    asked = tuple(names[thing.a % len(names)] for thing in choice[2:4]) or None
    restore = not (choice and choice[0].b == 3)
    before = world.image()
    plan = world.plan(asked, forced=forced, restore=restore)
    again = world.plan(asked, forced=forced, restore=restore)
    assert plan == again
    assert world.image() == before
    told = history.build(asked, forced=forced, restore=restore, order=order)
    by = {verb: {name for name, d in plan.decisions.items() if d.verb is verb} for verb in Verb}
    assert by[Verb.RUN] <= told.ran, "what is certain ran"
    assert told.ran <= by[Verb.RUN] | by[Verb.MAYBE], "what ran was possible"
    assert told.restored <= by[Verb.RESTORE] | by[Verb.MAYBE]
    assert by[Verb.SKIP] <= told.with_(Outcome.SKIPPED)
    assert by[Verb.RESTORE] <= told.restored
