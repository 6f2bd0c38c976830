"""A project in a folder of its own, and the real command on it, in this process or as one of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

THE_CALLERS = ("NO_COLOR", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES", "MAKEFLAGS", "MAKELEVEL")
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Said:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@dataclass
class Built:
    """What a build did, by instance."""

    code: int
    err: str
    events: list = field(default_factory=list)

    def _with(self, outcome):
        return {name for name, event in self.finished.items() if event["outcome"] == outcome}

    @property
    def finished(self):
        return {e["instance"]: e for e in self.events if e["event"] == "target-finished"}

    ran = property(lambda self: self._with("ran"))
    restored = property(lambda self: self._with("restored"))
    skipped = property(lambda self: self._with("skipped"))
    failed = property(lambda self: self._with("failed"))
    blocked = property(lambda self: self._with("blocked"))
    started = property(lambda self: [e["instance"] for e in self.events if e["event"] == "target-started"])
    warnings = property(lambda self: [e["text"] for e in self.events if e["event"] == "warned"])

    def outcome(self, instance):
        return self.finished[instance]["outcome"]

    def codes(self, instance):
        return [reason["code"] for reason in self.finished[instance]["reasons"]]

    def texts(self, instance):
        return [reason["text"] for reason in self.finished[instance]["reasons"]]

    def detail(self, instance):
        return self.finished[instance]["detail"]


class Project:
    """A folder with an Mlfile, and the command run in it."""

    def __init__(self, root, capture):
        self.root, self._capture = root, capture

    def mlfile(self, text):
        self.write("Mlfile", text)

    def write(self, path, text):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(dedent(text).lstrip("\n"))
        return place

    def read(self, path):
        return (self.root / path).read_text()

    def json(self, path):
        return json.loads(self.read(path))

    def edit(self, path, old, new):
        text = self.read(path)
        assert old in text, f"{old!r} is not in {path}"
        (self.root / path).write_text(text.replace(old, new))

    def __call__(self, *argv):
        """The command in this process."""
        from mlmake.cli.commands import run

        self._capture.readouterr()
        streams = sys.stdout, sys.stderr
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - closed below
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - closed below
        try:
            code = run(argv)
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdout, sys.stderr = streams
        out, err = self._capture.readouterr()
        return Said(code, out.decode(errors="surrogateescape"), err.decode())

    def build(self, *argv, code=0):
        """Build in this process; `code` is the exit code that is expected."""
        said = self("build", "--json", *argv)
        assert said.code == code, f"exit code {said.code}, not {code}\n{said.out}\n{said.err}"
        return Built(said.code, said.err, [json.loads(line) for line in said.out.splitlines()])

    def mistakes(self, *argv):
        """What is said of an Mlfile or a command line that is wrong."""
        said = self(*(argv or ("plan",)))
        assert said.code == 2, f"exit code {said.code}\n{said.out}\n{said.err}"
        assert "Traceback" not in said.err
        return said.err

    def plan(self, *argv):
        """The plan as a table of instance to decision."""
        said = self("plan", "--all", "--json", *argv)
        assert said.code == 0, said.err
        return {target["instance"]: target["decision"] for target in said.document["targets"]}

    def command(self, *argv, env=None, input=None, cwd=None):
        """The command as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "mlmake", *argv],
            cwd=cwd or self.root,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **({"stdin": subprocess.DEVNULL} if input is None else {"input": input}),
        )
        return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def project(tmp_path, monkeypatch, capfdbinary):
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    for name in list(os.environ):
        if name.startswith("MLMAKE_") or name in THE_CALLERS:
            monkeypatch.delenv(name)
    return Project(root, capfdbinary)
