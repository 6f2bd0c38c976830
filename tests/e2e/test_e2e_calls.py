"""Calls: what a function is given, what is said of what it asks for, and the worker that it runs in."""

import os
import subprocess
import sys

import pytest

MLFILE = """
    [target.t]
    call = "steps:run"
    inputs = { one = "in/a", many = ["in/a", "in/b"], glob = "in/*", folder = "in/" }
    outputs = { out = "out/t", more = "out/more/" }
    matrix = { k = ["v"], config = [{ name = "c", depth = 3 }] }
    params = ["train.lr", "train.deep.*"]
    [params]
    seed = 7
    unused = 1
    [params.train]
    lr = 0.5
    deep = { x = 1, y = "z" }
"""


@pytest.fixture
def calling(project):
    for name in "ab":
        project.write(f"in/{name}", name)
    project.mlfile(MLFILE)
    return project


def run(project, arguments, body="", *, code=0):
    names = arguments.split("=")[0].replace("**", "").replace("*, ", "")
    project.write(
        "steps.py",
        f"def run(out, {arguments}):\n    more = __import__('pathlib').Path('out/more')\n    more.mkdir()\n"
        f"    {body or 'pass'}\n    out.write_text(repr(({names},)))\n",
    )
    return project.build(code=code)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("k", "('v',)"),
        ("config", "({'name': 'c', 'depth': 3},)"),
        ("one", "(PosixPath('in/a'),)"),
        ("many", "([PosixPath('in/a'), PosixPath('in/b')],)"),
        ("glob", "([PosixPath('in/a'), PosixPath('in/b')],)"),
        ("folder", "(PosixPath('in'),)"),
        ("seed", "(7,)"),
        ("train", "({'lr': 0.5, 'deep': {'x': 1, 'y': 'z'}},)"),
        ("lr", "(0.5,)"),
        ("x", "(1,)"),
        ("y, k", "('z', 'v')"),
        ("*, seed", "(7,)"),
        ("seed=3", "(7,)"),
        ("absent=3", "(3,)"),
        ("matrix", "({'k': 'v', 'config': {'name': 'c', 'depth': 3}},)"),
        ("params", "({'train': {'lr': 0.5, 'deep': {'x': 1, 'y': 'z'}}},)"),
        ("outputs", "({'out': PosixPath('out/t'), 'more': PosixPath('out/more')},)"),
        (
            "inputs",
            """({'one': PosixPath('in/a'), 'many': [PosixPath('in/a'), PosixPath('in/b')], \
'glob': [PosixPath('in/a'), PosixPath('in/b')], 'folder': PosixPath('in')},)""",
        ),
    ],
)
def test_arguments_by_name(calling, arguments, given):
    run(calling, arguments)
    assert calling.read("out/t") == given


def test_rest_gets_matrix_keys_and_listed_parameters(calling):
    run(calling, "**rest", "rest = dict(sorted(rest.items()))")
    assert calling.read("out/t") == "({'config': {'name': 'c', 'depth': 3}, 'k': 'v', 'lr': 0.5, 'x': 1, 'y': 'z'},)"


def test_step_tells_of_itself(calling):
    calling.write(
        "steps.py",
        """
        def run(out, step):
            step.outputs["more"].mkdir()
            step.report(loss=0.5)
            out.write_text(repr((step.target, step.instance, step.attempt, dict(step.matrix), step.params)))
        """,
    )
    built = calling.build()
    assert calling.read("out/t") == repr(
        (
            *("t", "t@k=v,config=c", 1, {"k": "v", "config": {"name": "c", "depth": 3}}),
            {"train": {"lr": 0.5, "deep": {"x": 1, "y": "z"}}},
        )
    )
    assert any(e["event"] == "metrics-reported" and e["metrics"] == {"loss": 0.5} for e in built.events)


@pytest.mark.parametrize(
    ("old", "new", "argument", "said"),
    [
        ("k = [", "lr = [", "lr", "asks for lr, which is a matrix key and the parameter train.lr"),
        ("k = [", "one = [", "one", "asks for one, which is a matrix key and an input"),
        ("seed = 7", "out = 7", "seed=1", "asks for out, which is an output and the parameter out"),
        ("seed = 7", "seed = 7", "sead", "steps:run asks for sead, which nothing offers"),
        ("seed = 7", "seed = 7", "sead", "did you mean seed?"),
        ("seed = 7", "seed = 7", "sead", "on offer: k, config, one, many, glob, folder, out, more"),
        ("steps:run", "steps:ran", "seed", "did you mean run?"),
        ("steps:run", "stepz:run", "seed", "no module stepz"),
        ("steps:run", "steps.run", "seed", "steps:run"),
    ],
)
def test_what_is_asked_for_and_not_there_or_there_twice(calling, old, new, argument, said):
    calling.edit("Mlfile", old, new)
    calling.write("steps.py", f"def run(out, {argument}):\n    pass\n")
    assert said in calling.mistakes()


