"""Selections that wait for all: who is chosen, what is written, and what is said when nobody fits."""

import hashlib

import pytest


def write(project, scores, select="", *, use='":best.model"'):
    """A fan-out with these metrics by (algo, n), and a selection of it."""
    names = list(dict.fromkeys(algo for algo, _ in scores))
    numbers = list(dict.fromkeys(n for _, n in scores))
    for (algo, n), metrics in scores.items():
        project.write(f"scores/{algo}-{n}", metrics)
    project.mlfile(
        f"""
        [target.train]
        run = "echo {{algo}}{{n}} > {{outputs.model}}; cp {{inputs}} {{outputs.metrics}}"
        inputs = ["scores/{{algo}}-{{n}}"]
        outputs = {{ model = "m/{{algo}}-{{n}}", metrics = "m/{{algo}}-{{n}}.json" }}
        metrics = "metrics"
        matrix = {{ algo = {names}, n = {numbers} }}
        [target.best]
        inputs = [":train"]
        select = {{ by = "acc"{select} }}
        outputs = ["best.json"]
        [target.use]
        run = "cat {{inputs}} > use"
        inputs = [{use}]
        outputs = ["use"]
        """
    )


SCORES = {
    ("a", 1): '{"acc": 0.5, "loss": 3}',
    ("a", 2): '{"acc": 0.9, "loss": 1}',
    ("b", 1): '{"acc": 0.9, "loss": 2}',
    ("b", 2): '{"acc": 0.7, "loss": 2}',
}


def chosen(project):
    return [
        entry["instance"].removeprefix("train@algo=").replace(",n=", "")
        for entry in project.json("best.json")["selected"]
    ]


@pytest.mark.parametrize(
    ("select", "names"),
    [
        ("", ["a2"]),
        (", top = 2", ["a2", "b1"]),
        (", top = 3", ["a2", "b1", "b2"]),
        (", top = 9", ["a2", "b1", "b2", "a1"]),
        (", order = 'min'", ["a1"]),
        (", order = 'min', top = 3", ["a1", "b2", "a2"]),
        (", top = 9, min = 0.7", ["a2", "b1", "b2"]),
        (", top = 9, min = 0.71", ["a2", "b1"]),
        (", top = 9, max = 0.7", ["b2", "a1"]),
        (", top = 9, min = 0.5, max = 0.7", ["b2", "a1"]),
        (", per = ['algo']", ["a2", "b1"]),
        (", per = ['n']", ["b1", "a2"]),
        (", per = ['algo'], top = 2", ["a2", "a1", "b1", "b2"]),
    ],
)
def test_who_is_chosen(project, select, names):
    write(project, SCORES, select)
    project.build()
    assert chosen(project) == names
    assert project.read("use").split() == names, ":best.model is that output of the selected, best first"


def test_the_document_it_writes(project):
    write(project, SCORES, ", top = 2")
    project.build()
    document = project.json("best.json")
    assert set(document) == {"selected"}
    first, second = document["selected"]
    assert set(first) == {"target", "instance", "keys", "rank", "outputs", "metrics"}
    assert first["target"] == "train" and first["keys"] == {"algo": "a", "n": 2}
    assert (first["rank"], second["rank"]) == (1, 2)
    assert first["metrics"] == {"acc": 0.9, "loss": 1}
    assert {name: out["path"] for name, out in first["outputs"].items()} == {"model": "m/a-2", "metrics": "m/a-2.json"}
    assert all(out["digest"] for out in first["outputs"].values())


def test_rank_is_within_its_group(project):
    write(project, SCORES, ", per = ['algo'], top = 2")
    project.build()
    assert [entry["rank"] for entry in project.json("best.json")["selected"]] == [1, 2, 1, 2]


def test_an_unchanged_choice_is_cut_off(project):
    write(project, SCORES)
    project.build()
    project.write("scores/b-2", '{"acc": 0.1}')
    before = hashlib.sha256((project.root / "best.json").read_bytes()).digest()
    built = project.build()
    assert "best" in built.ran and "use" in built.skipped
    assert hashlib.sha256((project.root / "best.json").read_bytes()).digest() == before


def test_a_missing_metric_or_nan_is_no_candidate_with_a_warning(project):
    write(project, {**SCORES, ("a", 2): '{"acc": NaN}', ("b", 1): '{"loss": 1}'}, ", top = 9")
    built = project.build()
    assert chosen(project) == ["b2", "a1"]
    said = "\n".join(built.warnings)
    assert "train@algo=a,n=2" in said and "train@algo=b,n=1" in said


def test_no_metric_at_all_is_an_error_with_a_did_you_mean(project):
    write(project, dict.fromkeys(SCORES, '{"accu": 0.5, "loss": 1}'))
    built = project.build(code=1)
    assert built.failed == {"best"}
    assert built.detail("best") == "no instance has the metric acc: did you mean accu? there are accu, loss"


def test_none_within_the_limits_fails_with_the_figures(project):
    write(project, SCORES, ", min = 0.95")
    built = project.build(code=1)
    assert built.failed == {"best"} and built.blocked == {"use"}
    for figure in ("0.95", "0.9", "0.7", "0.5"):
        assert figure in built.detail("best")


def test_a_group_without_one_is_left_out_with_a_warning(project):
    write(project, SCORES, ", per = ['n'], min = 0.8, order = 'min'")
    project.write("scores/a-2", '{"acc": 0.1}')
    built = project.build()
    assert chosen(project) == ["b1"]
    assert any("n=2" in text for text in built.warnings)


def test_a_group_that_has_only_instances_without_the_metric_is_left_out_with_a_warning(project):
    write(project, {**SCORES, ("b", 1): "{}", ("b", 2): "{}"}, ", per = ['algo']")
    built = project.build()
    assert chosen(project) == ["a2"]
    assert any("no entry for algo=b: none has the metric acc" in text for text in built.warnings), built.warnings


