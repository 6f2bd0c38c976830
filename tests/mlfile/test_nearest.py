import pytest

from mlmake.mlfile.nearest import closest

KEYS = ("timeout", "outputs", "inputs", "env", "run", "wait", "matrix")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("timeuot", "timeout"),
        ("TimeOut", "timeout"),
        ("output", "outputs"),
        ("input", "inputs"),
        ("wiat", "wait"),
        ("nev", "env"),
        ("runn", "run"),
        ("colour", None),
        ("", None),
        ("matricks", None),
        ("matrics", "matrix"),
        ("matrices", None),
    ],
)
def test_the_word_with_the_fewest_slips(word, meant):
    assert closest(word, KEYS) == meant


def test_the_first_of_equals():
    assert closest("aaab", ["aaac", "aaad"]) == "aaac"
    assert closest("aaab", ["aaad", "aaac", "aaab"]) == "aaab"


def test_nothing_to_choose_from():
    assert closest("word", []) is None
