"""The laws where instances are known only by what others have made, and those of lists alone."""

from history import History, check_clean
from hypothesis import assume, given
from oracle import clean, noisy, outputs_at

from mlmake.model.decision import Verb
from mlmake.model.event import Outcome
from mlmake.testing.toy.strategies import CUT, HARD, TOLD, Do, choices, designs, histories, orders
from mlmake.testing.toy.workflow import Design, Ref, Step, step_of
from mlmake.testing.toy.world import World

DYNAMIC = designs(lists=True).filter(lambda design: any(step.over for step in design))


def shown(name: str, known: set[str]) -> str:
    """An instance as a plan shows it: one that is not known yet by what stands for it."""
    return name if name in known else name.partition("@")[0] + "@k=?"


@given(DYNAMIC, histories(HARD, TOLD, CUT), orders)
def test_law_1_clean_with_lists(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """After any history a build leaves, for every target that succeeded, what a clean build leaves."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.movers.clear()
    world.store.damaged.clear()
    told = history.build(keep_going=True, order=order)
    check_clean(world, told)
    wanted = clean(design, world.disk.files, world.params)
    tainted = noisy(world.design)
    for name in told.good - tainted:
        step, key = step_of(design, name)
        paths = [path for _, path in step.paths(key)]
        assert outputs_at(world.disk.files, paths) == outputs_at(wanted, paths), name


@given(DYNAMIC, histories(HARD, TOLD, CUT), orders)
def test_law_2_idempotent_with_lists(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """Nothing failing: a second same build runs and restores nothing and writes nothing."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.repair()
    first = history.build(order=order)
    assert first.over is not None and first.over.outcome == "ok", first.over
    instances = {name for step in world.design if step.shape not in ("phony", "group") for name in step.ids()}
    assert instances <= set(first.outcomes()), "every instance that there is now was judged"
    writes = world.disk.writes, world.traces.writes, world.store.writes
    second = history.build(order=order)
    assert set(second.outcomes().values()) <= {Outcome.SKIPPED}, second.outcomes()
    assert (world.disk.writes, world.traces.writes, world.store.writes) == writes
    plan = world.plan()
    assert all(decision.verb is Verb.SKIP for decision in plan.decisions.values()), plan.decisions


@given(DYNAMIC, histories(TOLD, ("lose-state", "crash", "full")), orders, choices)
def test_law_4_bracket_with_lists(design: Design, things: list[Do], order: tuple[int, ...], choice: list[Do]) -> None:
    """Certain ⊆ ran ⊆ possible; an instance to come is possible where what stands for it is."""
    history = History(World(design))
    history.live(things)
    world = history.world
    world.disk.recover()
    world.repair()
    names = sorted(world.graph().actions)
    forced = tuple(names[thing.a % len(names)] for thing in choice[:2] if thing.b % 2)
    asked = tuple(names[thing.a % len(names)] for thing in choice[2:4]) or None
    before = world.image()
    plan = world.plan(asked, forced=forced)
    assert world.image() == before
    told = history.build(asked, forced=forced, order=order)
    by = {verb: {name for name, d in plan.decisions.items() if d.verb is verb} for verb in Verb}
    known = set(plan.decisions)
    assert by[Verb.RUN] <= told.ran, "what is certain ran"
    assert {shown(name, known) for name in told.ran} <= by[Verb.RUN] | by[Verb.MAYBE], "what ran was possible"
    assert {shown(name, known) for name in told.restored} <= by[Verb.RESTORE] | by[Verb.MAYBE]
    assert by[Verb.SKIP] <= told.with_(Outcome.SKIPPED)


@given(DYNAMIC, histories(HARD, TOLD), orders, orders)
def test_law_5_order_with_lists(design: Design, things: list[Do], one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """Disk, last results, failed and blocked are the same for every order of finishing."""
    assume(not any(step.noisy for step in design))
    history = History(World(design))
    history.live(things)
    world = history.world
    world.movers.clear()
    world.store.damaged.clear()
    worlds = world.clone(), world.clone()
    first, second = (w.build(order=o, keep_going=True) for w, o in zip(worlds, (one, other), strict=True))
    assert first.outcomes() == second.outcomes()
    assert worlds[0].outputs() == worlds[1].outputs()
    assert worlds[0].results() == worlds[1].results()


@given(DYNAMIC, histories(), orders, choices)
def test_if_a_maker_fails_no_instance_comes_or_goes(
    design: Design, things: list[Do], order: tuple[int, ...], choice: list[Do]
) -> None:
    """What a failed maker would have listed adds and removes nothing, on disk and among what is told."""
    history = History(World(design))
    history.live(things)
    world = history.world
    listing = next(step for step in world.design if step.over)
    maker = next(step for step in world.design if step.name == listing.over)
    before, known = world.outputs(), set(listing.ids())
    world.broken.update(maker.ids())
    for thing in choice:
        history.do(Do("edit", thing.a, thing.b))
    told = history.build(keep_going=True, order=order)
    if not told.with_(Outcome.FAILED, Outcome.BLOCKED) & set(maker.ids()):
        return
    assert {name for name in told.outcomes() if name.startswith(f"{listing.name}@")} == known
    own = [path for name in known for _, path in listing.paths(step_of(design, name)[1])]
    assert outputs_at(world.outputs(), own) == outputs_at(before, own)


TWO = (
    Step(name="a", shape="folder", refs=(Ref("leaf", "data/s0"),), divisor=1),
    Step(name="b", over="a", divisor=1),
    Step(name="c", refs=(Ref("whole", "b"),), divisor=1),
)


def test_new_and_changed_items_alone_run_and_what_vanished_goes() -> None:
    world = World(TWO)
    world.edit("data/s0", 2)
    assert world.build().ran == {"a", "b@k=0", "b@k=1", "b@k=2", "c"}
    assert world.plan().decisions["b@k=1"].verb is Verb.SKIP
    world.edit("data/s0", 3)
    planned = {name: decision.verb for name, decision in world.plan().decisions.items()}
    assert planned == {"a": Verb.RUN, **dict.fromkeys(["b@k=?", "b@k=0", "b@k=1", "b@k=2", "c"], Verb.MAYBE)}
    told = world.build()
    assert told.ran == {"a", "c"}
    assert told.with_(Outcome.SKIPPED) == {"b@k=0"}
    assert sorted(world.outputs()) == ["out/a/0", "out/b-0.json", "out/c.json"]
    world.edit("data/s0", 2)
    assert world.build().restored == {"a", "b@k=1", "b@k=2", "c"}


def test_a_list_that_is_the_same_is_not_made_anew() -> None:
    world = World((*TWO, Step(name="d", over="a", divisor=2)))
    world.edit("data/s0", 2)
    world.build()
    told = world.build(forced=("a",))
    assert told.ran == {"a"}
    assert told.with_(Outcome.SKIPPED) == {"b@k=0", "b@k=1", "b@k=2", "c", "d@k=0", "d@k=1", "d@k=2"}


def test_a_chain_of_two_lists() -> None:
    world = World(
        (
            Step(name="a", shape="folder", refs=(Ref("leaf", "data/s0"),), divisor=1),
            Step(name="b", shape="folder", over="a", divisor=1),
            Step(name="c", over="b", divisor=1),
            Step(name="d", refs=(Ref("whole", "c"),)),
        )
    )
    world.edit("data/s0", 1)
    assert set(world.plan().decisions) == {"a", "b@k=?", "c@k=?", "d"}
    told = world.build()
    assert {name for name in told.ran if name.startswith("b")} == {"b@k=0", "b@k=1"}
    assert {name for name in told.ran if name.startswith("c")} == set(
        next(s for s in world.design if s.name == "c").ids()
    )
    assert not world.build().ran


def test_a_plan_promises_nothing_of_a_set_that_may_change() -> None:
    """What was made from more than is listed now may get just that again."""
    world = World(TWO)
    world.edit("data/s0", 2)
    world.build()
    world.edit("data/s0", 3)
    world.broken.add("c")
    assert world.build().with_(Outcome.FAILED) == {"c"}
    world.repair()
    world.edit("data/s0", 2)
    assert world.plan().decisions["c"].verb is Verb.MAYBE
    assert "c" in world.build().with_(Outcome.SKIPPED)


def test_what_is_forced_and_may_vanish_is_not_certain() -> None:
    world = World(TWO)
    world.edit("data/s0", 2)
    world.build()
    world.edit("data/s0", 3)
    planned = world.plan(forced=("b@k=0", "b@k=2")).decisions
    assert planned["b@k=0"].verb is planned["b@k=2"].verb is Verb.MAYBE
    assert world.build(forced=("b@k=0", "b@k=2")).ran == {"a", "b@k=0", "c"}
