"""Corners of the contract that no other file has."""

import json
import os

import pytest


def test_a_list_in_an_argv_becomes_one_argument_an_item(project):
    project.write("show.py", "import json, sys\njson.dump(sys.argv[1:], open('out.json', 'w'))\n")
    for name in ("a b", "c"):
        project.write(f"in/{name}", "")
    project.mlfile(
        """
        [target.t]
        run = ["{python}", "show.py", "{inputs.files}", "n={inputs.files[0]}", "{params.list}", "{params.empty}", "end"]
        inputs = { files = "in/*", code = "show.py" }
        outputs = ["out.json"]
        [params]
        list = [1, "two words"]
        empty = []
        """
    )
    project.build()
    assert project.json("out.json") == ["in/a b", "in/c", "n=in/a b", "1", "two words", "end"]


def test_selectors_with_values_that_are_encoded(project):
    project.mlfile(
        """
        [target.m]
        run = "echo {v} > {outputs}"
        outputs = ["m-{n}"]
        [[target.m.matrix]]
        v = ["a b"]
        n = [1]
        [[target.m.matrix]]
        v = ["x,y"]
        n = [2]
        [target.encoded]
        run = "cat {inputs} > {outputs}"
        inputs = [":m@v=a%20b", ":m@v=x%2Cy"]
        outputs = ["encoded"]
        [target.plain]
        run = "cat {inputs} > {outputs}"
        inputs = [":m@v=a b"]
        outputs = ["plain"]
        [target.taken]
        run = "cat {inputs} > {outputs}"
        inputs = [":m@v={w}"]
        outputs = ["taken-{i}"]
        [[target.taken.matrix]]
        w = ["x,y"]
        i = [1]
        """
    )
    project.build()
    assert project.read("encoded") == "a b\nx,y\n"
    assert project.read("plain") == "a b\n"
    assert project.read("taken-1") == "x,y\n"


def test_groups_in_after_and_phonies_in_groups(project):
    project.mlfile(
        """
        [target.one]
        run = "echo one >> journal; echo > one"
        outputs = ["one"]
        [target.two]
        run = "echo two >> journal; echo > two"
        outputs = ["two"]
        [target.both]
        inputs = [":one", ":two"]
        [target.last]
        run = "echo last >> journal; echo > last"
        after = [":both"]
        outputs = ["last"]
        """
    )
    built = project.build("last", "-j1")
    assert built.ran == {"one", "two", "last"}
    assert project.read("journal").split()[-1] == "last"


def test_a_phony_chain_runs_only_for_a_stale_consumer(project):
    project.mlfile(
        """
        [target.up]
        run = "echo up >> journal"
        [target.check]
        run = "echo check >> journal"
        after = [":up"]
        [target.use]
        run = "echo use >> journal; echo > use"
        after = [":check"]
        outputs = ["use"]
        """
    )
    assert project.build().ran == {"up", "check", "use"}
    assert project.read("journal") == "up\ncheck\nuse\n"
    assert project.build().ran == set()
    assert project.read("journal") == "up\ncheck\nuse\n"


def test_a_phony_runs_once_for_many_consumers(project):
    project.mlfile(
        """
        [target.check]
        run = "echo check >> journal"
        [target.use]
        run = "echo > {outputs}"
        after = [":check"]
        outputs = ["use-{k}"]
        matrix = { k = [1, 2, 3] }
        """
    )
    project.build()
    assert project.read("journal") == "check\n"


def test_a_restored_consumer_calls_for_no_phony(project):
    project.mlfile(
        """
        [target.check]
        run = "echo check >> journal"
        [target.use]
        run = "echo > use"
        after = [":check"]
        outputs = ["use"]
        """
    )
    project.build()
    (project.root / "use").unlink()
    assert project.build().restored == {"use"}
    assert project.read("journal") == "check\n"


