"""The present beside an earlier run: what differs, and what is behind it."""

from dataclasses import replace

import pytest
from small_graph import Remembered, action, graph, trace

from mlmake.model.digest import MISSING
from mlmake.model.fact import fact
from mlmake.model.observation import Baseline
from mlmake.model.reason import Code
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Product
from mlmake.planning.versus import versus


def lr(value):
    return (fact(Code.PARAM_CHANGED, "lr", value),)


GRAPH = graph(
    replace(action("split", outputs=["build/split"]), facts=lr(2)),
    replace(action("fit", ["split"], outputs=["m"]), facts=()),
)


def result(name, *, facts=(), inputs=(), out):
    made = trace(name, "r1")
    outputs = (Product(None, {"split": "build/split", "fit": "m"}[name], out, 1, None),)
    return replace(made, facts=facts, inputs=tuple(inputs), outputs=outputs)


THEN = {
    "split": result("split", facts=lr(1), out="s1"),
    "fit": result("fit", inputs=[("build/split", "s1")], out="m1"),
}


def compared(name, disk, *latest, stood=THEN):
    snapshot = Snapshot(
        now=0,
        version=lambda path: disk.get(path, MISSING),
        listing=lambda pattern: (),
        read=lambda path: b"",
        memory=Remembered(*latest),
        stored=lambda product: False,
        installed=lambda packages: {},
        observe=lambda action, content: pytest.fail("no source is asked"),
    )
    return versus(GRAPH, name, run="r1", stood=stood, snapshot=snapshot)


def test_a_recipe_that_differs():
    found = compared("split", {"build/split": "s1"})
    assert found.sentence == "split differs from run r1 because parameter lr 1 → 2"


def test_a_result_that_did_not_stand():
    assert compared("fit", {}, stood={}).sentence == "fit has no remembered result that stood in run r1"


def test_nothing_differs():
    same = {**THEN, "split": replace(THEN["split"], facts=lr(2))}
    assert compared("split", {"build/split": "s1"}, stood=same).sentence == "split is made from the same as in run r1"


def test_an_input_that_differs_is_followed_to_its_maker():
    found = compared("fit", {"build/split": "s2"})
    assert found.sentence == "fit differs from run r1 because build/split changed s1 → s2"
    assert found.line == "fit ← split ← parameter lr 1 → 2"


def test_what_lies_there_counts_and_not_what_the_mlfile_would_make():
    lying = result("split", facts=lr(3), out="s3")
    assert compared("fit", {"build/split": "s3"}, lying).line == "fit ← split ← parameter lr 1 → 3"
    assert compared("fit", {"build/split": "spoiled"}, lying).line == "fit ← split ← parameter lr 1 → 2"


def test_what_is_not_there_is_not_known():
    assert compared("fit", {}).sentence == "fit is made from the same as in run r1"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (Baseline(measures={"rows": 9}), Baseline(measures={"rows": 10}), "rows of the source changed: 9 → 10"),
        (Baseline(content="c1"), Baseline(content="c2"), "the source changed c1 → c2"),
    ],
)
def test_a_source_that_differed(old, new, told):
    stood = {**THEN, "split": replace(THEN["split"], facts=lr(2), baseline=old)}
    lying = replace(result("split", facts=lr(2), out="s2"), baseline=new)
    assert compared("split", {"build/split": "s2"}, lying, stood=stood).sentence == (
        f"split differs from run r1 because {told}"
    )
    assert compared("fit", {"build/split": "s2"}, lying, stood=stood).line == f"fit ← split ← {told}"


def test_the_target_itself_is_held_against_the_mlfile():
    lying = result("split", facts=lr(3), out="s3")
    assert compared("split", {"build/split": "s3"}, lying).sentence == (
        "split differs from run r1 because parameter lr 1 → 2"
    )


def test_a_maker_that_does_not_differ_is_no_cause():
    same = {**THEN, "split": replace(THEN["split"], facts=lr(2))}
    assert compared("fit", {"build/split": "s2"}, stood=same).line == "fit ← build/split changed s1 → s2"
