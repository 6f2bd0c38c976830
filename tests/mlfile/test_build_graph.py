"""Mlfiles in, graphs out."""

import pytest
from graphs import graph_of

from mlmake.mlfile.build import Handed, build_graph
from mlmake.mlfile.document import load_document
from mlmake.mlfile.parameters import Parameters
from mlmake.model.graph import (
    Argv,
    Call,
    Candidate,
    Chosen,
    Group,
    Input,
    Leaf,
    Made,
    Part,
    PartGlob,
    Select,
    Shell,
)


def items(graph, action):
    return [
        [getattr(i, "path", None) or getattr(i, "pattern", None) for i in d.items] for d in graph.actions[action].inputs
    ]


def test_paths_make_edges():
    graph = graph_of(
        """
        [target.b]
        inputs = ["./build/a", "raw.csv", "../outside", "/abs/x", "build/d", "build/d/part/x.csv", "build/d/*.csv"]
        outputs = ["build/b"]
        run = "cat {inputs} > {outputs}"
        [target.a]
        outputs = ["build/a", "build/d/"]
        run = ["touch", "{outputs}"]
        """
    )
    b, a = graph.actions["b"], graph.actions["a"]
    assert list(graph.actions) == ["b", "a"]
    assert b.inputs == (
        Input(None, False, (Made("build/a", "a"),)),
        Input(None, False, (Leaf("raw.csv"),)),
        Input(None, False, (Leaf("../outside"),)),
        Input(None, False, (Leaf("/abs/x"),)),
        Input(None, False, (Made("build/d/", "a"),)),
        Input(None, False, (Part("build/d/part/x.csv", "a"),)),
        Input(None, True, (PartGlob("build/d/*.csv", "a"),)),
    )
    assert b.upstream == ("a",)
    assert (b.command, a.command) == (Shell("cat {inputs} > {outputs}"), Argv(("touch", "{outputs}")))
    assert graph.owners == {"build/b": "b", "build/a": "a", "build/d/": "a"}
    assert graph.sources == ("Mlfile",)


def test_a_glob_takes_outputs_to_come_and_files_that_nobody_makes_by_bytes():
    graph = graph_of(
        """
        [target.all]
        inputs = ["d/**/*.csv"]
        run = "x"
        [target.z]
        outputs = ["d/z.csv", "d/Z/", "d/no.txt"]
        run = "x"
        [target.m]
        outputs = ["d/m.csv"]
        run = "x"
        """,
        files=["d/z.csv", "d/é.csv", "d/a.csv", "d/Z/in.csv", "d/n/x.csv", "other.csv"],
    )
    assert graph.actions["all"].inputs == (
        Input(
            None,
            True,
            (
                PartGlob("d/Z/**/*.csv", "z"),
                Leaf("d/a.csv"),
                Made("d/m.csv", "m"),
                Leaf("d/n/x.csv"),
                Made("d/z.csv", "z"),
                Leaf("d/é.csv"),
            ),
        ),
    )
    assert graph.actions["all"].upstream == ("z", "m")


def test_a_file_named_twice_counts_once():
    graph = graph_of(
        """
        [target.a]
        inputs = ["x", "*", "./x", "y"]
        run = "x"
        [target.b]
        inputs = { one = "x", two = ["*", "x"] }
        run = "x"
        """,
        files=["x", "y"],
    )
    assert items(graph, "a") == [["x"], ["y"]]
    assert items(graph, "b") == [["x"], ["x", "y"]]


MATRIX = """
[target.data]
outputs = { table = "t.csv", other = "o.csv" }
run = "x"
[target.train]
inputs = { table = ":data.table" }
outputs = { model = "m/{algo}-{config.trees}", metrics = "m/{algo}-{config.trees}.json" }
metrics = "metrics"
run = "train {algo} {config.trees} {params.lr} {inputs.table} {outputs.model}"
matrix = { algo = ["svm", "f x"], config = [{ name = "small", trees = 5 }, { name = "big", trees = 9 }] }
[params]
lr = 0.1
"""
IDS = [
    "train@algo=svm,config=small",
    "train@algo=svm,config=big",
    "train@algo=f%20x,config=small",
    "train@algo=f%20x,config=big",
]


