"""Programs and packages that are missing, too old or broken."""

import sys

import pytest

from mlmake.host import installed
from mlmake.model.finding import Severity

REQUIRED = [
    "click>=8.1",
    "lmdb<4,>=3.0",
    "ray[default] >= 2.6 ; extra == 'ray'",
    'dask (>=2026.1); python_version >= "3.11" and extra == "dask"',
]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (REQUIRED[0], ("click", ">=8.1", None)),
        (REQUIRED[1], ("lmdb", "<4,>=3.0", None)),
        (REQUIRED[2], ("ray", ">= 2.6", "ray")),
        (REQUIRED[3], ("dask", ">=2026.1", "dask")),
        ("types-PyYAML", ("types-PyYAML", "", None)),
    ],
)
def test_requirements_are_read(text, parts):
    assert installed.parsed(text) == parts


def test_packages_that_fit_are_fine_and_others_are_named():
    there = {"click": "8.2", "lmdb": "3.1", "dask": "2025.1"}
    own, ray, dask = installed.packages(REQUIRED, there.get)
    assert own.what == "all 2 packages that mlmake needs are there, in versions it was made for"
    assert (ray.check, ray.severity, ray.what) == ("extra-ray", Severity.NOTE, "ray is missing (extra ray)")
    assert (dask.what, dask.mend) == ("dask is 2025.1, not >=2026.1 (extra dask)", "pip install 'mlmake[dask]'")
    own = installed.packages(REQUIRED, {"lmdb": "4.0"}.get)[0]
    assert (own.severity, own.what) == (Severity.PROBLEM, "click is missing; lmdb is 4.0, not <4,>=3.0")


def test_the_packages_of_this_machine_fit():
    wanted, required = installed.requirements()
    assert wanted == ">=3.11"
    assert installed.packages(required)[0].severity is Severity.OK
    assert installed.python(wanted, version="3.13.1").severity is Severity.OK
    assert installed.python(wanted, version="3.10.9").severity is Severity.PROBLEM


def test_an_mlmake_that_was_not_installed_is_noted(monkeypatch):
    monkeypatch.setattr(installed, "OWN", "mlmake-that-is-not-there")
    assert installed.requirements() == ("", ())
    assert installed.packages(())[0].severity is Severity.NOTE


def test_an_interpreter_is_run(tmp_path):
    assert installed.interpreter(sys.executable).severity is Severity.OK
    missing = installed.interpreter(str(tmp_path / "bin/python"))
    assert (missing.severity, missing.what.rpartition(": ")[2]) == (Severity.PROBLEM, "No such file or directory")
    broken = program_at(tmp_path / "python", "echo it is broken >&2; exit 3")
    assert installed.interpreter(broken).what == f"{broken} does not run: exit code 3, it is broken"


def test_an_interpreter_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(installed, "WAIT", 0.05)
    hanging = program_at(tmp_path / "python", "exec sleep 60")
    assert "no answer within" in installed.interpreter(hanging).what


def program_at(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_modules_to_preload_are_looked_for_and_not_imported(tmp_path):
    (tmp_path / "mine.py").write_text("raise SystemExit(9)\n")
    root = str(tmp_path)
    assert installed.modules(sys.executable, [], root=root) is None
    assert installed.modules(sys.executable, ["json.tool", "mine"], root=root).severity is Severity.OK
    found = installed.modules(sys.executable, ["json", "torchh.nn"], root=root)
    assert (found.severity, found.what) == (Severity.PROBLEM, f"{sys.executable} does not find torchh.nn")
    assert installed.modules(str(tmp_path / "none"), ["json"], root=root) is None


def test_programs_are_asked_for_their_version(tmp_path, monkeypatch):
    assert installed.program("sh-that-is-not-there", why="w").severity is Severity.NOTE
    program_at(tmp_path / "make", "echo 'Make of this test 1.0'; echo more")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed.program("make", why="w").what == "Make of this test 1.0"
    assert installed.program("git", why="w").what == "git does not run: No such file or directory"


def test_the_shell_is_tried(tmp_path):
    assert installed.shell(["bash", "-euo", "pipefail", "-c"]).severity is Severity.OK
    silent = program_at(tmp_path / "shell", "exit 0")
    assert installed.shell([silent, "-c"]).severity is Severity.PROBLEM
    assert installed.shell([str(tmp_path / "none"), "-c"]).what.endswith("No such file or directory")
