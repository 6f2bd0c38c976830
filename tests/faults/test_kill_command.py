"""The command killed or refused at every change it makes to the disk, from within and by a tracer, and at random."""

import itertools
import json
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from compileall import compile_dir
from pathlib import Path

import pytest
from aftermath import Project, needs, no_trace, of_all_kinds
from sweeping import Sweep, spread
from tracing import calls_in, longest, struck, tracer

import mlmake

DYING = str(Path(__file__).with_name("dying.py"))
# Built before; then a first build, an edit, or an edit taken back.
SCENES = ("fresh", "edit", "restore")
MORE = "x\ny\n"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Gives a maker of copies of a project in which the next build has something to do."""
    # The commands are started without leave to write bytecode, and of a fresh checkout there is none.
    compile_dir(str(Path(mlmake.__file__).parent), quiet=2)
    tmp_path = tmp_path_factory.mktemp("scenes")
    built = of_all_kinds(tmp_path / "p")
    built.heals()
    scenes = {"restore": undone(built, "twice")}

    numbers = itertools.count()

    def make(kind, name):
        if kind in ("tools", "linked") and kind not in scenes:
            scenes[kind] = {"tools": with_tools, "linked": with_links}[kind](tmp_path / kind)
        project = scenes.get(kind, built).copy(f"{kind}-{name}-{next(numbers)}")
        if kind in ("edit", "tools"):
            project.put("data/three.txt", MORE)
        if kind == "fresh":
            shutil.rmtree(project.root / ".mlmake")
            shutil.rmtree(project.root / "build")
        return project

    return make


def undone(built, name):
    """A project in which an edit was built and then taken back."""
    project = built.copy(name)
    project.put("data/three.txt", MORE)
    project.build()
    (project.root / "data/three.txt").unlink()
    del project.mine["data/three.txt"]
    return project


def with_links(root):
    """A project whose outputs are put back as links to the store."""
    project = of_all_kinds(root)
    project.put("Mlfile", b'[cache]\nlink = "hardlink,copy"\n' + project.mine["Mlfile"])
    project.build()
    return undone(project, "linked-twice")


TOOLS = """
[target.tools]
inputs = ["data/"]
outputs = { tree = "build/tree/" }
run = '''
mkdir {outputs.tree}; cp -r data/. {outputs.tree}; mv {outputs.tree}/one.txt {outputs.tree}/moved.txt
ln {outputs.tree}/moved.txt {outputs.tree}/linked.txt; mkdir {outputs.tree}/a; rm -r {outputs.tree}/a
{python} raw.py {outputs.tree}; cat data/* > {outputs.tree}/all.txt
'''
"""
# What the programs above use differs from system to system, so all of these are made once more, by their names.
RAW = """
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
folder = os.open(sys.argv[1], os.O_RDONLY)


class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]


def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


call("renameat", folder, b"moved.txt", folder, b"again.txt")
call("renameat2", folder, b"again.txt", folder, b"moved.txt", 1)
call("linkat", folder, b"moved.txt", folder, b"third.txt", 0)
call("link", os.fsencode(sys.argv[1]) + b"/moved.txt", os.fsencode(sys.argv[1]) + b"/fourth.txt")
call("mkdirat", folder, b"b", 0o755)
call("unlinkat", folder, b"third.txt", 0)
parts = os.open(sys.argv[1] + "/parts.txt", os.O_WRONLY | os.O_CREAT)
call("pwritev", parts, ctypes.byref(Part(b"text", 4)), 1, ctypes.c_long(0))
if os.uname().machine == "x86_64":
    call("syscall", 2, os.fsencode(sys.argv[1]) + b"/opened.txt", os.O_WRONLY | os.O_CREAT, 0o644)
