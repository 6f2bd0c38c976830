"""Judging by content, restoring, and what is left when state, store or the whole project is lost or moved."""

import os
import shutil
from pathlib import Path

import pytest

CHAIN = """
    [target.a]
    run = "sed s/#.*// src > {outputs}; echo a >> journal"
    inputs = ["src"]
    outputs = ["a"]
    [target.b]
    run = "echo {params.p} $(cat a) > {outputs}; echo b >> journal"
    inputs = [":a"]
    outputs = ["b"]
    [target.c]
    run = "cp b {outputs}; echo c >> journal"
    inputs = [":b"]
    outputs = ["c"]
    [params]
    p = 1
"""


@pytest.fixture
def chain(project):
    project.write("src", "1\n")
    project.mlfile(CHAIN)
    assert project.build().ran == {"a", "b", "c"}
    return project


def test_a_second_build_runs_and_restores_nothing(chain):
    built = chain.build()
    assert built.skipped == {"a", "b", "c"} and built.codes("a") == ["up-to-date"]
    assert chain.command("build").code == 0
    assert chain.read("journal") == "a\nb\nc\n"


def test_content_never_mtime(chain):
    (chain.root / "src").touch()
    os.utime(chain.root / "src", (2_000_000_000, 2_000_000_000))
    assert chain.build().skipped == {"a", "b", "c"}
    os.utime(chain.root / "src", (1, 1))
    assert chain.build().skipped == {"a", "b", "c"}
    stamp = (chain.root / "src").stat()
    chain.write("src", "2\n")
    os.utime(chain.root / "src", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert chain.build().ran == {"a", "b", "c"}, "the same size and mtime"


def test_early_cutoff(chain):
    chain.write("src", "1\n#x\n")
    chain.write("src", "1#x\n")
    built = chain.build()
    assert built.ran == {"a"} and built.skipped == {"b", "c"}


def test_a_change_taken_back_re_runs_nothing_and_with_builds_between_restores(chain):
    chain.write("src", "2\n")
    chain.write("src", "1\n")
    assert chain.build().skipped == {"a", "b", "c"}
    chain.write("src", "2\n")
    assert chain.build().ran == {"a", "b", "c"}
    chain.write("src", "1\n")
    built = chain.build()
    assert built.restored == {"a", "b", "c"} and built.codes("a")[0] == "cached"
    assert chain.read("c") == "1 1\n"
    assert chain.build().skipped == {"a", "b", "c"}


def test_the_last_result_of_this_recipe_is_the_last_run_whatever_ran_since(chain):
    assert chain.build("--set", "p=2").ran == {"b", "c"}
    built = chain.build()
    assert not built.ran and built.restored == {"b", "c"} and chain.read("c") == "1 1\n"
    assert chain.build("--set", "p=2").restored == {"b", "c"}


def test_rule_4_missing_and_altered_outputs(chain):
    (chain.root / "b").unlink()
    built = chain.build()
    assert built.restored == {"b"} and "output-missing" in built.codes("b") and built.skipped == {"a", "c"}
    chain.write("b", "spoiled")
    built = chain.build()
    assert built.restored == {"b"} and "output-altered" in built.codes("b")
    assert chain.read("b") == "1 1\n" and chain.read("journal") == "a\nb\nc\n"
    (chain.root / "b").unlink()
    built = chain.build("--no-cache")
    assert built.ran == {"b"} and built.skipped == {"a", "c"}


def test_no_cache_restores_nothing(chain):
    chain.write("src", "2\n")
    chain.build()
    chain.write("src", "1\n")
    built = chain.build("--no-cache")
    assert built.ran == {"a", "b", "c"} and not built.restored


def test_forced_runs_once_and_is_never_restored(chain):
    (chain.root / "a").unlink()
    built = chain.build("--force", "a")
    assert built.ran == {"a"} and built.codes("a") == ["forced"] and built.skipped == {"b", "c"}
    built = chain.build("-B", "b")
    assert built.ran == {"b"} and built.skipped == {"a"}
    built = chain.build("-B")
    assert built.ran == {"a", "b", "c"}
    assert chain.read("journal").count("a") == 3


def test_frozen_restores_but_runs_nothing(chain):
    (chain.root / "b").unlink()
    assert chain.build("--frozen").restored == {"b"}
    chain.write("src", "2\n")
    built = chain.build("--frozen", code=3)
    assert not built.ran
    assert chain.read("journal") == "a\nb\nc\n"


def test_a_step_that_gives_another_result_for_the_same_key_adds_one_and_the_newest_comes_back(project):
    project.write("in", "1")
    project.mlfile(
        """
        [target.t]
        run = "echo $(cat in)-$(date +%N) > t"
        inputs = ["in"]
        outputs = ["t"]
        [target.u]
        run = "cp t u"
        inputs = [":t"]
        outputs = ["u"]
        """
    )
    project.build()
    first = project.read("t")
    assert project.build("--force", "t").ran == {"t", "u"}
    second = project.read("t")
    assert first != second and project.read("u") == second
    project.write("in", "2")
    project.build()
    project.write("in", "1")
    built = project.build()
    assert built.restored == {"t", "u"} and project.read("t") == project.read("u") == second


def test_plan_status_why_and_dry_run_use_the_same_judge_and_change_nothing(chain):
    chain.write("src", "2\n")
    assert chain.plan() == {"a": "run", "b": "maybe", "c": "maybe"}
    said = chain("build", "-n")
    assert said.code == 0 and chain.read("journal") == "a\nb\nc\n"
    assert chain("plan", "--check").code == 3 and chain("status", "--check").code == 3
    why = chain("why", "c")
    assert "c ← b ← a" in why.out and "src" in why.out, why.out
    assert chain.build().ran == {"a", "b", "c"}
    why = chain("why", "c")
    assert "src" in why.out, "also after the build"
    assert chain("plan", "--check").code == 0 and chain("status", "--check").code == 0


def test_why_names_old_and_new_before_and_after_the_build(chain):
    chain.edit("Mlfile", "p = 1", "p = 2")
    for _ in range(2):
        why = chain("why", "c")
        assert "c ← b ← p 1 → 2" in why.out or "1 → 2" in why.out, why.out
        chain.build()


def test_moving_the_project_with_its_state_re_runs_nothing(project, monkeypatch, tmp_path):
    project.write("src", "1\n")
    project.write("lib.py", "V = 1\n")
    project.write("steps.py", "import lib\ndef run(out, table):\n    out.write_text(str(lib.V))\n")
    project.mlfile(
        """
        [target.table]
        run = "{python} -c 'import lib'; echo {root} > /dev/null; cp src {outputs}"
        inputs = ["src", "ROOT/lib.py"]
        outputs = ["table"]
        [target.model]
        call = "steps:run"
        inputs = { table = ":table" }
        outputs = { out = "models/{k}", log = "logs/{k}/" }
        matrix = { k = ["a", "b"] }
        env = { WHERE = "{root}/x" }
        """.replace(', log = "logs/{k}/"', "").replace("ROOT/", f"{project.root}/")
    )
    project.build()
    elsewhere = tmp_path / "moved" / "deeper"
    elsewhere.parent.mkdir()
    shutil.copytree(project.root, elsewhere, symlinks=True)
    shutil.rmtree(project.root)
    monkeypatch.chdir(elsewhere)
    text = (elsewhere / "Mlfile").read_text()
    (elsewhere / "Mlfile").write_text(text.replace(str(tmp_path / "project"), str(elsewhere)))
    project.root = elsewhere
    built = project.build()
    assert not built.ran and not built.restored
    (elsewhere / "models/a").unlink()
    assert project.build().restored == {"model@k=a"}


def test_loss_of_lmdb_alone_re_runs_nothing(chain):
    chain.write("src", "2\n")
    chain.build()
    shutil.rmtree(chain.root / ".mlmake" / "state")
    built = chain.build()
    assert built.skipped == {"a", "b", "c"}
    chain.write("src", "1\n")
    assert chain.build().restored == {"a", "b", "c"}, "also what was remembered before"


def _store(root):
    objects = [path for path in (root / ".mlmake").rglob("objects") if path.is_dir()]
    assert len(objects) == 1, objects
    return objects[0]


def test_loss_of_the_store_re_runs_only_what_is_missing(chain):
    shutil.rmtree(_store(chain.root))
    assert chain.build().skipped == {"a", "b", "c"}
    (chain.root / "b").unlink()
    built = chain.build()
    assert built.ran == {"b"} and built.skipped == {"a", "c"}


def test_loss_of_state_and_store_builds_anew(chain):
    shutil.rmtree(chain.root / ".mlmake")
    assert chain.build().ran == {"a", "b", "c"}
    assert chain.build().skipped == {"a", "b", "c"}


def test_a_damaged_object_is_never_restored(chain):
    for path in _store(chain.root).rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            content = path.read_bytes()
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (chain.root / "c").unlink()
    built = chain.build()
    assert built.ran == {"c"} and chain.read("c") == "1 1\n"
    assert any("damaged" in text for text in built.warnings)


def test_mlmake_ignores_itself_in_git(chain):
    assert (chain.root / ".mlmake" / ".gitignore").read_text().strip() == "*"


def test_the_cache_may_lie_elsewhere_and_be_shared(project, tmp_path, monkeypatch):
    project.write("src", "1\n")
    project.mlfile(CHAIN + f'    [cache]\n    dir = "{tmp_path / "store"}"\n')
    project.build()
    assert any((tmp_path / "store").rglob("*"))
    (project.root / "c").unlink()
    assert project.build().restored == {"c"}


def test_a_later_write_into_a_restored_output_leaves_the_store_alone(chain):
    (chain.root / "c").unlink()
    chain.build()
    with (chain.root / "c").open("a") as file:
        file.write("more")
    (chain.root / "c").unlink()
    assert chain.build().restored == {"c"} and chain.read("c") == "1 1\n"


def test_folders_come_back_whole(project):
    project.write("in", "1")
    project.mlfile(
        """
        [target.t]
        run = "mkdir -p d/sub/empty; cp in d/sub/x; ln -s sub/x d/link; chmod +x d/sub/x; touch 'd/a b'"
        inputs = ["in"]
        outputs = ["d/"]
        """
    )
    project.build()
    before = sorted(str(path.relative_to(project.root)) for path in (project.root / "d").rglob("*"))
    shutil.rmtree(project.root / "d")
    assert project.build().restored == {"t"}
    assert sorted(str(path.relative_to(project.root)) for path in (project.root / "d").rglob("*")) == before
    assert os.access(project.root / "d/sub/x", os.X_OK)
    project.write("d/stray", "")
    built = project.build()
    assert built.restored == {"t"} and not (project.root / "d/stray").exists()


def test_a_failed_step_is_run_again_and_nothing_of_it_remembered(chain):
    chain.write("src", "2\n")
    chain.edit("Mlfile", "echo b >> journal", "test $(cat a) != 2; echo b >> journal")
    built = chain.build(code=1)
    assert built.failed == {"b"} and built.blocked == {"c"}
    assert "failed" in chain("status").out
    assert chain.build(code=1).failed == {"b"}
    chain.write("src", "1\n")
    assert "b" in chain.build().ran


def test_a_missing_input_that_nobody_makes_fails_naming_it(chain):
    (chain.root / "src").unlink()
    built = chain.build(code=1)
    assert built.failed == {"a"} and "src does not exist" in built.detail("a")


def test_exact_and_rehash_are_taken(chain):
    assert chain.build("--exact").skipped == {"a", "b", "c"}
    assert chain.build("--rehash").skipped == {"a", "b", "c"}


def test_no_absolute_path_of_the_project_in_records(chain):
    records = [path for path in (chain.root / ".mlmake").rglob("*") if path.is_file() and "runs" not in path.parts]
    assert records
    found = [path for path in records if os.fsencode(Path(chain.root)) in path.read_bytes()]
    assert not found, found
