"""Targets: what runs, groups and phonies, references and pairing, one or many, and the order of inputs."""

import pytest


def test_an_array_runs_without_a_shell(project):
    project.write("show.py", "import json, sys\njson.dump(sys.argv[1:], open('out.json', 'w'))\n")
    project.mlfile(
        """
        [target.t]
        run = ["{python}", "show.py", "$HOME", "a b", "*", "{outputs}", "x={outputs[0]}", "{params.p}"]
        inputs = ["show.py"]
        outputs = ["out.json"]
        [params]
        p = "; 'q'"
        """
    )
    project.build()
    assert project.json("out.json") == ["$HOME", "a b", "*", "out.json", "x=out.json", "; 'q'"]


def test_a_target_has_one_of_run_call_and_select(project):
    project.mlfile('[target.a]\nrun = "x"\ncall = "m:f"\noutputs = ["a"]\n')
    assert "run" in project.mistakes() and "call" in project.mistakes()
    project.mlfile('[target.a]\noutputs = ["a"]\n')
    assert "[target.a]" in project.mistakes() or "`run`" in project.mistakes()


GROUP = """
    [target.a]
    run = "echo a > a"
    outputs = ["a"]
    [target.b]
    run = "echo b > b"
    outputs = { one = "b" }
    [target.both]
    inputs = [":a", ":b.one"]
    [target.c]
    run = "cat {inputs} > c"
    inputs = [":both"]
    outputs = ["c"]
"""


def test_a_group_means_its_inputs(project):
    project.mlfile(GROUP)
    assert project.build("both").ran == {"a", "b"}
    assert project.build("c").ran == {"c"}
    assert project.read("c") == "a\nb\n"


PHONY = """
    [target.make]
    run = "cp src {outputs}"
    inputs = ["src"]
    outputs = ["made"]
    [target.check]
    run = "echo check >> journal"
    inputs = [":make"]
    [target.use]
    run = "echo use >> journal; cp made used"
    inputs = [":make"]
    after = [":check"]
    outputs = ["used"]
"""


def test_a_phony_runs_when_named_and_just_before_a_stale_consumer_and_not_otherwise(project):
    project.mlfile(PHONY)
    project.write("src", "1\n")
    assert project.build("use").ran == {"make", "check", "use"}
    assert project.read("journal") == "check\nuse\n"
    assert project.build("use").ran == set(), "an up to date consumer calls for nothing"
    assert project.build("check").ran == {"check"}
    assert project.build("check").ran == {"check"}, "a phony runs whenever it is named"
    project.write("src", "2\n")
    assert project.build().ran == {"make", "check", "use"}
    assert project.read("journal") == "check\nuse\ncheck\ncheck\ncheck\nuse\n"


def test_inputs_cannot_refer_to_a_phony(project):
    project.mlfile('[target.p]\nrun = "true"\n[target.a]\nrun = "touch a"\ninputs = [":p"]\noutputs = ["a"]\n')
    assert "p has no outputs, so inputs cannot refer to it" in project.mistakes()
    assert 'after = [":p"]' in project.mistakes()


def test_a_phony_that_fails_stops_its_consumer(project):
    project.mlfile(PHONY.replace("echo check >> journal", "false"))
    project.write("src", "1\n")
    built = project.build("use", "-k", code=1)
    assert built.failed == {"check"} and built.blocked == {"use"}


AFTER = """
    [target.first]
    run = "echo {params.x} > first"
    outputs = ["first"]
    [target.second]
    run = "cat first > second"
    after = [":first"]
    outputs = ["second"]
    [target.third]
    run = "echo > third"
    outputs = ["third"]
    [params]
    x = 1
"""


def test_after_orders_and_builds_too_but_its_content_and_its_change_re_run_nothing(project):
    project.mlfile(AFTER)
    built = project.build("second")
    assert built.started == ["first", "second"]
    assert project.build("second", "--set", "x=2").ran == {"first"}
    assert project.read("second") == "1\n"
    project.edit("Mlfile", 'after = [":first"]', 'after = [":third"]')
    assert project.build("second").ran == {"third"}


def test_what_is_in_after_must_have_succeeded(project):
    project.mlfile(AFTER)
    project.edit("Mlfile", "echo {params.x} > first", "false")
    built = project.build("second", "-k", code=1)
    assert built.blocked == {"second"}
    assert "first did not succeed" in built.detail("second")


