"""Graphs from a few lines of Mlfile, with a world handed in; no test of its own."""

import textwrap

from mlmake.mlfile.build import Handed, build_graph
from mlmake.mlfile.document import load_document
from mlmake.mlfile.globs import matcher
from mlmake.mlfile.handed import RecordedOutput
from mlmake.mlfile.parameters import merge_parameters
from mlmake.mlfile.problems import render
from mlmake.model.digest import Digest
from mlmake.model.graph import Resources


def handed(files=(), modules=None, environ=None, root=None, recorded=None, former=None):
    """A world; `recorded` gives by path the files of a folder or the bytes of a file that a maker has left."""

    def listing(pattern):
        return sorted(
            (f for f in files if matcher(pattern).fullmatch(f)), key=lambda f: f.encode("utf-8", "surrogateescape")
        )

    def module(name):
        text = (modules or {}).get(name)
        return None if text is None else (name.replace(".", "/") + ".py", textwrap.dedent(text))

    def look(target, maker, path):
        found = (recorded or {}).get(path)
        if found is None:
            return None
        files = [path + file for file in found] if path.endswith("/") else [path]
        return RecordedOutput(Digest(f"digest of {path}"), files, lambda: found)

    totals = Resources(cpus=4, memory=8 * 2**30)
    return Handed(listing, module, environ or {}, totals, root, former or {}, recorded=look)


def attempt(text, *, params=(), **world):
    texts = {"Mlfile": textwrap.dedent(text).encode()}
    document, problems = load_document(texts.get, "Mlfile")
    assert document is not None and not problems, problems
    parameters, problems = merge_parameters(document, texts.get, settings=params)
    assert not problems
    graph, problems = build_graph(document, parameters, handed(**world))
    return graph, render(problems, document.texts)


def graph_of(text, **world):
    graph, problems = attempt(text, **world)
    assert graph is not None, problems
    return graph


def problems_of(text, **world):
    """What is wrong: each as its first line and its hint."""
    graph, shown = attempt(text, **world)
    assert graph is None
    return [[line for line in block.splitlines() if not line.startswith("    ")] for block in shown.split("\n\n")]
