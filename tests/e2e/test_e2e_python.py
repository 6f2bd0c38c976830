"""`import mlmake` from programs and notebooks: models, paths, plans and builds, as the commands know them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest

import mlmake
from mlmake.model.event import Outcome, OutputText, RunStarted, TargetFinished

MLFILE = """
    [params]
    seed = 3

    [target.train]
    outputs = { model = "build/{algo}.pkl", metrics = "build/{algo}.json" }
    metrics = "metrics"
    matrix  = { algo = ["a", "b", "c"] }
    call    = "steps.train:run"

    [target.best]
    inputs  = [":train"]
    select  = { by = "score", top = 2 }
    outputs = ["build/best.json"]

    [target.top]
    inputs  = [":train"]
    select  = { by = "score" }
    outputs = ["build/top.json"]

    [target.notes]
    outputs = ["build/notes.txt"]
    run     = "echo noted; echo note > {outputs}"

    [target.pair]
    outputs = { left = "build/left.pkl", right = "build/right.pkl" }
    run     = "touch {outputs.left} {outputs.right}"
    manual  = true
"""

STEP = """
    import json, pickle

    class Model:
        def __init__(self, algo, seed):
            self.algo, self.seed = algo, seed

    def run(algo, seed, model, metrics):
        model.write_bytes(pickle.dumps(Model(algo, seed)))
        metrics.write_text(json.dumps({"score": ord(algo)}))
