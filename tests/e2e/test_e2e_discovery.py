"""What a step reads and imports without saying so: errors, warnings, inputs, and reasons to run again."""

import shutil
import subprocess
import sys

import pytest

KINDS = ("run", "call")


def reading(project, kind, body, *, track='["imports", "files"]', more=""):
    """A target `use` whose Python has this body, as a command or as a function."""
    lines = "\n".join("    " + line for line in body.splitlines())
    project.write("use.py", f"import sys\ndef run(out):\n{lines}\nif __name__ == '__main__':\n    run(sys.argv[1])\n")
    command = '"{python} use.py {outputs.out}"' if kind == "run" else '"use:run"'
    project.mlfile(
        "[target.make]\noutputs = { all = 'build/all.txt', few = 'build/few.txt' }\n"
        "run = 'echo made > {outputs.all}; echo few > {outputs.few}'\n"
        "[target.parts]\noutputs = ['build/parts/']\nrun = 'mkdir -p build/parts; echo 1 > build/parts/one'\n"
        "[target.fan]\noutputs = { o = 'build/fan-{k}' }\nrun = 'echo {k} > {outputs.o}'\nmatrix = { k = [1, 2] }\n"
        f"[target.use]\noutputs = {{ out = 'build/use.txt' }}\n{kind} = {command}\ntrack = {track}\n{more}"
    )


# Files of other targets


@pytest.mark.parametrize("kind", KINDS)
def test_an_undeclared_read_of_another_target_is_an_error_that_names_both(project, kind):
    reading(project, kind, "open(out, 'w').write(open('build/all.txt').read())", more="retries = 3\n")
    project.build("make")
    built = project.build("use", code=1)
    assert built.failed == {"use"}
    assert built.detail("use") == (
        "use reads build/all.txt, which make makes, without declaring it, so what it read may be of an earlier build:"
        ' add ":make.all" to `inputs` of use'
    )
    assert built.started == ["use"], "to try again would not help"
    assert not (project.root / "build/use.txt").exists(), "a failed step leaves nothing"
    assert project.plan()["use"] == "run"


def test_the_key_to_add_is_the_shortest_that_says_it(project):
    reading(project, "run", "for p in ('parts/one', 'fan-2', 'few.txt'): open('build/' + p)\nopen(out, 'w')")
    project.build("make", "parts", "fan")
    detail = project.build("use", code=1).detail("use")
    assert 'add ":fan.o@k=2", ":make.few", "build/parts/one" to `inputs` of use' in detail
    assert "build/fan-2, which fan@k=2 makes" in detail


def test_what_is_declared_may_be_read(project):
    more = 'inputs = [":make.all", ":parts", ":fan@k=2", "data/"]\n'
    body = "for p in ('build/all.txt', 'build/parts/one', 'build/fan-2', 'data/in/x'): open(p).read()\nopen(out, 'w')"
    project.write("data/in/x", "1")
    reading(project, "call", body, more=more)
    built = project.build()
    assert "use" in built.ran and built.warnings == []
    assert project.build().ran == set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_fails_for_want_of_anothers_output_is_told_why(project, kind):
    reading(project, kind, "open('build/all.txt')")
    built = project.build("use", code=1)
    assert "exit code 1" in built.detail("use")
    assert any("which make makes" in text and '":make.all"' in text for text in built.warnings)


def test_only_order_is_no_declaration(project):
    reading(project, "run", "open('build/all.txt'); open(out, 'w')", more='after = [":make"]\n')
    assert "which make makes" in project.build("use", code=1).detail("use")


def test_a_generated_module_stays_an_edge(project):
    project.write("use.py", "import gen, sys\nopen(sys.argv[1], 'w').write(str(gen.V))\n")
    project.mlfile(
        """
        [target.gen]
        run = "echo V = 1 > {outputs}"
        outputs = ["gen.py"]
        [target.use]
        run = "{python} use.py {outputs}"
        outputs = ["used"]
        track = ["imports", "files"]
        """
    )
    project.build("gen")
    built = project.build("use")
    assert built.ran == {"use"}
    assert built.warnings == [
        "loads gen.py, which gen makes: add it to `inputs`, so that the first build orders them too"
    ]
    project.edit("Mlfile", "V = 1", "V = 22")
    assert project.build("use").ran == {"gen", "use"} and project.read("used") == "22"


# Data of the project


@pytest.mark.parametrize("kind", KINDS)
def test_an_undeclared_read_of_data_is_a_warning_and_an_input(project, kind):
    project.write("data/x.csv", "1")
    reading(project, kind, "open(out, 'w').write(open('data/x.csv').read())")
    built = project.build("use")
    assert len(built.warnings) == 1 and built.warnings[0].startswith("reads data/x.csv without declaring it")
    assert project.build("use").skipped == {"use"}
    project.write("data/x.csv", "2")
    assert project.plan()["use"] == "run"
    built = project.build("use")
    assert (built.ran, built.codes("use")) == ({"use"}, ["input-changed"])
    assert project.read("build/use.txt") == "2"
    project.write("data/x.csv", "1")
    assert project.build("use").restored == {"use"}, "a discovered input is part of what a result was made from"
    (project.root / "data/x.csv").unlink()
    assert project.build("use", code=1).texts("use") == ["input data/x.csv is missing"]


