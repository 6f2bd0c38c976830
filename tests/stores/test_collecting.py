"""Collections that are cut anywhere, and many at once, on real folders."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from made_traces import made

from mlmake.model.trace import Product
from mlmake.planning.retention import Policy
from mlmake.ports import StateTrouble
from mlmake.stores.collecting import DAY, Busy, Collector
from mlmake.stores.content import FolderStore
from mlmake.stores.opening import open_state
from mlmake.stores.rows import HOUR, Known, short
from mlmake.stores.sharing import NEVER, Pin, Sharers, owner_name

NOW = 1_000 * HOUR
ALL = Policy(unused_for=0.0)


class Place:
    """A project's state and store."""

    def __init__(self, folder, store=None):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True, parents=True)
        cache = store or str(self.folder / ".mlmake/cache")
        self.owner = owner_name(cache, str(self.folder / ".mlmake"))
        self.store = FolderStore(cache, owner=self.owner)
        self.state = open_state(str(self.folder / ".mlmake/state"), parts=self.store.parts)
        self.sharers = Sharers(cache, owner=self.owner, root=str(self.folder), state_dir=str(self.folder / ".mlmake"))

    def make(self, number, *, content=None, hour=900, action="train"):
        """A result with a file and a folder that shares a file with those of all others."""
        file, tree = self.folder / "out", self.folder / "tree"
        file.write_text(content or f"file {number}\n")
        tree.mkdir(exist_ok=True)
        (tree / "own").write_text(f"own {number}\n")
        (tree / "same").write_text("same\n")
        kept = [(path, self.store.keep(f"{self.folder}/{path}")) for path in ("out", "tree/")]
        products = tuple(Product(None, path, k.digest, k.size, k.object) for path, k in kept)
        trace = replace(made(action, number, (number,), run=f"run-{number}"), outputs=products, ended=hour * HOUR + 1.0)
        self.store.remember(trace)
        self.store.sync()
        trace = self.state.record(trace)
        self.state.commit()
        return trace

    def collector(self, now=NOW):
        return Collector(
            self.state,
            self.store,
            sharers=self.sharers,
            open_other=lambda sharer: open_state(f"{sharer.state}/state", readonly=True, parts=self.store.parts),
            now=lambda: now,
        )

    def age(self):
        """As if no object had been touched for an hour."""
        for path in Path(self.store.folder).glob("objects/*/*"):
            os.utime(path, (time.time() - 3600,) * 2)

    def objects(self):
        return {path.name for path in Path(self.store.folder).glob("objects/*/*")}

    def is_whole(self):
        """Whether every result that is remembered has all its bytes, and every object is of some result."""
        self.state.refresh()
        traces = self.state.everything()
        assert all(self.store.has(p.object) for trace in traces for p in trace.outputs)
        named = {p.object for trace in traces for p in trace.outputs}
        named |= {part for name in named for part in self.store.parts(name)}
        return {name.removesuffix(".folder") for name in self.objects()} == named

    def close(self):
        self.state.close()


@pytest.fixture
def place(tmp_path):
    found = Place(tmp_path / "p")
    yield found
    found.close()


def test_what_goes_takes_its_bytes_along_but_those_that_others_share(place):
    first, second = place.make(1, action="a"), place.make(2, action="b", hour=990)
    place.age()
    report = place.collector().run(Policy(unused_for=50 * 3600.0), Known())
    assert report.results == 1
    assert place.is_whole()
    assert place.state.everything() == [second]
    assert [trace.action for trace in place.store.remembered()] == ["b"]
    assert place.store.has(second.outputs[1].object)
    assert not place.store.has(first.outputs[0].object)


def test_what_stands_stays_and_its_time_begins_when_it_does_not_stand_any_more(place):
    first = place.make(1)
    known = Known(actions=frozenset([short("train")]))
    assert place.collector().run(ALL, known).standing == 1
    place.state.refresh()
    assert place.state.everything() == [first]
    assert place.collector().run(Policy(unused_for=3600.0), Known()).results == 0
    assert place.collector(now=NOW + 2 * HOUR).run(Policy(unused_for=3600.0), Known()).results == 1


def test_a_result_that_cannot_be_read_goes_like_any_other(place):
    trace = place.make(1)
    (entry,) = place.state.oldest(most=1)

    def spoil(transaction):
        transaction.put(entry.place, b"no trace", db=place.state._databases["results"])

    place.state._change(spoil)
    assert place.collector().run(ALL, Known()).results == 1
    assert place.state.oldest(most=1) == []
    assert place.state.note(b"nothing") is None
    assert trace.run == "run-1"


def test_objects_that_a_running_build_has_touched_stay(place):
    trace = place.make(1)
    pin = Pin(place.store.folder, owner="somebody", now=time.time() + 1e-3)
    # Another project is about to record the same bytes: it has found them there.
    place.store.keep(str(place.folder / "out"))
    report = place.collector().run(ALL, Known())
    assert report.results == 1
    assert place.store.has(trace.outputs[0].object)
    pin.close()
    place.age()
    place.collector().run(ALL, Known())
    assert not place.store.has(trace.outputs[0].object)


def test_what_a_server_holds_stays_and_goes_once_it_has_ended(place):
    trace = place.make(1)
    pin = Pin(place.store.folder, owner=place.owner, now=NEVER)
    pin.hold([trace.outputs[0].object])
    assert place.collector().run(ALL, Known()).results == 0
    pin.hold([])
    assert place.collector(now=NOW).run(ALL, Known()).results == 1
    pin.close()


