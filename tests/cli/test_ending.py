"""How commands end: one message, the right code, never a traceback."""

import errno
import os
import subprocess
import sys

import click
import pytest

from mlmake.cli.ending import code_of, machine
from mlmake.ports import StateTrouble


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (KeyboardInterrupt(), 130, "mlmake: interrupted\n"),
        (click.Abort(), 130, "mlmake: interrupted\n"),
        (StateTrouble("state of a newer mlmake (schema 9) in .mlmake"), 4, None),
        (OSError(errno.ENOSPC, "x", "/mnt/full/a"), 4, "mlmake: /mnt/full/a: disk full; make room there\n"),
        (
            PermissionError(errno.EACCES, "x", "build/a"),
            4,
            "mlmake: build/a: Permission denied; look who owns it and what its mode is\n",
        ),
        (OSError("no number"), 4, "mlmake: no number\n"),
        (click.exceptions.Exit(3), 3, ""),
    ],
)
def test_an_exception_becomes_a_message_and_a_code(error, code, text, capsys):
    assert code_of(error) == code
    if text is not None:
        assert capsys.readouterr().err == text


def test_the_exceptions_of_the_project(stage, mlmake):
    module = sys.modules["mlmake.app"]
    stage.error = module.MlfileMistakes("Mlfile:1:1: bad\n    x\n    ^\nhint: y\n")
    assert vars(mlmake("plan")) == {"code": 2, "out": "", "err": stage.error.text}
    stage.error = module.Usage("no target a\nno target b")
    assert vars(mlmake("plan")) == {"code": 2, "out": "", "err": "mlmake: no target a\nmlmake: no target b\n"}


def test_a_bug_is_one_line_and_its_trace_in_the_state(stage, mlmake, tmp_path):
    (tmp_path / ".mlmake").mkdir()
    stage.error = ZeroDivisionError("by \x1b[2J zero")
    said = mlmake("plan")
    assert said.code == 4
    (trace,) = (tmp_path / ".mlmake").glob("bug-*.txt")
    assert said.err == f"mlmake: a bug in mlmake: ZeroDivisionError: by \\x1b[2J zero; the trace is in {trace}\n"
    assert "Traceback" in trace.read_text()


def test_a_bug_without_a_state_is_kept_in_the_temporary_folder(stage, mlmake, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    stage.error = RecursionError("deep")
    said = mlmake("plan")
    assert (said.code, said.err.count("\n")) == (4, 1)
    assert len(list((tmp_path / "tmp").glob("bug-*.txt"))) == 1


def test_both_places_of_a_rename_are_named():
    assert machine(OSError(errno.EROFS, "x", "a", None, "b")).startswith("a → b: Read-only file system; ")


@pytest.mark.parametrize("words", [["schema"], ["--help"], ["init", "p"]])
def test_a_closed_pipe_ends_quietly(words, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mlmake", *words], stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_unknown_option_is_told_with_what_was_meant(mlmake):
    said = mlmake("plan", "--chekc")
    assert said.code == 2
    assert said.err == "mlmake: --chekc is no option of mlmake plan; did you mean --check? (see `mlmake plan --help`)\n"


def test_wrong_values_are_wrong_use(mlmake, monkeypatch):
    assert mlmake("build", "-j", "0").code == 2
    assert mlmake("--color", "pink", "plan").code == 2
    assert mlmake("why").code == 2
    monkeypatch.setenv("MLMAKE_JOBS", "many")
    said = mlmake("build")
    assert said.code == 2
    assert "many" in said.err