def test_a_matrix_by_a_parameter_follows_set(project):
    project.mlfile(
        """
        [target.t]
        run = "echo {fold} > {outputs}"
        outputs = ["t-{fold}"]
        matrix = { fold = { param = "folds" } }
        [params]
        folds = 2
        """
    )
    assert project.build().ran == {"t@fold=0", "t@fold=1"}
    built = project.build("--set", "folds=3")
    assert built.ran == {"t@fold=2"} and built.skipped == {"t@fold=0", "t@fold=1"}


def test_exclude_and_include_in_an_array_of_tables(project):
    project.mlfile(
        """
        [target.t]
        run = "echo > {outputs}"
        outputs = ["t/{instance}"]
        [[target.t.matrix]]
        a = [1, 2]
        b = [1, 2]
        exclude = [{ a = 1, b = 1 }]
        [[target.t.matrix]]
        c = ["x"]
        include = [{ d = 1 }]
        """
    )
    assert list(project.plan()) == ["t@a=1,b=2", "t@a=2,b=1", "t@a=2,b=2", "t@c=x", "t@d=1"]


def test_a_step_never_has_its_own_outputs_as_inputs(project):
    project.write("steps.py", "def run(out):\n    out.write_text('V = 1')\n    import made\n")
    project.mlfile('[target.t]\ncall = "steps:run"\noutputs = { out = "made.py" }\n')
    project.build()
    assert project.build().skipped == {"t"}


def test_a_discovered_file_that_closes_a_cycle_fails_the_step(project):
    project.write("steps.py", "def run(out):\n    import made\n    out.write_text('1')\n")
    project.write("made.py", "V = 0\n")
    project.mlfile(
        """
        [target.t]
        call = "steps:run"
        outputs = { out = "t" }
        [target.make]
        run = "echo V = 1 > {outputs}"
        inputs = [":t"]
        outputs = ["made.py"]
        """
    )
    built = project.build("t", code=1)
    assert built.failed == {"t"} and "closes a cycle" in built.detail("t")


def test_cycles_name_their_path(project):
    project.mlfile(
        """
        [target.a]
        run = "x"
        inputs = [":c"]
        outputs = ["a"]
        [target.b]
        run = "x"
        inputs = ["a"]
        outputs = ["b"]
        [target.c]
        run = "x"
        after = [":b"]
        outputs = ["c"]
        """
    )
    said = project.mistakes()
    assert said.count("cycle") == 1 and any(
        path in said for path in ("a → c → b → a", "c → b → a → c", "b → a → c → b")
    )


def test_the_schema_comes_with_the_keys(project):
    schema = json.loads(project("schema").out)
    text = json.dumps(schema)
    for key in ("fresh_for", "retries", "preload", "on_error"):
        assert key in text
    project.write("Mlfile", '#:schema mlfile.json\n[target.t]\nrun = "touch t"\noutputs = ["t"]\n')
    assert project.plan() == {"t": "run"}


def test_hardlinks_on_request_leave_the_store_alone_when_a_step_writes_in_place(project):
    project.write("in", "1")
    project.mlfile(
        """
        [target.t]
        run = "cp in t"
        inputs = ["in"]
        outputs = ["t"]
        [cache]
        link = "hardlink"
        """
    )
    project.build()
    (project.root / "t").unlink()
    assert project.build().restored == {"t"}
    project.write("in", "2")
    assert project.build().ran == {"t"}
    project.write("in", "1")
    assert project.build().restored == {"t"} and project.read("t") == "1"


def test_a_path_is_a_target_too(project):
    project.mlfile('[target.t]\nrun = "touch build/t"\noutputs = ["build/t"]\n')
    assert project.build("build/t").ran == {"t"}
    assert project("path", "t").out == "build/t\n"
    assert "did you mean" in project.mistakes("build", "build/tt")


def test_glob_that_matches_nothing_and_that_later_does(project):
    project.mlfile('[target.t]\nrun = "cat {inputs} /dev/null > t"\ninputs = ["in/*.csv"]\noutputs = ["t"]\n')
    assert project.build().ran == {"t"}
    project.write("in/a.csv", "a")
    built = project.build()
    assert built.ran == {"t"} and built.codes("t") == ["input-added"] and project.read("t") == "a"


