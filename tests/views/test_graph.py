"""Drawings of a graph, whole."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "planning"))

from small_graph import action, graph

from mlmake.views.graph import document, dot, drawing, mermaid, tree
from mlmake.views.screen import Screen

TRAIN = ["train@a=1", "train@a=2"]
GRAPH = graph(
    action("ingest", outputs=["i"]),
    action("split", ["ingest"], ["s"]),
    *(action(name, ["split"], [name]) for name in TRAIN),
    action("best", TRAIN, ["b"]),
    action("evaluate", ["best", "split"], ["e"], after=["tidy"]),
    action("tidy"),
)
FOLDED = drawing(GRAPH, GRAPH.actions)


def test_the_tree_names_again_what_was_drawn():
    assert tree(FOLDED, Screen()) == [
        "evaluate",
        "├── best",
        "│   └── train ×2",
        "│       └── split",
        "│           └── ingest",
        "├── split ↑",
        "└── tidy (order only)",
    ]


def test_the_tree_in_ascii_and_expanded():
    nodes = drawing(GRAPH, ["best"], expand=True)
    assert tree(nodes, Screen(symbols=False)) == [
        "best",
        "|-- train@a=1",
        "|   `-- split",
        "|       `-- ingest",
        "`-- train@a=2",
        "    `-- split ^",
    ]


def test_dot_whole():
    assert dot(drawing(GRAPH, ["evaluate"])) == [
        "digraph mlmake {",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  "ingest" [label="ingest"];',
        '  "split" [label="split"];',
        '  "train" [label="train ×2"];',
        '  "best" [label="best"];',
        '  "tidy" [label="tidy"];',
        '  "evaluate" [label="evaluate"];',
        '  "ingest" -> "split";',
        '  "split" -> "train";',
        '  "train" -> "best";',
        '  "best" -> "evaluate";',
        '  "split" -> "evaluate";',
        '  "tidy" -> "evaluate" [style=dashed];',
        "}",
    ]


def test_mermaid_whole():
    assert mermaid(drawing(GRAPH, ["best"])) == [
        "graph LR",
        '  n0["ingest"]',
        '  n1["split"]',
        '  n2["train ×2"]',
        '  n3["best"]',
        "  n0 --> n1",
        "  n1 --> n2",
        "  n2 --> n3",
    ]


def test_the_document():
    assert document(drawing(GRAPH, ["train@a=1"]))["nodes"][-1] == {
        "name": "train",
        "instances": 1,
        "reads": ["split"],
        "after": [],
    }


def test_thousands_in_a_row_are_drawn():
    long = graph(*(action(f"t{n}", [f"t{n - 1}"] if n else []) for n in range(3000)))
    assert len(tree(drawing(long, ["t2999"]), Screen())) == 3000


def test_names_cannot_break_out_of_their_quotes():
    odd = graph(action('a@k="\\<b>'))
    nodes = drawing(odd, odd.actions, expand=True)
    assert dot(nodes)[3] == '  "a@k=\\"\\\\<b>" [label="a@k=\\"\\\\<b>"];'
    assert mermaid(nodes)[1] == '  n0["a@k=&quot;\\&lt;b&gt;"]'


def test_a_drawing_is_cut_at_the_edge_of_a_terminal():
    nodes = drawing(graph(action("a"), action("b" * 90, ["a"]), action("c", ["b" * 90])), ["c"])
    lines = tree(nodes, Screen(width=40, colour=True))
    import re

    assert [re.sub("\x1b\\[[0-9]*m", "", line) for line in lines] == [
        "c",
        "└── " + "b" * 35 + "…",
        "    └── a",
    ]
    assert tree(nodes, Screen())[1] == "└── " + "b" * 90
