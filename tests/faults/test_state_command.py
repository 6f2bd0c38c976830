"""The command on full disks and with a state that is damaged, foreign or newer."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import lmdb
import pytest
from aftermath import MLMAKE, Project, disk, end, fill, kill_marked, marked, needs, of_all_kinds, wait_for

BIG = """
[target.big]
outputs = ["out/{n}"]
run = "head -c 3000000 /dev/zero | tr '\\\\0' {n} > {outputs}"
matrix = { n = ["1", "2", "3", "4", "5"] }
[target.all]
inputs = [":big"]
outputs = ["out/all"]
run = "cat {inputs} | wc -c > {outputs}"
"""


def test_row_3_a_full_store_costs_one_warning(tmp_path):
    with disk(tmp_path / "cache", "8m") as place:
        project = Project(tmp_path / "p", {"MLMAKE_CACHE_DIR": str(place)}).write(Mlfile=BIG)
        said = project.run("-j", "1")
        assert said.code == 0
        assert said.err.count("disk full at") == said.err.count("warning") == 1, said.err
        assert f"disk full at {place}: make room or move the store with MLMAKE_CACHE_DIR" in said.err
        assert (project.root / "out/all").read_text() == "15000000\n"
        assert len(project.objects()) == 2, "what was kept before is whole, and nothing else is there"
        project.heals(kept=project.objects())


def test_row_4_a_disk_full_from_the_start_is_said(tmp_path):
    project = of_all_kinds(tmp_path / "p")
    with disk(project.root / ".mlmake", "4m") as place:
        ballast = fill(place)
        for words in (["build"], ["build", "--json"]):
            said = project.run(*words)
            assert said.code == 4 and "disk full" in said.err and str(place) in said.err, said
        assert not (project.root / "build").exists()
        ballast.unlink()
        project.heals()


@pytest.mark.parametrize("left", [0, 4096, 16384])
def test_row_4_a_disk_that_fills_up_meanwhile_is_said_and_nothing_is_left_running(tmp_path, left):
    mark = f"86400.{os.getpid()}{left}"
    slow = "\n[target.slow]\noutputs = ['build/slow']\nrun = \"{params.wait}; echo > {outputs}\"\n"
    project = of_all_kinds(tmp_path / "p")
    project.put("Mlfile", project.mine["Mlfile"].decode().replace("n = 3", "n = 3\nwait = 'true'", 1) + slow.replace(
        "{params.wait}", "sh -c {params.wait}"))  # fmt: skip
    with disk(project.root / ".mlmake", "4m") as place:
        project.build()
        kept = project.objects()
        project.put("data/three.txt", "x\ny\n")
        ballast = fill(place)
        with open(ballast, "r+b") as file:
            file.truncate(os.path.getsize(ballast) - left)
        try:
            said = project.run("build", "-j", "4", "--set", f"wait=sleep {mark}", timeout=30)
            assert said.code in (1, 4) and ("disk full" in said.err or "No space left" in said.err), said
            assert str(place) in said.err
            assert marked(mark) == []
        except subprocess.TimeoutExpired:
            # There was room enough for all but the slow one.
            assert left > 16384
        finally:
            kill_marked(mark)
        ballast.unlink()
        project.heals(kept=kept)


def test_row_6_the_state_grows_in_silence(tmp_path):
    project = Project(tmp_path / "p").write(
        Mlfile="[target.count]\ninputs = ['data/']\noutputs = ['n']\nrun = 'ls data | wc -l > n'\n"
    )
    for number in range(3000):
        project.put(f"data/{number}", str(number))
    small = (
        "import functools, mlmake.app as app; app.open_state = functools.partial(app.open_state, map_size=65536);"
        "import sys; from mlmake.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", small, "build"], cwd=project.root, env=project.environ(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "") and "ran" in done.stderr and "warning" not in done.stderr
    assert (project.state_dir / "state" / "data.mdb").stat().st_size > 65536
    project.heals()


def truncate(data):
    os.truncate(data, data.stat().st_size // 2)


def zero_pages(data):
    with open(data, "r+b") as file:
        # All but the two meta pages: any smaller part may be pages that nothing refers to.
        file.seek(2 * 4096)
        file.write(bytes(data.stat().st_size - 2 * 4096))


def garbage(data):
    data.write_bytes(random.Random(1).randbytes(100_000))


def text(data):
    data.write_text("hello\n" * 5000)


def empty(data):
    os.truncate(data, 0)


@pytest.mark.parametrize("damage", [truncate, zero_pages, garbage, text, empty])
def test_rows_7_and_8_a_damaged_state_is_rebuilt(tmp_path, damage):
    project = of_all_kinds(tmp_path / "p")
    project.build()
    kept, data = project.objects(), project.state_dir / "state" / "data.mdb"
    damage(data)
    spoiled = data.read_bytes()
    for words in (["plan"], ["status"], ["why", "best"]):
        said = project.run(*words)
        assert said.code == 0 and "state is damaged, the next build rebuilds it" in said.err, said
    assert data.read_bytes() == spoiled
    said = project.run()
    assert said.code == 0
    assert said.err.count("state was damaged, rebuilt (kept as state.corrupt-") == 1, said.err
    assert "ran" not in said.err, "nothing is lost with the state alone"
    (corrupt,) = project.state_dir.glob("state.corrupt-*")
    assert corrupt.read_bytes() == spoiled
    project.heals(kept=kept)


@pytest.mark.parametrize("content", [b"\xff" * 8192, b"\xff" * 100, b"", None])
def test_row_9_the_state_s_lock_file_may_be_anything(tmp_path, content):
    project = of_all_kinds(tmp_path / "p")
    project.build()
    lock = project.state_dir / "state" / "lock.mdb"
    lock.unlink() if content is None else lock.write_bytes(content)
    assert project.run("plan", "--check").code == 0
    assert project.heals().summary["ran"] == 0


@pytest.mark.parametrize("kind", ["schema", "format"])
def test_row_10_a_newer_state_is_named_and_untouched(tmp_path, kind):
    project = of_all_kinds(tmp_path / "p")
    project.build()
    good = shutil.copytree(project.state_dir / "state", tmp_path / "good")
    folder, data = str(project.state_dir / "state"), project.state_dir / "state" / "data.mdb"
    if kind == "schema":
        with lmdb.open(folder, max_dbs=8, lib_version=0) as environment:
            meta = environment.open_db(b"meta")
            with environment.begin(write=True) as transaction:
                transaction.put(b"schema", b"999", db=meta)
    else:
        data.unlink()
        with lmdb.open(folder, lib_version=1) as environment, environment.begin(write=True) as transaction:
            transaction.put(b"a", b"b")
    before = data.read_bytes()
    for words in (["build"], ["plan"], ["status"], ["why", "best"]):
        said = project.run(*words)
        assert said.code == 4 and "created by a newer mlmake" in said.err, said
        assert len(said.err.splitlines()) == 1, said.err
    assert data.read_bytes() == before
    shutil.rmtree(folder)
    shutil.copytree(good, folder)
    project.heals()


def test_a_lost_state_costs_nothing(tmp_path):
    project = of_all_kinds(tmp_path / "p")
    project.build()
    shutil.rmtree(project.state_dir / "state")
    assert project.heals().summary["ran"] == 0


@needs("strace")
@pytest.mark.parametrize(("calls", "code"), [("fsync", 0), ("fdatasync", 4), ("fsync,fdatasync", 4)])
def test_row_5_a_disk_that_cannot_flush_remembers_nothing(tmp_path, calls, code):
    tracer = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO")
    project = of_all_kinds(tmp_path / "p")
    project.build()
    kept = project.objects()
    project.put("data/three.txt", "x\ny\n")
    said = project.run("build", wrap=tracer)
    assert said.code == code and "Input/output error" in said.err, said
    if code:
        assert project.run("plan", "--check").code == 3, "what could not be recorded is to be done"
        assert " ran " not in said.err, "nothing was said to be done"
    project.heals(kept=kept)


def test_row_11_the_second_build_waits_and_names_the_first(tmp_path):
    log = tmp_path / "log"
    project = Project(tmp_path / "p").write(
        Mlfile=f"[target.a]\ninputs = ['go']\noutputs = ['out']\n"
        f'run = "echo x >> {log}; while ! test -e {tmp_path}/on; do sleep 0.01; done; cat go > out"\n'
    )
    project.put("go", "1")
    (tmp_path / "on").touch()
    project.build()
    (tmp_path / "on").unlink()
    project.put("go", "2")
    first = project.start("build", "a")
    wait_for(lambda: log.read_text() == "x\nx\n")
    second = project.start("build", "--json", "-j", "2")
    line = second.stderr.readline()
    assert line == f"notice: locked by pid {first.pid} (mlmake build a): waiting for it to end\n"
    for words in (["plan"], ["status"], ["why", "a"], ["path", "a"], ["list"]):
        began = time.monotonic()
        assert project.run(*words).code == 0
        assert time.monotonic() - began < 10 and first.poll() is None, "queries never wait"
    (tmp_path / "on").touch()
    assert end(first).code == 0
    late = end(second)
    assert late.code == 0 and late.summary["ran"] == 0 and late.summary["skipped"] == 1, late
    assert log.read_text() == "x\nx\n"
    project.heals()


def test_row_11_builds_that_start_together_run_everything_once(tmp_path):
    log = tmp_path / "log"
    project = Project(tmp_path / "p").write(
        Mlfile=f"[target.a]\noutputs = ['out/{{n}}']\nrun = \"echo {{n}} >> {log}; echo {{n}} > {{outputs}}\"\n"
        "[target.a.matrix]\nn = [1, 2, 3, 4, 5, 6, 7, 8]\n"
    )
    builds = [project.start("build", "--json") for _ in range(4)]
    assert [end(build, timeout=40).code for build in builds] == [0] * 4
    assert sorted(log.read_text().split()) == list("12345678")
    log.unlink()
    project.heals()


def test_row_12_a_killed_holder_leaves_no_lock_and_no_process(tmp_path):
    mark = f"86401.{os.getpid()}"
    project = of_all_kinds(tmp_path / "p")
    project.put("wait", "true")
    slow = b"[target.slow]\ninputs = ['wait']\noutputs = ['o']\nrun = 'sh wait; echo > o'\n"
    project.put("Mlfile", project.mine["Mlfile"] + slow)
    project.build()
    project.put("wait", f"echo half > o; sleep {mark} & sleep {mark}; wait")
    build = project.start("build")
    try:
        wait_for(lambda: len(marked(mark)) >= 2)
        build.kill()
        build.communicate()
        project.put("wait", "true")
        said = project.run()
        assert said.code == 0 and "locked by" not in said.err, said
        assert "a build that was killed had left steps running, which were ended" in said.err
        assert marked(mark) == []
    finally:
        kill_marked(mark)
    project.heals()


def test_the_module_is_the_command(tmp_path):
    said = Project(tmp_path / "p").run("--version")
    assert (said.code, said.err) == (0, "") and said.out.startswith("mlmake ") and MLMAKE[2] == "mlmake"


def test_the_step_of_a_lost_log_runs(tmp_path):
    """No room for the log costs the log."""
    project = of_all_kinds(tmp_path / "p")
    with disk(project.state_dir / "runs", "16k") as place:
        fill(place)
        said = project.run()
        assert said.code in (0, 1, 4), said
        if said.code:
            assert str(place) in said.err and ("disk full" in said.err or "No space left" in said.err), said.err
    project.heals()
    assert Path(project.root, "build/best.json").exists()