"""


@pytest.fixture
def trained(project):
    project.mlfile(MLFILE)
    project.write("steps/train.py", STEP)
    assert project.command().code == 0
    yield project
    for name in [name for name in sys.modules if name.partition(".")[0] == "steps"]:
        del sys.modules[name]


def algos(models):
    return [model.algo for model in models]


def test_load_gives_the_models_that_the_build_has_made(trained):
    assert algos(mlmake.load(":best")) == ["c", "b"]
    assert mlmake.load(":top").algo == "c"
    assert algos(mlmake.load(":train")) == ["a", "b", "c"]
    assert mlmake.load("train@algo=b").algo == "b"
    assert mlmake.load(":train.model@algo=a").algo == "a"
    assert algos(mlmake.load(":best.model")) == ["c", "b"]
    assert mlmake.load("build/b.pkl").algo == "b"


def test_path_gives_one_path_for_one_output_of_one_instance_else_a_list(trained):
    build = trained.root / "build"
    assert mlmake.path("notes") == build / "notes.txt"
    assert mlmake.path("train@algo=a") == [build / "a.pkl", build / "a.json"]
    assert mlmake.path(":train.model@algo=a") == build / "a.pkl"
    assert mlmake.path(":train.model") == [build / "a.pkl", build / "b.pkl", build / "c.pkl"]
    assert mlmake.path(":best") == build / "best.json"
    assert mlmake.path(":best.model") == [build / "c.pkl", build / "b.pkl"]
    assert mlmake.path(":top.model") == build / "c.pkl"
    assert isinstance(mlmake.path("build/a.pkl"), Path)


def test_both_work_from_a_subfolder_and_from_elsewhere(trained, monkeypatch, tmp_path):
    (trained.root / "notebooks/deep").mkdir(parents=True)
    monkeypatch.chdir(trained.root / "notebooks/deep")
    assert mlmake.load(":top").algo == "c"
    assert mlmake.path("../../build/a.pkl") == trained.root / "build/a.pkl"
    monkeypatch.chdir(tmp_path)
    assert mlmake.load(":top", directory=trained.root).algo == "c"
    with pytest.raises(mlmake.Error, match="no Mlfile in"):
        mlmake.path(":top")


def test_an_altered_output_is_refused_with_what_to_do(trained, tmp_path):
    trap = b"cos\nsystem\n(S'touch " + bytes(tmp_path / "trapped") + b"'\ntR."
    (trained.root / "build/c.pkl").write_bytes(trap)
    for reference in (":train@algo=c", "build/c.pkl"):
        with pytest.raises(mlmake.NotRecorded) as refusal:
            mlmake.load(reference)
        assert "build/c.pkl was altered since train@algo=c was built" in str(refusal.value)
        assert "`mlmake build train@algo=c` puts back what was recorded, `mlmake accept train@algo=c` keeps" in str(
            refusal.value
        )
    with pytest.raises(mlmake.NotRecorded, match="is not what best has chosen"):
        mlmake.load(":best")
    with pytest.raises(mlmake.NotRecorded, match=r"build/c\.pkl was altered"):
        mlmake.path(":train.model")
    assert not (tmp_path / "trapped").exists()
    # After the advice it is as it was.
    assert trained.command("build", "train@algo=c").code == 0
    assert mlmake.load(":train@algo=c").algo == "c"


def test_bytes_that_change_after_the_look_are_not_unpickled(trained, monkeypatch, tmp_path):
    """The very bytes that are opened are hashed, so that nobody can slip others in between."""
    from mlmake import api

    looked = api._verify

    def slip(app, item):
        looked(app, item)
        (trained.root / "build/c.pkl").write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "trapped") + b"'\ntR.")

    monkeypatch.setattr(api, "_verify", slip)
    with pytest.raises(mlmake.Error, match="is not what the build recorded"):
        mlmake.load(":train@algo=c")
    assert not (tmp_path / "trapped").exists()


def test_what_is_missing_or_never_built_says_what_to_do(trained):
    (trained.root / "build/c.pkl").unlink()
    with pytest.raises(mlmake.NotRecorded, match=r"build/c\.pkl is missing; `mlmake build best` puts it back"):
        mlmake.load(":best")
    with pytest.raises(mlmake.NotRecorded, match=r"build/c\.pkl is missing; `mlmake build train@algo=c` puts it back"):
        mlmake.path(":train")
    with pytest.raises(mlmake.NotRecorded, match="pair has not been built yet; `mlmake build pair` makes it"):
        mlmake.path("pair")


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (":trian", "did you mean `train`"),
        (":train.modle", "train has no output modle; did you mean :train.model?"),
        (":train@algo=x", 'no instance of train matches "train@algo=x"'),
        (":train@algo", "write :NAME, :NAME.OUTPUT or :NAME.OUTPUT@key=value"),
        (":pair", "several outputs of pair may be the model (left, right): name one, :pair.OUTPUT"),
        ("notes", "no loader for"),
        (":best.nothing", "which best has chosen, has no output nothing; it has model, metrics"),
    ],
)
def test_what_names_no_model_is_an_error(trained, reference, text):
    with pytest.raises(mlmake.Error) as error:
        mlmake.load(reference)
    assert text in str(error.value)


def test_nothing_is_left_behind(trained):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    here, paths = os.getcwd(), list(sys.path)
    mlmake.load(":best")
    mlmake.path("train")
    mlmake.plan()
    assert mlmake.build().outcome == "ok"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert (os.getcwd(), sys.path) == (here, paths)
    descriptors = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd.isdigit()
                   and os.path.lexists(f"/proc/self/fd/{fd}")]  # fmt: skip
    assert not [name for name in descriptors if str(trained.root) in name]


def test_threads_take_turns_and_a_call_inside_a_build_is_told(trained):
    said = []

    def again(event):
        if isinstance(event, RunStarted):
            with pytest.raises(mlmake.Error, match="at work in this thread already"):
                mlmake.status()
            said.append("told")

    threads = [threading.Thread(target=lambda: said.append(mlmake.load(":top").algo)) for _ in range(3)]
    threads.append(threading.Thread(target=lambda: said.append(mlmake.build("notes", force="notes").ran)))
    for thread in threads:
        thread.start()
    mlmake.build(on_event=again)
    for thread in threads:
        thread.join()
    assert sorted(map(str, said)) == ["1", "c", "c", "c", "told"]


def test_it_works_while_another_process_builds(trained):
    trained.mlfile(
        MLFILE.replace("echo noted; echo note", "touch started; while ! test -e go; do sleep 0.05; done; echo note")
    )
    trained.command("clean", "-y", "notes")
    building = subprocess.Popen([sys.executable, "-m", "mlmake", "notes"], cwd=trained.root, stderr=subprocess.DEVNULL)
    try:
        while not (trained.root / "started").exists():
            assert building.poll() is None
        assert algos(mlmake.load(":best")) == ["c", "b"]
        with pytest.raises(mlmake.NotRecorded, match=rf"notes.txt is missing.*now pid {building.pid} .*is at work"):
            mlmake.path("notes")
    finally:
        trained.write("go", "")
        assert building.wait(60) == 0
    assert mlmake.path("notes") == trained.root / "build/notes.txt"


def test_plan_and_status_are_the_judges(trained):
    assert {decision.verb for decision in mlmake.plan().decisions.values()} == {mlmake.Verb.SKIP}
    assert set(mlmake.status("train").values()) == {mlmake.State.UP_TO_DATE}
    plan = mlmake.plan("train@algo=a", set={"seed": 4})
    assert plan.decisions["train@algo=a"].verb is mlmake.Verb.RUN
    assert [(r.code, r.subject, r.old, r.new) for r in plan.decisions["train@algo=a"].reasons] == [
        ("param-changed", "seed", 3, 4)
    ]
    assert mlmake.plan("notes", force="notes").decisions["notes"].verb is mlmake.Verb.RUN
    (trained.root / "build/notes.txt").unlink()
    assert mlmake.status()["notes"] == "missing"


def test_build_tells_all_and_keeps_the_journal(trained):
    events = []
    end = mlmake.build("notes", force=["notes"], output=True, on_event=events.append)
    assert (end.outcome, end.ran) == ("ok", 1)
    assert events[-1] is end
    assert isinstance(events[0], RunStarted)
    assert [e.outcome for e in events if isinstance(e, TargetFinished)] == [Outcome.RAN]
    assert [e.text.strip() for e in events if isinstance(e, OutputText)] == ["noted"]
    assert (trained.root / f".mlmake/runs/{end.run}/events.jsonl").exists()


def test_a_failing_step_is_an_outcome_and_a_mistake_an_error(trained):
    trained.edit("Mlfile", "echo note >", "false >")
    end = mlmake.build("notes")
    assert (end.outcome, end.failed) == ("failed", 1)
    assert mlmake.build("notes", frozen=True).outcome == "not-up-to-date"
    with pytest.raises(mlmake.Error, match="there is no parameter"):
        mlmake.build(set={"sede": 4})
    trained.edit("Mlfile", "top = 2", "tpo = 2")
    with pytest.raises(mlmake.Error, match=r"Mlfile:12:27: unknown key `tpo`") as mistakes:
        mlmake.plan()
    assert mistakes.value.__cause__ is None


def test_what_happened_to_the_state_is_a_warning(trained):
    for name in os.listdir(trained.root / ".mlmake/state"):
        (trained.root / ".mlmake/state" / name).write_bytes(b"nonsense" * 1000)
    with pytest.warns(RuntimeWarning, match="state is damaged"):
        assert mlmake.load(":top").algo == "c"


def test_an_interrupt_ends_the_steps_and_is_raised(trained):
    trained.edit("Mlfile", "echo noted; echo note", "echo begun; sleep 60; echo note")

    def strike(event):
        if isinstance(event, OutputText):
            raise KeyboardInterrupt

    before = trained.read("build/notes.txt")
    with pytest.raises(KeyboardInterrupt):
        mlmake.build("notes", output=True, on_event=strike)
    assert trained.read("build/notes.txt") == before
    assert mlmake.status()["notes"] == "stale"


def test_import_is_quick_and_names_all():
    code = """
        import sys
        import mlmake
        heavy = {"mlmake.app", "lmdb", "msgspec", "click", "joblib", "numpy", "subprocess"} & set(sys.modules)
        assert not heavy, heavy
        assert set(mlmake.__all__) <= set(dir(mlmake))
        for name in mlmake.__all__:
            getattr(mlmake, name)
        assert "joblib" not in sys.modules
        try:
            mlmake.lode
        except AttributeError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("module 'mlmake' has no attribute 'lode'\n", "")


