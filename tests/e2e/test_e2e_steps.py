"""Steps: what they find when they start, what becomes of their outputs and streams, and when they have failed."""

import json
import os
import select
import subprocess
import sys
import time

import pytest


def test_the_environment_of_a_step(project, monkeypatch):
    monkeypatch.setenv("FROM_CALLER", "caller")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    project.write("in", "")
    project.write("show.py", "import json, os, sys\njson.dump(dict(os.environ), open(sys.argv[1], 'w'))\n")
    project.mlfile(
        """
        [env]
        FILE_WIDE = "1"
        [target.t]
        run = "{python} show.py {outputs.o}"
        inputs = { x = "in", many = ["in", "show.py"] }
        outputs = { o = "out.json" }
        params = ["i", "d", "nan", "inf", "m.*"]
        env = { OWN = "{target}-{k}" }
        matrix = { k = [2] }
        resources = { cpus = 2 }
        [params]
        i = 1
        d = 2026-01-31
        nan = nan
        inf = inf
        m = { x = "y" }
        """
    )
    project.build()
    found = project.json("out.json")
    assert found["FROM_CALLER"] == "caller" and found["FILE_WIDE"] == "1" and found["OWN"] == "t-2"
    assert found["MLMAKE_TARGET"] == "t" and found["MLMAKE_INSTANCE"] == "t@k=2"
    assert json.loads(found["MLMAKE_PARAMS"]) == {
        "i": 1,
        "d": "2026-01-31",
        "nan": "nan",
        "inf": "inf",
        "m": {"x": "y"},
    }
    assert json.loads(found["MLMAKE_INPUTS"]) == {"x": "in", "many": ["in", "show.py"]}
    assert json.loads(found["MLMAKE_OUTPUTS"]) == {"o": "out.json"}
    cpus = str(min(2, len(os.sched_getaffinity(0))))
    assert [found[f"{n}_NUM_THREADS"] for n in ("OMP", "OPENBLAS", "MKL")] == [cpus] * 3


