"""What is removed of instances that are no more: only what the store can give back and nobody has touched."""

import pytest
from small_graph import Remembered, action, graph

from mlmake.model.digest import MISSING, Digest, ObjectName
from mlmake.model.observation import Observation
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Product, Trace
from mlmake.planning.vanished import Farewell, farewell

MADE = Digest("made")
OLD = "out/b"


def world(found, *, stored=True, kept=True):
    product = Product(None, OLD, MADE, 1, ObjectName("o") if kept else None)
    trace = Trace("t@k=b", Digest("r"), (), (), (), (product,), 0, 1, 1, "run1", order=1)

    def version(path):
        if isinstance(found, Exception):
            raise found
        return found

    return Snapshot(
        now=0,
        version=version,
        listing=lambda pattern: (),
        read=lambda path: b"",
        memory=Remembered(trace),
        stored=lambda product: stored and product.object is not None,
        installed=lambda packages: {},
        observe=lambda action, content: Observation(),
    )


def left(found, *, former=None, outputs=("out/a",), **options):
    return farewell(
        former or {OLD: "t@k=b"},
        graph(action("t@k=a", outputs=outputs)),
        snapshot=world(found, **options),
    )


NOTHING = Farewell((), ())


def test_what_is_as_it_was_made_goes_if_the_store_has_it():
    assert left(MADE) == Farewell((OLD,), ())


def test_what_is_gone_already_is_forgotten():
    assert left(MISSING) == Farewell((), (OLD,))


@pytest.mark.parametrize("found", [Digest("altered"), OSError("no")], ids=["altered", "refused"])
def test_what_is_not_as_it_was_made_stays_and_stays_noted(found):
    assert left(found) == NOTHING


@pytest.mark.parametrize("lacking", ["stored", "kept"])
def test_what_the_store_cannot_give_back_stays(lacking):
    assert left(MADE, **{lacking: False}) == NOTHING


def test_what_belongs_to_another_now_is_left_to_it():
    assert left(MADE, outputs=("out/a", OLD)) == Farewell((), (OLD,))


def test_what_is_still_there_and_what_has_no_target_any_more_is_not_vanished():
    assert left(MADE, former={"out/a": "t@k=a", "x": "other@k=b"}) == NOTHING


def test_only_the_targets_asked_for_are_looked_at():
    former, one = {OLD: "t@k=b"}, graph(action("t@k=a", outputs=("out/a",)))
    assert farewell(former, one, snapshot=world(MADE), targets={"u"}) == NOTHING
    assert farewell(former, one, snapshot=world(MADE), targets={"t"}) == Farewell((OLD,), ())