def test_a_matrix_is_multiplied_out_in_file_order():
    graph = graph_of(MATRIX)
    assert list(graph.targets["train"].actions) == IDS
    train = graph.actions[IDS[2]]
    assert train.keys == {"algo": "f x", "config": {"name": "small", "trees": 5}}
    assert [o.path for o in train.outputs] == ["m/f x-5", "m/f x-5.json"]
    assert train.inputs == (Input("table", False, (Made("t.csv", "data"),)),)
    assert train.params == {"lr": 0.1}
    assert graph.targets["train"].outputs == ("model", "metrics")
    assert train.policy.metrics == "metrics"


@pytest.mark.parametrize(
    ("reference", "many", "paths"),
    [
        (":data", True, ["t.csv", "o.csv"]),
        (":data.table", False, ["t.csv"]),
        (":train.model", True, ["m/svm-5", "m/svm-9", "m/f x-5", "m/f x-9"]),
        (":train.model@algo=svm", True, ["m/svm-5", "m/svm-9"]),
        (":train.model@algo=f x,config=big", False, ["m/f x-9"]),
        (":train.model@config=big,algo=f%20x", False, ["m/f x-9"]),
        (":train@algo=svm,config=big", True, ["m/svm-9", "m/svm-9.json"]),
        (":train.model@algo={params.which},config=small", False, ["m/f x-5"]),
    ],
)
def test_references(reference, many, paths):
    graph = graph_of(MATRIX + f'which = "f x"\n[target.use]\ninputs = {{ it = "{reference}" }}\nrun = "x"\n')
    (found,) = graph.actions["use"].inputs
    assert found.many is many
    assert [item.path for item in found.items] == paths


def test_pairing_takes_the_own_values():
    graph = graph_of(
        MATRIX
        + """
        [target.eval]
        inputs = { m = ":train.model@algo,config=big", all = ":train.model", same = ":train.model@*" }
        outputs = ["e/{algo}"]
        matrix = { algo = ["f x", "svm"] }
        run = "x"
        [target.follow]
        inputs = { m = ":train.model@*" }
        outputs = ["f/{algo}-{config.name}"]
        matrix = ":train"
        run = "x"
        """.replace("        ", "")
    )
    assert graph.actions["eval@algo=svm"].inputs[0] == Input("m", False, (Made("m/svm-9", IDS[1]),))
    assert len(graph.actions["eval@algo=svm"].inputs[1].items) == 4
    assert items(graph, "eval@algo=svm")[2] == ["m/svm-5", "m/svm-9"]
    assert graph.actions["eval@algo=svm"].inputs[2].many
    follow = graph.actions["follow@algo=f%20x,config=big"]
    assert follow.inputs == (Input("m", False, (Made("m/f x-9", IDS[3]),)),)


def test_unions_excludes_includes_and_parameters():
    graph = graph_of(
        """
        [params]
        folds = 3
        names = ["p", "q"]
        [target.a]
        outputs = ["{instance}"]
        run = "x"
        [[target.a.matrix]]
        algo = ["svm", "gbm"]
        depth = [1, 2]
        exclude = [{ algo = "gbm", depth = 2 }]
        include = [{ algo = "one", extra = true }]
        [[target.a.matrix]]
        fold = { param = "folds" }
        name = { param = "names" }
        """
    )
    assert list(graph.targets["a"].actions) == [
        "a@algo=svm,depth=1", "a@algo=svm,depth=2", "a@algo=gbm,depth=1", "a@algo=one,extra=true",
        "a@fold=0,name=p", "a@fold=0,name=q", "a@fold=1,name=p", "a@fold=1,name=q",
        "a@fold=2,name=p", "a@fold=2,name=q",
    ]  # fmt: skip
    assert graph.actions["a@fold=1,name=p"].keys == {"fold": 1, "name": "p"}


