"""Which files belong to a source."""

import pytest

from mlmake.mlfile.sources import covers
from mlmake.model.item import Leaf, Made, Part, PartGlob
from mlmake.model.validity import Pattern, Remote, Source


@pytest.mark.parametrize(
    ("item", "inside", "outside"),
    [
        (Leaf("data/raw/"), "data/raw/a/b.csv", "data/rawer/x"),
        (Leaf("data/all.csv"), "data/all.csv", "data/all.csv.old"),
        (Pattern("raw/**/*.csv"), "raw/a/b.csv", "raw/a/b.txt"),
        (Made("build/sets/", "make"), "build/sets/one", "build/set"),
        (Part("build/sets/one", "make"), "build/sets/one", "build/sets/two"),
        (PartGlob("build/sets/*.csv", "make"), "build/sets/a.csv", "build/sets/deep/a.csv"),
    ],
)
def test_what_a_source_covers(item, inside, outside):
    source = Source((Remote("https://example.org/x"), item), many=True)
    assert covers(source, inside)
    assert not covers(source, outside)


def test_nothing_is_under_a_url():
    assert not covers(Source((Remote("raw"),), many=False), "raw")
