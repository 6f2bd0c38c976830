"""Law 19: from a fixpoint one change makes exactly the predicted actions run, for exactly the predicted reasons."""

from dataclasses import replace

from history import check_clean
from hypothesis import given
from hypothesis import strategies as st
from oracle import clean, reads

from mlmake.model.decision import Verb
from mlmake.model.event import Outcome
from mlmake.testing.toy.strategies import designs, orders
from mlmake.testing.toy.workflow import MODULES, PACKAGES, PARAMS, SOURCES, Design, Files, graph_of, step_of, version_of
from mlmake.testing.toy.world import World


def predicted(design: Design, before: Files, after: Files, old: dict[str, int], new: dict[str, int]) -> dict[str, set]:
    """Reasons of every action that must run when a built world moves, by what each is made from before and after."""
    found: dict[str, set[tuple[str, str]]] = {}
    was, now = graph_of(design, old), graph_of(design, new)
    for name, action in now.actions.items():
        if action.is_group or action.is_phony:
            continue
        step, key = step_of(design, name)
        if was.actions[name].recipe != action.recipe:
            found[name] = {("param-changed", p) for p in step.params if old[p] != new[p]}
            continue
        first = reads(design, step.name, key, before, old)
        declared = reads_declared(design, name, after)
        loaded = {path: version for path, version in first.items() if path not in reads_declared(design, name, before)}
        reasons = set()
        for path in declared:
            if path not in first or path in loaded:
                reasons.add(("input-added", path))
            elif version_of(after, path) != first[path]:
                reasons.add(("input-changed", path))
        reasons |= {("input-removed", path) for path in reads_declared(design, name, before) if path not in declared}
        reasons |= {
            ("code-changed", p) for p in loaded if p not in declared and version_of(after, p) != version_of(before, p)
        }
        if not reasons and declared != reads_declared(design, name, before):
            reasons = {("input-changed", "the order of the inputs")}
        if reasons:
            found[name] = reasons
    return found


def reads_declared(design: Design, name: str, files: Files) -> list[str]:
    from mlmake.testing.toy.workflow import inputs_of

    step, key = step_of(design, name)
    return inputs_of(design, step, key, files)


@given(
    designs(noise=False, undone=False),
    st.sampled_from([*PARAMS, *SOURCES, *MODULES]),
    st.integers(2, 6),
    orders,
)
def test_law_19_content_cues(design: Design, what: str, value: int, order: tuple[int, ...]) -> None:
    """One edit or parameter: exactly what it reaches runs, each for its own reasons."""
    world = World(design)
    world.build(order=order)
    before, old = dict(world.disk.files), dict(world.params)
    if what in PARAMS:
        world.params[what] = value
    else:
        world.edit(what, value)
    after = clean(design, world.disk.files, world.params)
    wanted = predicted(design, before, after, old, world.params)
    told = world.build(order=order)
    assert told.ran == set(wanted)
    for name, reasons in wanted.items():
        assert told.reasons(name) == reasons, name
    check_clean(world, told)


@given(designs(undone=False), st.integers(0, 20), st.booleans(), st.booleans(), orders)
def test_law_19_output_cues(design: Design, which: int, spoil: bool, wiped: bool, order: tuple[int, ...]) -> None:
    """A deleted or spoiled output: its maker alone is restored, or runs if the store has not got it."""
    world = World(design)
    world.build(order=order)
    files = sorted(path for path in world.disk.files if path.startswith("out/"))
    path = files[which % len(files)]
    output = next(o for o in world.graph().owners if path == o or (o.endswith("/") and path.startswith(o)))
    name = world.graph().owners[output]
    step, _ = step_of(design, name)
    if wiped:
        world.store.objects.clear()
    before = world.outputs()
    if spoil:
        world.edit(path, 8)
    else:
        world.disk.remove(path)
    gone = version_of(world.disk.files, output) == "missing" or not world.disk.at(output)
    code = "output-missing" if gone else "output-altered"
    told = world.build(order=order)
    if step.cache and not wiped:
        assert told.restored == {name} and not told.executed
        assert (code, output) in told.reasons(name)
        assert world.outputs() == before
    else:
        assert name in told.ran and told.reasons(name) == {(code, output)}
        assert step.noisy or told.ran == {name}, "nothing behind it sees a difference"


@given(designs(undone=False), orders)
def test_law_19_nothing_but_times(design: Design, order: tuple[int, ...]) -> None:
    """Never mtime: everything touched and written again with the same bytes, nothing runs."""
    world = World(design)
    world.build(order=order)
    for path, content in list(world.disk.files.items()):
        world.clock.pass_(10)
        world.disk.write(path, content)
    told = world.build(order=order)
    assert set(told.outcomes().values()) <= {Outcome.SKIPPED}


@given(designs(noise=False, undone=False), st.data(), orders)
def test_law_19_package_cues(design: Design, data: st.DataObject, order: tuple[int, ...]) -> None:
    """A new version of a package: exactly what has imported it and tracks packages runs, for that reason alone."""
    loads, tracked = st.sampled_from([(), *((q,) for q in PACKAGES), PACKAGES]), st.sampled_from([True, False])
    steps = []
    for step in design:
        track = ("imports", "packages") if data.draw(tracked) else ("imports",)
        steps.append(
            replace(step, packages=data.draw(loads) if step.shape in ("file", "two", "folder") else (), track=track)
        )
    world = World(tuple(steps))
    world.build(order=order)
    what = data.draw(st.sampled_from(PACKAGES))
    world.packages[what] = "2.0"
    users = [step for step in steps if what in step.packages]
    wanted = {name for step in users if "packages" in step.track for name in step.ids()}
    certain = {name for name, d in world.plan().decisions.items() if d.verb is Verb.RUN}
    told = world.build(order=order)
    assert told.ran == wanted == certain
    assert all(told.reasons(name) == {("code-changed", f"package {what}")} for name in wanted)
    kept = {name for step in users for name in step.ids()} - wanted
    assert len(told.warnings()) == (1 if kept else 0)
    assert world.build(order=order).events[-1].ran == 0 and not world.build(order=order).warnings()