def test_without_files_nothing_is_said_of_data(project):
    project.write("data/x.csv", "1")
    for track in ('["imports"]', '["packages"]', "[]"):
        reading(project, "call", "open('build/all.txt'); open('data/x.csv'); open(out, 'w').write('1')", track=track)
        project.build("make")
        assert project.build("use", "-B").warnings == []
        project.write("data/x.csv", "2")
        assert project.build("use").skipped == {"use"}


def test_what_a_step_writes_itself_is_no_input(project):
    project.write("data/x.csv", "1")
    reading(
        project,
        "call",
        "import os, sqlite3\n"
        "open('scratch', 'w').write('1'); open('scratch').read()\n"
        "open('part', 'w').write('1'); os.replace('part', 'whole'); open('whole').read()\n"
        "sqlite3.connect('new.db').execute('create table t (a)'); sqlite3.connect('new.db')\n"
        "out.write_text('1'); out.read_text()\n"
        "open('build/part', 'a+').read()",
    )
    built = project.build("use")
    assert (built.ran, built.warnings) == ({"use"}, [])
    assert project.build("use").skipped == {"use"}


def test_what_a_step_reads_and_changes_is_told_and_never_disturbs(project):
    project.write("state.json", "0")
    reading(
        project, "run", "n = int(open('state.json').read())\nopen('state.json', 'w').write(str(n + 1))\nopen(out, 'w')"
    )
    built = project.build("use")
    assert built.ran == {"use"}
    assert len(built.warnings) == 1 and "reads and writes state.json" in built.warnings[0]
    assert project.build("use").skipped == {"use"}


def test_code_of_the_project_is_no_data(project):
    project.write("lib.py", "V = 1\n")
    reading(project, "call", "import lib, inspect\ninspect.getsource(lib)\nout.write_text('1')", track='["files"]')
    assert project.build("use").warnings == []
    project.write("lib.py", "V = 2\n")
    assert project.build("use").skipped == {"use"}, "imports are not among what is tracked"


@pytest.mark.parametrize("kind", KINDS)
def test_reads_of_worker_processes_count(project, kind):
    pytest.importorskip("joblib")
    for name in ("loky", "fork", "spawn"):
        project.write(f"data/{name}", "1")
    project.write("work.py", "def read(path):\n    return open(path).read()\n")
    body = (
        "import multiprocessing, joblib, work\n"
        "joblib.Parallel(2)(joblib.delayed(work.read)('data/loky') for _ in range(2))\n"
        "for method in ('fork', 'spawn'):\n"
        "    with multiprocessing.get_context(method).Pool(1) as pool: pool.map(work.read, ['data/' + method])\n"
        "open(out, 'w').write('1')"
    )
    reading(project, kind, body)
    built = project.build("use")
    assert (
        [text for text in built.warnings if text.startswith("reads")]
        == [text for text in built.warnings if "data/fork, data/loky, data/spawn" in text]
        != []
    )
    project.write("data/loky", "2")
    assert project.build("use").ran == {"use"}


# Packages


def install(project, version, *, environment="env", name="Fast_Maths", module="fastmath"):
    """Put a version of a distribution where this environment's interpreter looks, as an installer does."""
    (site,) = (project.root / environment / "lib").glob("python3*/site-packages")
    for old in site.glob(f"{name}-*"):
        shutil.rmtree(old)
    shutil.rmtree(site / module, ignore_errors=True)
    project.write(f"{site}/{module}/__init__.py", f"VERSION = '{version}'\n")
    info = f"{site}/{name}-{version}.dist-info"
    project.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    project.write(f"{info}/RECORD", f"{module}/__init__.py,,\n{name}-{version}.dist-info/METADATA,,\n")


