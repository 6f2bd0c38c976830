"""Laws that users state of their Mlfiles hold where they should and are seen to be broken where they are broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlmake.reading import MlfileMistakes, Usage
from mlmake.testing import Pipeline, changes, histories, settings_of, values

MLFILE = """
[params]
seed = 1
words = ["a", "b"]
[params.opt]
lr = 0.5
plain = true
[target.split]
inputs = ["data/*.txt"]
outputs = { train = "build/train.txt", test = "build/test.txt", parts = "build/parts/" }
run = '''
cat {inputs} > {outputs.train}; echo {params.seed} > {outputs.test}
mkdir {outputs.parts}; cp {inputs} {outputs.parts}
'''
[target.fit]
inputs = { train = ":split.train" }
outputs = { model = "build/{k}.model", metrics = "build/{k}.json" }
matrix = { k = ["x", "y"] }
metrics = "metrics"
params = ["opt.lr"]
call = "steps.fit:run"
[target.best]
inputs = [":fit"]
select = { by = "n" }
outputs = ["build/best.json"]
[target.test]
inputs = [":best.model", ":split.test"]
outputs = ["build/report.txt"]
run = "cat {inputs} > {outputs}"
[target.look]
inputs = ["build/parts/*.txt"]
outputs = ["build/look.txt"]
run = "cat {inputs} > {outputs}"
[target.say]
run = "echo hello"
[target.all]
inputs = [":test", ":look"]
"""
FIT = """
import json

from steps.lib import power


def run(train, k, model, metrics, lr):
    text = train.read_text()
    model.write_text(text + k * power())
    metrics.write_text(json.dumps({"n": len(k)}))