"""


def with_tools(root):
    """A built project with a step whose programs use the calls that mlmake does not."""
    project = Project(root).write(Mlfile=TOOLS, raw_py=RAW)
    project.put("data/one.txt", "1\n")
    project.put("data/two.txt", "2\n")
    project.build()
    return project


def die(project, what, where, told):
    """Run a build to which something happens here; gives how it ended and what it told."""
    told.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, DYING, what, where, str(told), "build"], cwd=project.root, env=project.environ(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    no_trace(done.stdout + done.stderr)
    assert "[Errno" not in done.stderr, done.stderr
    return done, json.loads(told.read_text())


def sweep(scene, kind, what, told, limit):
    """Strike at all changes of the disk, or at so many."""
    project = scene(kind, f"{what}-all")
    _, places = die(project, what, "0 ", told)
    shutil.rmtree(project.root)
    wheres = [f"{places[: n + 1].count(place)} {place}" for n, place in enumerate(places)]

    def happen(project, point):
        done, place = die(project, what, wheres[point - 1], told)
        if not isinstance(place, str):
            return None
        killed = what in ("kill", "torn")
        assert killed == (done.returncode == -signal.SIGKILL), done
        assert killed or done.returncode in (0, 1, 4), done
        return place

    chosen = Sweep(f"{kind} {what}", places, spread(places, limit), set(places))
    chosen.strike(lambda point: scene(kind, f"{what}{point}"), happen).assert_met()


@pytest.mark.parametrize(("kind", "what"), [
    ("fresh", "kill"), ("edit", "kill"), ("restore", "kill"), ("edit", "torn"), ("edit", "ENOSPC"), ("restore", "EIO"),
])  # fmt: skip
def test_row_2_a_fault_at_a_change_of_the_disk_heals(scene, tmp_path, kind, what):
    _, places = die(scene(kind, f"{what}-few"), what, "0 ", tmp_path / "told")
    for part in (3, 2):
        place = places[len(places) // part]
        project = scene(kind, f"{what}-part{part}")
        kept = project.objects()
        _, met = die(project, what, f"1 {place}", tmp_path / "told")
        assert met == place
        project.heals(kept=kept)


SAID = {
    "open .mlmake/lock": "mlmake: cannot lock {root}/.mlmake/lock: No space left on device: make room there",
    "rename build/a.txt → .mlmake/aside/N-N":
        "✗ failed     split  0.0 s  its outputs cannot be prepared: {root}/build/a.txt: No space left on device",
    "open .mlmake/runs/RUN/logs/split.log":
        "✗ failed     split  0.0 s  {root}/.mlmake/runs/RUN/logs/split.log: the log cannot be written: "
        "No space left on device; free the disk or mend the permissions",
    "mkdir .mlmake/aside/stage-N-N":
        "✗ failed     best  0.0 s  its manifest cannot be written: {root}/.mlmake/aside/stage-N-N: "
        "No space left on device",
    "open .mlmake/runs/RUN/events.jsonl":
        "warning: the events of this run are not kept: {root}/.mlmake/runs/RUN/events.jsonl: No space left on device",
    "write .mlmake/cache/tmp/H-N-N":
        "warning: the build goes on without keeping results in the store: disk full at {root}/.mlmake/cache: "
        "make room or move the store with MLMAKE_CACHE_DIR",
}  # fmt: skip


@pytest.mark.parametrize("place", SAID)
def test_what_the_disk_refuses_is_said_with_its_place_and_cause(scene, tmp_path, place):
    project = scene("edit", "said")
    done, met = die(project, "ENOSPC", f"1 {place}", tmp_path / "told")
    assert met == place
    said = [line.replace(str(project.root), "{root}") for line in done.stderr.splitlines() if not line.startswith("✓")]
    said = [re.sub(r"stage-\d+-\d+", "stage-N-N", re.sub(r"runs/[^/]+", "runs/RUN", line)) for line in said]
    assert [line for line in said if not re.match(r"\d|○ blocked", line)] == [SAID[place]]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["kill", "torn", "ENOSPC", "EIO", "EACCES"])
@pytest.mark.parametrize("kind", SCENES)
def test_row_2_a_fault_at_every_change_of_the_disk_heals(scene, tmp_path, limit, kind, what):
    sweep(scene, kind, what, tmp_path / "told", limit)


OWN = [
    ("edit", "rename"), ("edit", "unlink"), ("edit", "unlinkat"), ("edit", "rmdir"), ("edit", "mkdir"),
    ("edit", "openat"), ("edit", "write"), ("edit", "writev"), ("edit", "pwrite64"), ("edit", "ftruncate"),
    ("edit", "fsync"), ("edit", "fdatasync"), ("fresh", "fallocate"), ("linked", "link"),
]  # fmt: skip
"""What mlmake itself calls, and where."""

OTHERS = ["open", "renameat", "renameat2", "link", "linkat", "mkdirat", "unlinkat", "pwritev", "copy_file_range"]
"""What programs of steps may call; mlmake does not, but for two of them."""

REFUSED = [
    "rename", "mkdir", "write", "writev", "pwrite64", "ftruncate", "fsync", "fdatasync", "unlink", "unlinkat", "rmdir",
    "openat",
]  # fmt: skip
X86 = {"open", "rename", "link", "unlink", "mkdir", "rmdir"}
"""Calls that other machines do not have."""


def trace(project, call, told, inject="", *, follow=True):
    """Run a build under a tracer."""
    return project.run("build", wrap=tracer(told, call, inject, follow=follow))


def seen(scene, kind, call, told, *, follow=True):
    """The calls of an undisturbed build."""
    project = scene(kind, "seen")
    assert trace(project, call, told, follow=follow).code == 0
    shutil.rmtree(project.root)
    return calls_in(told, project.root)


def about_the_project(site):
    """Whether a call is about the project; most others read programs and modules, of which Python looks here too."""
    return " /" not in site and not site.endswith((" .", " "))


def traced_sweep(scene, kind, call, what, told, *, limit=None, follow=True, points=None):
    """Kill or refuse the K-th call of one thread, for all K that there are, or these.

    Of what is opened only what is of the project: the others are hundreds of modules.
    """
    if call in X86 and platform.machine() != "x86_64":
        pytest.skip("this machine has no such call")
    everything = seen(scene, kind, call, told, follow=follow)
    calls = longest(everything)
    sites = [made.site for made in calls]
    points = points or spread(sites, limit, within=about_the_project if call == "openat" else lambda site: True)

    def happen(project, point):
        inject = f"{call}:{'signal=SIGKILL' if what == 'kill' else f'error={what}'}:when={point}"
        said = trace(project, call, told, inject, follow=follow)
        site = struck(told, project.root, call)
        assert site is None or said.code in (-signal.SIGKILL, 128 + signal.SIGKILL, 0, 1, 4), said
        return site

    known = {made.site for made in everything if made.own and about_the_project(made.site)}
    known |= {sites[point - 1] for point in points}
    chosen = Sweep(f"{kind} {call} {what}", sites, points, known)
    return chosen.strike(lambda point: scene(kind, f"{call}{what}{point}"), happen)


@needs("strace")
@pytest.mark.parametrize(
    ("call", "what", "points"),
    [("rename", "kill", [2]), ("pwrite64", "kill", [3]), ("fdatasync", "kill", [2]), ("pwrite64", "ENOSPC", [2])],
)
def test_row_2_a_traced_fault_heals(scene, tmp_path, call, what, points):
    assert len(traced_sweep(scene, "edit", call, what, tmp_path / "told", points=points).met) == len(points)


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "call"), OWN)
def test_row_2_a_kill_at_every_call_heals(scene, tmp_path, limit, kind, call):
    told = tmp_path / "told"
    assert any(made.own for made in seen(scene, kind, call, told)), "it is never made"
    traced_sweep(scene, kind, call, "kill", told, limit=limit).assert_met()


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize("call", OTHERS)
def test_row_2_a_kill_at_every_call_of_a_step_s_programs_heals(scene, tmp_path, limit, call):
    told = tmp_path / "told"
    assert any(not made.own for made in seen(scene, "tools", call, told)), "no program makes it"
    traced_sweep(scene, "tools", call, "kill", told, limit=limit).assert_met()


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize("kind", [*SCENES, "tools", "linked"])
def test_row_2_nothing_else_changes_the_disk(scene, tmp_path, kind):
    """What mlmake itself never calls needs no sweep of its own; were it called, it would."""
    all_calls = {call for _, call in OWN} | set(OTHERS) | {"symlink", "symlinkat", "sendfile", "splice", "msync"}
    own = Counter(call.name for call in seen(scene, kind, ",".join(sorted(all_calls)), tmp_path / "told") if call.own)
    assert own.keys() <= {call for _, call in OWN}, own


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize("what", ["ENOSPC", "EIO", "EACCES"])
@pytest.mark.parametrize("call", REFUSED)
def test_row_2_a_refusal_of_every_call_heals(scene, tmp_path, limit, call, what):
    traced_sweep(scene, "edit", call, what, tmp_path / "told", limit=limit, follow=False).assert_met()


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