def test_an_input_folder_counts_as_a_whole(project):
    project.write("in/a", "a")
    project.write("in/sub/b", "b")
    project.mlfile('[target.t]\nrun = "ls -R in > t"\ninputs = ["in/"]\noutputs = ["t"]\n')
    project.build()
    assert project.build().skipped == {"t"}
    project.write("in/sub/c", "c")
    assert project.build().ran == {"t"}
    (project.root / "in/sub/c").rename(project.root / "in/sub/d")
    assert project.build().ran == {"t"}
    project.write("in/.mlmake/x", "x")
    assert project.build().skipped == {"t"}


def test_a_plain_path_to_a_folder_without_a_slash(project):
    project.write("in/a", "a")
    project.mlfile('[target.t]\nrun = "ls in > t"\ninputs = ["in"]\noutputs = ["t"]\n')
    said = project("build", "--json")
    assert said.code in (0, 1, 2) and "Traceback" not in said.err
    if said.code == 0:
        project.write("in/b", "b")
        assert project.build().ran == {"t"}


def test_names_that_are_hard(project):
    names = ["a b", "new\nline", "-dash", "quote'\"", "é😀", "$(x)", "x" * 200, "*star", "[b]", "{c}", "%20", "@at,=x"]
    for name in names:
        project.write(f"in/{name}", name)
    os.mkdir(b"bytes")
    (project.root / os.fsdecode(b"bytes/\xff")).write_text("raw")
    project.mlfile(
        """
        [target.t]
        run = "cat -- {inputs} > t"
        inputs = ["in/*", "bytes/*"]
        outputs = ["t"]
        [target.folder]
        run = "mkdir o; cp -r -- in/* bytes/* o/"
        inputs = ["in/", "bytes/"]
        outputs = ["o/"]
        """
    )
    assert project.build().ran == {"t", "folder"}
    assert project.read("t") == "".join(sorted(names, key=str.encode)) + "raw"
    for said in (project("plan"), project("plan", "--json"), project("status"), project("why", "t"), project("graph")):
        assert said.code == 0 and "Traceback" not in said.err
    assert project.build().skipped == {"t", "folder"}


def test_nested_outputs_and_two_owners_are_named(project):
    project.mlfile(
        """
        [target.a]
        run = "x"
        outputs = ["d/"]
        [target.b]
        run = "x"
        outputs = ["d/x"]
        [target.c]
        run = "x"
        outputs = ["d/x"]
        """
    )
    said = project.mistakes()
    assert "a" in said and "b" in said and "c" in said and "d/x" in said


def test_durations_and_sizes(project):
    for text, good in (("1d12h", True), ("P14D", True), ("90s", True), ("2w", True), ("soon", False), ("1x", False)):
        project.mlfile(f'[target.t]\nrun = "touch t"\noutputs = ["t"]\ntimeout = "{text}"\n')
        assert project("plan").code == (0 if good else 2), text
    for text, good in (("500 MB", True), ("2 GiB", True), ("big", False)):
        project.mlfile(
            f'[resources]\nmemory = "64 GiB"\n[target.t]\nrun = "touch t"\n'
            f'outputs = ["t"]\nresources = {{ memory = "{text}" }}\n'
        )
        assert project("plan").code == (0 if good else 2), text


@pytest.mark.parametrize("key", ["max_age", "fresh_for", "stale_if_error"])
def test_bad_durations_are_wrong_before_they_are_to_come(project, key):
    project.mlfile(f'[target.t]\nrun = "touch t"\noutputs = ["t"]\n{key} = "soon"\n')
    said = project.mistakes()
    assert "must be a duration" in said


