"""Which ids there are to hand out: the caller's, the declared ones, the machine's."""

import pytest

from mlmake.mlfile.devices import devices, visible


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("3,5", ("3", "5")),
        (" 3 , 5 ", ("3", "5")),
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("0,-1,1", ("0",)),
        ("0,,1", ("0",)),
        ("2,2,1", ("2", "1")),
        ("GPU-8932f937-d72c,MIG-GPU-1/2/0", ("GPU-8932f937-d72c", "MIG-GPU-1/2/0")),
    ],
)
def test_what_the_environment_leaves(value, ids):
    assert visible({"CUDA_VISIBLE_DEVICES": value}) == ids


def never():
    raise AssertionError("nobody had to count")


def test_without_the_variable_nothing_is_restricted():
    assert visible({}) is None
    assert devices(None, {}, lambda: 3) == ("0", "1", "2")
    assert devices(2, {}, never) == ("0", "1")


def test_the_environment_is_stronger_than_what_is_declared():
    assert devices(None, {"CUDA_VISIBLE_DEVICES": "4,6"}, never) == ("4", "6")
    assert devices(1, {"CUDA_VISIBLE_DEVICES": "4,6"}, never) == ("4",)
    assert devices(8, {"CUDA_VISIBLE_DEVICES": "4,6"}, never) == ("4", "6")
    assert devices(8, {"CUDA_VISIBLE_DEVICES": ""}, never) == ()
