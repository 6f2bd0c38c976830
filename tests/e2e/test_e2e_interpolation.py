"""Interpolation, quoting and parameters: values arrive as they are, whatever they are."""

import json

import pytest

NASTY = [
    "; touch PWNED",
    "a  b",
    "'",
    '"',
    "$(touch PWNED)",
    "`touch PWNED`",
    "*",
    "~",
    "\\",
    "-n",
    "a\nb",
    "é😀",
    "{params.x}",
    "!!",
    "%s",
    "$HOME",
    "",
]


def test_every_value_in_a_run_string_is_quoted(project):
    project.write("show.py", "import json, sys\njson.dump(sys.argv[1:], open('out.json', 'w'))\n")
    project.mlfile(
        """
        [target.t]
        run = "{python} show.py {params.list} {params.one} x={params.one}"
        inputs = ["show.py"]
        outputs = ["out.json"]
        [project]
        params = ["nasty.json"]
        """
    )
    project.write("nasty.json", json.dumps({"list": NASTY, "one": NASTY[0]}))
    project.build()
    assert project.json("out.json") == [*NASTY, NASTY[0], f"x={NASTY[0]}"]
    assert not (project.root / "PWNED").exists()


@pytest.mark.parametrize("value", NASTY)
def test_a_set_string_arrives_as_it_is(project, value):
    project.write("show.py", "import sys\nopen('out', 'w').write(sys.argv[1])\n")
    project.mlfile(
        '[target.t]\nrun = "{python} show.py {params.p}"\ninputs = ["show.py"]\noutputs = ["out"]\n[params]\np = "x"\n'
    )
    project.build("--set", f"p={value}")
    assert project.read("out") == value
    assert not (project.root / "PWNED").exists()


def test_names_of_files_are_quoted_and_matrix_values_too(project):
    names = ["a b", "it's", "$x", ";y", "-n", "é😀", "(z)", "&w"]
    for name in names:
        project.write(f"in/{name}", name)
    project.mlfile(
        """
        [target.t]
        run = "cat -- {inputs} > {outputs}"
        inputs = ["in/*"]
        outputs = ["t"]
        [target.m]
        run = "printf %s {v} > {outputs}"
        outputs = ["m/{i}/{v}"]
        [target.m.matrix]
        i = [1]
        v = ["a b", "it's", "$(touch PWNED)", "x,y=z", "é"]
        """
    )
    project.build()
    assert project.read("t") == "".join(sorted(names, key=str.encode))
    for value in ("a b", "it's", "$(touch PWNED)", "x,y=z", "é"):
        assert project.read(f"m/1/{value}") == value
    assert not (project.root / "PWNED").exists()
    assert "m@i=1,v=a%20b" in project.plan()
    assert project.plan("m@v=x%2Cy%3Dz") == {"m@i=1,v=x%2Cy%3Dz": "skip"}


def test_the_names_that_there_are(project):
    project.mlfile(
        """
        [target.t]
        run = '''
        echo {k} {matrix.k} {inputs.one} {inputs.many[1]} {inputs.many} {outputs.o} {params.lr} {params.sub.x} \
            {resources.cpus} {target} {instance} {root} {env_like} > {outputs.o}; echo {python} > python
        '''
        inputs = { one = "in/a", many = ["in/b", "in/c"] }
        outputs = { o = "out" }
        matrix = { k = ["v"], env_like = [1.5] }
        [params]
        lr = 1e-3
        sub = { x = true }
        """
    )
    for name in "abc":
        project.write(f"in/{name}", "")
    project.build()
    assert project.read("out").split() == [
        *("v", "v", "in/a", "in/c", "in/b", "in/c", "out", "0.001", "true", "1", "t"),
        *("t@k=v,env_like=1.5", str(project.root), "1.5"),
    ]
    assert project.read("python").strip().endswith("python") or "python" in project.read("python")


def test_only_that_shape_is_substituted(project):
    project.mlfile(
        """
        [target.t]
        run = '''
        A=x; echo "${HOME}" ${A} {a,b} {1..3} {{name}} {} { } > t; echo q w | awk '{print $1}' >> t
        echo {params.p:raw} >> t
        '''
        outputs = ["t"]
        [params]
        p = "a   b"
        """
    )
    project.build()
    home = __import__("os").environ["HOME"]
    assert project.read("t") == f"{home} x a b 1 2 3 {{name}} {{}} {{ }}\nq\na b\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo '{params.lr}' > t", "quote"),
        ('echo "{params.lr}" > t', "quote"),
        ("echo {params.lrr} > t", "did you mean"),
        ("echo {lr} > t", "params.lr"),
        ("echo {parms.lr} > t", "did you mean"),
        ("echo {inputs[3]} > t", "inputs"),
        ("echo {params.sub} > t", "table"),
    ],
)
def test_mistakes_in_templates(project, command, said):
    project.write(
        "Mlfile",
        f"[target.t]\nrun = '''{command}'''\noutputs = [\"t\"]\n[params]\nlr = 1\nsub = {{ x = 1 }}\n",
    )
    message = project.mistakes()
    assert said in message and "Mlfile:2:" in message and "^" in message, message


@pytest.mark.parametrize("word", ["inputs", "outputs", "params", "source", "matrix", "resources", "target", "root"])
def test_words_that_cannot_be_matrix_keys(project, word):
    project.mlfile(f'[target.t]\nrun = "touch {{outputs}}"\noutputs = ["t"]\nmatrix = {{ {word} = [1] }}\n')
    assert word in project.mistakes()


