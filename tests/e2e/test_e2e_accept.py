"""`mlmake accept` on real projects: what counts as made, what is said of it, and what is refused."""

import pytest

MLFILE = """
    [params]
    lr = 1

    [target.split]
    inputs  = ["data.txt"]
    outputs = ["build/split.txt"]
    run     = "cp data.txt {outputs}"

    [target.train]
    inputs  = [":split"]
    outputs = { model = "build/{algo}.txt", metrics = "build/{algo}.json" }
    metrics = "metrics"
    matrix  = { algo = ["one", "two"] }
    run     = '''echo {params.lr} > {outputs.model}; printf "%s" '{"score": 1}' > {outputs.metrics}'''

    [target.best]
    inputs  = [":train"]
    select  = { by = "score" }
    outputs = ["build/best.json"]

    [target.report]
    inputs  = [":best.model"]
    outputs = ["build/report.txt"]
    run     = "cp {inputs} {outputs}"

    [target.shout]
    run = "echo hello"

    [target.all]
    inputs = [":report"]
"""


@pytest.fixture
def tuned(project):
    """Built, and then somebody has put a model and its figures in place."""
    project.mlfile(MLFILE)
    project.write("data.txt", "data\n")
    project.build()
    project.write("build/two.txt", "by hand\n")
    project.write("build/two.json", '{"score": 9}')
    return project


def test_what_is_accepted_is_kept_and_what_depends_on_it_is_made_from_it(tuned):
    said = tuned("accept", "train@algo=two", "--reason", "tuned by hand")
    assert (said.code, said.out, said.err) == (0, "accepted train@algo=two: build/two.txt, build/two.json\n", "")
    assert tuned.plan()["train@algo=two"] == "skip"
    built = tuned.build()
    assert built.ran == {"best", "report"}
    assert tuned.read("build/report.txt") == "by hand\n"
    assert tuned.build().ran == set()


def test_why_and_json_show_who_accepted_and_why(tuned):
    document = tuned("accept", "train@algo=two", "--reason", "tuned by hand", "--json").document
    assert document["schema"] == "mlmake.accept/1"
    (entry,) = document["accepted"]
    assert entry["instance"] == "train@algo=two"
    assert entry["target"] == "train"
    assert entry["reason"] == "tuned by hand"
    assert entry["metrics"] == {"score": 9.0}
    assert [output["path"] for output in entry["outputs"]] == ["build/two.txt", "build/two.json"]
    why = tuned("why", "train@algo=two").out
    assert "train@algo=two is up to date; on 20" in why
    assert f"its outputs were accepted by {entry['by']}: tuned by hand" in why
    told = tuned("why", "train@algo=two", "--json").document
    assert told["accepted"] == {key: entry[key] for key in ("run", "time", "by", "reason")}
    assert [reason["code"] for reason in told["links"][0]["reasons"]] == ["accepted"]
    tuned.build()
    assert f"report ← best ← train@algo=two ← accepted by {entry['by']}: tuned by hand" in tuned("why", "report").out


def test_after_a_change_the_parameter_and_the_acceptance_are_both_told(tuned):
    tuned("accept", "train@algo=two")
    tuned.edit("Mlfile", "lr = 1", "lr = 2")
    why = tuned("why", "train@algo=two").out
    assert "train@algo=two will run because parameter lr 1 → 2 (on 20" in why
    assert "its outputs were accepted by" in why


def test_a_changed_recipe_may_be_accepted_without_a_run(tuned):
    tuned.edit("Mlfile", "lr = 1", "lr = 2")
    said = tuned("accept", "train")
    assert said.code == 0
    assert said.out.count("accepted train@algo=") == 2
    assert tuned.build("train").ran == set()


def test_a_pattern_accepts_all_that_it_matches(project):
    project.mlfile(
        """
        [target.one]
        outputs = ["one.txt"]
        run     = "exit 1"
        [target.only]
        inputs  = [":one"]
        outputs = ["only.txt"]
        run     = "exit 1"
        """
    )
    project.write("one.txt", "1")
    project.write("only.txt", "2")
    said = project("accept", "on*")
    assert (said.code, said.out) == (0, "accepted one: one.txt\naccepted only: only.txt\n")
    assert "notice: only has never run here, so what its step loads is not known" in said.err
    assert project.build().skipped == {"one", "only"}


def test_the_bytes_are_in_the_store(tuned):
    tuned("accept", "train@algo=two")
    (tuned.root / "build/two.txt").unlink()
    assert tuned.build("train").restored == {"train@algo=two"}
    assert tuned.read("build/two.txt") == "by hand\n"


