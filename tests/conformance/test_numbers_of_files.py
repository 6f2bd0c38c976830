"""Numbers counted in files, remembered beside their digests by every store of stamps."""

import pytest

from mlmake.model.digest import Stamp, digest_of
from mlmake.ports import Counted, Stamped
from mlmake.stores.memory import MemoryState
from mlmake.stores.opening import open_state


@pytest.fixture(params=["lmdb", "memory"])
def store(request, tmp_path):
    state = open_state(str(tmp_path / "state")) if request.param == "lmdb" else MemoryState()
    yield state
    state.close()


def counted(number):
    return Counted(Stamp(1, 2, 3, 4, 5), number, 6)


def test_what_was_counted_is_remembered_by_measure_and_path(store):
    assert store.numbers("records", ["a", "b"]) == {}
    store.put_numbers("records", {"a": counted(1), "b\udcff": counted(2**62)})
    store.put_numbers("lines", {"a": counted(3)})
    assert store.numbers("records", ["a", "b\udcff", "c"]) == {"a": counted(1), "b\udcff": counted(2**62)}
    assert store.numbers("lines", ["a", "b\udcff"]) == {"a": counted(3)}
    store.put_numbers("records", {"a": counted(9)})
    assert store.numbers("records", ["a"]) == {"a": counted(9)}


def test_numbers_and_digests_do_not_meet(store):
    stamped = Stamped(Stamp(1, 2, 3, 4, 5), digest_of("x"), 6)
    store.put_stamps({"a": stamped})
    store.put_numbers("records", {"a": counted(1)})
    assert store.stamps(["a"]) == {"a": stamped}
    assert store.numbers("records", ["a"]) == {"a": counted(1)}


def test_numbers_outlive_the_process_and_many_at_once_are_taken(tmp_path):
    many = {f"data/{number}.csv": counted(number) for number in range(12_000)}
    state = open_state(str(tmp_path / "state"))
    state.put_numbers("records", many)
    state.close()
    state = open_state(str(tmp_path / "state"))
    assert state.numbers("records", many) == many
    state.close()
    state = open_state(str(tmp_path / "state"), readonly=True)
    state.put_numbers("records", {"data/1.csv": counted(7)})
    assert state.numbers("records", ["data/1.csv"]) == {"data/1.csv": counted(1)}
    state.close()
