"""Parameters side by side, by value."""

import pytest
from made_runs import past

from mlmake.history.asked import asked_document, flat
from mlmake.history.params import changed_parameters, equal, last_two, parameter_rows
from mlmake.history.past import Parameter

OLD = past(
    "r1", {"a": {}, "b": {}}, params={"lr": 0.1, "seed": 7, "gone": "x"}, uses={"a": ("lr",), "b": ("lr", "seed")}
)
NEW = past("r2", {"a": {}}, params={"lr": 0.01, "seed": 7, "fresh": True}, uses={"a": ("lr",)})


def test_values_old_and_new_and_who_uses_them():
    rows = parameter_rows([OLD, NEW])
    assert [row.name for row in rows] == ["lr", "seed", "gone", "fresh"]
    assert [row.used_by for row in rows] == [("a", "b"), ("b",), (), ()]
    assert [row.name for row in changed_parameters(rows)] == ["lr", "gone", "fresh"]
    lr = rows[0].known
    assert (lr[0].value, lr[1].value) == (0.1, 0.01)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), ("1", 1), ([1], [1.0]), ({"a": 1}, {"a": 1.0})])
def test_types_are_kept_apart(one, other):
    assert not equal(Parameter(one), Parameter(other))
    assert equal(Parameter(one), Parameter(one, "elsewhere"))


def test_the_last_two_that_differ():
    runs = [("r4", NEW.params), ("r3", {}), ("r2", NEW.params), ("r1", OLD.params)]
    assert last_two(runs) == ("r1", "r4")
    assert last_two(runs[:3]) is None


def test_tables_are_told_value_by_value():
    assert list(flat({"a": {"b": {"c": 1}, "d": []}, "e": {}})) == [("a.b.c", 1), ("a.d", []), ("e", {})]


def test_the_document_of_what_was_asked_for():
    from small_graph import action, graph

    document = asked_document(
        graph(action("t@n=1", outputs=["o"], keys={"n": 1}), action("all", group=True)), {}, ["-k"]
    )
    assert document == {
        "schema": "mlmake.asked/1",
        "words": ["-k"],
        "params": {},
        "better": {},
        "uses": [[]],
        "instances": {"t@n=1": ["t", {"n": 1}, 0]},
    }
