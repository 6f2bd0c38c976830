import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a fresh clone would hold, with changes that are not committed yet."""
    folder = tmp_path / "a clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def run(checkout: Path, script: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, f"scripts/{script}.py"],
        cwd=checkout,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("content", ["nothing", "a broken interpreter", "another version"])
def test_an_environment_that_does_not_fit_is_left_alone(checkout: Path, content: str) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)
    if content != "nothing":
        python = checkout / ".venv/bin/python"
        python.write_text("#!/bin/sh\n" + ("exit 1\n" if content == "a broken interpreter" else "echo 3.9\n"))
        python.chmod(0o755)
    before = sorted((checkout / ".venv").rglob("*"))
    ran = run(checkout, "demo")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert ran.returncode == 1
    assert ran.stderr == f"{checkout}/.venv holds no working Python {version}; move it away and run this again\n"
    assert sorted((checkout / ".venv").rglob("*")) == before


@pytest.mark.slow
def test_the_demo_runs_on_a_fresh_clone_and_again(checkout: Path, tmp_path: Path) -> None:
    """Needs a package registry. What PYTHONPATH offers is no part of it."""
    (tmp_path / "offered").mkdir()
    (tmp_path / "offered/click.py").write_text("raise RuntimeError('from outside')")
    first = run(checkout, "demo", PYTHONPATH=str(tmp_path / "offered"))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "installing into .venv" in first.stdout
    found = re.search(r"answer (\d) \(\d+% sure\), true label (\d)\nanswered by train@\S+ and train@\S+", first.stdout)
    assert found
    assert found[1] == found[2]
    assert first.stdout.endswith("server stopped\n")
    again = run(checkout, "demo")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "installing" not in again.stdout
    assert found[0] in again.stdout


@pytest.mark.slow
def test_pip_from_outside_fills_an_environment_without_its_own(checkout: Path) -> None:
    """What a Python without ensurepip comes to, as Debian splits it off."""
    (checkout / "scripts/without.py").write_text(
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'ensurepip' else find(name, *rest)\n"
        "from environment import python\n"
        "print(python())\n"
    )
    ran = run(checkout, "without")
    assert ran.returncode == 0, ran.stderr
    python = checkout / ".venv/bin/python"
    assert ran.stdout.splitlines()[-1] == str(python)
    code = "import importlib.util as u, mlmake, sklearn; print(u.find_spec('pip'), mlmake.__file__)"
    told = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == f"None {checkout}/mlmake/__init__.py\n"