FAN = """
    [target.prep]
    run = "echo {k} > {outputs}"
    outputs = { table = "prep/{k}" }
    matrix = { k = ["a", "b"] }
    [target.train]
    run = "cat {inputs.table} > {outputs.model}; echo m > {outputs.metrics}"
    inputs = { table = ":prep.table@k" }
    outputs = { model = "model/{k}-{n}", metrics = "metrics/{k}-{n}" }
    matrix = { k = ["a", "b"], n = [1, 2] }
    [target.all]
    run = "echo {inputs} > all"
    inputs = [":train"]
    outputs = ["all"]
    [target.models]
    run = "echo {inputs} > models"
    inputs = [":train.model"]
    outputs = ["models"]
    [target.some]
    run = "echo {inputs} > some"
    inputs = [":train.model@k=b", ":train.metrics@k=a,n=2"]
    outputs = ["some"]
    [target.same]
    run = "echo {inputs} > {outputs}"
    inputs = [":train.model@*"]
    matrix = { k = ["a", "b"], z = [0] }
    outputs = ["same/{k}"]
    [target.twins]
    run = "echo {inputs.m} > {outputs}"
    inputs = { m = ":train.model@*" }
    matrix = ":train"
    outputs = ["twins/{k}-{n}"]
    [target.unpaired]
    run = "echo {inputs} > {outputs}"
    inputs = [":prep"]
    matrix = { k = ["a"] }
    outputs = ["unpaired/{k}"]
"""


def test_references_and_pairing(project):
    project.mlfile(FAN)
    project.build()
    assert project.read("model/b-2") == "b\n", "@KEY takes this instance's own value"
    pairs = [(k, n) for k in "ab" for n in (1, 2)]
    assert project.read("all").split() == [f"{what}/{k}-{n}" for k, n in pairs for what in ("model", "metrics")]
    assert project.read("models").split() == [f"model/{k}-{n}" for k, n in pairs]
    assert project.read("some").split() == ["model/b-1", "model/b-2", "metrics/a-2"]
    assert project.read("same/b").split() == ["model/b-1", "model/b-2"], "@* is every key that both have"
    assert project.read("twins/a-2").split() == ["model/a-2"]
    assert project.read("unpaired/a").split() == ["prep/a", "prep/b"], "a reference means every instance"


def test_check_doubts_an_unpaired_reference_between_targets_that_share_a_key(project):
    project.mlfile(FAN)
    said = project("check")
    assert said.code == 0
    assert "unpaired" in said.out + said.err and "@k" in said.out + said.err
    assert project("check", "--strict").code != 0
    project.edit("Mlfile", 'inputs = [":prep"]', 'inputs = [":prep@k"]')
    said = project("check")
    assert "unpaired" not in said.out + said.err


def test_no_match_for_an_instance_is_an_error_that_names_it(project):
    project.mlfile(FAN)
    project.edit("Mlfile", 'matrix = { k = ["a"] }', 'matrix = { k = ["a", "c"] }')
    project.edit("Mlfile", 'inputs = [":prep"]', 'inputs = [":prep@k"]')
    assert "no instance of prep matches unpaired@k=c" in project.mistakes()


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        (":trian", "did you mean"),
        (":train.modle", "did you mean"),
        (":train@kk=a", "k"),
        (":train@k=z", "train"),
        (":train.model@q", "q"),
    ],
)
def test_a_reference_to_nothing_is_an_error_with_a_hint(project, reference, hint):
    project.mlfile(FAN)
    project.edit("Mlfile", ":train.metrics@k=a,n=2", reference)
    assert hint in project.mistakes()


def test_a_plain_path_or_glob_that_is_an_output_makes_the_same_edge(project):
    project.mlfile(
        """
        [target.make]
        run = "echo 1 > out/one; echo 2 > out/two"
        outputs = ["out/one", "out/two"]
        [target.dir]
        run = "mkdir -p d/sub; echo {params.a} > d/a; echo {params.b} > d/sub/b"
        outputs = ["d/"]
        [target.path]
        run = "cat {inputs} > path"
        inputs = ["out/one"]
        outputs = ["path"]
        [target.glob]
        run = "cat {inputs} > glob"
        inputs = ["out/*"]
        outputs = ["glob"]
        [target.inside]
        run = "cat {inputs} > inside"
        inputs = ["d/a"]
        outputs = ["inside"]
        [target.deep]
        run = "echo {inputs} > deep"
        inputs = ["d/**/b"]
        outputs = ["deep"]
        [params]
        a = 1
        b = 1
        """
    )
    assert project.plan("glob") == {"make": "run", "glob": "run"}, "a glob matches outputs that do not exist yet"
    assert project.build().ran == {"make", "dir", "path", "glob", "inside", "deep"}
    assert project.read("glob") == "1\n2\n"
    assert project.read("deep") == "d/sub/b\n"
    assert project.build("--set", "b=2").ran == {"dir", "deep"}, "only what it names inside a folder is compared"
    assert project.build("--set", "b=2", "--set", "a=2").ran == {"dir", "inside"}