def test_threads_that_the_caller_sets_stay(project, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    project.mlfile('[target.t]\nrun = "echo $OMP_NUM_THREADS > t"\noutputs = ["t"]\n')
    project.build()
    assert project.read("t") == "7\n"


def test_threads_that_the_mlfile_sets_stay(project, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    project.mlfile('[env]\nOMP_NUM_THREADS = "5"\n[target.t]\nrun = "echo $OMP_NUM_THREADS > t"\noutputs = ["t"]\n')
    project.build()
    assert project.read("t") == "5\n"


def test_stdin_is_empty(project):
    project.mlfile('[target.t]\nrun = "cat > t; echo end >> t"\noutputs = ["t"]\n')
    assert project.command("build", input="from outside\n").code == 0
    assert project.read("t") == "end\n"


def test_parents_of_outputs_exist(project):
    project.mlfile('[target.t]\nrun = "echo > a/b/c; mkdir d/e; echo > d/e/f"\noutputs = ["a/b/c", "d/e/"]\n')
    assert project.build().ran == {"t"}


def test_previous_outputs_are_aside_while_it_runs_and_back_if_it_fails(project):
    project.write("in", "1")
    project.mlfile(
        """
        [target.t]
        run = '''
        test ! -e out/file; test ! -e dir/one; cp in seen
        mkdir -p dir; echo $(cat in) > dir/$(cat in); echo half > out/file
        test $(cat in) != 2; cp in out/file
        '''
        inputs = ["in"]
        outputs = ["out/file", "dir/"]
        """
    )
    project.build()
    project.write("in", "2")
    built = project.build(code=1)
    assert built.failed == {"t"} and project.read("seen") == "2"
    assert project.read("out/file") == "1", "the previous output is back"
    assert [p.name for p in (project.root / "dir").iterdir()] == ["1"]
    assert project.plan() == {"t": "run"}
    project.write("in", "3")
    project.build()
    assert [p.name for p in (project.root / "dir").iterdir()] == ["3"]


def test_a_failed_step_never_leaves_half_an_output(project):
    project.mlfile('[target.t]\nrun = "echo half > t; false"\noutputs = ["t"]\n')
    project.build(code=1)
    assert not (project.root / "t").exists()
    project.mlfile('[target.t]\nrun = "echo half > t; kill -9 $$"\noutputs = ["t"]\n')
    built = project.build(code=1)
    assert not (project.root / "t").exists()
    assert built.detail("t").startswith("was killed by SIGKILL (signal 9, exit code 137): ")
    project.mlfile('[target.t]\nrun = "kill -SEGV $$"\noutputs = ["t"]\n')
    assert project.build(code=1).detail("t") == "was ended by SIGSEGV (signal 11)"


def test_exit_0_without_an_output_is_an_error_that_names_it(project):
    project.mlfile(
        """
        [target.t]
        run = "echo > one"
        outputs = ["one", "two"]
        [target.u]
        run = "echo > u"
        inputs = [":t"]
        outputs = ["u"]
        """
    )
    built = project.build(code=1)
    assert built.failed == {"t"} and built.blocked == {"u"}
    assert "did not create two" in built.detail("t")


def test_an_output_of_another_kind_than_declared_is_an_error(project):
    project.mlfile('[target.t]\nrun = "mkdir t; touch t/x"\noutputs = ["t"]\n')
    assert "t" in project.build(code=1).detail("t")
    project.mlfile('[target.t]\nrun = "touch d"\noutputs = ["d/"]\n')
    assert "d" in project.build(code=1).detail("t")


def test_disturbed_by_an_edit_while_it_runs(project):
    project.write("in", "1")
    project.mlfile(
        """
        [target.t]
        run = "cp in out; echo 2 > in"
        inputs = ["in"]
        outputs = ["out"]
        [target.u]
        run = "cp out u"
        inputs = ["out"]
        outputs = ["u"]
        """
    )
    built = project.build(code=1)
    assert built.outcome("t") == "disturbed" and built.blocked == {"u"}
    assert project.read("out") == "1", "the outputs stay"
    assert "in changed while it ran" in built.detail("t")
    project.edit("Mlfile", "; echo 2 > in", "")
    assert project.build().ran == {"t", "u"}
    assert project.read("u") == "2\n"


def test_disturbed_stays_to_be_run_even_if_the_edit_is_taken_back(project):
    project.write("in", "1")
    project.mlfile(
        '[target.t]\nrun = "test -e flag || { touch flag; cp in out; echo 2 > in; }; cp in out"\n'
        'inputs = ["in"]\noutputs = ["out"]\n'
    )
    assert project.build(code=1).outcome("t") == "disturbed"
    project.write("in", "1")
    assert project.build().ran == {"t"}


def test_streams_go_to_a_log_and_live_with_v(project):
    project.mlfile('[target.t]\nrun = "echo to-out; echo to-err >&2; echo > t"\noutputs = ["t"]\n')
    said = project("build", "-v")
    assert "to-out" in said.err and "to-err" in said.err
    said = project("log", "t")
    assert "to-out\n" in said.out and "to-err\n" in said.out
    said = project("build", "-B")
    assert "to-out" not in said.err


def test_on_failure_the_last_50_lines_and_the_path(project):
    project.mlfile('[target.t]\nrun = "for i in $(seq 1 80); do echo line-$i; done; exit 3"\noutputs = ["t"]\n')
    said = project("build")
    assert said.code == 1
    shown = [line.strip() for line in said.err.splitlines() if "line-" in line]
    assert len(shown) == 50 and shown[0].endswith("line-31") and shown[-1].endswith("line-80")
    assert "t.log" in said.err and "exit code 3" in said.err


def test_a_log_is_capped_with_its_first_and_last_half(project):
    project.mlfile(
        """
        [target.t]
        run = "echo first; head -c 70000000 /dev/zero | tr '\\\\0' x | fold -w 1000; echo last; echo > t"
        outputs = ["t"]
        """
    )
    project.build()
    log = next((project.root / ".mlmake/runs").glob("*/logs/t.log"))
    assert log.stat().st_size < 65 * 1024 * 1024
    content = log.read_bytes()
    assert content.startswith(b"first\n") and content.endswith(b"last\n")


def test_nothing_of_a_step_survives_it(project):
    project.mlfile('[target.t]\nrun = "sleep 300 & setsid sleep 301 & echo $! > t"\noutputs = ["t"]\n')
    began = time.monotonic()
    built = project.build()
    assert time.monotonic() - began < 20
    pid = int(project.read("t"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert any("left processes behind" in text for text in built.warnings)


def test_retries_with_backoff_and_the_attempt_is_no_recipe(project):
    project.mlfile(
        """
        [target.t]
        run = "echo $MLMAKE_ATTEMPT >> attempts; test $(wc -l < attempts) -ge 3; echo > t"
        outputs = ["t"]
        retries = { times = 2, delay = "100ms", backoff = 2 }
        """
    )
    began = time.monotonic()
    built = project.build()
    assert time.monotonic() - began >= 0.3
    assert built.ran == {"t"} and project.read("attempts") == "1\n2\n3\n"
    assert built.started == ["t"] * 3
    assert project.build().skipped == {"t"}


def test_retries_run_out(project):
    project.mlfile('[target.t]\nrun = "echo >> n; false"\noutputs = ["t"]\nretries = { times = 1, delay = "10ms" }\n')
    assert project.build(code=1).failed == {"t"}
    assert len(project.read("n")) == 2
    (project.root / "n").unlink()
    project.edit("Mlfile", 'retries = { times = 1, delay = "10ms" }', "")
    assert project.build(code=1).failed == {"t"}
    assert len(project.read("n")) == 1
    (project.root / "n").unlink()
    project.edit("Mlfile", 'outputs = ["t"]', 'outputs = ["t"]\nretries = { times = 0, delay = "10ms" }')
    assert project.build("--retry", "2", code=1).failed == {"t"}
    assert len(project.read("n")) == 3


def test_a_timeout_ends_the_step_and_its_children(project):
    project.mlfile(
        '[target.t]\nrun = "sleep 100 & echo $! > pid; wait; echo > t"\noutputs = ["t"]\ntimeout = "300ms"\n'
    )
    built = project.build(code=1)
    assert built.outcome("t") == "timed-out" and "timeout of 0.3 s" in built.detail("t")
    with pytest.raises(ProcessLookupError):
        os.kill(int(project.read("pid")), 0)


FAILING = """
    [target.bad]
    run = "test {k} = c; sleep 0.3; test {k} != b; echo > {outputs}"
    outputs = ["bad/{k}"]
    matrix = { k = ["a", "b", "c"] }
    resources = { one = 1 }
    ON_ERROR
    [target.down]
    run = "cat {inputs} > down"
    inputs = [":bad@k=a"]
    outputs = ["down"]
    [target.free]
    run = "sleep 0.1; echo > {outputs}"
    inputs = [":start"]
    outputs = ["free"]
    resources = { one = 1 }
    [target.start]
    run = "sleep 0.2; echo > {outputs}"
    outputs = ["start"]
    resources = { one = 1 }
    [resources]
    one = 1
"""


def test_on_error_stop_starts_nothing_more(project):
    project.mlfile(FAILING.replace("ON_ERROR", ""))
    built = project.build("-j1", "bad", "down", "free", code=1)
    assert len(built.failed) == 1 and not built.ran & {"free"}
    assert built.outcome("free") == "cancelled"


def test_on_error_continue_and_k_go_on_with_all_that_is_not_downstream(project):
    project.mlfile(FAILING.replace("ON_ERROR", 'on_error = "continue"'))
    built = project.build("-j1", code=1)
    assert built.failed == {"bad@k=a", "bad@k=b"} and built.blocked == {"down"}
    assert built.ran == {"bad@k=c", "start", "free"}
    project.mlfile(FAILING.replace("ON_ERROR", ""))
    built = project.build("-k", "-j1", "-B", code=1)
    assert built.failed == {"bad@k=a", "bad@k=b"} and built.ran == {"bad@k=c", "start", "free"}


def test_on_error_trim_also_stops_the_siblings_and_goes_on_with_the_rest(project):
    project.mlfile(FAILING.replace("ON_ERROR", 'on_error = "trim"'))
    built = project.build("-j1", code=1)
    assert len(built.failed) == 1
    siblings = {f"bad@k={k}" for k in "abc"} - built.failed
    assert {built.outcome(s) for s in siblings} == {"cancelled"}
    assert built.ran == {"start", "free"}


def test_cache_false_is_tracked_but_not_kept(project):
    project.write("in", "1")
    project.mlfile('[target.t]\nrun = "cp in t"\ninputs = ["in"]\noutputs = ["t"]\ncache = false\n')
    project.build()
    assert project.build().skipped == {"t"}
    (project.root / "t").unlink()
    assert project.build().ran == {"t"}
    project.write("in", "2")
    project.build()
    project.write("in", "1")
    assert project.build().ran == {"t"}


KEEP = """
    [target.t]
    run = '''
    mkdir -p ckpt; test -e ckpt/n && echo resumed >> journal || echo anew >> journal
    echo x >> ckpt/n; echo > log; test $(wc -l < ckpt/n) -ge {params.enough}; cp ckpt/n model
    '''
    inputs = ["in"]
    outputs = { ckpt = "ckpt/", model = "model", log = "log" }
    keep = ["ckpt"]
    [params]
    enough = 3
"""


def test_keep_resumes_what_a_failed_attempt_left_and_only_with_the_same_recipe_and_inputs(project):
    project.write("in", "1")
    project.mlfile(KEEP)
    project.build(code=1)
    assert (project.root / "ckpt/n").exists() and not (project.root / "log").exists()
    assert project.plan() == {"t": "run"}, "never recorded as done"
    project.build(code=1)
    assert project.read("journal") == "anew\nresumed\n"
    project.write("in", "2")
    project.build(code=1)
    assert project.read("journal") == "anew\nresumed\nanew\n", "other inputs: moved aside like the rest"
    project.build(code=1)
    project.build()
    assert project.read("journal") == "anew\nresumed\nanew\nresumed\nresumed\n"
    assert project.read("model").count("x") == 3
    project.build("--set", "enough=2", code=1)
    assert project.read("journal").endswith("resumed\nanew\n"), "another recipe"


def test_keep_survives_a_timeout_and_retries_resume(project):
    project.write("in", "1")
    project.mlfile(KEEP.replace('keep = ["ckpt"]', 'keep = true\n    retries = { times = 5, delay = "10ms" }'))
    built = project.build()
    assert built.ran == {"t"} and project.read("journal") == "anew\nresumed\nresumed\n"


def test_resources_cpus_are_clipped_and_more_of_anything_else_is_an_error_before_anything_runs(project):
    text = """
        [target.first]
        run = "echo > first"
        outputs = ["first"]
        [target.t]
        run = "echo {resources.cpus} > t"
        inputs = [":first"]
        outputs = ["t"]
        resources = { RES }
        [resources]
        cpus = 2
        memory = "1 GB"
        licence = 1
        gpus = 0
        """
    project.mlfile(text.replace("RES", "cpus = 1000"))
    project.build()
    assert project.read("t") == "2\n"
    (project.root / "first").unlink()
    for wanted in ('memory = "2 GB"', "licence = 2", "license = 1", 'memory = "much"', "gpus = 1", "gpus = true"):
        project.mlfile(text.replace("RES", wanted))
        said = project.mistakes("build")
        assert wanted.split()[0] in said, said
        assert not (project.root / "first").exists()


def overlap(project, count, resources, *flags):
    """The most steps at once, by what they note of each other."""
    project.mlfile(
        f"""
        [target.t]
        run = "mkdir -p on; touch on/{{k}}; sleep 0.15; ls on | wc -l >> seen; rm on/{{k}}; echo > {{outputs}}"
        outputs = ["t/{{k}}"]
        resources = {{ {resources} }}
        matrix = {{ k = {list(range(count))} }}
        [resources]
        cpus = 4
        licence = 2
        memory = "4 GB"
        """
    )
    (project.root / "seen").unlink(missing_ok=True)
    project.build("-B", *flags)
    return max(int(n) for n in project.read("seen").split())


@pytest.mark.parametrize(
    ("resources", "flags", "most"),
    [
        ("cpus = 1, licence = 1", ["-j4"], 2),
        ("cpus = 1, licence = 2", ["-j4"], 1),
        ("cpus = 1, memory = '2 GB'", ["-j4"], 2),
        ("cpus = 2", ["-j4"], 2),
        ("cpus = 1", ["-j1"], 1),
        ("cpus = 1", ["-j3"], 3),
    ],
)
def test_totals_and_jobs_are_respected(project, resources, flags, most):
    assert overlap(project, 5, resources, *flags) == most


def test_the_environment_variable_for_jobs_and_a_flag_beats_it(project, monkeypatch):
    monkeypatch.setenv("MLMAKE_JOBS", "1")
    assert overlap(project, 3, "cpus = 1") == 1
    assert overlap(project, 3, "cpus = 1", "-j3") == 3


def test_a_second_build_waits_and_names_the_first_and_a_query_does_not(project):
    project.mlfile(
        """
        [target.t]
        run = "cat gate > /dev/null; echo > t"
        outputs = ["t"]
        [target.u]
        run = "echo > u"
        outputs = ["u"]
        """
    )
    os.mkfifo(project.root / "gate")
    command = [sys.executable, "-m", "mlmake", "build"]
    first = subprocess.Popen([*command, "t"], cwd=project.root, stderr=subprocess.DEVNULL)
    with open(project.root / "gate", "w"):  # opens once the step reads
        said = project.command("plan")
        assert said.code == 0 and "t" in said.out
        second = subprocess.Popen([*command, "u"], cwd=project.root, stderr=subprocess.PIPE, text=True)
        told = select.select([second.stderr], [], [], 20)[0]
        line = second.stderr.readline() if told else ""
        assert str(first.pid) in line and "build t" in line, line
        assert second.poll() is None and not (project.root / "u").exists()
    assert first.wait(20) == 0
    second.communicate(timeout=20)
    assert second.returncode == 0 and (project.root / "u").exists()


DISTURBING = """
    [target.t]
    run = '''
    if test ! -e once; then touch once; COMMAND; fi
    {python} -c 'import lib'; cat in/* > out; echo > new
    '''
    inputs = ["in/", "in/a"]
    outputs = ["out", "new"]
"""


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ("echo 2 > in/b", "disturbed"),
        ("rm in/b", "disturbed"),
        ("echo > in/c", "disturbed"),
        ("mv in/b in/c", "disturbed"),
        ("touch in/a", "ran"),
        ("echo 1 > in/a", "ran"),
        ("echo > elsewhere", "ran"),
        ("{python} -c 'import lib'; echo V = 2 > lib.py", "disturbed"),
    ],
)
def test_what_disturbs_and_what_does_not(project, command, outcome):
    for name in "ab":
        project.write(f"in/{name}", "1\n")
    project.write("lib.py", "V = 1\n")
    project.mlfile(DISTURBING.replace("COMMAND", command))
    built = project.build(code=1 if outcome == "disturbed" else 0)
    assert built.outcome("t") == outcome, built.detail("t")
    assert project.build().outcome("t") == ("ran" if outcome == "disturbed" else "skipped")
    assert project.build().skipped == {"t"}


def test_what_mlmake_itself_restores_disturbs_nobody(project):
    project.write("src", "1")
    project.mlfile(
        """
        [target.a]
        run = "cp src a"
        inputs = ["src"]
        outputs = ["a"]
        [target.b]
        run = "cp a b; cat a > again"
        inputs = [":a"]
        outputs = ["b", "again"]
        """
    )
    project.build()
    (project.root / "a").unlink()
    built = project.build("--force", "b")
    assert built.restored == {"a"} and built.ran == {"b"}