def test_a_name_offered_twice_is_no_error_if_nobody_asks_for_it(calling):
    calling.edit("Mlfile", "k = [", "lr = [")
    run(calling, "seed")
    assert calling.read("out/t") == "(7,)"


def test_parameters_in_the_signature_are_used_and_others_not(calling):
    run(calling, "seed")
    assert calling.plan("--set", "seed=8") == {"t@k=v,config=c": "run"}
    assert calling.plan("--set", "unused=8") == {"t@k=v,config=c": "skip"}
    assert calling.plan("--set", "train.lr=8") == {"t@k=v,config=c": "run"}


def test_planning_imports_nothing(calling):
    calling.write("steps.py", "open('imported', 'w')\nimport nothing_of_this_name\ndef run(out, seed):\n    pass\n")
    assert calling.plan() == {"t@k=v,config=c": "run"}
    assert not (calling.root / "imported").exists()


def test_an_exception_is_told_with_its_traceback_in_the_log(calling):
    calling.write("steps.py", "def run(out):\n    raise ValueError('the cause')\n")
    said = calling("build")
    assert said.code == 1 and "ValueError: the cause" in said.err
    assert 'steps.py", line 2' in calling("log", "t").out
    assert "mlmake/executors" not in calling("log", "t").out


def test_nothing_leaks_between_steps_and_the_root_is_first_on_the_path(project):
    project.write("shared.py", "STATE = []\n")
    project.write(
        "steps.py",
        """
        import os, sys, shared
        def run(out, k):
            shared.STATE.append(k)
            os.environ["LEAK"] = os.environ.get("LEAK", "") + k
            os.chdir("/") if False else None
            out.write_text(f"{shared.STATE} {os.environ['LEAK']} {os.getcwd()} {sys.path[0]}")
        """,
    )
    project.mlfile(
        '[project]\npreload = ["shared"]\n[target.t]\ncall = "steps:run"\noutputs = { out = "t-{k}" }\n'
        'matrix = { k = ["a", "b", "c"] }\n'
    )
    project.build("-j1")
    for k in "abc":
        assert project.read(f"t-{k}") == f"['{k}'] {k} {project.root} {project.root}"


def test_preload_is_imported_once_and_a_preloaded_module_that_changes_between_two_steps_replaces_the_parent(project):
    project.write("heavy.py", "open('loads', 'a').write('x')\nVALUE = 1\n")
    project.write(
        "steps.py",
        """
        import heavy
        def first(out):
            out.write_text(str(heavy.VALUE))
        def edit(after, out):
            text = open("heavy.py").read()
            open("heavy.py", "w").write(text.replace("VALUE = 1", "VALUE = 2"))
            out.write_text("edited")
        def last(edited, out):
            out.write_text(str(heavy.VALUE))
        """,
    )
    project.mlfile(
        """
        [project]
        preload = ["heavy"]
        [target.a]
        call = "steps:first"
        outputs = { out = "a" }
        [target.b]
        call = "steps:first"
        outputs = { out = "b" }
        [target.edit]
        run = "sed -i s/=.1/=2/ heavy.py; echo > {outputs.out}"
        inputs = { after = [":a", ":b"] }
        outputs = { out = "edit" }
        [target.last]
        call = "steps:last"
        inputs = { edited = ":edit" }
        outputs = { out = "last" }
        """
    )
    project.build("a", "b", "-j1")
    assert project.read("loads") == "x", "one parent for both"
    project.build("last", "-B")
    assert project.read("last") == "2", "the parent was replaced before the next step"
    built = project.build("a", "b")
    assert built.ran == {"a", "b"}, "its imports are inputs"
    assert project.read("a") == "2"


def test_a_parent_that_is_warm_is_replaced_before_the_next_step_of_the_same_build(project):
    project.write("heavy.py", "VALUE = 1\n")
    project.write("first.py", "import heavy\ndef run(out):\n    out.write_text(str(heavy.VALUE))\n")
    project.write("last.py", "import heavy\ndef run(edit, out):\n    out.write_text(str(heavy.VALUE))\n")
    project.mlfile(
        """
        [project]
        preload = ["heavy"]
        [target.first]
        call = "first:run"
        outputs = { out = "first" }
        track = []
        [target.edit]
        run = "printf 'VALUE = 22\\\\n' > heavy.py; echo > {outputs.out}"
        inputs = { first = ":first" }
        outputs = { out = "edit" }
        [target.last]
        call = "last:run"
        inputs = { edit = ":edit.out" }
        outputs = { out = "last" }
        """
    )
    project.build("-j1")
    assert (project.read("first"), project.read("last")) == ("1", "22")


