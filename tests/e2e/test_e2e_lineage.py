"""`mlmake lineage` on real projects: what is told of an artifact after everything has changed."""

import subprocess

import pytest

MLFILE = """
    [params]
    lr = 0.1

    [target.ingest]
    source      = "data/raw.txt"
    fresh_for   = "14d"
    inputs      = ["steps/__init__.py"]
    outputs     = { table = "build/table.txt" }
    call        = "steps.ingest:run"

    [target.train]
    inputs  = { table = ":ingest.table" }
    outputs = { model = "build/{algo}.txt", metrics = "build/{algo}.json" }
    metrics = "metrics"
    matrix  = { algo = ["one", "two"] }
    call    = "steps.train:run"

    [target.best]
    inputs  = [":train"]
    select  = { by = "score" }
    outputs = ["build/best.json"]

    [target.report]
    inputs  = [":best.model"]
    outputs = ["build/report.txt"]
    run     = "cp {inputs} {outputs}"
"""


def git(project, *words):
    argv = ["git", "-c", "user.name=n", "-c", "user.email=e", *words]
    return subprocess.run(argv, cwd=project.root, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def made(project):
    project.mlfile(MLFILE)
    project.write("data/raw.txt", "raw\n")
    project.write("steps/__init__.py", "")
    project.write("steps/ingest.py", "def run(source, table): table.write_text(source.read_text())\n")
    project.write(
        "steps/train.py",
        """
        import json
        from steps import size
        def run(table, algo, lr, model, metrics):
            model.write_text(f"{algo} {lr} {size.N}")
            metrics.write_text(json.dumps({"score": len(algo) + (algo == "two")}))
        """,
    )
    project.write("steps/size.py", "N = 1\n")
    project.write(".gitignore", "build/\ndata/\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    project.build()
    return project


def results(project, *words):
    said = project("lineage", "--json", *words)
    assert said.code == 0, said.err
    document = said.document
    assert document["schema"] == "mlmake.lineage/1"
    by_id = {result["id"]: result for result in document["results"]}
    roots = [by_id[artifact["result"]] for artifact in document["artifacts"] if artifact["result"]]
    return document, by_id, roots


def upstream(result, by_id):
    return {i["path"]: by_id[i["made_by"]]["instance"] for i in result["inputs"] if i["made_by"]}


def test_the_whole_chain_as_json(made):
    _, by_id, (report,) = results(made, "report")
    assert upstream(report, by_id) == {"build/two.txt": "train@algo=two"}
    train = by_id[report["inputs"][0]["made_by"]]
    assert train["params"] == {"lr": 0.1}
    assert train["recipe"]["matrix.algo"] == "two"
    assert [f["name"] for f in train["functions"]] == ["steps.train:run"]
    assert {code["path"] for code in train["code"]} == {"steps/__init__.py", "steps/size.py", "steps/train.py"}
    assert train["metrics"] == {"score": 4.0}
    assert (train["git"]["commit"], train["git"]["dirty"]) == (git(made, "rev-parse", "HEAD"), False)
    assert train["machine"]["host"] and train["machine"]["platform"] and train["machine"]["user"]
    assert train["python"]["version"].startswith("3.") and train["mlmake"]
    ingest = by_id[train["inputs"][0]["made_by"]]
    assert ingest["source"]["content"] and ingest["recipe"]["source"] == "data/raw.txt"
    assert ingest["inputs"][0]["path"] == "steps/__init__.py" and ingest["inputs"][0]["made_by"] is None


def test_an_old_restored_model_still_prints_the_old_ones(made):
    old, before, (first,) = results(made, "build/two.txt")
    copy = made.root.parent / "copy.txt"
    copy.write_bytes((made.root / "build/two.txt").read_bytes())
    old_run = first["run"]
    made.edit("Mlfile", "lr = 0.1", "lr = 0.5")
    made.write("steps/size.py", "N = 2\n")
    made.write("data/raw.txt", "other\n")
    git(made, "commit", "-qam", "two")
    made.write("steps/size.py", "N = 3\n")
    made.build("--exact")
    _, _, (second,) = results(made, "build/two.txt")
    assert second["params"] == {"lr": 0.5}
    assert (second["git"]["commit"], second["git"]["dirty"]) == (git(made, "rev-parse", "HEAD"), True)
    _, later, (again,) = results(made, str(copy))
    assert again["run"] == old_run
    assert again == first, "nothing of it has moved"
    assert later == before, "nor of what it was made from"
    made.edit("Mlfile", "lr = 0.5", "lr = 0.1")
    made.write("steps/size.py", "N = 1\n")
    made.write("data/raw.txt", "raw\n")
    assert "train@algo=two" in made.build("--exact").restored
    now, _, (restored,) = results(made, "build/two.txt")
    assert restored == first, "although HEAD is another by now"
    assert now["artifacts"] == old["artifacts"]
    assert results(made, "train@algo=two")[2] == [first]


def test_the_text_is_a_tree_that_tells_each_result_once(made):
    said = made("lineage", "best")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "best"
    assert [line for line in lines if line.endswith("train@algo=one") and line.startswith("├─")]
    assert [line for line in lines if line == "└─ train@algo=two"]
    assert said.out.count("ingest ↑ as above") == 1
    assert said.out.count("source   data/raw.txt (content ") == 1
    assert said.out.count("else     as train@algo=one") == 1
    assert said.out.count("params   lr = 0.1") == 1
    commit = git(made, "rev-parse", "HEAD")[:12]
    assert said.out.count(f"git      {commit}, unchanged") == 1


def test_screens_of_eighty_columns(made, monkeypatch):
    from mlmake.app import App, Choices
    from mlmake.history.lineage import Lineage
    from mlmake.recalling import lineage_of
    from mlmake.views.lineage import lineage_lines
    from mlmake.views.screen import Screen

    app = App.open(Choices())
    found = lineage_of(app, ["best"])
    app.close()
    assert isinstance(found, Lineage)
    lines = lineage_lines(found, Screen(width=80))
    assert max(map(len, lines)) <= 80
    assert any("build/two.json " in line for line in lines)
    plain = lineage_lines(found, Screen(symbols=False))
    assert all(line.isascii() for line in plain) and "`- train@algo=two" in plain


def test_an_acceptance_is_told_with_who_and_why(made):
    made.write("build/one.txt", "by hand")
    assert made("accept", "train@algo=one", "--reason", "tuned by hand").code == 0
    _, _, (result,) = results(made, "build/one.txt")
    assert result["accepted"]["reason"] == "tuned by hand"
    assert result["git"]["commit"] == git(made, "rev-parse", "HEAD")
    assert f"accepted by {result['accepted']['by']}: tuned by hand" in made("lineage", "train@algo=one").out


def test_what_is_not_there_or_altered_is_said(made):
    (made.root / "build/one.txt").unlink()
    said = made("lineage", "train@algo=one")
    assert (said.code, "build/one.txt not there: this is its last result" in said.out) == (0, True)
    made.write("build/one.txt", "somebody's own\n")
    assert "build/one.txt altered: this is its last result" in made("lineage", "train@algo=one").out
    said = made("lineage", "build/one.txt")
    assert said.code == 1
    assert "no remembered result has these bytes: train@algo=one made others" in said.out


def test_sources_strangers_and_words_that_mean_nothing(made):
    for path in ("data/raw.txt", "steps/__init__.py"):
        said = made("lineage", path)
        assert (said.code, said.out.endswith(": a source: no target makes it\n")) == (0, True)
    made.write("notes.txt", "nobody's\n")
    said = made("lineage", "notes.txt")
    assert (said.code, said.out.endswith("no remembered result has these bytes\n")) == (1, True)
    said = made("lineage", "nowhere")
    assert (said.code, said.out) == (2, "")
    assert "nowhere: no target, instance or output, and no file or folder that is there" in said.err
    made.edit("Mlfile", "cp {inputs} {outputs}", "cat {inputs} > {outputs}")
    assert made("lineage", "build/report.txt").code == 0, "the bytes are what they were"


def test_a_project_without_git_has_no_commit(project):
    project.mlfile(
        """
        [target.t]
        outputs = ["t"]
        run     = "echo 1 > t"
        """
    )
    project.build()
    _, _, (result,) = results(project, "t")
    assert result["git"] is None
    assert "git" not in project("lineage", "t").out


def test_nobody_asks_git_where_nothing_runs(made, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho asked >> {tmp_path}/calls\nexit 1\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    made.build()
    (made.root / "build/one.txt").unlink()
    assert made.build().restored == {"train@algo=one"}
    assert not (tmp_path / "calls").exists()
    assert made.build("-B", "train").ran == {"train@algo=one", "train@algo=two"}
    assert (tmp_path / "calls").read_text() == "asked\n"


def test_a_file_of_a_folder_leads_to_who_made_the_folder(project):
    project.mlfile(
        """
        [target.split]
        inputs  = ["src"]
        outputs = ["shards/"]
        run     = "mkdir -p shards; for n in 1 2; do echo $(cat src) $n > shards/$n.txt; done"
        [target.one]
        inputs  = ["shards/1.txt"]
        outputs = ["one.txt"]
        run     = "cp shards/1.txt one.txt"
        """
    )
    project.write("src", "first\n")
    project.build()
    project.write("src", "second\n")
    project.build("split")
    _, by_id, (one,) = results(project, "one.txt")
    (shard,) = one["inputs"]
    assert shard["certain"] and by_id[shard["made_by"]]["instance"] == "split"
    assert by_id[shard["made_by"]]["run"] == one["run"], "not the newer one"
    _, _, (split,) = results(project, "shards/2.txt")
    assert split["instance"] == "split" and split["run"] != one["run"]
