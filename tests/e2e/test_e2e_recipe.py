"""What is recipe and what is not, key by key; environment variables; the fan-out by a matrix."""

import pytest

BASE = """
    [project]
    preload = []
    [params]
    lr = 0.1
    other = 1
    folds = 2
    kinds = ["x", "y"]
    [env]
    GLOBAL = "1"
    [resources]
    licence = 2
    [target.up]
    run = "echo > up; echo > up2"
    outputs = { a = "up", b = "up2" }
    [target.extra]
    run = "echo > extra"
    outputs = ["extra"]
    [target.t]
    help = "one"
    run = "echo {params.lr} > {outputs.o}; echo '{\\"m\\": 1}' > m.json"
    inputs = { x = ":up.a" }
    outputs = { o = "t", m = "m.json" }
    env = { OWN = "1" }
    timeout = "1m"
    retries = 0
    on_error = "stop"
    cache = true
    keep = false
    track = ["imports"]
    manual = false
    after = []
    wait = "all"
    metrics = "m"
    resources = { cpus = 1 }
"""


@pytest.fixture
def base(project):
    project.mlfile(BASE)
    project.build()
    return project


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("echo {params.lr} >", "echo  {params.lr} >", "recipe-changed"),
        ("lr = 0.1", "lr = 0.2", "param-changed"),
        ('OWN = "1"', 'OWN = "2"', "env-changed"),
        ('GLOBAL = "1"', 'GLOBAL = "2"', "env-changed"),
        ('GLOBAL = "1"', 'GLOBAL = "1"\n    NEW = "1"', "env-changed"),
        ('x = ":up.a"', 'x = ":up.b"', "recipe-changed"),
        ('x = ":up.a"', 'y = ":up.a"', "recipe-changed"),
        ('x = ":up.a"', 'x = [":up.a"]', "recipe-changed"),
        ('m = "m.json" }', 'm = "m.json", n = "t2" }\n    params = []', "recipe-changed"),
        ('metrics = "m"', 'metrics = "m"\n    params = ["other"]', "param-changed"),
    ],
)
def test_recipe(base, old, new, code):
    base.edit("Mlfile", old, new)
    decisions = base("plan", "t", "--all", "--json").document["targets"]
    own = next(d for d in decisions if d["instance"] == "t")
    assert own["decision"] == "run"
    assert code in [reason["code"] for reason in own["reasons"]], own


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('help = "one"', 'help = "two"'),
        ('timeout = "1m"', 'timeout = "2m"'),
        ('timeout = "1m"', ""),
        ("retries = 0", "retries = { times = 3, delay = '0s' }"),
        ('on_error = "stop"', 'on_error = "continue"'),
        ('on_error = "stop"', 'on_error = "trim"'),
        ("cache = true", "cache = false"),
        ("keep = false", "keep = true"),
        ('track = ["imports"]', "track = []"),
        ("manual = false", "manual = true"),
        ("after = []", 'after = [":extra"]'),
        ('wait = "all"', ""),
        ("cpus = 1", "cpus = 2"),
        ("cpus = 1", 'memory = "1 MB", licence = 1'),
        ("licence = 2", "licence = 3"),
        ("other = 1", "other = 2"),
        ("preload = []", 'preload = ["json"]'),
        ('metrics = "m"', ""),
        ("lr = 0.1", "lr = 1e-1"),
        ("preload = []", 'name = "named"'),
    ],
)
def test_not_recipe(base, old, new):
    base.edit("Mlfile", old, new)
    built = base.build("t")
    assert built.ran <= {"extra"} and "t" in built.skipped


def test_thread_counts_from_resources_are_not_recipe(project):
    project.mlfile(
        """
        [target.t]
        run = "echo $OMP_NUM_THREADS {resources.cpus} > t"
        outputs = ["t"]
        resources = { cpus = 1 }
        """
    )
    project.build()
    project.edit("Mlfile", "cpus = 1", "cpus = 2")
    assert project.build().skipped == {"t"}


def test_the_called_functions_own_source_is_recipe_and_its_modules_other_code_is_seen(project):
    project.write("features.py", "VALUE = 1\n")
    project.write("steps.py", "import features\ndef run(out):\n    out.write_text(str(features.VALUE))\n")
    project.mlfile('[target.t]\ncall = "steps:run"\noutputs = { out = "t" }\n')
    project.build()
    project.write("features.py", "VALUE = 2\n")
    built = project.build()
    assert built.ran == {"t"} and built.codes("t") == ["code-changed"] and "features.py" in built.texts("t")[0]
    project.edit("steps.py", "str(", "repr(")
    built = project.build()
    assert built.ran == {"t"} and "code-changed" in built.codes("t")