def test_missing_outputs_are_named(tuned):
    (tuned.root / "build/two.txt").unlink()
    said = tuned("accept", "train")
    assert said.code == 1
    assert said.out == ""
    assert said.err == (
        "mlmake: train@algo=two is not accepted: build/two.txt is not there: put it in place, or let `mlmake build`"
        " make it\n"
    )
    assert tuned("why", "train@algo=one", "--json").document["accepted"] is None


def test_missing_inputs_are_named(tuned):
    (tuned.root / "data.txt").unlink()
    said = tuned("accept", "split")
    assert said.code == 1
    assert "split is not accepted: data.txt does not exist" in said.err


def test_what_is_upstream_has_to_be_up_to_date(tuned):
    tuned.write("data.txt", "new\n")
    said = tuned("accept", "train@algo=two")
    assert said.code == 1
    assert "nothing is accepted: split is not up to date (data.txt changed" in said.err
    assert "`mlmake build split` first, or accept it too" in said.err
    tuned.build("split")
    assert tuned("accept", "train@algo=two").code == 0


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("all", "all is a group, it has no outputs of its own"),
        ("shout", "shout has no outputs that could be accepted"),
        ("best", "best is a `select`: it follows from the metrics"),
        ("trian", "did you mean `train`?"),
    ],
)
def test_what_can_never_be_accepted_is_wrong_usage(tuned, word, text):
    said = tuned("accept", word)
    assert said.code == 2
    assert text in said.err


def test_it_puts_back_what_a_killed_build_had_moved_aside(tuned):
    """What lies there while a step runs is half a result: nobody may accept it."""
    journal = tuned.root / ".mlmake/aside/journal.jsonl"
    (tuned.root / ".mlmake/aside").mkdir(exist_ok=True)
    (tuned.root / "build/two.txt").rename(tuned.root / ".mlmake/aside/1-0")
    tuned.write("build/two.txt", "half")
    journal.write_text(
        '\n{"do": "start", "job": "x-00001", "outputs": ["build/two.txt"],'
        ' "moved": {"build/two.txt": ".mlmake/aside/1-0"}}\n'
    )
    said = tuned("accept", "train@algo=two")
    assert said.code == 0
    assert "what was there before is back" in said.err
    assert tuned.read("build/two.txt") == "by hand\n"


def test_imported_files_still_count(project):
    project.mlfile(
        """
        [target.fit]
        outputs = { model = "model.txt" }
        call    = "steps.fit:run"
        """
    )
    project.write("steps/fit.py", "from steps import size\ndef run(model): model.write_text(str(size.N))\n")
    project.write("steps/size.py", "N = 1\n")
    project.build()
    project.write("steps/size.py", "N = 22\n")
    assert project("accept", "fit").code == 0
    assert project.build().ran == set()
    project.write("steps/size.py", "N = 333\n")
    assert project.build().ran == {"fit"}


LISTED = """
    [target.split]
    inputs  = ["words"]
    outputs = ["parts/"]
    run     = "mkdir parts; for w in $(cat words); do echo $w > parts/$w; done"

    [target.train]
    outputs = ["build/{part.name}"]
    matrix  = { part = { from = ":split" } }
    run     = "cat {part} > {outputs}"

    [target.all]
    inputs  = [":train"]
    outputs = ["build/all"]
    run     = "cat {inputs} > {outputs}"
"""


@pytest.fixture
def listed(project):
    project.mlfile(LISTED)
    project.write("words", "a b")
    project.build()
    return project


def test_instances_of_a_list_are_accepted_like_others(listed):
    listed.mlfile(LISTED.replace("cat {part}", "cat  {part}"))
    said = listed("accept", "train")
    assert (said.code, said.err) == (0, "")
    assert said.out == "accepted train@part=parts/a: build/a\naccepted train@part=parts/b: build/b\n"
    assert listed.build().ran == set()


def test_of_many_instances_upstream_one_line_is_said(listed):
    listed.mlfile(LISTED.replace("cat {part}", "cat  {part}"))
    said = listed("accept", "all")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "nothing is accepted: 2 instances of train are not up to date (train@part=parts/a: run changed" in said.err
    assert "`mlmake build train` first, or accept them too" in said.err


def test_a_list_that_may_change_or_is_empty_has_nothing_to_accept(listed):
    listed.write("words", "a b c")
    for word in ("train", "all"):
        said = listed("accept", word)
        assert (said.code, said.err.count("\n")) == (1, 1)
        assert "nothing is accepted: split is not up to date" in said.err
    listed.write("words", "")
    listed.build()
    said = listed("accept", "train")
    assert (said.code, said.err) == (1, "mlmake: nothing is accepted: there are no instances of train\n")