def test_ties_keep_the_order_of_inputs_then_of_the_matrix(project):
    write(project, dict.fromkeys(SCORES, '{"acc": 1}'), ", top = 4")
    project.build()
    assert chosen(project) == ["a1", "a2", "b1", "b2"]
    project.edit("Mlfile", 'inputs = [":train"]', 'inputs = [":train@algo=b", ":train@algo=a"]')
    project.build()
    assert chosen(project) == ["b1", "b2", "a1", "a2"]


def test_metrics_nested_are_joined_by_dots_and_spelled_did_you_mean(project):
    write(project, {key: text.replace('"acc"', '"val": {"acc"').replace("}", "}}") for key, text in SCORES.items()})
    for key in SCORES:
        text = SCORES[key]
        value = text.split('"acc": ')[1].split(",")[0].strip("}")
        project.write(f"scores/{key[0]}-{key[1]}", f'{{"val": {{"acc": {value}}}}}')
    project.edit("Mlfile", 'by = "acc"', 'by = "val.acc"')
    project.build()
    assert chosen(project) == ["a2"]


def test_with_pick_ties_keep_the_order_of_the_inputs(project):
    project.mlfile(
        """
        [target.train]
        run = "echo {algo} > {outputs.model}"
        outputs = { model = "m/{algo}" }
        matrix = { algo = ["a", "b"] }
        [target.evaluate]
        run = '''echo '{"acc": 1}' > {outputs.metrics}'''
        inputs = { model = ":train.model@algo" }
        outputs = { metrics = "e/{algo}" }
        metrics = "metrics"
        matrix = ":train"
        [target.best]
        inputs = [":evaluate@algo=b", ":evaluate@algo=a"]
        select = { by = "acc", pick = ":train", top = 2 }
        outputs = ["best.json"]
        """
    )
    project.build()
    assert [entry["keys"]["algo"] for entry in project.json("best.json")["selected"]] == ["b", "a"]


def test_with_pick_the_metrics_are_those_of_the_inputs_and_the_outputs_those_of_the_picked(project):
    for name, score in (("a", 1), ("b", 2)):
        project.write(f"scores/{name}", f'{{"acc": {score}}}')
    project.mlfile(
        """
        [target.train]
        run = "echo {algo} > {outputs.model}"
        outputs = { model = "m/{algo}" }
        matrix = { algo = ["a", "b"] }
        [target.evaluate]
        run = "cp {inputs.score} {outputs.metrics}"
        inputs = { model = ":train.model@algo", score = "scores/{algo}" }
        outputs = { metrics = "e/{algo}" }
        metrics = "metrics"
        matrix = ":train"
        [target.best]
        inputs = [":evaluate"]
        select = { by = "acc", pick = ":train" }
        outputs = ["best.json"]
        [target.use]
        run = "cat {inputs.model} > use"
        inputs = { model = ":best.model" }
        outputs = ["use"]
        """
    )
    project.build()
    entry = project.json("best.json")["selected"][0]
    assert entry["instance"] == "train@algo=b" and entry["metrics"] == {"acc": 2}
    assert list(entry["outputs"]) == ["model"]
    assert project.read("use") == "b\n"


def test_best_is_the_manifest_and_best_output_with_top_1_is_one_file(project):
    write(project, SCORES)
    project.write("steps.py", "def run(out, one, manifest):\n    out.write_text(f'{one} {manifest}')\n")
    with (project.root / "Mlfile").open("a") as file:
        file.write(
            '[target.look]\ncall = "steps:run"\ninputs = { one = ":best.model", manifest = ":best" }\n'
            'outputs = { out = "look" }\n'
        )
    project.build()
    assert project.read("look") == "m/a-2 best.json"
    project.edit("Mlfile", 'by = "acc"', 'by = "acc", top = 2')
    project.build()
    assert "PosixPath('m/a-2')" in project.read("look") and "PosixPath('m/b-1')" in project.read("look")


def test_a_failed_branch_blocks_a_selection_that_waits_for_all(project):
    write(project, SCORES)
    project.edit("Mlfile", "echo {algo}{n} >", "test {algo}{n} != b2; echo {algo}{n} >")
    built = project.build("-k", code=1)
    assert built.failed == {"train@algo=b,n=2"} and built.blocked == {"best", "use"}


def test_an_unknown_key_of_per_and_limits_the_wrong_way_round(project):
    write(project, SCORES, ", per = ['alg']")
    assert "did you mean algo?" in project.mistakes()
    write(project, SCORES, ", min = 2, max = 1")
    assert "nothing can be chosen" in project.mistakes()


def test_selected_outputs_follow_a_changed_choice(project):
    write(project, SCORES)
    project.build()
    project.write("scores/b-2", '{"acc": 1}')
    built = project.build()
    assert "use" in built.ran and project.read("use") == "b2\n"
    project.write("scores/b-2", SCORES[("b", 2)])
    built = project.build()
    assert not built.ran and {"best", "use"} <= built.restored and project.read("use") == "a2\n"


def test_the_losers_and_whether_the_set_is_complete_go_to_the_event_and_the_history(project):
    write(project, SCORES, ", top = 2")
    built = project.build()
    event = built.finished["best"]
    assert event["losers"] == ["train@algo=a,n=1", "train@algo=b,n=2"] and event["complete"] is True
    journal = next((project.root / ".mlmake/runs").glob("*/events.jsonl")).read_text()
    assert '"losers":["train@algo=a,n=1","train@algo=b,n=2"]' in journal
    assert "losers" not in built.finished["use"]