def test_interpolation_in_all_the_places(project):
    project.write(
        "steps.py", "def small(out):\n    out.write_text('small')\ndef big(out):\n    out.write_text('big')\n"
    )
    project.mlfile(
        """
        [target.first]
        run = "echo {size} > {outputs}"
        outputs = ["first-{size}"]
        matrix = { size = ["small", "big"] }
        [target.t]
        call = "steps:{size}"
        inputs = ["first-{size}", "data-{params.name}"]
        outputs = { out = "t-{size}" }
        after = [":first@size={size}"]
        env = { SIZE = "x-{size}" }
        timeout = "{config.limit}"
        resources = { memory = "{config.memory}", cpus = "{config.cpus}" }
        [target.t.matrix]
        size = ["small", "big"]
        config = [{ name = "c", limit = "1m", memory = "1 MB", cpus = 1 }]
        [params]
        name = "n"
        """
    )
    project.write("data-n", "")
    built = project.build()
    assert project.read("t-big") == "big" and project.read("t-small") == "small"
    assert len(built.ran) == 4


def test_parameters_as_text(project):
    project.mlfile(
        """
        [target.t]
        run = "echo {params.b} {params.f} {params.i} {params.d} {params.n} {params.l} > t"
        outputs = ["t"]
        [params]
        b = true
        f = 1e-3
        i = inf
        d = 2026-01-31
        n = 1_000
        l = [1, "two", 0.5]
        """
    )
    project.build()
    assert project.read("t") == "true 0.001 inf 2026-01-31 1000 1 two 0.5\n"


TYPED = """
    [target.t]
    call = "steps:run"
    outputs = { out = "t" }
    params = ["*"]
    [params]
    s = "text"
    i = 1
    f = 1.5
    b = true
    l = [1]
    [params.m]
    x = 1
    [params.m.deep]
    y = "z"
"""


def test_set_is_read_as_the_type_it_has(project):
    project.mlfile(TYPED.replace('params = ["*"]\n', ""))
    project.write("steps.py", "def run(out, s, i, f, b, l, m):\n    out.write_text(repr((s, i, f, b, l, m)))\n")
    project.build()
    assert project.read("t") == repr(("text", 1, 1.5, True, [1], {"x": 1, "deep": {"y": "z"}}))
    sets = ["s=1.10", "i=2", "f=3", "b=false", "l=[2, 3]", "m.x=5", "m.deep.y=007"]
    flags = [word for one in sets for word in ("--set", one)]
    built = project.build(*flags)
    assert project.read("t") == repr(("1.10", 2, 3.0, False, [2, 3], {"x": 5, "deep": {"y": "007"}}))
    assert "parameter m.x 1 → 5" in built.texts("t")
    assert project.build("--set", "s=007").ran == {"t"}
    assert "'007'" in project.read("t")
    assert project.build("--set", "s=a=b").ran == {"t"}
    assert "'a=b'" in project.read("t")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("i=x", "integer"),
        ("i=1.5", "integer"),
        ("f=x", "float"),
        ("b=False", "true or false"),
        ("b=1", "true or false"),
        ("l=x", "array"),
        ("m=1", "table"),
        ("ii=1", "did you mean"),
        ("m.z=1", "m.z"),
        ("m.deep.yy=1", "did you mean"),
        ("i", "--set NAME=VALUE"),
    ],
)
def test_a_setting_that_does_not_fit(project, setting, said):
    project.mlfile(TYPED.replace('params = ["*"]\n', ""))
    project.write("steps.py", "def run(out):\n    out.write_text('')\n")
    assert said in project.mistakes("plan", "--set", setting)


def test_a_params_file_is_merged_over_and_settings_over_it(project):
    project.mlfile(TYPED.replace('params = ["*"]\n', ""))
    project.write("steps.py", "def run(out, s, i, m):\n    out.write_text(repr((s, i, m)))\n")
    project.write("more.yaml", "s: from file\ni: 8\nm: {x: 9}\n")
    project.build("--params", "more.yaml", "--set", "i=10")
    assert project.read("t") == repr(("from file", 10, {"x": 9, "deep": {"y": "z"}}))
    assert project.mistakes("plan", "--params", "nothing.yaml")


def test_a_target_depends_on_exactly_the_parameters_it_uses(project):
    project.mlfile(
        """
        [target.used]
        run = "echo {params.a} > used"
        outputs = ["used"]
        [target.listed]
        run = "echo > listed"
        params = ["b", "m.*"]
        outputs = ["listed"]
        [target.asked]
        call = "steps:run"
        outputs = { out = "asked" }
        [target.none]
        run = "echo > none"
        outputs = ["none"]
        [params]
        a = 1
        b = 1
        c = 1
        d = 1
        [params.m]
        x = 1
        y = { z = 1 }
        """
    )
    project.write("steps.py", "def run(out, c):\n    out.write_text(str(c))\n")
    project.build()
    for setting, ran in (
        ("a=2", {"used"}),
        ("b=2", {"listed"}),
        ("m.x=2", {"listed"}),
        ("m.y.z=2", {"listed"}),
        ("c=2", {"asked"}),
        ("d=2", set()),
    ):
        assert {i for i, d in project.plan("--set", setting).items() if d == "run"} == ran, setting


def test_values_count_and_not_their_spelling(project):
    project.mlfile('[target.t]\nrun = "echo {params.a} > t"\noutputs = ["t"]\n[params]\na = 1e-3\n')
    project.build()
    project.edit("Mlfile", "1e-3", "0.001")
    assert project.build().skipped == {"t"}
    project.edit("Mlfile", "0.001", "1")
    assert project.build().ran == {"t"}
    project.edit("Mlfile", "a = 1", "a = 1.0")
    assert project.build().ran == {"t"}, "1 is not 1.0"