def test_imports_are_inputs_also_late_ones_and_those_of_python_scripts(project):
    project.write("lib/__init__.py", "")
    project.write("lib/early.py", "E = 1\n")
    project.write("lib/late.py", "L = 1\n")
    project.write("lib/never.py", "N = 1\n")
    project.write(
        "steps.py",
        "from lib import early\ndef run(out):\n    from lib import late\n    out.write_text(f'{early.E}{late.L}')\n",
    )
    project.write("script.py", "import lib.late, sys\nopen(sys.argv[1], 'w').write(str(lib.late.L))\n")
    project.mlfile(
        """
        [target.call]
        call = "steps:run"
        outputs = { out = "call" }
        [target.script]
        run = "{python} script.py {outputs}"
        outputs = ["script"]
        [target.untracked]
        run = "{python} script.py {outputs}"
        outputs = ["untracked"]
        track = []
        """
    )
    project.build()
    for path, ran in (
        ("lib/early.py", {"call"}),
        ("lib/late.py", {"call", "script"}),
        ("lib/never.py", set()),
        ("script.py", {"script"}),
        ("lib/__init__.py", {"call", "script"}),
        ("steps.py", {"call"}),
    ):
        project.write(path, project.read(path) + "# touched\n")
        built = project.build()
        assert built.ran == ran, path
        assert all(built.codes(name) == ["code-changed"] for name in built.ran)


def test_another_interpreter_without_mlmake(project):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "other"], cwd=project.root, check=True)
    project.write("lib.py", "VALUE = 1\n")
    project.write(
        "steps.py",
        """
        import importlib.util, sys, lib
        def run(out, seed, step):
            out.write_text(f"{sys.prefix} {importlib.util.find_spec('mlmake')} {lib.VALUE} {seed} {step.instance}")
        """,
    )
    project.mlfile(
        """
        [project]
        python = "other/bin/python"
        [params]
        seed = 7
        [target.t]
        call = "steps:run"
        outputs = { out = "t" }
        [target.r]
        run = "{python} -c 'import lib, sys; open(sys.argv[1], \\"w\\").write(sys.prefix)' {outputs}"
        outputs = ["r"]
        """
    )
    project.build()
    assert project.read("t") == f"{project.root}/other None 1 7 t"
    assert project.read("r") == f"{project.root}/other"
    project.write("lib.py", "VALUE = 2\n")
    assert project.build().ran == {"t", "r"}


def test_a_discovered_file_that_another_target_makes_is_an_edge_from_then_on(project):
    project.write("gen.txt", "1")
    project.write("steps.py", "def run(out):\n    import made\n    out.write_text(str(made.VALUE))\n")
    project.mlfile(
        """
        [target.make]
        run = "echo VALUE = $(cat gen.txt) > made.py"
        inputs = ["gen.txt"]
        outputs = ["made.py"]
        [target.use]
        call = "steps:run"
        outputs = { out = "use" }
        """
    )
    project.build("make")
    built = project.build("use")
    assert any("which make makes: add it to `inputs`" in text for text in built.warnings)
    project.write("gen.txt", "2")
    assert project.build("use").ran == {"make", "use"}
    assert project.read("use") == "2"


def test_an_edit_within_a_second_that_leaves_the_size_is_not_hidden_by_bytecode(project):
    project.write("lib.py", "VALUE = 1\n")
    project.write("steps.py", "import lib\ndef run(out):\n    out.write_text(str(lib.VALUE))\n")
    project.mlfile(
        """
        [target.call]
        call = "steps:run"
        outputs = { out = "call" }
        [target.script]
        run = "{python} -c 'import lib, sys; open(sys.argv[1], \\"w\\").write(str(lib.VALUE))' {outputs}"
        outputs = ["script"]
        """
    )
    place, moment = project.root / "lib.py", 1_700_000_000_000_000_000
    for value in ("1", "2", "3"):
        place.write_text(f"VALUE = {value}\n")
        os.utime(place, ns=(moment, moment))
        assert project.build().ran == {"call", "script"}
        assert (project.read("call"), project.read("script")) == (value, value)
    assert list((project.root / "__pycache__").glob("lib.*.pyc")), "bytecode is still kept"


def test_the_ways_in_which_a_call_may_end(project):
    project.write(
        "steps.py",
        """
        import os, sys, threading, time
        def exits_0(out):
            out.write_text("")
            sys.exit(0)
        def exits_3(out):
            sys.exit(3)
        def says(out):
            sys.exit("no good")
        def raises(out):
            raise KeyError("k")
        def leaves(out):
            os._exit(7)
        def in_thread(out):
            threading.Thread(target=lambda: (time.sleep(0.1), out.write_text(""))).start()
        def at_exit(out):
            import atexit
            atexit.register(lambda: out.write_text(""))
        def hangs(out):
            time.sleep(100)
        """,
    )
    ends = {
        "exits_0": None,
        "exits_3": "ended with exit code 3",
        "says": "ended with exit code 1: no good",
        "raises": "ended with exit code 1: KeyError: 'k'",
        "leaves": "ended with exit code 7",
        "in_thread": None,
        "at_exit": None,
        "hangs": "took longer than its timeout of 1.0 s and was ended",
    }
    project.mlfile(
        "".join(
            f'[target.{name}]\ncall = "steps:{name}"\noutputs = {{ out = "{name}" }}\ntimeout = "1s"\n' for name in ends
        )
    )
    built = project.build("-k", code=1)
    assert {name: built.detail(name) for name in ends} == ends
