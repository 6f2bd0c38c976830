"""What every workspace does, also one whose disk is a dictionary."""

import pytest
from places import place_of

from mlmake.model.digest import MISSING
from mlmake.ports import DamagedObject


@pytest.fixture(params=["real", "toy"])
def place(request, tmp_path):
    return place_of(request.param, tmp_path)


def test_content_decides(place):
    place.put("data/a", "one")
    first = place.workspace().version("data/a")
    place.put("data/a", "two")
    assert place.workspace().version("data/a") != first
    place.put("data/a", "one")
    assert place.workspace().version("data/a") == first
    place.put("data/b", "one")
    assert place.workspace().version("data/b") == first
    assert place.workspace().version("data/none") is MISSING is place.workspace().version("none/")


def test_a_folder_is_its_names_and_contents(place):
    place.put("data/a", "one")
    first = place.workspace().version("data/")
    place.put("data/b", "one")
    second = place.workspace().version("data/")
    place.put("data/b", "two")
    assert len({first, second, place.workspace().version("data/")}) == 3


def test_looks_are_kept_until_told_otherwise(place):
    place.put("data/a", "one")
    workspace = place.workspace()
    first = workspace.version("data/a")
    place.put("data/a", "two")
    assert workspace.version("data/a") == first
    second = workspace.look_again("data/a")
    assert workspace.version("data/a") == second != first
    place.put("data/a", "one")
    workspace.forget(["data/a"])
    assert workspace.version("data/a") == first
    place.put("data/a", "two")
    workspace.forget(["data/"])
    assert workspace.version("data/a") == second


def test_listing_is_ordered_by_bytes(place):
    for path in ("data/b", "data/B", "data/a1", "other"):
        place.put(path, path)
    assert list(place.workspace().listing("data/*")) == ["data/B", "data/a1", "data/b"]
    assert list(place.workspace().listing("none/*")) == []


def test_what_was_changed_later_was_touched_later(place):
    place.put("a", "one")
    workspace = place.workspace()
    first = workspace.touched("a")
    place.put("a", "two")
    assert workspace.touched("a") >= first
    assert workspace.touched("none") is None


def test_what_is_written_is_read(place):
    workspace = place.workspace()
    workspace.write("new/a.json", b"1")
    assert workspace.read("new/a.json") == b"1"
    with pytest.raises(OSError):
        workspace.read("none")


def test_outputs_of_a_failed_step_come_back(place):
    for path in ("out/m", "run/x", "ckpt"):
        place.put(path, "old")
    before = place.files()
    workspace = place.workspace()
    workspace.clear("j", ["out/m", "run/", "ckpt", "new/n"], ["ckpt"])
    assert place.files() == {"ckpt": "old"}
    for path in ("out/m", "run/y", "new/n"):
        place.put(path, "half")
    place.put("ckpt", "further")
    workspace.put_back("j")
    assert place.files() == before | {"ckpt": "further"}
    workspace.put_back("j")
    workspace.settle("j")
    assert place.files() == before | {"ckpt": "further"}


def test_outputs_of_a_good_step_replace_the_old(place):
    place.put("m", "old")
    place.put("run/x", "old")
    workspace = place.workspace()
    workspace.clear("j", ["m", "run/"], [])
    place.put("m", "new")
    workspace.settle("j")
    assert place.files() == {"m": "new"}


def test_what_was_no_result_is_spared(place):
    place.put("m", "somebody's own")
    place.put("same", "equal")
    workspace = place.workspace()
    workspace.clear("j", ["m", "same"], [])
    place.put("m", "made")
    place.put("same", "equal")
    products = [workspace.product(None, path, store=None) for path in ("m", "same")]
    spared = workspace.spare("j", products)
    workspace.settle("j")
    assert [place.text_at(path) for path in spared] == ["somebody's own"]
    assert place.files() == {"m": "made", "same": "equal"}


def test_products_come_back_and_only_those_that_differ(place):
    place.put("m", "model")
    place.put("run/x", "1")
    place.put("run/y", "22")
    workspace = place.workspace()
    products = [workspace.product("name", path, store=place.store) for path in ("m", "run/")]
    assert [(p.name, p.path, p.size) for p in products] == [("name", "m", 5), ("name", "run/", 3)]
    assert [p.digest for p in products] == [place.workspace().version(p.path) for p in products]
    place.put("run/y", "spoiled")
    place.put("run/z", "more")
    touched = place.workspace().touched("m")
    workspace.restore(products, place.store)
    assert place.files() == {"m": "model", "run/x": "1", "run/y": "22"}
    assert place.workspace().touched("m") == touched


def test_what_is_not_there_is_no_product(place):
    assert place.workspace().product(None, "m", store=place.store) is None
    place.put("m", "x")
    assert place.workspace().product(None, "m", store=None).object is None


def test_what_is_lost_is_said_and_nothing_is_touched(place):
    place.put("m", "model")
    workspace = place.workspace()
    product = workspace.product(None, "m", store=None)
    place.put("m", "spoiled")
    with pytest.raises(DamagedObject):
        workspace.restore([product], place.store)
    assert place.files() == {"m": "spoiled"}
