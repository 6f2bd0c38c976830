"""Metrics side by side: what is shown, sorted, best, changed."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from made_runs import past

from mlmake.history.better import direction
from mlmake.history.metrics import alone, best, bests, board, by, change, changed, differing, last_two, same, with_trend

KEYS = {f"train@n={n}": {"n": n} for n in (1, 2, 3)}
OLD = past("r1", {"train@n=1": {"acc": 0.5, "loss": 2}, "train@n=2": {"acc": 0.7, "loss": 1}, "split": {}}, keys=KEYS)
NEW = past("r2", {"train@n=2": {"acc": 0.6, "loss": 1}, "train@n=3": {"acc": 0.9}}, keys=KEYS)

numbers = st.floats() | st.integers(-3, 3)
measures = st.dictionaries(st.sampled_from(["acc", "loss", "x"]), numbers, min_size=1)
pasts = st.dictionaries(st.sampled_from(["a@n=1", "a@n=2", "b", "c"]), measures).map(lambda m: past("r", m))


def names(shown):
    return [row.instance for row in shown.rows]


def test_a_board_has_whatever_was_measured():
    shown = board([OLD, NEW])
    assert names(shown) == ["train@n=2", "train@n=3", "train@n=1"]
    assert (shown.runs, shown.keys, shown.metrics) == (("r1", "r2"), ("n",), ("acc", "loss"))
    assert [row.value("acc", 0) for row in shown.rows] == [0.7, None, 0.5]
    assert [row.value("acc") for row in shown.rows] == [0.6, 0.9, None]
    assert shown.wanted == {"acc": "max", "loss": "min"}


def test_only_what_changed():
    shown = changed(board([OLD, NEW]))
    assert names(shown) == ["train@n=2", "train@n=3", "train@n=1"]
    same_loss = changed(board([OLD, past("r2", {"train@n=2": {"acc": 0.8, "loss": 1}}, keys=KEYS)]))
    assert same_loss.metrics == ("acc", "loss")
    assert (
        changed(board([past("a", {"x": {"m": 1, "n": math.nan}}), past("b", {"x": {"m": 1.0, "n": math.nan}})])).rows
        == ()
    )


def test_best_first_and_what_has_no_value_last():
    shown = board(
        [past("r", {"a": {"acc": 1}, "b": {"loss": 1}, "c": {"acc": 2}, "d": {"acc": math.nan}, "e": {"acc": 2}})]
    )
    assert names(by(shown, "acc")) == ["c", "e", "a", "b", "d"]
    assert names(by(shown, "acc", reverse=True)) == ["a", "c", "e", "b", "d"]
    shown = board([past("r", {"a": {"loss": 1}, "b": {"loss": 0}})])
    assert names(by(shown, "loss")) == ["b", "a"]
    shown = board([past("r", {"a": {"size": 1}, "b": {"size": 2}})])
    assert names(by(shown, "size")) == ["b", "a"], "of what nobody knows, the greatest comes first"


def test_by_a_key_of_numbers_and_texts():
    keys = {"t@k=x": {"k": "x"}, "t@k=2": {"k": 2}, "t@k=1": {"k": {"name": "1"}}}
    shown = board([past("r", {key: {"m": 1} for key in keys}, keys=keys)])
    assert names(by(shown, "k")) == ["t@k=2", "t@k=1", "t@k=x"]
    assert names(by(shown, "instance")) == ["t@k=1", "t@k=2", "t@k=x"]


def test_the_best_row_and_the_best_of_each_target():
    shown = board([past("r", {"t@a": {"acc": 0.5}, "t@b": {"acc": 0.7}, "u": {"acc": 0.9}})])
    assert best(shown, "max", "acc").instance == "u"
    assert best(shown, "min", "acc").instance == "t@a"
    assert best(board([past("r", {"a": {"m": math.nan}})]), "max", "m") is None
    assert bests(shown) == {("t", "acc"): 0.7}


def test_a_row_alone_has_its_own_columns_only():
    shown = board([past("r", {"t@n=1": {"acc": 0.5}, "u": {"size": 1}}, keys={"t@n=1": {"n": 1}})])
    assert (alone(shown, shown.rows[0]).keys, alone(shown, shown.rows[0]).metrics) == (("n",), ("acc",))
    assert (alone(shown, shown.rows[1]).keys, alone(shown, shown.rows[1]).metrics) == ((), ("size",))
    assert alone(shown, None).rows == ()


def test_what_is_better():
    assert [direction(name, {"gap": "max"}) for name in ("gap", "val.log_loss", "test_accuracy", "f1", "wrong")] == [
        "max",
        "min",
        "max",
        "max",
        None,
    ]
    assert direction("loss.count", {}) is None
    assert direction("accuracy", {"accuracy": "min"}) == "min"


def test_the_last_two_that_differ_are_looked_for_instance_by_instance():
    runs = [
        ("r5", {"a": {"m": 1}}),
        ("r4", {"b": {"m": 7}}),
        ("r3", {"a": {"m": 1}, "b": {"m": 7}}),
        ("r2", {"b": {"m": 6}}),
        ("r1", {"a": {"m": 0}}),
    ]
    assert last_two(runs) == ("r2", "r4")
    assert last_two([runs[0], runs[4]]) == ("r1", "r5")
    assert last_two(runs[:3]) is None


def test_the_trend_goes_from_old_to_new():
    shown = board([past("r3", {"a": {"m": 3}, "b": {"x": 1}})])
    shown = with_trend(shown, "m", [{"a": {"m": 3}}, {"b": {"m": 9}}, {"a": {"m": 1}}])
    assert [row.trend for row in shown.rows] == [(1, 3), ()]
    assert len(with_trend(shown, "m", [{"a": {"m": n}} for n in range(99)]).rows[0].trend) == 10


@given(st.lists(pasts, min_size=1, max_size=3), st.booleans())
def test_sorting_loses_no_row_and_keeps_the_order_of_equals(runs, reverse):
    shown = board(runs)
    for key in shown.names():
        rows = by(shown, key, reverse=reverse).rows
        assert sorted(names(shown)) == sorted(row.instance for row in rows)
        if key in shown.metrics:
            values = [row.value(key) for row in rows]
            known = [v for v in values if v is not None and not math.isnan(v)]
            assert all(v is not None and not math.isnan(v) for v in values[: len(known)])
            down = (shown.wanted.get(key, "max") == "max") != reverse
            assert known == sorted(known, reverse=down)
            place = {row.instance: i for i, row in enumerate(shown.rows)}
            for one, other in pairwise(rows):
                if one.value(key) == other.value(key):
                    assert place[one.instance] < place[other.instance]


@given(pasts, pasts)
def test_a_difference_is_there_exactly_if_a_value_moved(old, new):
    shown = changed(board([old, new]))
    for name in {*old.steps, *new.steps}:
        one = old.steps[name].metrics if name in old.steps else None
        other = new.steps[name].metrics if name in new.steps else None
        assert bool(differing(one, other)) == (name in names(shown))
    for row in shown.rows:
        for metric in shown.metrics:
            before, now = row.value(metric, 0), row.value(metric)
            moved = change(before, now)
            assert moved is None or moved != 0 or same(before, now) or now - before == 0


@given(pasts)
def test_a_run_does_not_differ_from_itself(run):
    assert changed(board([run, run])).rows == ()
    measured = {name: step.metrics for name, step in run.steps.items()}
    assert last_two([("r2", measured), ("r1", measured)]) is None
