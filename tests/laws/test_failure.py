"""Law 9: what a failure blocks, what it leaves, and what happens once its cause is gone."""

from history import History
from hypothesis import given
from oracle import noisy

from mlmake.model.event import Outcome
from mlmake.testing.toy.strategies import TOLD, Do, choices, designs, histories, orders
from mlmake.testing.toy.workflow import Design
from mlmake.testing.toy.world import World


@given(designs(), histories(TOLD, ("lose-object", "wipe")), choices, orders)
def test_law_9_failure(design: Design, things: list[Do], choice: list[Do], order: tuple[int, ...]) -> None:
    """Failure blocks exactly what is downstream; what failed keeps its last result; repaired, all is made up for."""
    history = History(World(design))
    history.live(things)
    world = history.world
    whole = world.clone()
    unbroken = whole.build(order=order)
    names = sorted(world.graph().actions)
    for thing in choice[:2] or [Do("fail")]:
        (world.broken if thing.b % 3 else world.lazy).add(names[thing.a % len(names)])
    before = world.results()
    told = history.build(order=order, keep_going=True)
    graph = world.graph()
    failed = told.with_(Outcome.FAILED)
    assert failed <= world.broken | world.lazy
    assert failed <= unbroken.ran, "only what would run can fail"
    for name in failed:
        assert world.results().get(name) == before.get(name)
    bad = downstream(world, failed, unbroken.ran)
    asleep = phonies_nobody_calls(world, bad, unbroken.ran)
    groups = {name for name in bad if graph.actions[name].is_group}
    assert told.with_(Outcome.BLOCKED) == bad - failed - groups - asleep
    phonies = {name for name in graph.actions if graph.actions[name].is_phony}
    assert told.good - phonies == set(unbroken.outcomes()) - bad - phonies
    assert told.good & phonies <= unbroken.ran
    world.repair()
    assert history.build(order=order).over.outcome == "ok"  # type: ignore[union-attr]
    tainted = noisy(design)
    mine = {name: result for name, result in world.results().items() if name not in tainted}
    theirs = {name: result for name, result in whole.results().items() if name not in tainted}
    assert mine == theirs
    if not tainted:
        assert world.outputs() == whole.outputs()


def needs(world: World, name: str) -> tuple[set[str], set[str]]:
    """What an instance always waits for, and the phonies it calls for only if it is to run."""
    action, actions = world.graph().actions[name], world.graph().actions
    phonies = {need for need in action.after if actions[need].is_phony}
    return {*action.upstream, *action.after} - phonies, phonies


def downstream(world: World, failed: set[str], would_run: set[str]) -> set[str]:
    """What failed and all behind it; a phony takes with it only what was going to run."""
    bad, wanted = set(failed), world.closure(world.everything())
    for name in (n for n in world.graph().actions if n in wanted):
        always, phonies = needs(world, name)
        if always & bad or (phonies & bad and name in would_run):
            bad.add(name)
    return bad


def phonies_nobody_calls(world: World, bad: set[str], would_run: set[str]) -> set[str]:
    """Phonies without an action that comes to its judgement and is found stale."""
    actions = world.graph().actions
    called: set[str] = set()
    for name in reversed(list(actions)):
        always, phonies = needs(world, name)
        if name in would_run and not always & bad and (name in called or not actions[name].is_phony):
            called |= phonies
    return {name for name, action in actions.items() if action.is_phony and name not in called}