"""
ALL = {"split", "fit@k=x", "fit@k=y", "best", "test", "look"}
BEHIND_FIT = {"fit@k=x", "fit@k=y", "best", "test"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "Mlfile").write_text(MLFILE)
    for path, text in {
        "steps/__init__.py": "",
        "steps/fit.py": FIT,
        "steps/lib.py": "def power():\n    return 2\n",
        "data/a.txt": "a\n",
        "data/b.txt": "b\n",
        "notes.md": "nothing\n",
    }.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.fixture(scope="module")
def opened(project):
    with Pipeline.open(project) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(opened):
    with opened.trial():
        yield opened


def image(root):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


def test_what_there_is(pipeline):
    assert pipeline.targets == ("split", "fit", "best", "test", "look", "say", "all")
    assert set(pipeline.instances) == ALL
    assert pipeline.sources == ("data/a.txt", "data/b.txt")
    assert pipeline.parameters == {"seed": 1, "words": ["a", "b"], "opt.lr": 0.5, "opt.plain": True}


def test_after_a_build_there_is_nothing_to_do(pipeline):
    assert pipeline.plan().run == ALL
    assert pipeline.build().ran == ALL
    assert pipeline.plan().is_noop
    assert pipeline.build().skipped == ALL
    pipeline.assert_noop_after_build()


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ("data/a.txt", ALL),
        ("data/new.txt", ALL),
        ("seed", ALL),
        ({"seed": 1}, set()),
        ("opt.lr", BEHIND_FIT),
        ("opt.plain", set()),
        ("words", set()),
        ("steps/fit.py", BEHIND_FIT),
        ("notes.md", set()),
        ("Mlfile", set()),
    ],
)
def test_what_a_change_reaches(pipeline, change, affected):
    assert pipeline.affected_by(change) == affected
    for target in pipeline.targets[:5]:
        assert pipeline.reaches(change, target) == any(name.partition("@")[0] == target for name in affected)


def test_asking_changes_nothing(pipeline):
    pipeline.build()
    before = image(Path(pipeline.root))
    assert pipeline.affected_by("data/a.txt", "seed", "data/deep/new.txt")
    assert image(Path(pipeline.root)) == before
    assert not os.path.exists(os.path.join(pipeline.root, "data/deep"))
    assert pipeline.plan().is_noop
    assert pipeline.parameters["seed"] == 1


def test_changes_last_until_it_is_reset(pipeline):
    pipeline.build()
    pipeline.edit("data/a.txt", "other\n")
    pipeline.set(seed=5)
    assert pipeline.plan().run == {"split"}
    assert pipeline.plan().maybe == ALL - {"split"}
    assert "parameter seed 1 → 5" in pipeline.plan().reasons["split"]
    assert pipeline.build().ran == ALL
    pipeline.set(seed=1)
    pipeline.edit("data/a.txt", "a\n")
    assert pipeline.build().restored == ALL, "there and back again"
    pipeline.remove("data/b.txt")
    assert pipeline.plan().run == {"split"}
    pipeline.reset()
    assert pipeline.sources == ("data/a.txt", "data/b.txt")
    assert pipeline.plan().run == ALL


def test_an_instance_that_comes_with_a_change_is_affected(pipeline):
    pipeline.build()
    pipeline.edit("Mlfile", MLFILE.replace('["x", "y"]', '["x", "y", "z"]'))
    assert pipeline.plan().run == {"fit@k=z", "best"}
    assert pipeline.build().ran == {"fit@k=z", "best", "test"}


def test_what_is_meant_by_a_word_is_said(pipeline):
    with pytest.raises(
        ValueError, match=r"'sed' is neither a file of the project nor a parameter; did you mean 'seed'"
    ):
        pipeline.affected_by("sed")
    with pytest.raises(ValueError, match=r"there is no parameter 'opt.lx'; did you mean 'opt.lr'"):
        pipeline.change({"opt.lx": 1.0})
    with pytest.raises(ValueError, match=r"did you mean `split`"):
        pipeline.reaches("seed", "splitt")
    with pytest.raises(ValueError, match="outside of the project"):
        pipeline.edit("../data/a.txt")
    with pytest.raises(ValueError, match="cannot be set from the command line"):
        pipeline.set(seed={"a": 1})
    with pytest.raises(FileNotFoundError):
        pipeline.remove("data/none.txt")
    assert pipeline.parameters["seed"] == 1


def test_the_project_itself_is_only_read(project):
    before = image(project)
    large = project / "data/large.bin"
    large.write_bytes(bytes(2 << 20))
    try:
        with Pipeline.open(project / "data") as pipeline:
            pipeline.edit("data/large.bin", "small")
            pipeline.edit("data/a.txt")
            pipeline.remove("data/b.txt")
            pipeline.build()
            root = Path(pipeline.root)
            assert root.is_dir()
        assert not root.exists() and not root.parent.exists()
        assert large.stat().st_size == 2 << 20
    finally:
        large.unlink()
    assert image(project) == before


def test_a_mistake_and_no_project_are_said(tmp_path):
    (tmp_path / "Mlfile").write_text("[target.a]\nrum = 'x'\n")
    with pytest.raises(MlfileMistakes, match="did you mean"):
        Pipeline.open(tmp_path)
    with pytest.raises(Usage, match=r"no such Mlfile|no Mlfile"):
        Pipeline.open(tmp_path / "none" / "Mlfile").close()


def test_modules_seen_by_an_earlier_real_build_count(project, tmp_path):
    import shutil

    root = tmp_path / "built"
    shutil.copytree(project, root)
    with Pipeline.open(root) as pipeline:
        assert pipeline.affected_by("steps/lib.py") == set(), "nobody has seen it loaded"
    subprocess.run([sys.executable, "-m", "mlmake", "-q", "build"], cwd=root, check=True)
    with Pipeline.open(root) as pipeline:
        assert pipeline.affected_by("steps/lib.py") == BEHIND_FIT
        assert pipeline.plan().run == ALL, "what is built there is not built here"


def test_for_real(project):
    before = image(project)
    with Pipeline.open(project, run=True) as pipeline:
        assert pipeline.plan().run == ALL
        assert pipeline.build().ran == ALL
        assert Path(pipeline.root, "build/report.txt").read_text() == "a\nb\nxx1\n"
        pipeline.assert_noop_after_build()
        pipeline.set(seed=2)
        built = pipeline.build("all")
        assert (built.ran, built.failed) == ({"split", "test"}, set()), "what came out equal goes no further"
        assert pipeline.affected_by("seed") == ALL, "asked without a step"
        pipeline.edit("steps/lib.py", "def power():\n    return oh\n")
        built = pipeline.build()
        assert built.failed >= {"fit@k=x"} and "oh" in built.said
        with pytest.raises(AssertionError, match=r"failed: .*fit@k=x"):
            pipeline.assert_noop_after_build()
        pipeline.reset()
        assert pipeline.build().ran == ALL
    assert image(project) == before


def test_a_step_that_spoils_another_s_output_is_seen(tmp_path):
    (tmp_path / "Mlfile").write_text(
        '[target.a]\noutputs = ["out"]\nrun = "echo x > out"\n'
        '[target.b]\ninputs = ["out"]\noutputs = ["b"]\nrun = "cp out b"\n'
        '[target.c]\ninputs = ["b"]\noutputs = ["c"]\nrun = "cp b c; echo y >> out"\n'
    )
    with Pipeline.open(tmp_path) as pipeline:
        pipeline.assert_noop_after_build()
    with Pipeline.open(tmp_path, run=True) as pipeline, pytest.raises(AssertionError, match=r"a: .*out"):
        pipeline.assert_noop_after_build()


def test_instances_that_are_known_later_are_one(tmp_path):
    (tmp_path / "in").write_text('["a", "b"]')
    (tmp_path / "Mlfile").write_text("""
        [target.list]
        inputs = ["in"]
        outputs = ["build/list.json"]
        run = "cp {inputs} {outputs}"
        [target.train]
        matrix = { shard = { from = ":list" } }
        params = ["lr"]
        outputs = ["build/{shard}.model"]
        run = "echo {shard} > {outputs}"
        [target.end]
        inputs = [":train"]
        outputs = ["build/end"]
        run = "cat {inputs} > {outputs}"
        [params]
        lr = 1
    """)
    with Pipeline.open(tmp_path) as pipeline:
        assert pipeline.instances == ("list", "train@shard=?", "end")
        pipeline.assert_noop_after_build()
        assert pipeline.affected_by("in") == {"list", "train@shard=?", "end"}
        assert pipeline.affected_by("lr") == {"train@shard=?", "end"}
        assert pipeline.reaches("in", "train") and not pipeline.affected_by("Mlfile")
        pipeline.edit("in")
        planned = pipeline.plan()
        assert (planned.run, planned.maybe) == ({"list"}, {"train@shard=?", "end"})
        assert pipeline.build().ran == {"list", "train@shard=?", "end"}
        assert pipeline.plan().is_noop


def test_an_input_that_is_missing_is_never_up_to_date(tmp_path):
    (tmp_path / "Mlfile").write_text('[target.a]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cat in > out"\n')
    with Pipeline.open(tmp_path) as pipeline, pytest.raises(AssertionError, match=r"still something to do:\n  a: .*in"):
        pipeline.assert_noop_after_build()


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_laws_over_a_project_s_own_changes(opened, data):
    with opened.trial() as pipeline:
        for change in data.draw(histories(pipeline)):
            pipeline.change(change)
        pipeline.assert_noop_after_build()
        change = data.draw(changes(pipeline))
        affected = pipeline.affected_by(change)
        pipeline.change(change)
        assert pipeline.build().ran <= affected
        pipeline.change(data.draw(settings_of(pipeline)))
        pipeline.assert_noop_after_build()


@given(st.data())
def test_values_are_of_the_type_of_what_is_there(data):
    like = data.draw(st.sampled_from([True, 3, -3, 0.5, -2.0, "x", [1, 2], None]))
    value = data.draw(values(like))
    assert type(value) is type(like)


def test_without_hypothesis_the_extra_is_named(tmp_path):
    (tmp_path / "hypothesis.py").write_text("raise ModuleNotFoundError('no', name='hypothesis')\n")
    done = subprocess.run(
        [sys.executable, "-c", "import mlmake.testing"], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "mlmake.testing needs Hypothesis: pip install 'mlmake[testing]'" in done.stderr