def test_a_matrix_value_that_is_a_table_counts_whole(project):
    project.mlfile(
        """
        [target.t]
        run = "echo {config.a} > {outputs}"
        outputs = ["t-{config.name}"]
        matrix = { config = [{ name = "n", a = 1, unused = 1 }, { name = "o", a = 1 }] }
        """
    )
    project.build()
    project.edit("Mlfile", "unused = 1", "unused = 2")
    assert project.build().ran == {"t@config=n"}


def test_a_passed_variable_counts_by_its_value_which_is_shown_as_a_digest_and_masked_in_logs(project, monkeypatch):
    project.mlfile(
        """
        [env]
        ALSO_TOKEN = true
        [target.t]
        run = "echo the token is $API_TOKEN and $ALSO_TOKEN | tee t"
        outputs = ["t"]
        env = ["API_TOKEN"]
        [target.u]
        run = "echo $API_TOKEN > u"
        outputs = ["u"]
        env = { API_TOKEN = true, OTHER = "x" }
        """
    )
    monkeypatch.setenv("API_TOKEN", "hunter2-first")
    monkeypatch.setenv("ALSO_TOKEN", "also-secret")
    project.build()
    assert project.read("t") == "the token is hunter2-first and also-secret\n", "the step itself sees it"
    monkeypatch.setenv("API_TOKEN", "hunter2-second")
    built = project.build()
    assert built.ran == {"t", "u"} and built.codes("t") == ["env-changed"]
    said = project("why", "t")
    monkeypatch.delenv("API_TOKEN")
    gone = project("plan", "--json")
    everything = said.out + said.err + gone.out + str(built.events)
    for path in (project.root / ".mlmake").rglob("*"):
        if path.is_file() and "objects" not in path.parts:
            everything += path.read_bytes().decode("latin-1")
    shown = [p for p in ("hunter2-first", "hunter2-second", "also-secret") if p in everything]
    assert not shown, shown
    assert "API_TOKEN" in said.out


def test_an_env_table_beats_the_file_wide_one_and_the_callers(project, monkeypatch):
    monkeypatch.setenv("A", "caller")
    monkeypatch.setenv("B", "caller")
    monkeypatch.setenv("C", "caller")
    project.mlfile(
        """
        [env]
        A = "file"
        B = "file"
        [target.t]
        run = "echo $A $B $C > t"
        outputs = ["t"]
        env = { A = "own" }
        """
    )
    project.build()
    assert project.read("t") == "own file caller\n"
    monkeypatch.setenv("C", "other")
    assert project.build().skipped == {"t"}, "what is not declared is no recipe"


def test_the_order_and_the_set_of_inputs_count(project):
    for name in "ab":
        project.write(f"in/{name}", name)
    project.mlfile('[target.t]\nrun = "cat {inputs} > t"\ninputs = ["in/*"]\noutputs = ["t"]\n')
    project.build()
    project.write("in/c", "c")
    built = project.build()
    assert built.codes("t") == ["input-added"] and project.read("t") == "abc"
    (project.root / "in/b").unlink()
    built = project.build()
    assert built.codes("t") == ["input-removed"] and project.read("t") == "ac"
    project.mlfile('[target.t]\nrun = "cat {inputs} > t"\ninputs = ["in/c", "in/a"]\noutputs = ["t"]\n')
    assert project.build().ran == {"t"} and project.read("t") == "ca"


MATRIX = """
    [target.t]
    run = "echo {instance} > {outputs}"
    outputs = ["out/{instance}"]
    [params]
    folds = 2
    kinds = ["x", "y"]
"""


@pytest.mark.parametrize(
    ("matrix", "instances"),
    [
        ("{ a = ['x', 'y'], n = [1, 2] }", ["a=x,n=1", "a=x,n=2", "a=y,n=1", "a=y,n=2"]),
        ("[{ a = ['x'], n = [1, 2] }, { b = ['z'] }]", ["a=x,n=1", "a=x,n=2", "b=z"]),
        ("{ a = ['x', 'y'], n = [1, 2], exclude = [{ a = 'y', n = 2 }] }", ["a=x,n=1", "a=x,n=2", "a=y,n=1"]),
        ("{ a = ['x', 'y'], n = [1, 2], exclude = [{ a = 'y' }] }", ["a=x,n=1", "a=x,n=2"]),
        ("{ a = ['x'], include = [{ a = 'q', n = 7 }] }", ["a=x", "a=q,n=7"]),
        ("{ a = [1, 1.5, true, 'b', -2] }", ["a=1", "a=1.5", "a=true", "a=b", "a=-2"]),
        ("{ c = [{ name = 'one', x = 1 }, { name = 'two', x = 2 }] }", ["c=one", "c=two"]),
        ("{ k = { param = 'folds' } }", ["k=0", "k=1"]),
        ("{ k = { param = 'kinds' } }", ["k=x", "k=y"]),
        ("{ p = ['a b', 'é', 'x/y+z._-'] }", ["p=a%20b", "p=%C3%A9", "p=x/y+z._-"]),
        ("{ p = [] }", []),
    ],
)
def test_forms_of_a_matrix(project, matrix, instances):
    text = MATRIX.replace("    [params]\n", f"    matrix = {matrix}\n    [params]\n")
    project.mlfile(text)
    assert list(project.plan()) == [f"t@{instance}" for instance in instances]
    assert project.build().ran == {f"t@{instance}" for instance in instances}


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ("{ a = ['1', 1] }", "1"),
        ("{ c = [{ x = 1 }] }", "name"),
        ("{ c = [{ name = 'a', x = 1 }, { name = 'a', x = 2 }] }", "a"),
        ("{ k = { param = 'fold' } }", "did you mean"),
        ("{ a = ['x'], exclude = [{ b = 1 }] }", "b"),
        ("{ a = [[1]] }", "not a matrix value"),
        ("{ a = ['x'], include = [{ a = 'x' }] }", "x"),
        ("{ k = { glob = 'no/*.such' } }", "matches no file"),
        ("{ k = { from = ':t' } }", "circle"),
    ],
)
def test_mistakes_in_a_matrix(project, matrix, said):
    text = MATRIX.replace("    [params]\n", f"    matrix = {matrix}\n    [params]\n")
    project.mlfile(text)
    assert said in project.mistakes()


