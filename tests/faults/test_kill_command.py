"""The command killed or refused at every change it makes to the disk, from within and by a tracer, and at random."""

import json
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aftermath import Project, needs, no_trace, of_all_kinds

DYING = str(Path(__file__).with_name("dying.py"))
# Built before; then a first build, an edit, or an edit taken back.
SCENES = ("fresh", "edit", "restore")


@pytest.fixture
def scene(tmp_path):
    """Gives a maker of copies of a project in which the next build has something to do."""
    built = of_all_kinds(tmp_path / "p")
    built.heals()
    more = "x\ny\n"
    twice = built.copy("twice")
    twice.put("data/three.txt", more)
    twice.build()
    (twice.root / "data/three.txt").unlink()
    del twice.mine["data/three.txt"]

    def make(kind, name):
        project = (twice if kind == "restore" else built).copy(f"{kind}-{name}")
        if kind == "edit":
            project.put("data/three.txt", more)
        if kind == "fresh":
            shutil.rmtree(project.root / ".mlmake")
            shutil.rmtree(project.root / "build")
        return project

    return make


def strike(project, what, point, told):
    """Run a build to which something happens at this point; False if it has fewer points."""
    told.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, DYING, what, str(point), str(told), "build"], cwd=project.root, env=project.environ(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    no_trace(done.stdout + done.stderr)
    if told.exists():
        assert what not in ("kill", "torn") or told.read_text().endswith(" 0"), "it should have died"
        return told.read_text().endswith(" 1")
    assert done.returncode == -signal.SIGKILL, done.stderr
    return True


def sweep(scene, kind, what, told, points):
    """Strike at these points until there are no more; gives how often."""
    count = 0
    for point in points:
        project = scene(kind, f"{what}{point}")
        kept = project.objects()
        struck = strike(project, what, point, told)
        if struck:
            count += 1
            try:
                project.heals(kept=kept)
            except AssertionError as error:
                raise AssertionError(f"{what} at change {point} of {kind}: {error}") from error
        shutil.rmtree(project.root)
        if not struck:
            return count
    return count


@pytest.mark.parametrize(
    ("kind", "what", "first", "step"),
    [
        ("fresh", "kill", 60, 45),
        ("edit", "kill", 20, 41),
        ("restore", "kill", 12, 14),
        ("edit", "torn", 9, 60),
        ("edit", "ENOSPC", 7, 60),
        ("restore", "EIO", 5, 19),
    ],
)
def test_row_2_a_fault_at_a_change_of_the_disk_heals(scene, tmp_path, kind, what, first, step):
    assert sweep(scene, kind, what, tmp_path / "told", range(first, 10_000, step)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("what", ["kill", "torn", "ENOSPC", "EIO"])
@pytest.mark.parametrize("kind", SCENES)
def test_row_2_a_fault_at_every_change_of_the_disk_heals(scene, tmp_path, kind, what):
    assert sweep(scene, kind, what, tmp_path / "told", range(1, 10_000)) >= 40


KILLED = [
    "rename", "unlink", "mkdir", "open", "openat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "fallocate",
]  # fmt: skip
UNUSED = ["renameat", "renameat2", "link", "linkat", "unlinkat", "mkdirat", "pwritev", "copy_file_range"]
REFUSED = ["rename", "mkdir", "write", "pwrite64", "fsync", "fdatasync"]


def trace(project, call, told, inject="", *, follow=True):
    """Run a build under a tracer; gives its end and the calls that the tracer saw."""
    words = ("-f",) if follow else ()
    wrap = ("strace", *words, "-qq", "-o", str(told), "-e", f"trace={call}", *(("-e", inject) if inject else ()))
    said = project.run("build", wrap=wrap)
    return said, told.read_text(errors="replace").splitlines()


def first_of_ours(scene, call, told):
    """The number of the first call of the main thread that is about the project: before it only imports are read."""
    project = scene("edit", f"seen-{call}")
    said, lines = trace(project, call, told, follow=False)
    assert said.code == 0
    ours = [number for number, line in enumerate(lines, 1) if ".mlmake" in line or "Mlfile" in line]
    shutil.rmtree(project.root)
    return ours[0] if ours and call in ("open", "openat", "write") else 1


def traced_sweep(scene, call, what, told, points):
    """Kill or refuse the K-th call of one thread, for these K; gives how often it was met."""
    met = 0
    for point in points:
        project = scene("edit", f"{call}{what}{point}")
        kept = project.objects()
        inject = f"inject={call}:{'signal=SIGKILL' if what == 'kill' else f'error={what}'}:when={point}"
        said, lines = trace(project, call, told, inject, follow=what == "kill")
        if not any("killed by SIGKILL" in line or "(INJECTED)" in line for line in lines):
            shutil.rmtree(project.root)
            return met
        met += 1
        assert said.code in (-signal.SIGKILL, 128 + signal.SIGKILL, 0, 1, 4), said
        try:
            project.heals(kept=kept)
        except AssertionError as error:
            raise AssertionError(f"{what} at {call} {point}: {error}") from error
        shutil.rmtree(project.root)
    return met


@needs("strace")
@pytest.mark.parametrize(
    ("call", "what", "points"),
    [("rename", "kill", (2,)), ("pwrite64", "kill", (3,)), ("fdatasync", "kill", (2,)), ("pwrite64", "ENOSPC", (2,))],
)
def test_row_2_a_traced_fault_heals(scene, tmp_path, call, what, points):
    assert traced_sweep(scene, call, what, tmp_path / "told", points) == len(points)


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize("call", KILLED)
def test_row_2_a_kill_at_every_system_call_heals(scene, tmp_path, call):
    if call == "open" and platform.machine() != "x86_64":
        pytest.skip("this machine has no such call")
    told = tmp_path / "told"
    met = traced_sweep(scene, call, "kill", told, range(first_of_ours(scene, call, told), 10_000))
    assert met or call in ("open", "fallocate", "ftruncate"), "it was never met"


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize("call", UNUSED)
def test_row_2_no_other_call_changes_the_disk(scene, tmp_path, call):
    """Where one of these is met after all, it is to be swept like the others; steps may use them."""
    told = tmp_path / "told"
    traced_sweep(scene, call, "kill", told, range(1, 10_000))
    assert trace(scene("edit", "own"), call, told, follow=False)[1] == [] or call == "unlinkat"


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize("what", ["ENOSPC", "EIO", "EACCES"])
@pytest.mark.parametrize("call", REFUSED)
def test_row_2_a_refusal_of_every_system_call_heals(scene, tmp_path, call, what):
    told = tmp_path / "told"
    assert traced_sweep(scene, call, what, told, range(first_of_ours(scene, call, told), 10_000))


TWENTY = """
[target.one]
inputs = ["in"]
outputs = { a = "out/a{n}", b = "out/b{n}" }
run = "echo {n} > {outputs.a}; sleep 0.02; cat in {outputs.a} > {outputs.b}"
matrix = { n = { param = "n" } }
[target.all]
inputs = [":one"]
outputs = ["out/all"]
run = "cat {inputs} > {outputs}"
[params]
n = 19
"""


@pytest.mark.parametrize("times", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_row_1_kills_at_random_times_heal(tmp_path, times):
    chance = random.Random(11)
    project = Project(tmp_path / "p").write(Mlfile=TWENTY)
    project.put("in", "0\n")
    project.build("-j", "4")
    begun = time.monotonic()
    project.put("in", "1\n")
    project.build("-j", "4")
    whole = time.monotonic() - begun
    for turn in range(times):
        project.put("in", f"turn {turn}\n")
        kept = project.objects()
        build = project.start("build", "-j", "4")
        try:
            build.wait(chance.random() * whole)
        except subprocess.TimeoutExpired:
            build.kill()
        build.communicate()
        done = [row["instance"] for row in json.loads(project.run("plan", "--all", "--json").out)["targets"]
                if row["decision"] == "skip"]  # fmt: skip
        for name in done:
            if name.startswith("one@"):
                number = name.rpartition("=")[2]
                assert (project.root / f"out/b{number}").read_text() == f"turn {turn}\n{number}\n", "done but not there"
        project.heals("-j", "4", kept=kept)


def test_numbers_are_the_same_before_and_after_they_are_remembered(tmp_path):
    """An interrupted build goes on from what is remembered: that must not look different from what was seen."""
    project = of_all_kinds(tmp_path / "p")
    project.put("steps.py", f'def count(a, total):\n    total.write_text(\'{{"n": 3, "big": 1{"0" * 400}}}\')\n')
    project.build()
    first = project.files()
    project.build("--force", "best")
    assert project.files() == first
    project.heals()
