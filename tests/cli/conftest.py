"""A stand-in for the project behind the command line: the same seam, nothing real behind it."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "planning"))


class MlfileMistakes(Exception):
    def __init__(self, text, problems=()):
        super().__init__(text)
        self.text, self.problems = text, problems


class Usage(Exception):
    pass


@dataclass(frozen=True, kw_only=True)
class Choices:
    directory: str | None = None
    file: str | None = None
    set: tuple = ()
    params_file: str | None = None
    force_named: bool = False
    force: tuple = ()
    exact: bool = False
    rehash: bool = False
    no_cache: bool = False
    jobs: int | None = None
    keep_going: bool = False
    frozen: bool = False
    retry: int | None = None
    verbose: int = 0


@dataclass
class Stage:
    """What the stand-in answers, and what it was asked."""

    graph: object = None
    plan: object = None
    memory: object = None
    events: list = field(default_factory=list)
    doubts: tuple = ()
    notices: list = field(default_factory=list)
    error: BaseException | None = None
    root: str = "."
    asked: list = field(default_factory=list)
    closed: int = 0

    @property
    def choices(self):
        return next(value for what, value in self.asked if what == "open")

    def words(self, what):
        return next(value for asked, value in self.asked if asked == what)


@pytest.fixture
def stage(monkeypatch, tmp_path):
    """The stand-in for `mlmake.app`, in the current folder of the test."""
    stage = Stage(root=str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("MLMAKE_JOBS", "NO_COLOR", "FORCE_COLOR", "MLMAKE_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)

    class App:
        @classmethod
        def open(cls, choices):
            stage.asked.append(("open", choices))
            if stage.error:
                raise stage.error
            return cls()

        graph = property(lambda self: stage.graph)
        memory = property(lambda self: stage.memory)
        doubts = property(lambda self: stage.doubts)
        document = SimpleNamespace(texts={})
        clock = SimpleNamespace(now=lambda: 0.0)
        idle = None
        notices = property(lambda self: stage.notices)
        root = property(lambda self: stage.root)
        asked = lambda self, words: b"{}"  # noqa: E731
        runs_folder = property(lambda self: f"{stage.root}/.mlmake/runs")
        state_dir = property(lambda self: f"{stage.root}/.mlmake")

        def plan(self, words):
            stage.asked.append(("plan", tuple(words)))
            return stage.plan

        def request(self, words):
            from mlmake.planning.request import Wrong, choose

            chosen = choose(stage.graph, words)
            if isinstance(chosen, Wrong):
                raise Usage(chosen.message)
            return SimpleNamespace(actions=chosen)

        def listen(self, listener):
            pass

        def build(self, words, *, foreground=None):
            stage.asked.append(("build", tuple(words)))
            for event in stage.events:
                if isinstance(event, BaseException):
                    raise event
                yield event

        def close(self):
            stage.closed += 1

    module = ModuleType("mlmake.app")
    module.App, module.Choices, module.Usage, module.MlfileMistakes = App, Choices, Usage, MlfileMistakes
    monkeypatch.setitem(sys.modules, "mlmake.app", module)
    return stage


@dataclass
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def mlmake(capfdbinary):
    """Runs a command line in this process: `mlmake("plan", "-n")`."""
    from mlmake.cli.commands import run

    def call(*argv):
        capfdbinary.readouterr()
        streams = sys.stdout, sys.stderr
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - closed below
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - closed below
        try:
            code = run(argv)
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdout, sys.stderr = streams
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode(errors="surrogateescape"), err.decode())

    return call
