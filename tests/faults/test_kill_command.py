"""The command killed or refused at every change it makes to the disk, from within and by a tracer, and at random."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aftermath import no_trace, of_all_kinds

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


@pytest.mark.parametrize(("kind", "what", "first", "step"), [
    ("fresh", "kill", 60, 45), ("edit", "kill", 20, 29), ("restore", "kill", 12, 14), ("edit", "torn", 9, 53),
])  # fmt: skip
def test_row_2_a_kill_at_a_change_of_the_disk_heals(scene, tmp_path, kind, what, first, step):
    assert sweep(scene, kind, what, tmp_path / "told", range(first, 10_000, step)) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("what", ["kill", "torn"])
@pytest.mark.parametrize("kind", SCENES)
def test_row_2_a_kill_at_every_change_of_the_disk_heals(scene, tmp_path, kind, what):
    assert sweep(scene, kind, what, tmp_path / "told", range(1, 10_000)) >= 50


def test_numbers_are_the_same_before_and_after_they_are_remembered(tmp_path):
    """An interrupted build goes on from what is remembered: that must not look different from what was seen."""
    project = of_all_kinds(tmp_path / "p")
    project.put("steps.py", f'def count(a, total):\n    total.write_text(\'{{"n": 3, "big": 1{"0" * 400}}}\')\n')
    project.build()
    first = project.files()
    project.build("--force", "best")
    assert project.files() == first
    project.heals()
