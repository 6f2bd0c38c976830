"""What makes a result another one: each key that is recipe, and each that is not."""

import pytest
from graphs import graph_of
from hypothesis import given
from hypothesis import strategies as st

from mlmake.model.fact import differences
from mlmake.model.reason import Code

MODULES = {"steps": "def run(table, model, lr): pass\ndef other(): pass\n"}
BASE = {
    "run": '"train {inputs.table} {outputs.model} {params.lr} {k} {root} {python} {resources.cpus}"',
    "inputs": '{ table = "t.csv" }',
    "outputs": '{ model = "m" }',
    "matrix": '{ k = ["x"] }',
    "env": '{ MODE = "fast", HOME = true }',
    "params": '["net.depth"]',
}
PARAMS = {"lr": "0.1", "net": "{ depth = 3 }", "unused": "1"}


def action(changes=(), *, params=(), environ=None, top="", modules=None):
    keys = {**BASE, **dict(changes)}
    lines = ["[params]", *(f"{k} = {v}" for k, v in {**PARAMS, **dict(params)}.items())]
    lines += ["[resources]", "licence = 5", top, "[target.before]", 'run = "x"', "[target.a]"]
    lines += [f"{key} = {value}" for key, value in keys.items() if value is not None]
    graph = graph_of(
        "\n".join(lines), environ={"HOME": "/h"} if environ is None else environ, modules=modules or MODULES
    )
    (name,) = graph.targets["a"].actions
    return graph.actions[name]


def reasons(before, after):
    assert (before.recipe == after.recipe) == (not differences(before.facts, after.facts))
    return [(r.code, r.subject, r.old, r.new) for r in differences(before.facts, after.facts)]


NOT_RECIPE = {
    "help": '"words"',
    "after": '[":before"]',
    "resources": '{ cpus = 2, memory = "1 GiB", licence = 1 }',
    "retries": "{ times = 3 }",
    "timeout": '"5m"',
    "on_error": '"continue"',
    "cache": "false",
    "keep": "true",
    "track": "[]",
    "manual": "true",
    "metrics": '"model"',
}


@given(st.sets(st.sampled_from(sorted(NOT_RECIPE))))
def test_what_is_not_recipe_changes_no_digest(keys):
    assert action({key: NOT_RECIPE[key] for key in keys}).recipe == action().recipe


def test_other_spellings_of_the_same_values_are_the_same_recipe():
    assert action(params={"lr": "1e-1"}).recipe == action().recipe
    assert (
        action({"inputs": '{ table = "./t.csv" }', "outputs": '{ model = "x/../m" }'.replace("x/../", "./")}).recipe
        == action().recipe
    )
    assert action(params={"unused": "2"}).recipe == action().recipe
    assert action({"env": '{ MODE = "fast" }'}, top="[env]\nHOME = true").recipe == action().recipe


@pytest.mark.parametrize(
    ("changes", "params", "expected"),
    [
        ({"run": '"other {params.lr}"'}, {}, [(Code.RECIPE_CHANGED, "run", BASE["run"][1:-1], "other {params.lr}")]),
        (
            {"run": '["train", "{params.lr}"]'},
            {},
            [(Code.RECIPE_CHANGED, "run", BASE["run"][1:-1], "[train, {params.lr}]")],
        ),
        ({}, {"lr": "0.01"}, [(Code.PARAM_CHANGED, "lr", 0.1, 0.01)]),
        ({}, {"lr": "1"}, [(Code.PARAM_CHANGED, "lr", 0.1, 1)]),
        ({}, {"net": "{ depth = 4, x = 1 }"}, [(Code.PARAM_CHANGED, "net.depth", 3, 4)]),
        ({"params": "[]"}, {}, [(Code.PARAM_CHANGED, "net.depth", 3, None)]),
        ({"inputs": '{ table = "u.csv" }'}, {}, [(Code.RECIPE_CHANGED, "inputs.table", "t.csv", "u.csv")]),
        ({"inputs": '{ table = ["t.csv"] }'}, {}, [(Code.RECIPE_CHANGED, "inputs.table", "t.csv", "[t.csv]")]),
        ({"outputs": '{ model = "n" }'}, {}, [(Code.RECIPE_CHANGED, "outputs.model", "m", "n")]),
        ({"matrix": '{ k = ["y"] }'}, {}, [(Code.RECIPE_CHANGED, "matrix.k", "x", "y")]),
        ({"matrix": '{ k = [{ name = "x", n = 1 }] }', "run": '"train"'}, {}, None),
        ({"env": '{ MODE = "slow", HOME = true }'}, {}, [(Code.ENV_CHANGED, "MODE", "fast", "slow")]),
        ({"env": '{ MODE = "fast" }'}, {}, [(Code.ENV_CHANGED, "HOME", "23e6c73f", None)]),
    ],
)  # fmt: skip
def test_what_is_recipe_gives_one_reason(changes, params, expected):
    before, after = action(), action(changes, params=params)
    assert before.recipe != after.recipe
    found = reasons(before, after)
    if expected is not None and expected[0][1] == "HOME":
        assert [(f[0], f[1], f[3]) for f in found] == [(Code.ENV_CHANGED, "HOME", None)]
    elif expected is not None:
        assert found == expected


