"""Laws 1 to 4, 9 to 16 and 21 where results stand by age, by their source and by their metrics."""

from dataclasses import replace

from history import Before, History, check_clean, upstream_of
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import clean, noisy, outputs_at

from mlmake.model.decision import Verb
from mlmake.model.event import Outcome
from mlmake.model.trace import Trace
from mlmake.testing.toy.strategies import CUT, HARD, MEMO, TOLD, Do, choices, designs, histories, orders
from mlmake.testing.toy.workflow import FEEDS, Design, Rules, Step, step_of, version_of
from mlmake.testing.toy.world import Told, World

MEMOS = designs(memo=True)
BY_TIME = {"expired", "stale"}


def lived(design: Design, things: list[Do], *, good: bool = True) -> History:
    """A world after a history; with `good` nothing fails from now on, and with its clock still."""
    history = History(World(design))
    history.live(things)
    history.world.movers.clear()
    history.world.store.damaged.clear()
    if good:
        history.world.repair()
        history.world.clock.still = True
    return history


def rules_of(world: World, name: str) -> Rules:
    return step_of(world.declared, name)[0].rules


def codes(told: Told, name: str) -> set[str]:
    return {code for code, _ in told.reasons(name)}


@given(MEMOS, histories(MEMO, HARD, TOLD, CUT, ("exact",)), orders)
def test_law_1_exact_is_clean(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """Whatever windows, tolerances and conditions hid: an exact build leaves what a clean one leaves."""
    history = lived(design, things, good=False)
    world = history.world
    told = history.build(exact=True, keep_going=True, order=order)
    check_clean(world, told)
    wanted = clean(world.design, world.disk.files, world.params)
    if not told.with_(Outcome.FAILED, Outcome.BLOCKED):
        for name in told.good - noisy(design):
            step, key = step_of(design, name)
            paths = [path for _, path in step.paths(key)]
            assert outputs_at(world.disk.files, paths) == outputs_at(wanted, paths), name


@given(MEMOS, histories(MEMO, HARD, TOLD, CUT, ("exact",)), orders)
def test_law_2_idempotent_with_rules(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """The same world and clock: a second build runs and restores nothing, and confirms only what was put back."""
    history = lived(design, things)
    world = history.world
    first = history.build(order=order)
    assert first.over is not None and first.over.outcome == "ok", first.over
    disk, store, before = world.disk.writes, world.store.writes, world.traces.clone()
    second = history.build(order=order)
    assert set(second.outcomes().values()) <= {Outcome.SKIPPED}, second.outcomes()
    assert (world.disk.writes, world.store.writes) == (disk, store)
    assert world.traces.everything() == before.everything()
    for trace in world.traces.everything():
        if world.traces.checked(trace) != before.checked(trace):
            assert trace.action in first.restored and codes(second, trace.action) == {"revalidated"}
    writes = world.traces.writes
    history.build(order=order)
    assert world.traces.writes == writes


@given(
    designs(memo=True, noise=False),
    histories(MEMO, TOLD),
    orders,
    st.lists(st.integers(-9000, 9000), max_size=3),
    st.booleans(),
)
def test_law_3_time_alone(
    design: Design, things: list[Do], order: tuple[int, ...], jumps: list[int], hidden: bool
) -> None:
    """The world fixed and only the clock moving, either way: each action runs only by `expired` or `stale`.

    With `hidden` there may be changes that a tolerance or a condition excuses; such a run sees them, and what is behind
    it sees what came of that.
    """
    history = lived(design, things)
    world = history.world
    world.clock.wall += 10_000
    settled = history.build(forced=() if hidden else world.everything(), order=order)
    assert settled.over is not None and settled.over.outcome == "ok"
    for jump in (*jumps, 10**8, -(10**9), 1):
        world.clock.wall += jump
        told = history.build(order=order)
        for name in told.ran:
            behind = hidden and upstream_of(Before(world), name) & told.ran
            if not world.graph().actions[name].is_phony and not behind:
                assert codes(told, name) <= BY_TIME, (name, told.reasons(name))
                rules = rules_of(world, name)
                assert rules.max_age is not None or (rules.fresh_for is not None and not rules.asks)
        assert hidden or not told.restored


@given(MEMOS, histories(MEMO, TOLD, ("lose-state", "crash", "exact")), orders, choices, st.booleans())
def test_law_4_bracket_with_rules(
    design: Design, things: list[Do], order: tuple[int, ...], choice: list[Do], exact: bool
) -> None:
    """Certain ⊆ ran ⊆ possible, with force and exactly; planning writes nothing."""
    history = lived(design, things)
    world = history.world
    world.disk.recover()
    names = sorted(world.graph().actions)
    forced = tuple(names[thing.a % len(names)] for thing in choice[:2] if thing.b % 2)
    asked = tuple(names[thing.a % len(names)] for thing in choice[2:4]) or None
    before = world.image()
    plan = world.plan(asked, forced=forced, exact=exact)
    assert world.plan(asked, forced=forced, exact=exact) == plan and world.image() == before
    assert not plan.troubles
    told = history.build(asked, forced=forced, exact=exact, order=order)
    by = {verb: {name for name, d in plan.decisions.items() if d.verb is verb} for verb in Verb}
    assert by[Verb.RUN] <= told.ran, "what is certain ran"
    assert told.ran <= by[Verb.RUN] | by[Verb.MAYBE], "what ran was possible"
    assert told.restored <= by[Verb.RESTORE] | by[Verb.MAYBE]
    assert by[Verb.SKIP] <= told.with_(Outcome.SKIPPED)
    assert by[Verb.RESTORE] <= told.restored


@given(MEMOS, histories(MEMO, TOLD), choices, orders)
def test_law_9_a_failure_changes_no_baseline(
    design: Design, things: list[Do], choice: list[Do], order: tuple[int, ...]
) -> None:
    """No trace, clock or baseline of what failed changes; repaired, one build leaves what it would have left."""
    history = lived(design, things)
    world = history.world
    whole = world.clone()
    names = sorted(world.graph().actions)
    for thing in choice or [Do("fail")]:
        world.broken.add(names[thing.a % len(names)])
        world.down.update(FEEDS[:1] if thing.b == 3 else ())
    before = world.traces.clone()
    told = history.build(order=order, keep_going=True)
    for name in told.with_(Outcome.FAILED, Outcome.BLOCKED, Outcome.STALE):
        recipe = world.graph().actions[name].recipe
        assert world.traces.results(recipe) == before.results(recipe), name
        assert all(world.traces.checked(t) == before.checked(t) for t in before.results(recipe))
        if name not in told.with_(Outcome.STALE):
            assert world.traces.last(recipe) == before.last(recipe)
    hidden = any(step.rules.enough is not None or step.rules.maker is not None for step in design)
    if told.with_(Outcome.STALE) or hidden or noisy(design):
        return
    world.repair()
    history.build(order=order)
    whole.build(order=order)
    assert world.results() == whole.results() and world.outputs() == whole.outputs()


@given(MEMOS, histories(MEMO, TOLD, ("wipe", "lose-object")), orders, st.sampled_from(["", "forced", "exact"]))
def test_law_10_stale_if_error(design: Design, things: list[Do], order: tuple[int, ...], how: str) -> None:
    """Served only under the present recipe and inputs, within its age, never forced or exact; nothing is recorded."""
    history = lived(design, things)
    world = history.world
    world.broken.update(world.everything())
    world.down.update(FEEDS[:1])
    before = Before(world)
    forced = world.everything() if how == "forced" else ()
    told = history.build(forced=forced, exact=how == "exact", keep_going=True, order=order)
    stale = told.with_(Outcome.STALE)
    assert not stale or not how
    for name in stale:
        limit, recipe = rules_of(world, name).stale_if_error, world.graph().actions[name].recipe
        last = before.traces.last(recipe)
        assert last is not None and limit is not None and last == world.traces.last(recipe)
        confirmed = before.traces.checked(last)
        assert 0 <= before.now - (last.ended if confirmed is None else confirmed) < limit
        for path, digest in (*last.inputs, *last.discovered):
            assert version_of(world.disk.files, path) == digest
        for product in last.outputs:
            assert version_of(world.disk.files, product.path) == product.digest
        assert world.traces.checked(last) == confirmed and world.traces.failure(name) == before.traces.failure(name)
        assert any(name == event.instance for event in told.events if type(event).__name__ == "Warned")
    if not told.with_(Outcome.FAILED, Outcome.BLOCKED):
        assert told.over is not None and told.over.outcome == "ok", "the build ends well"
    world.repair()
    again = history.build(order=order)
    assert not again.with_(Outcome.STALE)
    assert stale <= again.ran | again.restored | {
        n for n in again.outcomes() if codes(again, n) & {"revalidated", "enough", "fresh"}
    }


@given(MEMOS, histories(MEMO, HARD, TOLD, ("exact",)), orders, st.booleans())
def test_laws_11_and_12_age_and_window(design: Design, things: list[Do], order: tuple[int, ...], exact: bool) -> None:
    """Nothing is older than it may be or from the future; what has a window is inside it, and is not asked again."""
    history = lived(design, things)
    world = history.world
    told = history.build(order=order, exact=exact)
    now, inside = world.clock.wall, set()
    for name in told.good:
        rules, last = rules_of(world, name), world.last(name)
        if last is None or not last.outputs:
            continue
        if rules.max_age is not None:
            assert 0 <= now - last.ended <= rules.max_age, (name, told.outcomes()[name])
        if rules.fresh_for is not None and "enough" not in codes(told, name):
            checked = world.traces.checked(last)
            within = 0 <= now - (last.ended if checked is None else checked) < rules.fresh_for
            assert within or name in told.restored or exact, (name, told.reasons(name))
            if within:
                inside.add(name)
    world.asked.clear()
    history.build(order=order)
    assert not inside & set(world.asked), "within the window the source is not looked at"


@given(MEMOS, histories(MEMO, HARD, TOLD, CUT, ("exact",)), orders)
def test_law_13_measures_of_a_result_never_change(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """Those of the last result change only by a run or by becoming another remembered result."""
    history = History(World(design))
    world = history.world
    known: dict[int, Trace] = {}
    for thing in [*things, Do("build", c=order)]:
        if thing.kind == "lose-state":
            continue
        before = world.traces.clone()
        history.do(thing)
        for trace in world.traces.everything():
            assert known.setdefault(trace.order, trace) == trace
        if thing.kind in ("crash", "power"):
            known = {trace.order: trace for trace in world.traces.everything()}
        for name in world.graph().actions:
            recipe = world.graph().actions[name].recipe
            last, was = world.traces.last(recipe), before.last(recipe)
            if last is not None and was is not None and last.order != was.order:
                assert last.run == f"run{world.builds}" or last in before.results(recipe)


@given(
    st.integers(50, 400),
    st.lists(st.integers(-4, 4), min_size=1, max_size=12),
    st.sampled_from([("share", "0.05"), ("amount", "7"), ("factor", "1.05")]),
    st.sampled_from([None, 10.0]),
)
def test_law_13_drift_adds_up(start: int, steps: list[int], how: tuple[str, str], window: float | None) -> None:
    """Insignificant steps fire as soon as their sum reaches the tolerance, however often they were found too small."""
    from decimal import Decimal

    from mlmake.model.validity import Scale, Tolerance

    tolerance = Tolerance(Scale(how[0]), Decimal(how[1]))
    rules = Rules(feed="feeds/f0", probe="count", significant=tolerance, fresh_for=window)
    world = World((Step(name="a", rules=rules),))
    world.edit("feeds/f0", start)
    world.build()
    baseline = value = start
    for step in steps:
        value += step
        world.edit("feeds/f0", value)
        world.clock.wall += 100
        limit = {
            "share": 20 * abs(value - baseline) >= baseline,
            "amount": abs(value - baseline) >= 7,
            "factor": 20 * max(value, baseline) >= 21 * min(value, baseline),
        }[how[0]] and value != baseline
        told = world.build()
        assert (told.ran == {"a"}) is limit, (baseline, value)
        baseline = value if limit else baseline


@given(MEMOS, histories(MEMO, TOLD, ("exact", "lose-object", "wipe", "crash")), orders, st.booleans())
def test_law_16_a_restore_would_be_kept(design: Design, things: list[Do], order: tuple[int, ...], exact: bool) -> None:
    """With that result as last run the judge would skip; no time and no measure moves by it."""
    history = lived(design, things)
    world = history.world
    world.disk.recover()
    before = world.traces.clone()
    told = history.build(order=order, exact=exact)
    old = {trace.order for trace in before.everything()}
    for name in told.restored:
        last = world.last(name)
        assert last is not None and last.order in old
        if not codes(told, name) & {"revalidated"}:
            assert world.traces.checked(last) == before.checked(last), (name, told.reasons(name))
    plan = world.plan(exact=exact)
    assert all(plan.decisions[name].verb is Verb.SKIP for name in told.restored), told.restored


@given(designs(memo=True, uncached=False), histories(MEMO, TOLD), st.integers(0, 20), st.integers(0, 6), orders)
def test_law_17_there_and_back_with_rules(
    design: Design, things: list[Do], which: int, value: int, order: tuple[int, ...]
) -> None:
    """Change something, build, change it back, build: the last runs nothing and the disk equals the first."""
    assume(not any(s.rules.enough or (s.rules.maker and s.rules.probe) for s in design))
    history = lived(design, things)
    world = history.world
    history.build(forced=world.everything(), order=order)
    first = world.outputs()
    what = ("p0", "p1", "data/s0", "data/s1", "lib/m0.py", *FEEDS)[which % 7]
    if what in FEEDS:
        assume(not any(s.rules.feed == what and s.rules.probe for s in design))
    old = world.disk.files.get(what)
    if old is None:
        was, world.params[what] = world.params[what], value
    else:
        world.edit(what, value)
    history.build(order=order)
    if old is None:
        world.params[what] = was
    else:
        world.disk.write(what, old)
    told = history.build(order=order)
    assert not told.executed, {name: told.reasons(name) for name in told.ran}
    assert world.outputs() == first


@given(st.sampled_from([None, "count"]), st.integers(1, 5), st.sampled_from([None, 50.0]))
def test_law_21_a_moving_source(probe: str | None, times: int, window: float | None) -> None:
    """A source that moves during each run: the run is recorded, the window opens, the next validation sees it."""
    world = World((Step(name="a", rules=Rules(feed="feeds/f0", probe=probe, fresh_for=window)),))
    for number in range(times):
        world.movers["a"] = ("feeds/f0", 200 + number)
        told = world.build()
        assert told.ran == {"a"} and told.outcomes()["a"] is Outcome.RAN
        last = world.last("a")
        assert last is not None and last.baseline is not None and last.baseline.moved
        if window is not None:
            assert codes(world.build(), "a") == {"fresh"}
            world.clock.wall += window
    world.movers.clear()
    assert codes(world.build(), "a") == {"source-changed"}
    last = world.last("a")
    assert last is not None and last.baseline is not None and not last.baseline.moved
    world.clock.wall += 100
    assert codes(world.build(), "a") == {"revalidated"}


def test_law_21_what_moved_is_not_restored_for_an_equal_source() -> None:
    """It may have seen what came between, though its source began as it is now."""
    world = World((Step(name="a", divisor=1, rules=Rules(feed="feeds/f0")),))
    world.movers["a"] = ("feeds/f0", 103)
    world.build()
    world.movers.clear()
    assert world.build().ran == {"a"}
    world.edit("feeds/f0", 100)
    assert world.build().ran == {"a"}, "the first result began with 100, but saw 103"
    world.edit("feeds/f0", 103)
    assert world.build().restored == {"a"}


def test_law_21_exactly_judged_what_moved_does_not_stand() -> None:
    world = World((Step(name="a", divisor=1, rules=Rules(feed="feeds/f0")),))
    world.movers["a"] = ("feeds/f0", 103)
    world.build()
    world.movers.clear()
    world.edit("feeds/f0", 100)
    assert world.build(exact=True).ran == {"a"}
    assert not world.build(exact=True).ran


def test_a_policy_takes_effect_at_once_and_runs_nothing_by_itself() -> None:
    rules = Rules(feed="feeds/f0", probe="count")
    world = World((Step(name="a", rules=rules),))
    world.build()
    for other in (replace(rules, fresh_for=60.0), replace(rules, max_age=1000.0), rules):
        world.declared = (Step(name="a", rules=other),)
        assert not world.build().ran
    world.declared = (Step(name="a", rules=replace(rules, probe="again")),)
    assert codes(world.build(), "a") == {"source-changed"}, "another probe has no baseline, though it says the same"
