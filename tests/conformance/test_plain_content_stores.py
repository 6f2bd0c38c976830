"""What every content store does, also one whose disk is a dictionary."""

import sys
from pathlib import Path

import pytest
from places import place_of

from mlmake.model.digest import ObjectName
from mlmake.ports import DamagedObject

sys.path.insert(0, str(Path(__file__).parent.parent / "stores"))
from made_traces import made


@pytest.fixture(params=["real", "toy"])
def place(request, tmp_path):
    return place_of(request.param, tmp_path)


def test_a_file_comes_back_as_it_was(place):
    place.put("a", "bytes")
    kept = place.store.keep(place.absolute("a"))
    assert kept.size == 5 and kept.digest == place.workspace().version("a")
    for synced in (False, True):
        place.put("a", f"other {synced}")
        assert place.store.has(kept.object)
        place.store.place(kept.object, place.absolute("a"))
        assert place.files() == {"a": "bytes"}
        place.store.sync()


def test_a_folder_comes_back_as_it_was(place):
    place.put("f/x", "1")
    place.put("f/deep/y", "22")
    kept = place.store.keep(place.absolute("f/"))
    assert kept.size == 3 and kept.digest == place.workspace().version("f/")
    place.put("f/x", "other")
    place.put("f/more", "more")
    place.store.place(kept.object, place.absolute("f/"))
    assert place.files() == {"f/x": "1", "f/deep/y": "22"}


def test_equal_bytes_have_equal_names_and_others_not(place):
    for path, text in {"a": "1", "b": "1", "c": "2"}.items():
        place.put(path, text)
    first, second, third = (place.store.keep(place.absolute(path)) for path in "abc")
    assert first == second and first.object != third.object


def test_wrong_bytes_are_never_given(place):
    place.put("a", "right")
    kept = place.store.keep(place.absolute("a"))
    place.store.sync()
    place.spoil(kept.object)
    place.put("a", "other")
    with pytest.raises(DamagedObject):
        place.store.place(kept.object, place.absolute("a"))
    assert place.files() == {"a": "other"}
    assert not place.store.has(kept.object), "dropped"
    place.put("a", "right")
    assert place.store.keep(place.absolute("a")) == kept
    place.put("a", "other")
    place.store.place(kept.object, place.absolute("a"))
    assert place.files() == {"a": "right"}


def test_what_was_never_kept_is_not_there(place):
    name = ObjectName("ab" * 32)
    assert not place.store.has(name)
    with pytest.raises(DamagedObject):
        place.store.place(name, place.absolute("a"))
    assert place.files() == {}


def test_records_come_back_in_order(place):
    traces = [made("fit", number, (number,), order=number) for number in range(1, 4)]
    for trace in traces:
        place.store.remember(trace)
    place.store.sync()
    assert list(place.store.remembered()) == traces