@pytest.fixture
def environment(project):
    """Another interpreter, which has no mlmake."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], cwd=project.root, check=True)
    install(project, "1.0")
    return project


def importing(project, kind, track, *, python="env/bin/python"):
    reading(project, kind, "import fastmath\nopen(out, 'w').write(fastmath.VERSION)", track=track)
    project.write("Mlfile", f"[project]\npython = '{python}'\n" + project.read("Mlfile"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_version_is_a_reason_to_run(environment, kind):
    project = environment
    importing(project, kind, '["packages"]')
    project.build("use")
    assert project.build("use").skipped == {"use"}
    install(project, "2.0")
    assert project.plan("use") == {"use": "run"}
    built = project.build("use")
    assert (built.ran, built.codes("use")) == ({"use"}, ["code-changed"])
    assert built.texts("use") == ["code of package fast-maths changed 1.0 → 2.0"]
    assert project.read("build/use.txt") == "2.0"
    assert project.build("use").skipped == {"use"}
    install(project, "1.0")
    assert project.build("use").restored == {"use"}, "the result with the earlier version fits again"
    assert project.read("build/use.txt") == "1.0"


@pytest.mark.parametrize("kind", KINDS)
def test_without_packages_a_kept_model_is_warned_about_once(environment, kind):
    project = environment
    importing(project, kind, '["imports"]')
    project.build("use")
    install(project, "2.0")
    assert project.plan("use") == {"use": "skip"}
    told = project.build("use")
    assert told.skipped == {"use"}
    (warning,) = told.warnings
    assert warning.startswith("kept use, though packages have changed since: fast-maths 1.0 → 2.0; with track = ")
    assert project.build("use").warnings == [], "once"
    install(project, "3.0")
    assert len(project.build("use").warnings) == 1, "another change"
    assert project.build("use").warnings == []
    project.build("use", "-B")
    install(project, "2.0")
    assert len(project.build("use").warnings) == 1, "another result"


def test_the_warning_is_not_lost_in_the_shortcut(environment):
    project = environment
    importing(project, "run", '["imports"]')
    for _ in range(3):
        assert project.command("build", "use").code == 0
    install(project, "2.0")
    assert "fast-maths 1.0 → 2.0" in project.command("build", "use").err
    assert "fast-maths" not in project.command("build", "use").err


def test_a_policy_that_comes_later_knows_what_was_imported(environment):
    project = environment
    importing(project, "call", '["imports"]')
    project.build("use")
    install(project, "2.0")
    project.edit("Mlfile", '["imports"]', '["imports", "packages"]')
    assert project.build("use").ran == {"use"}


def test_another_interpreter_has_other_versions(environment):
    project = environment
    importing(project, "call", '["packages"]')
    project.build("use")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "other"], cwd=project.root, check=True)
    install(project, "1.0", environment="other")
    project.edit("Mlfile", "env/bin", "other/bin")
    assert project.plan("use") == {"use": "skip"}, "the same version elsewhere"
    install(project, "5.0", environment="other")
    assert project.build("use").texts("use") == ["code of package fast-maths changed 1.0 → 5.0"]


def test_a_package_that_is_gone_is_a_reason_too(environment):
    project = environment
    importing(project, "call", '["packages"]')
    project.build("use")
    (info,) = (project.root / "env/lib").glob("python3*/site-packages/Fast_Maths-1.0.dist-info")
    info.rename(info.parent / "gone")
    assert project.build("use").texts("use") == ["code of package fast-maths is gone"]


def test_track_of_nothing_knows_no_packages(environment):
    project = environment
    importing(project, "call", "[]")
    project.build("use")
    install(project, "2.0")
    assert project.build("use").warnings == []


# What cannot be seen


def test_an_isolated_python_is_not_seen(project):
    project.write("data/x", "1")
    project.write("use.py", "import sys\nopen('data/x')\nopen(sys.argv[1], 'w')\n")
    project.mlfile("[target.t]\nrun = '{python} -I use.py {outputs}'\noutputs = ['t']\ntrack = ['files']\n")
    assert project.build().warnings == []


def test_check_strict_prints_the_blind_spots(project):
    project.mlfile("[target.t]\nrun = 'touch t'\noutputs = ['t']\n")
    said = project("check", "--strict")
    assert said.code == 0 and said.out.endswith("1 target, 1 step: no mistakes\n")
    for word in ("Parquet", "other programs", "-I, -E or -S", 'without "files"'):
        assert word in said.out
    assert "note:" not in project("check").out
    assert len(project("check", "--strict", "--json").document["blind_spots"]) == 5
    project.mlfile("[target.t]\nrun = 'touch t'\noutputs = ['t']\ntrack = []\n")
    assert project("check", "--strict").out == "1 target, 1 step: no mistakes\n"


def test_an_accepted_result_counts_as_made_with_the_present_packages(environment):
    project = environment
    importing(project, "call", '["packages"]')
    project.build("use")
    install(project, "2.0")
    assert project.plan("use") == {"use": "run"}
    assert project("accept", "use").code == 0
    assert project.build("use").skipped == {"use"}
    install(project, "3.0")
    assert project.build("use").texts("use") == ["code of package fast-maths changed 2.0 → 3.0"]


def test_debugging_a_step_finds_out_the_same(project):
    project.write("data/x.csv", "1")
    reading(project, "call", "open('data/x.csv'); open(out, 'w').write('1')")
    said = project.command("build", "--debug", "use")
    assert said.code == 0 and "data/x.csv" in said.err
    project.write("data/x.csv", "2")
    assert project.build("use").codes("use") == ["input-changed"]