def test_a_table_value_of_the_matrix_counts_whole():
    small = action({"matrix": '{ k = [{ name = "x", n = 1 }] }', "run": '"train"'})
    large = action({"matrix": '{ k = [{ name = "x", n = 2 }] }', "run": '"train"'})
    assert small.id == large.id
    assert reasons(small, large) == [(Code.RECIPE_CHANGED, "matrix.k", "{name=x, n=1}", "{name=x, n=2}")]


def test_a_variable_that_passes_through_counts_by_its_value_and_shows_none_of_it():
    before, after = action(), action(environ={"HOME": "secret-value"})
    ((code, subject, old, new),) = reasons(before, after)
    assert (code, subject) == (Code.ENV_CHANGED, "HOME")
    assert old != new
    assert "secret" not in repr(after.facts)
    assert [f.shown for f in action(environ={}).facts if f.subject == "HOME"] == [None]


def test_the_function_and_its_source_are_recipe_and_its_neighbours_are_not():
    call = {"run": None, "call": '"steps:run"', "params": None}
    before = action(call)
    assert before.params == {"lr": 0.1}
    assert action(call, modules={"steps": "x = 1\n" + MODULES["steps"]}).recipe == before.recipe
    ((code, subject, *_),) = reasons(before, action(call, modules={"steps": "def run(table, model, lr): return 1\n"}))
    assert (code, subject) == (Code.CODE_CHANGED, "steps:run")
    both = reasons(before, action({**call, "call": '"steps:other"'}))
    assert {(code, subject) for code, subject, *_ in both} == {
        (Code.RECIPE_CHANGED, "call"),
        (Code.CODE_CHANGED, "steps:run"),
        (Code.CODE_CHANGED, "steps:other"),
        (Code.PARAM_CHANGED, "lr"),
    }


def test_a_name_in_the_command_counts_if_it_is_used():
    def named(target, run):
        return graph_of(f'[target.{target}]\nrun = "{run}"\noutputs = ["o"]').actions[target]

    assert named("a", "x").recipe == named("b", "x").recipe
    assert reasons(named("a", "x {target}"), named("b", "x {target}")) == [(Code.RECIPE_CHANGED, "target", "a", "b")]


@pytest.mark.parametrize(
    ("one", "two", "subject"),
    [
        ("top = 1", "top = 2", "select.top"),
        ("top = 1", 'order = "min"', "select.order"),
        ("top = 1", "min = 0.5", "select.min"),
    ],
)
def test_a_selection_is_recipe_key_by_key(one, two, subject):
    def best(more):
        return graph_of(
            f'[target.t]\noutputs = ["t"]\nrun = "x"\nmetrics = "t"\n[target.best]\ninputs = [":t"]\noutputs = ["b"]\n'
            f'select = {{ by = "acc", {more} }}'
        ).actions["best"]

    assert [r[1] for r in reasons(best(one), best(two))] == [subject]


def test_what_a_glob_matches_is_no_recipe():
    text = '[target.a]\ninputs = ["*.csv"]\nrun = "x"'
    few, many = graph_of(text, files=["a.csv"]), graph_of(text, files=["a.csv", "b.csv"])
    assert few.actions["a"].recipe == many.actions["a"].recipe
    assert few.actions["a"].inputs != many.actions["a"].inputs