def test_outputs_of_vanished_instances_are_matched_by_no_glob(project):
    project.mlfile(
        """
        [target.t]
        run = "echo {k} > {outputs}"
        outputs = ["out/{k}"]
        matrix = { k = ["a", "b", "c"] }
        [target.all]
        run = "cat {inputs} > all"
        inputs = ["out/*"]
        outputs = ["all"]
        """
    )
    project.build()
    project.edit("Mlfile", '"a", "b", "c"', '"a", "b"')
    project.build()
    assert project.read("all") == "a\nb\n"
    assert not (project.root / "out/c").exists()
    assert project.build("all").skipped == {"t@k=a", "t@k=b", "all"}
    project.edit("Mlfile", '"a", "b"', '"c", "a", "b"')
    built = project.build()
    assert not built.ran & {"t@k=c"} and "t@k=c" in built.restored
    assert project.read("all") == "a\nb\nc\n"


def test_what_a_user_altered_or_the_store_does_not_have_stays_and_is_matched_by_no_glob(project):
    project.mlfile(
        """
        [target.t]
        run = "mkdir {outputs}; echo {k} > {outputs}/x"
        outputs = ["out/{k}/"]
        matrix = { k = ["a", "b"] }
        [target.u]
        run = "echo {k} > {outputs}"
        outputs = ["u/{k}"]
        matrix = { k = ["a", "b"] }
        cache = false
        [target.all]
        run = "cat {inputs} > all"
        inputs = ["out/*/x", "u/*"]
        outputs = ["all"]
        """
    )
    project.build()
    project.write("out/b/x", "edited")
    text = project.read("Mlfile")
    project.mlfile(text.replace('["a", "b"]', '["a"]'))
    for _ in range(2):
        assert project.plan("all")["all"] == ("run" if _ == 0 else "skip")
        project.build()
        assert project.read("all") == "a\na\n"
        assert project.read("out/b/x") == "edited" and project.read("u/b") == "b\n"
    project.write("u/mine", "mine")
    project.build()
    assert project.read("all") == "a\na\nmine", "files of the project are matched"


@pytest.fixture
def crowded(project):
    """More names than fit into one word of a command."""
    for number in range(4000):
        (project.root / "in" / f"{'x' * 40}{number}").parent.mkdir(exist_ok=True)
        (project.root / "in" / f"{'x' * 40}{number}").write_text("1")
    return project


def test_thousands_of_inputs_are_named_and_told(crowded):
    crowded.write(
        "steps.py",
        """
        import os, subprocess
        def run(files, out):
            subprocess.run(["true"], check=True)
            out.write_text(str(len(files)))
        """,
    )
    crowded.mlfile(
        """
        [target.shell]
        run = "cat {inputs} > {outputs}"
        inputs = ["in/*"]
        outputs = ["shell"]
        [target.told]
        run = ["{python}", "-c", "import mlmake; open('told', 'w').write(str(len(mlmake.step().inputs)))"]
        inputs = ["in/*"]
        outputs = ["told"]
        [target.call]
        call = "steps:run"
        inputs = { files = "in/*" }
        outputs = { out = "call" }
        """
    )
    crowded.build()
    assert (crowded.read("shell"), crowded.read("told"), crowded.read("call")) == ("1" * 4000, "4000", "4000")
    assert {p.name for p in (crowded.root / ".mlmake/runs").glob("*/logs/*")} == {"shell.log", "told.log", "call.log"}
    crowded.edit("Mlfile", "cat {inputs}", "nothing-of-this-name; cat {inputs}")
    assert crowded.build(code=1).failed == {"shell"}


def test_what_only_policy_uses_is_no_parameter_of_the_recipe(project):
    project.mlfile(
        """
        [target.t]
        run = "echo > t"
        outputs = ["t"]
        timeout = "{params.limit}"
        resources = { cpus = "{params.n}" }
        [params]
        limit = "1m"
        n = 1
        """
    )
    project.build()
    assert project.plan("--set", "limit=2m", "--set", "n=2") == {"t": "skip"}
    assert "duration" in project.mistakes("plan", "--set", "limit=soon")


