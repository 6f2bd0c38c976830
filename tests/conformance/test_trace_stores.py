"""One set of laws for every store of traces, stamps and failures, against a model of plain lists."""

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from mlmake.model.digest import Stamp, digest_of
from mlmake.model.trace import Failure
from mlmake.ports import Stamped
from mlmake.stores.memory import MemoryState
from mlmake.stores.opening import open_state
from mlmake.stores.rows import HOUR, Known, hour_of, lru_key, objects_of, place_of, short
from mlmake.testing.toy.ports import Traces

sys.path.insert(0, str(Path(__file__).parent.parent / "stores"))
from made_traces import made, recipe

RECIPES, ACTIONS = (1, 2), ("fit", "score")
small = st.integers(0, 2)


class Model:
    """The laws in the shortest words: one list of results, two tables of pointers."""

    def __init__(self):
        self.all, self.last, self.latest, self.failures, self.stamps = [], {}, {}, {}, {}
        self.warned, self.hours = {}, {}

    def stands(self, trace, known):
        last, latest = self.last.get(trace.recipe), self.latest.get(trace.action)
        of_recipe = last is not None and last.order == trace.order and short(trace.recipe) in known.recipes
        of_action = latest is not None and latest.order == trace.order
        return of_recipe or (of_action and (known.every_action or short(trace.action) in known.actions))

    def record(self, trace):
        self.all.append(trace)
        self.hours[trace.order] = hour_of(trace.ended)
        self.last[trace.recipe] = self.latest[trace.action] = trace
        self.failures.pop(trace.action, None)

    def forget(self, trace):
        self.all = [t for t in self.all if t.order != trace.order]
        for table, key, of in (
            (self.last, trace.recipe, lambda t: t.recipe == trace.recipe),
            (self.latest, trace.action, lambda t: t.recipe == trace.recipe and t.action == trace.action),
        ):
            if key in table and table[key].order == trace.order:
                del table[key]
                if left := [t for t in self.all if of(t)]:
                    table[key] = left[-1]


class Laws(RuleBasedStateMachine):
    results = Bundle("results")

    def __init__(self):
        super().__init__()
        self.model, self.order = Model(), 0
        self.store = self.open()

    def open(self):
        return MemoryState()

    @rule(target=results, action=st.sampled_from(ACTIONS), number=st.sampled_from(RECIPES), value=small, out=small)
    def record(self, action, number, value, out):
        trace = self.store.record(made(action, number, (value,), out))
        self.order += 1
        assert trace == replace(made(action, number, (value,), out), order=self.order)
        self.model.record(trace)
        return trace

    @rule(trace=results)
    def choose(self, trace):
        self.store.choose(trace)
        if trace in self.model.all:
            self.model.last[trace.recipe] = self.model.latest[trace.action] = trace

    @rule(target=results, trace=consumes(results))
    def forget(self, trace):
        self.store.forget_result(trace)
        self.model.forget(trace)
        return multiple()

    keeps_hours = True

    @rule(trace=results, hour=st.integers(0, 60))
    def hit(self, trace, hour):
        if trace in self.model.all:
            self.store.hit([trace], at=hour * HOUR + 12.5)
            self.model.hours[trace.order] = hour

    @rule(trace=results, hour=st.integers(0, 60))
    def touch(self, trace, hour):
        self.store.commit()
        self.store.touch([place_of(trace)], at=hour * HOUR + 12.5)
        self.store.refresh()
        if trace in self.model.all:
            self.model.hours[trace.order] = hour

    @rule(
        most=st.integers(1, 4),
        actions=st.sets(st.sampled_from(ACTIONS)),
        numbers=st.sets(st.sampled_from(RECIPES)),
        every=st.booleans(),
    )
    def collect(self, most, actions, numbers, every):
        known = Known(frozenset(map(short, actions)), frozenset(short(recipe(n)) for n in numbers), every)
        self.store.commit()
        entries = self.store.oldest(most=most)
        gone = self.store.collect(entries, known)
        self.store.refresh()
        # Each is asked whether it stands when its turn comes: another may have stood in its place before.
        expected = []
        for entry in entries:
            if not self.model.stands(entry.trace, known):
                expected.append(entry)
                self.model.forget(entry.trace)
        assert gone == expected

    @rule(actions=st.sets(st.sampled_from(ACTIONS)), numbers=st.sets(st.sampled_from(RECIPES)))
    def stand(self, actions, numbers):
        known = Known(frozenset(map(short, actions)), frozenset(short(recipe(n)) for n in numbers))
        self.store.commit()
        entries = self.store.oldest(most=100)
        expected = {entry.place for entry in entries if self.model.stands(entry.trace, known)}
        assert self.store.standing(entries, known) == expected

    @invariant()
    def counts(self):
        self.store.commit()
        names = [name for trace in self.model.all for name, _ in objects_of(trace)]
        unknown = made(output=99).outputs[0].object
        assert dict(self.store.counts([*names, unknown])) == {name: names.count(name) for name in names}
        found, after = [], b""
        while batch := self.store.oldest(after=after, most=2):
            found, after = [*found, *batch], lru_key(batch[-1])
        assert [lru_key(entry) for entry in found] == sorted(lru_key(entry) for entry in found)
        assert {entry.trace.order for entry in found} == {trace.order for trace in self.model.all}
        if self.keeps_hours:
            assert {e.trace.order: e.hour for e in found} == {
                t.order: self.model.hours[t.order] for t in self.model.all
            }
            assert sum(self.store.ages().values()) == len(self.model.all)

    @rule(action=st.sampled_from(ACTIONS), code=small)
    def fail(self, action, code):
        failure = Failure(action, recipe(1), recipe(2), "run-1", 1.0, "failed", code)
        self.store.fail(failure)
        self.model.failures[action] = failure

    @rule(path=st.sampled_from(("a", "a\udcff", "x/" * 400)), value=small)
    def stamp(self, path, value):
        stamped = Stamped(Stamp(value, -1, 2**62, 2**63, 33188), digest_of(value), 5)
        self.store.put_stamps({path: stamped})
        self.model.stamps[path] = stamped

    @rule(action=st.sampled_from(ACTIONS), text=st.sampled_from(("", "run-1 a=1", "\udcff")))
    def warn(self, action, text):
        self.store.warn(action, text)
        self.model.warned[action] = text

    @rule()
    def commit(self):
        self.store.commit()

    @rule()
    def refresh(self):
        self.store.refresh()

    @rule(numbers=st.lists(st.sampled_from(RECIPES)), actions=st.lists(st.sampled_from(ACTIONS)))
    def prefetch(self, numbers, actions):
        self.store.prefetch([recipe(number) for number in numbers], actions)

    @invariant()
    def remembers(self):
        store, model = self.store, self.model
        for number in RECIPES:
            name = recipe(number)
            assert store.last(name) == model.last.get(name)
            newest_first = [trace for trace in reversed(model.all) if trace.recipe == name]
            assert list(store.results(name)) == newest_first
            for value in range(3):
                key = made(inputs=(value,)).key
                assert list(store.results(name, key)) == [trace for trace in newest_first if trace.key == key]
        for action in ACTIONS:
            assert store.latest(action) == model.latest.get(action)
            assert store.failure(action) == model.failures.get(action)
            assert store.warned(action) == model.warned.get(action, "")
        assert list(store.everything()) == model.all
        assert dict(store.stamps(["a", "a\udcff", "x/" * 400, "unknown"])) == model.stamps