SAMPLE = """
    from collections.abc import Mapping
    from pathlib import Path

    import mlmake
    from mlmake import Plan, RunFinished

    def hear(event: mlmake.Event) -> None: ...

    end: RunFinished = mlmake.build("train", set={"seed": 4}, on_event=hear)
    plan: Plan = mlmake.plan("train", exact=True)
    verbs: list[mlmake.Verb] = [decision.verb for decision in plan.decisions.values()]
    states: Mapping[str, mlmake.State] = mlmake.status()
    found: Path | list[Path] = mlmake.path(":best")
    name: str = mlmake.step().instance
    reveal_type(mlmake.load(":best"))
    mlmake.build(jbos=3)
    mlmake.lode(":best")
    wrong: int = mlmake.plan()
"""


def test_a_type_checker_knows_it(tmp_path):
    (tmp_path / "sample.py").write_text(dedent(SAMPLE))
    repository = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(tmp_path / "sample.py")],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.partition(".py:")[2].partition(":") for line in done.stdout.splitlines() if "sample.py:" in line]
    told = [(int(number), text.strip().partition("  [")[0]) for number, _, text in lines]
    assert told == [
        (16, 'note: Revealed type is "Any"'),
        (17, 'error: Unexpected keyword argument "jbos" for "build"'),
        (17, 'note: "build" defined in "mlmake.api"'),
        (18, 'error: Module has no attribute "lode"'),
        (19, 'error: Incompatible types in assignment (expression has type "Plan", variable has type "int")'),
    ], done.stdout
    assert (Path(mlmake.__file__).parent / "py.typed").exists()