def test_a_module_changed_back_restores(project):
    project.write("lib.py", "V = 1\n")
    project.write("steps.py", "import lib\ndef run(out):\n    out.write_text(str(lib.V))\n")
    project.mlfile(
        """
        [target.t]
        call = "steps:run"
        outputs = { out = "t" }
        [target.u]
        run = "cp t u"
        inputs = ["t"]
        outputs = ["u"]
        """
    )
    project.build()
    project.write("lib.py", "V = 2\n")
    assert project.build().ran == {"t", "u"}
    project.write("lib.py", "V = 1\n")
    b = project.build()
    assert b.restored == {"t", "u"} and project.read("u") == "1"
    (project.root / "lib.py").unlink()
    b = project.build(code=1)
    project.write("lib.py", "V = 1\n")
    assert project.build().skipped == {"t", "u"}


def test_check_is_exit_3_if_something_would_be_restored(project):
    project.mlfile('[target.t]\nrun = "echo > t"\noutputs = ["t"]\n')
    project.build()
    (project.root / "t").unlink()
    assert project("plan", "--check").code == 3
    assert project("status", "--check").code == 3
    assert project.plan() == {"t": "restore"}


def test_a_function_of_a_package(project):
    project.write("pkg/__init__.py", "def run(out):\n    from . import sub\n    out.write_text(sub.X)\n")
    project.write("pkg/sub.py", "X = 'a'\n")
    project.mlfile('[target.t]\ncall = "pkg:run"\noutputs = { out = "t" }\n')
    project.build()
    project.write("pkg/sub.py", "X = 'b'\n")
    assert project.build().ran == {"t"}


def test_stdin_of_a_call_is_empty(project):
    project.write("steps.py", "import sys\ndef run(out):\n    out.write_text(repr(sys.stdin.read()))\n")
    project.mlfile('[target.t]\ncall = "steps:run"\noutputs = { out = "t" }\n')
    s = project.command("build", input="hello")
    assert project.read("t") == "''", s


def test_the_environment_of_a_call(project, monkeypatch):
    monkeypatch.setenv("CALLER", "c")
    project.write(
        "steps.py",
        """
        import os
        def run(out):
            names = "CALLER", "OWN", "MLMAKE_TARGET", "OMP_NUM_THREADS"
            out.write_text(repr({k: os.environ.get(k) for k in names}))
        """,
    )
    project.mlfile('[target.t]\ncall = "steps:run"\noutputs = { out = "t" }\nenv={OWN="1"}\nresources={cpus=2}\n')
    project.build()
    assert project.read("t") == "{'CALLER': 'c', 'OWN': '1', 'MLMAKE_TARGET': 't', 'OMP_NUM_THREADS': '2'}"


def test_an_output_that_was_a_file_and_becomes_a_folder(project):
    project.write("in", "1")
    project.mlfile('[target.t]\nrun = "echo > o"\ninputs=["in"]\noutputs = ["o"]\n')
    project.build()
    project.mlfile('[target.t]\nrun = "mkdir o; echo > o/x"\ninputs=["in"]\noutputs = ["o/"]\n')
    b = project.build()
    assert b.ran == {"t"}
    project.mlfile('[target.t]\nrun = "echo > o"\ninputs=["in"]\noutputs = ["o"]\n')
    b = project.build()
    assert b.restored == {"t"}, b.finished
    assert (project.root / "o").is_file()


def test_what_a_user_wrote_is_back_after_a_failure(project):
    project.mlfile('[target.t]\nrun = "false"\noutputs = ["o"]\n')
    project.write("o", "mine")
    project.build(code=1)
    assert project.read("o") == "mine"


def test_a_selection_of_two_targets(project):
    project.mlfile("""
[target.a]
run = "echo a > a; echo '{\\"x\\": 1}' > a.json"
outputs = { model = "a", m = "a.json" }
metrics = "m"
[target.b]
run = "echo b > b; echo '{\\"x\\": 2}' > b.json"
outputs = { model = "b", m = "b.json" }
metrics = "m"
[target.best]
inputs = [":a", ":b"]
select = { by = "x" }
outputs = { list = "best.json" }
[target.use]
run = "cat {inputs.model} {inputs.list} > use"
inputs = { model = ":best.model", list = ":best.list" }
outputs = ["use"]
""")
    project.build()
    assert project.read("use").startswith("b\n")