def test_inputs_may_lie_outside_the_project(project):
    outside = project.root.parent / "outside.txt"
    outside.write_text("1")
    project.mlfile('[target.t]\nrun = "cat {inputs} > t"\ninputs = ["../outside.txt"]\noutputs = ["t"]\n')
    assert project.build().ran == {"t"}
    outside.write_text("2")
    assert project.build().ran == {"t"}
    assert project.read("t") == "2"


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ('["../x"]', "leads out of its folder"),
        ('["/x"]', ""),
        ('["Mlfile"]', "Mlfile"),
        ('[".mlmake/x"]', ".mlmake"),
        ('["in"]', "in"),
        ('["b"]', "b"),
        ('["dir/x"]', "dir/"),
    ],
)
def test_outputs_are_inside_the_project_and_owned_by_one(project, outputs, said):
    project.mlfile(
        f"""
        [target.a]
        run = "true"
        inputs = ["in"]
        outputs = {outputs}
        [target.b]
        run = "true"
        outputs = ["b"]
        [target.dir]
        run = "true"
        outputs = ["dir/"]
        """
    )
    project.write("in", "")
    assert said in project.mistakes()


MANY = """
    [project]
    default = ["t"]
    [target.one]
    run = "echo > one.txt"
    outputs = { file = "one.txt" }
    [target.pair]
    run = "echo > {outputs[0]}; echo > {outputs[1]}"
    outputs = ["pair/{k}-1", "pair/{k}-2"]
    matrix = { k = ["a", "b"] }
    [target.fan]
    run = "echo > {outputs.file}; echo '{\\"x\\": 1}' > {outputs.m}"
    outputs = { file = "fan/{k}-{j}", m = "fan/{k}-{j}.json" }
    matrix = { k = ["a"], j = [1] }
    metrics = "m"
    [target.best]
    select = { by = "x" }
    inputs = [":fan"]
    outputs = ["best.json"]
    [target.t]
    call = "steps:run"
    inputs = INPUTS
    outputs = { out = "t.json" }
    matrix = { k = ["a"] }
    params = ["seed"]
    [params]
    seed = 1
"""


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ('"a.txt"', "a.txt"),
        ('"dir/"', "dir"),
        ('["a.txt"]', ["a.txt"]),
        ('"*.csv"', ["x.csv"]),
        ('":one"', ["one.txt"]),
        ('":one.file"', "one.txt"),
        ('":fan.file"', ["fan/a-1"]),
        ('":fan.file@k"', ["fan/a-1"]),
        ('":fan.file@k=a,j=1"', "fan/a-1"),
        ('":fan.file@k,j=1"', "fan/a-1"),
        ('":fan@k=a,j=1"', ["fan/a-1", "fan/a-1.json"]),
        ('["b.txt", "a.txt", "b.txt", "*.txt"]', ["b.txt", "a.txt", "one.txt"]),
        ('["x.csv", "a.txt"]', ["x.csv", "a.txt"]),
        ('":pair"', ["pair/a-1", "pair/a-2", "pair/b-1", "pair/b-2"]),
    ],
)
def test_one_or_many_is_decided_by_how_it_is_written(project, written, given):
    for name in ("a.txt", "b.txt", "x.csv", "dir/f"):
        project.write(name, name)
    project.write(
        "steps.py",
        """
        import json
        def run(inputs, out):
            value = inputs["x"]
            many = isinstance(value, list)
            out.write_text(json.dumps([str(v) for v in value] if many else str(value)))
        """,
    )
    project.mlfile(MANY.replace("INPUTS", f"{{ x = {written} }}"))
    project.build()
    assert project.json("t.json") == given


def test_globs_are_ordered_by_bytes(project):
    names = ["B", "a", "Z", "_", "é", "a0", "a-"]
    for name in names:
        project.write(f"in/{name}", name)
    project.mlfile('[target.t]\nrun = "echo {inputs} > t"\ninputs = ["in/*"]\noutputs = ["t"]\n')
    project.build()
    quoted = project.read("t").split()
    assert quoted == [f"in/{name}" for name in sorted(names, key=str.encode)]


def test_help_is_shown_by_list(project):
    project.mlfile('[target.t]\nhelp = "Makes a t"\nrun = "touch t"\noutputs = ["t"]\n')
    assert "Makes a t" in project("list").out
    project.build()
    project.edit("Mlfile", "Makes a t", "Makes t")
    assert project.build().ran == set()


def test_metrics_are_an_output_that_is_a_json_object_of_numbers(project):
    project.mlfile(
        """
        [target.t]
        run = '''echo '{"a": 1, "n": {"b": 2.5, "name": "x"}, "ok": true}' > m.json'''
        outputs = ["m.json"]
        metrics = "m.json"
        """
    )
    built = project.build()
    metrics = built.finished["t"]["metrics"]
    assert metrics["a"] == 1 and metrics["n.b"] == 2.5 and "n.name" not in metrics
    project.edit("Mlfile", '{"a"', '["a"')
    built = project.build(code=1)
    assert "m.json" in built.detail("t")


def test_no_outputs_for_keys_that_need_some(project):
    project.mlfile('[target.t]\nrun = "true"\nmetrics = "m"\n')
    assert "metrics" in project.mistakes()