def test_only_new_and_changed_instances_run_and_another_order_re_runs_a_fan_in_alone(project):
    project.mlfile(
        """
        [target.t]
        run = "echo {k} > {outputs}"
        outputs = ["out/{k}"]
        matrix = { k = ["a", "b"] }
        [target.all]
        run = "cat {inputs} > all"
        inputs = [":t"]
        outputs = ["all"]
        """
    )
    project.build()
    project.edit("Mlfile", '["a", "b"]', '["b", "a"]')
    assert project.build().ran == {"all"}
    assert project.read("all") == "b\na\n"
    project.edit("Mlfile", '["b", "a"]', '["b", "a", "c"]')
    assert project.build().ran == {"t@k=c", "all"}
    project.edit("Mlfile", '["b", "a", "c"]', '["c"]')
    assert project.build().ran == {"all"}


def test_instances_by_a_subset_of_keys_and_types_kept(project):
    project.write("steps.py", "def run(out, a, n, matrix):\n    out.write_text(repr((a, n, dict(matrix))))\n")
    project.mlfile(
        """
        [target.t]
        call = "steps:run"
        outputs = { out = "out/{a}-{n}" }
        matrix = { a = ["x"], n = [1, 1.5, true] }
        """
    )
    assert project.build("t@n=1").ran == {"t@a=x,n=1"}
    assert project.build("t@a=x").ran == {"t@a=x,n=1.5", "t@a=x,n=true"}
    assert project.read("out/x-1.5") == repr(("x", 1.5, {"a": "x", "n": 1.5}))
    assert project.read("out/x-true") == repr(("x", True, {"a": "x", "n": True}))


def test_table_values_from_a_parameter_and_pairing_by_their_names(project):
    project.mlfile(
        """
        [target.fit]
        run = "echo {config.depth} > {outputs}"
        outputs = ["fit/{config.name}-{lr}"]
        matrix = { config = { param = "configs" }, lr = [1e-3, 0.10] }
        [target.score]
        run = "cat {inputs.model} > {outputs}"
        inputs = { model = ":fit@config,lr=0.001" }
        outputs = ["score/{config.name}"]
        matrix = { config = { param = "configs" } }
        [params]
        configs = [{ name = "small", depth = 3 }, { name = "large", depth = 9 }]
        """
    )
    built = project.build()
    assert "fit@config=small,lr=0.001" in built.ran and "fit@config=large,lr=0.1" in built.ran
    assert project.read("score/large") == "9\n"
    project.edit("Mlfile", "depth = 9", "depth = 8")
    built = project.build()
    assert built.ran == {"fit@config=large,lr=0.001", "fit@config=large,lr=0.1", "score@config=large"}
    assert "8" in " ".join(built.texts("fit@config=large,lr=0.1"))


def test_instances_of_another_target_are_taken_over_by_reference(project):
    project.mlfile(
        """
        [target.fit]
        run = "echo {a}{b} > {outputs}"
        outputs = ["fit/{a}{b}"]
        matrix = { a = [1, 2], b = ["x", "y"], exclude = [{ a = 2, b = "y" }] }
        [target.score]
        run = "cat {inputs.m} > {outputs}"
        inputs = { m = ":fit@*" }
        outputs = ["score/{a}{b}"]
        matrix = ":fit"
        """
    )
    project.build()
    assert [name for name in project.plan() if name.startswith("score")] == [
        "score@a=1,b=x",
        "score@a=1,b=y",
        "score@a=2,b=x",
    ]
    assert project.read("score/2x") == "2x\n"
