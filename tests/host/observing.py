"""A project on a real disk whose sources are asked, with real processes; no test of its own."""

import os
import sys
import textwrap

from mlmake.executors.probing import ProbeRunner
from mlmake.host.clock import SystemClock
from mlmake.host.counts import FileCounts
from mlmake.host.files import LocalWorkspace
from mlmake.host.globbing import matching
from mlmake.host.sources import ProjectSources
from mlmake.mlfile.build import Handed, build_graph
from mlmake.mlfile.document import load_document
from mlmake.mlfile.parameters import merge_parameters
from mlmake.mlfile.problems import render
from mlmake.model.graph import Project, Resources
from mlmake.running.order import Surroundings
from mlmake.running.probing import make_probe
from mlmake.stores.memory import MemoryState


class LaterClock:
    """Every look is an hour after the files were written, so that stamps are trusted."""

    def now(self):
        return SystemClock().now() + 3600

    def monotonic(self):
        return SystemClock().monotonic()


class Observed:
    """The targets of an Mlfile, asked how their sources are."""

    def __init__(self, root, stamps=None):
        self.root, self.stamps, self.counted = root, stamps or MemoryState(), []

    def write(self, path, content="x"):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
        return place

    def graph(self, text):
        """Also what the Mlfile says if it is wrong, as AssertionError."""
        texts = {"Mlfile": textwrap.dedent(text).encode()}
        document, problems = load_document(texts.get, "Mlfile")
        parameters, more = merge_parameters(document, texts.get)
        assert not (*problems, *more), "\n".join(render(p, document) for p in (*problems, *more))

        def module(name):
            path = self.root / f"{name}.py"
            return (f"{name}.py", path.read_text()) if path.exists() else None

        world = Handed(lambda p: matching(str(self.root), p), module, dict(os.environ), Resources(4), str(self.root))
        graph, wrong = build_graph(document, parameters, world)
        assert graph is not None, "\n".join(problem.what for problem in wrong)
        return graph

    def sources(self):
        workspace = LocalWorkspace(
            str(self.root), stamps=self.stamps, clock=LaterClock(), aside=f"{self.root}/.mlmake/aside"
        )
        self.workspace, self.counts = workspace, FileCounts(self.stamps, clock=LaterClock())
        around = Surroundings(
            root=str(self.root),
            python=sys.executable,
            project=Project("", (), None, (), ("bash", "-euo", "pipefail", "-c"), Resources(4), None, ("copy",)),
            environ={k: v for k, v in os.environ.items() if not k.startswith("MLMAKE_")},
        )
        return ProjectSources(
            workspace,
            counts=self.counts,
            prober=ProbeRunner(sys.executable, str(self.root)),
            order=lambda action: make_probe(action, around=around, listing=workspace.listing),
        )

    def said(self, text, name="t", *, content=False):
        """What the validator of an instance says."""
        action = self.graph(text).actions[name]
        sources = self.sources()
        said = sources.observe(action, content=content)
        self.counts.flush()
        self.workspace.flush_stamps()
        return said

    def content(self, lines):
        said = self.said(f'[target.t]\n{lines}\nrun = "x"\noutputs = ["out"]')
        assert said.error is None, said.error
        assert said.measures is None
        return said.content

    def error(self, lines):
        said = self.said(f'[target.t]\n{lines}\nrun = "x"\noutputs = ["out"]')
        assert (said.content, said.measures) == (None, None)
        return said.error

    def measures(self, lines):
        said = self.said(f'[target.t]\n{lines}\nrun = "x"\noutputs = ["out"]')
        assert said.error is None, said.error
        assert said.content is None
        return said.measures