def test_groups_mean_their_inputs_and_phonies_come_after():
    graph = graph_of(
        """
        [target.both]
        inputs = [":a", "raw"]
        [target.outer]
        inputs = { it = ":both" }
        [target.use]
        inputs = [":outer"]
        outputs = ["u"]
        after = [":note"]
        run = "x"
        [target.a]
        outputs = ["a1", "a2"]
        run = "x"
        [target.note]
        run = "x"
        """
    )
    assert items(graph, "use") == [["a1", "a2", "raw"]]
    assert graph.actions["use"].upstream == ("a",)
    assert graph.actions["use"].after == ("note",)
    assert isinstance(graph.actions["both"].command, Group)
    assert graph.actions["note"].is_phony


SELECT = """
[target.best]
inputs = [":train.metrics"]
select = { by = "acc", top = TOP, per = PER }
outputs = ["best.json"]
[target.use]
inputs = { m = ":best.model", list = ":best" }
outputs = ["u"]
run = "x"
[serve.s]
models = ":best"
"""


@pytest.mark.parametrize(("top", "per", "many"), [(1, [], False), (2, [], True), (1, ["algo"], True)])
def test_a_selection_and_what_it_chose(top, per, many):
    graph = graph_of(MATRIX + SELECT.replace("TOP", str(top)).replace("PER", str(per)))
    best, use = graph.actions["best"], graph.actions["use"]
    assert best.command == Select(by="acc", top=top, per=tuple(per), candidates=tuple(IDS))
    assert best.upstream == tuple(IDS)
    read = {item.path for declared in best.inputs for item in declared.items}
    assert read == {o.path for i in IDS for o in graph.actions[i].outputs}
    models = {graph.actions[i].outputs[0].path: i for i in IDS}
    assert use.inputs == (
        Input("m", many, (Chosen("model", "best", "best.json", models),)),
        Input("list", False, (Made("best.json", "best"),)),
    )
    assert use.upstream == ("best", *IDS)
    serve = graph.serves["s"]
    assert serve.selected_by == "best"
    assert serve.candidates == tuple(Candidate(i, p) for p, i in models.items())
    assert serve.model_output == "model"


def test_pick_chooses_other_instances():
    graph = graph_of(
        MATRIX
        + """
        [target.score]
        inputs = { m = ":train.model@*" }
        outputs = ["s/{algo}-{config.name}.json"]
        metrics = "s/{algo}-{config.name}.json"
        matrix = ":train"
        run = "x"
        [target.best]
        inputs = [":score"]
        select = { by = "acc", pick = ":train" }
        outputs = ["best.json"]
        """.replace("        ", "")
    )
    select = graph.actions["best"].command
    assert select.pick == tuple(IDS)
    assert select.candidates == tuple(i.replace("train", "score") for i in IDS)
    assert set(graph.actions["best"].upstream) == {*select.pick, *select.candidates}


def test_a_call_gets_what_it_asks_for():
    graph = graph_of(
        """
        [params]
        seed = 7
        unused = 1
        model = { depth = 3, width = 4 }
        [target.a]
        inputs = { table = "t.csv" }
        outputs = { model = "m" }
        params = ["model.*"]
        matrix = { kind = ["x"] }
        call = "steps.a:run"
        [target.b]
        outputs = ["b"]
        params = ["model.depth"]
        matrix = { kind = ["x"] }
        call = "steps.x:run"
        """,
        modules={
            "steps.a": """
            import os
            @decorated
            def run(table, *, seed, depth, step, verbose=False):
                return 1
            """,
            "steps.x": "def run(outputs, **rest): pass",
        },
    )
    a, b = graph.actions["a@kind=x"], graph.actions["b@kind=x"]
    assert a.command == Call("steps.a", "run", ("table", "seed", "depth", "step", "verbose"), frozenset({"verbose"}))
    assert a.params == {"model.depth": 3, "model.width": 4, "seed": 7}
    assert b.command == Call("steps.x", "run", ("outputs", "kind", "depth"), frozenset(), rest=True)