class LmdbLaws(Laws):
    """The same on the disk, closed and opened again at any time."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        super().__init__()

    def open(self):
        # Smaller than what is written, so that the map grows on the way.
        return open_state(self.folder + "/state", map_size=64 * 1024)

    @rule()
    def reopen(self):
        self.store.commit()
        self.store.close()
        self.store = self.open()
        assert self.store.notices == []

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)


class ToyLaws(Laws):
    """The same in the toy world, where what was not committed is lost in a crash, and when things were used too."""

    keeps_hours = False

    def open(self):
        return Traces()

    @rule()
    def crash(self):
        self.store.commit()
        self.store.crash()


TestMemoryState = Laws.TestCase
TestToyTraces = ToyLaws.TestCase
TestToyTraces.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestLmdbState = LmdbLaws.TestCase
TestMemoryState.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestLmdbState.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@pytest.fixture(params=["lmdb", "memory", "toy"])
def store(request, tmp_path):
    made_in_memory = {"memory": MemoryState, "toy": Traces}.get(request.param)
    state = made_in_memory() if made_in_memory else open_state(str(tmp_path / "state"))
    yield state
    state.close()


def test_a_result_is_known_by_its_outputs(store):
    trace = store.record(made(output=7))
    assert store.is_recorded({"out/train": digest_of(7)})
    assert not store.is_recorded({"out/train": digest_of(8)})
    assert not store.is_recorded({"out/train": digest_of(7), "out/other": digest_of(7)})
    store.forget_result(trace)
    assert not store.is_recorded({"out/train": digest_of(7)})


def test_a_result_that_was_never_recorded_cannot_be_chosen(store):
    kept = store.record(made())
    store.choose(made(output=9, order=5))
    assert store.last(recipe(1)) == kept


def test_results_are_found_by_the_runs_that_made_them(store):
    one = store.record(made("fit", 1, run="run-1"))
    two = store.record(made("fit", 2, run="run-2"))
    three = store.record(made("score", 1, run="run-10"))
    store.commit()
    assert list(store.made_in({"run-1"})) == [one]
    assert list(store.made_in({"run-10", "run-2"})) == [two, three]
    assert list(store.made_in(set())) == list(store.made_in({"data/0.csv"})) == []


@pytest.fixture(params=["memory", "lmdb"])
def archive(request, tmp_path):
    state = MemoryState() if request.param == "memory" else open_state(str(tmp_path / "state"))
    yield state
    state.close()


def test_results_are_found_by_what_they_made_and_by_their_run(archive):
    kept = [
        archive.record(made("fit", 1, (1,), 7, run="run-1")),
        archive.record(made("score", 2, (7,), 8, run="run-1")),
        archive.record(made("fit", 1, (2,), 7, run="run-2")),
    ]
    folder = replace(kept[0].outputs[0], path="größe/", digest=digest_of("folder"))
    kept.append(archive.record(replace(made("split", 3, (3,), 9, run="run-2"), outputs=(folder,))))
    plain = replace(folder, path="shards/")
    kept.append(archive.record(replace(made("split", 3, (4,), 9, run="run-3"), outputs=(plain,))))
    archive.commit()
    assert archive.making({digest_of(7)}) == [kept[0], kept[2]]
    assert archive.making({digest_of(8), digest_of("folder")}) == [kept[1], kept[3], kept[4]]
    assert archive.making({digest_of(1)}) == [], "an input is nothing made"
    assert archive.making(()) == []
    assert archive.filling({"größe/", "out/"}) == [kept[3]]
    assert archive.filling({"shards/"}) == [kept[4]]
    assert archive.filling(()) == []
    assert archive.made_in({"run-2"}) == kept[2:4]