def test_the_pin_of_a_killed_build_holds_nothing(place):
    place.make(1)
    script = (
        "import os, sys, time\nfrom mlmake.stores.sharing import Pin\n"
        "pin = Pin(sys.argv[1], owner='', now=0.0)\nprint('held', flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, place.store.folder], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    assert place.collector().run(ALL, Known()).results == 0
    process.kill()
    process.wait()
    process.stdout.close()
    assert place.collector().run(ALL, Known()).results == 1
    assert os.listdir(f"{place.store.folder}/pins") == []


def test_a_second_collection_at_once_is_refused(place):
    place.make(1)
    with place.collector()._alone(wait=False), pytest.raises(Busy):
        place.collector().run(ALL, Known())


def test_a_project_whose_references_are_not_known_saves_all_objects(tmp_path):
    shared = str(tmp_path / "store")
    one, two = Place(tmp_path / "one", shared), Place(tmp_path / "two", shared)
    one.make(1)
    assert one.sharers.register()
    assert two.sharers.register()
    # A process opens a state only once.
    one.close()

    def refuse(sharer):
        raise StateTrouble("it is of a newer mlmake")

    collector = Collector(two.state, two.store, sharers=two.sharers, open_other=refuse, now=lambda: NOW)
    two.make(2)
    before = two.objects()
    report = collector.run(ALL, Known())
    assert report.results == 1
    assert not report.swept
    assert two.objects() == before
    two.age()
    assert two.collector().run(ALL, Known()).object_bytes > 0
    one = Place(tmp_path / "one", shared)
    assert one.is_whole()
    one.close()
    two.close()


def test_slices_come_to_the_same_as_one_collection(tmp_path):
    whole, sliced = Place(tmp_path / "whole"), Place(tmp_path / "sliced")
    for place in (whole, sliced):
        for number in range(120):
            place.make(number, hour=800 + number, action=f"a{number % 7}")
    known = Known(actions=frozenset(short(f"a{number}") for number in range(7)))
    policy = Policy(unused_for=100 * 3600.0)
    assert not sliced.collector(now=NOW - 2 * DAY).is_due(), "nothing is old in a state that was just made"
    for place in (whole, sliced):
        place.age()
    whole.collector().run(policy, known)
    count = 0
    while sliced.collector().is_due():
        sliced.collector().slice(policy, known, seconds=0.0)
        count += 1
        assert count < 2_000
    assert count > 20
    for place in (whole, sliced):
        place.state.refresh()
    assert [t.action for t in sliced.state.everything()] == [t.action for t in whole.state.everything()]
    assert sliced.is_whole()
    assert whole.is_whole()
    whole.close()
    sliced.close()


def killed(folder, when):
    """A collection in a process that dies before or after its so manyth change of the disk; whether it got through."""
    child = os.fork()
    if not child:
        code, calls = 1, 0

        def dying(function):
            def called(*args, **more):
                nonlocal calls
                for _ in range(2):
                    calls += 1
                    if calls == when:
                        os._exit(9)
                    if calls % 2:
                        done = function(*args, **more)
                return done

            return called

        try:
            place = Place(folder)
            for name in ("unlink", "rename", "replace"):
                setattr(os, name, dying(getattr(os, name)))
            place.state._change = dying(place.state._change)
            place.collector().run(Policy(unused_for=50 * 3600.0), Known())
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 0


def test_killed_anywhere_nothing_is_lost_and_nothing_is_left(tmp_path):
    """Die before and after each thing that a collection does to the disk."""
    when, through = 0, False
    while not through:
        when += 1
        place = Place(tmp_path / f"p{when}")
        for number in (1, 2):
            place.make(number, hour=800 + number, action=f"a{number}")
        young = place.make(9, hour=990, action="a9")
        # Two results in one file of records, one of which goes.
        place.store.remember(replace(young, run="run-2", action="also"))
        place.store.sync()
        place.age()
        place.close()
        through = killed(place.folder, when)
        place = Place(place.folder)
        left = place.state.everything()
        assert young.action in {trace.action for trace in left}
        assert all(place.store.has(p.object) for trace in left for p in trace.outputs)
        place.collector().run(Policy(unused_for=50 * 3600.0), Known())
        assert place.is_whole()
        assert place.state.everything() == [young]
        assert sorted(t.action for t in place.store.remembered()) == ["a9", "also"]
        assert os.listdir(f"{place.store.folder}/tmp") == []
        place.close()
    assert when > 20


def test_builds_record_while_collections_go_on(tmp_path):
    """Two projects share a store; one collects all it may, again and again, while the other makes the same bytes."""
    shared = str(tmp_path / "store")
    one, two = Place(tmp_path / "one", shared), Place(tmp_path / "two", shared)
    for place in (one, two):
        assert place.sharers.register()
    wrong, stop = [], threading.Event()

    def collect():
        while not stop.is_set():
            try:
                one.make(1, content="the same bytes\n")
                one.collector().run(ALL, Known())
                one.state.refresh()
            except Exception as error:
                wrong.append(error)
                return

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        for number in range(40):
            pin = Pin(shared, owner=two.owner, now=time.time())
            trace = two.make(number, content="the same bytes\n")
            assert two.store.has(trace.outputs[0].object)
            pin.close()
            assert all(two.store.has(p.object) for p in trace.outputs), number
    finally:
        stop.set()
        thread.join()
    assert not wrong
    one.close()
    two.close()


def test_owners_are_told_apart():
    assert owner_name("/a/.mlmake/cache", "/a/.mlmake") == ""
    assert owner_name("/a/.mlmakes/cache", "/a/.mlmake") != ""
    assert owner_name("/store", "/a/.mlmake") != owner_name("/store", "/b/.mlmake")