def test_environment_of_the_file_and_of_the_target():
    graph = graph_of(
        """
        [env]
        A = 1
        B = true
        C = "c"
        D = "{root}/x"
        [target.a]
        run = "x"
        env = { B = "set", C = true, E = false_ }
        [target.b]
        run = "x"
        env = ["A"]
        """.replace(", E = false_", "")
    )
    a, b = graph.actions["a"], graph.actions["b"]
    assert (a.env, a.passed) == ({"A": "1", "D": "{root}/x", "B": "set"}, ("C",))
    assert (b.env, b.passed) == ({"C": "c", "D": "{root}/x"}, ("B", "A"))


def test_resources_and_time_limits_by_instance():
    graph = graph_of(
        """
        [target.a]
        run = "x"
        matrix = { config = [{ name = "s", cpus = 1, limit = "5s" }, { name = "b", cpus = 3, limit = "1h" }] }
        resources = { cpus = "{config.cpus}", memory = "{config.cpus} GiB" }
        timeout = "{config.limit}"
        """
    )
    policy = graph.actions["a@config=b"].policy
    assert (policy.resources.cpus, policy.resources.memory, policy.timeout) == (3, 3 * 2**30, 3600)


@pytest.mark.parametrize(
    "name", ["a b", "new\nline", "it's", '"', "$(x)", "-rf", "😀", "x" * 255, "/".join(["d" * 200] * 3), "a;b", "ü"]
)
def test_any_name_can_be_a_path(name):
    written = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    graph = graph_of(f'[target.a]\ninputs = ["in/{written}"]\noutputs = ["{written}"]\nrun = "x"\n')
    assert graph.owners == {name: "a"}
    assert graph.actions["a"].inputs[0].items == (Leaf(f"in/{name}"),)


def test_names_that_are_not_utf8_come_through_globs():
    graph = graph_of('[target.a]\ninputs = ["d/*"]\nrun = "x"', files=["d/\udcff", "d/z"])
    assert items(graph, "a") == [["d/z", "d/\udcff"]]


def test_paths_of_the_project_are_relative_however_they_are_written():
    text = '[target.a]\ninputs = ["{}"]\nrun = "x"\n'
    here = graph_of(text.format("/home/me/p/data.csv"), root="/home/me/p", environ={"HOME": "/home/me"})
    there = graph_of(text.format("data.csv"))
    assert here.actions["a"].inputs == there.actions["a"].inputs
    assert here.actions["a"].recipe == there.actions["a"].recipe
    home = graph_of(text.format("~/x.csv"), environ={"HOME": "/home/me"})
    assert home.actions["a"].inputs[0].items == (Leaf("/home/me/x.csv"),)


def test_a_module_is_looked_for_once():
    asked = []

    def module(name):
        asked.append(name)
        return f"{name}.py", "def run(k): ..."

    text = '[target.a]\ncall = "steps:run"\nmatrix = { k = [1, 2, 3] }\n[target.b]\ncall = "steps:run"\nmatrix = ":a"\n'
    document, _ = load_document({"Mlfile": text.encode()}.get, "Mlfile")
    graph, _ = build_graph(document, Parameters({}, {}, {}), Handed(module=module))
    assert len(graph.actions) == 6
    assert asked == ["steps"]


def test_a_file_where_a_folder_output_will_be_is_not_an_input_of_its_own():
    graph = graph_of(
        '[target.a]\ninputs = ["d/*"]\nrun = "x"\n[target.b]\noutputs = ["d/o/"]\nrun = "x"\n', files=["d/o", "d/p"]
    )
    assert items(graph, "a") == [["d/p"]]
