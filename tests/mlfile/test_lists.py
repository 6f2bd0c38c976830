"""Matrices over files and over what targets have made, as graphs and as whole texts of mistakes."""

import pytest
from graphs import attempt, graph_of

from mlmake.mlfile.interpolate import Slot, Unfillable, fill_text, look_up
from mlmake.model.graph import FilePath, Input, Leaf, Listing, Made, Part

SPLIT = """
[target.split]
run = "split"
outputs = ["shards/"]
"""

DYNAMIC = (
    SPLIT
    + """
[target.train]
run = "train {shard}"
outputs = ["m/{shard.stem}"]
matrix = { algo = ["x", "y"], shard = { from = ":split" } }
"""
)

BEHIND = (
    SPLIT
    + """
[target.train]
run = "train {shard}"
outputs = { model = "m/{shard.stem}" }
matrix = { shard = { from = ":split" } }
"""
)


def test_one_instance_a_file_and_the_file_is_its_input():
    graph = graph_of(
        """
        [target.t]
        run = "x"
        outputs = ["out/{f.stem}"]
        inputs = ["lib", "{f}"]
        matrix = { f = { glob = "data/*.csv" } }
        [target.u]
        run = "x"
        outputs = ["u/{f.name}"]
        inputs = { lib = "lib" }
        matrix = { f = { glob = "data/*.csv" } }
        """,
        files=["data/b.csv", "data/a.csv", "data/no.txt"],
    )
    assert graph.targets["t"].actions == ("t@f=data/a.csv", "t@f=data/b.csv")
    assert graph.targets["t"].listing is None
    action = graph.actions["t@f=data/a.csv"]
    assert [i.items for i in action.inputs] == [(Leaf("lib"),), (Leaf("data/a.csv"),)]
    assert graph.actions["u@f=data/a.csv"].inputs == (
        Input("lib", False, (Leaf("lib"),)),
        Input(None, False, (Leaf("data/a.csv"),)),
    )


def test_a_pattern_also_matches_declared_outputs_and_not_what_was_made_before():
    text = """
        [target.t]
        run = "x"
        outputs = ["d/{f.stem}.out"]
        matrix = { f = { glob = "d/*.csv" } }
        [target.make]
        run = "x"
        outputs = ["d/{k}.csv"]
        matrix = { k = ["a", "b"] }
        """
    graph = graph_of(text, files=["d/c.csv", "d/old.csv"], former={"d/old.csv": "make@k=old"})
    assert graph.targets["t"].actions == ("t@f=d/a.csv", "t@f=d/b.csv", "t@f=d/c.csv")
    assert graph.actions["t@f=d/a.csv"].inputs[0].items == (Made("d/a.csv", "make@k=a"),)


def test_a_list_that_is_not_recorded_is_one_action_that_stands_for_it():
    graph = graph_of(DYNAMIC)
    assert graph.targets["train"].actions == ()
    assert graph.targets["train"].listing == "train@shard=?"
    action = graph.actions["train@shard=?"]
    assert (action.target, action.upstream, action.command) == ("train", ("split",), Listing((), False))
    assert action.is_group and not action.is_phony


def test_a_recorded_list_gives_instances_behind_their_maker_and_what_stands_for_others():
    graph = graph_of(DYNAMIC.replace("m/{", "m/{algo}{"), recorded={"shards/": ["b", "sub/a"]})
    names = [f"train@algo={a},shard=shards/{s}" for a in "xy" for s in ("b", "sub/a")]
    assert list(graph.targets["train"].actions) == names
    action = graph.actions[names[1]]
    assert action.inputs == (Input(None, False, (Part("shards/sub/a", "split"),)),)
    assert action.upstream == ("split", "train@shard=?")
    read = (("split", "shards/", "digest of shards/"),)
    assert graph.actions["train@shard=?"].command == Listing(read, True)


def test_the_order_of_items_names_no_instance_and_is_no_recipe():
    text = (
        SPLIT.replace("shards/", "list.json")
        + """
[target.t]
run = "x {x}"
outputs = ["out/{x}"]
matrix = { x = { from = ":split", each = "item" } }
"""
    )
    one = graph_of(text, recorded={"list.json": b'["a", 2]'})
    two = graph_of(text, recorded={"list.json": b'[2, "a"]'})
    assert one.targets["t"].actions == ("t@x=a", "t@x=2")
    assert two.targets["t"].actions == ("t@x=2", "t@x=a")
    assert {n: a.recipe for n, a in one.actions.items()} == {n: a.recipe for n, a in two.actions.items()}
    assert one.actions["t@x=2"].upstream == ("t@x=?",)


@pytest.mark.parametrize(
    "behind",
    [
        'inputs = [":train"]',
        'inputs = [":train.model"]',
        'inputs = { m = ":train.model" }',
        'inputs = [":group"]',
        'after = [":train"]',
        'inputs = ["m/*"]',
        'inputs = ["m/late"]',
    ],
)
@pytest.mark.parametrize("recorded", [None, {"shards/": ["a"]}])
def test_whatever_refers_to_a_dynamic_target_comes_after_its_list(behind, recorded):
    graph = graph_of(
        BEHIND + f'[target.group]\ninputs = [":train"]\n[target.all]\nrun = "x"\noutputs = ["all"]\n{behind}\n',
        recorded=recorded,
    )
    action = graph.actions["all"]
    assert "train@shard=?" in action.upstream + action.after


def test_a_matrix_that_follows_a_dynamic_one_waits_for_it_and_has_its_keys():
    text = (
        BEHIND
        + """
[target.eval]
run = "x {shard.stem}"
inputs = [":train.model@*"]
outputs = ["e/{shard.name}"]
matrix = ":train"
"""
    )
    graph = graph_of(text, recorded={"shards/": ["a"]})
    assert graph.actions["eval@shard=?"].upstream == ("train@shard=?",)
    action = graph.actions["eval@shard=shards/a"]
    assert action.inputs == (Input(None, False, (Made("m/a", "train@shard=shards/a"),)),)
    assert action.upstream == ("train@shard=shards/a", "eval@shard=?", "train@shard=?")
    assert graph_of(text).targets["eval"].listing == "eval@shard=?"


def test_what_is_pinned_and_not_there_is_wrong_only_when_all_is_known():
    text = BEHIND + '[target.one]\nrun = "x"\noutputs = ["o"]\ninputs = [":train.model@shard=shards/b"]\n'
    assert graph_of(text).actions["one"].upstream == ("train@shard=?",)
    assert graph_of(text, recorded={"shards/": ["b"]}).actions["one"].upstream[0] == "train@shard=shards/b"
    graph, said = attempt(text, recorded={"shards/": ["a"]})
    assert graph is None
    assert ":train.model@shard=shards/b: no instance of train matches one" in said


def test_what_is_asked_of_a_list_is_checked_when_it_is_known():
    text = BEHIND + '[target.all]\nrun = "x {inputs[1]}"\noutputs = ["o"]\ninputs = [":train"]\n'
    assert graph_of(text).actions["all"].upstream == ("train@shard=?",)
    assert graph_of(text, recorded={"shards/": ["a", "b"]})
    assert "{inputs[1]}: there is no item 1" in attempt(text, recorded={"shards/": ["a"]})[1]


def test_an_empty_list_has_keys_and_no_instances():
    graph = graph_of(
        BEHIND + '[target.all]\nrun = "x"\noutputs = ["o"]\ninputs = [":train"]\n', recorded={"shards/": []}
    )
    assert graph.actions["all"].inputs == (Input(None, True, ()),)


def test_parts_of_a_file():
    def part(path, name):
        return look_up(Slot(("f", name), False, f"f.{name}"), {"f": FilePath(path)})

    assert [part("a/b.tar.gz", p) for p in ("name", "stem", "parent")] == ["b.tar.gz", "b.tar", "a"]
    assert [part("/x", p) for p in ("name", "stem", "parent")] == ["x", "x", "/"]
    assert [part(".hidden", p) for p in ("name", "stem", "parent")] == [".hidden", ".hidden", "."]
    assert [part("dot.", "stem"), part("a/..b", "stem")] == ["dot.", "..b"]
    assert type(fill_text("{f}x", {"f": FilePath("a")})) is str
    with pytest.raises(Unfillable, match=r"f is a file \(its parts are \{f.name\}, \{f.stem\}, \{f.parent\}\)"):
        part("a", "suffix")


MISTAKES = {
    "no match": (
        'f = { glob = "data/*.csv" }',
        """\
Mlfile:9:14: "data/*.csv" matches no file
    f = { glob = "data/*.csv" }
                 ^
hint: correct the pattern, or add files
""",
    ),
    "no pattern": (
        'f = { glob = "data/a.csv" }',
        """\
Mlfile:9:14: "data/a.csv" is no pattern
    f = { glob = "data/a.csv" }
                 ^
hint: a list of files is one like "data/*.csv"
""",
    ),
    "folders": (
        'f = { glob = "data/*/" }',
        """\
Mlfile:9:14: "data/*/" matches folders
    f = { glob = "data/*/" }
                 ^
hint: there is one instance a file: name a pattern of files
""",
    ),
    "inside what another makes": (
        'f = { glob = "shards/*" }',
        """\
Mlfile:9:14: "shards/*" reaches into a folder that split makes
    f = { glob = "shards/*" }
                 ^
hint: what is in it is known once that has run: write { from = ":split" }
""",
    ),
    "everything": (
        'f = { glob = "**/*" }',
        """\
Mlfile:9:14: "**/*" reaches into a folder that split makes
    f = { glob = "**/*" }
                 ^
hint: what is in it is known once that has run: write { from = ":split" }
""",
    ),
    "unknown target": (
        'f = { from = ":spilt" }',
        """\
Mlfile:9:14: there is no target spilt
    f = { from = ":spilt" }
                 ^
hint: did you mean split?
""",
    ),
    "a target without outputs": (
        'f = { from = ":note" }',
        """\
Mlfile:9:14: note has no outputs, so there is nothing to list
    f = { from = ":note" }
                 ^
hint: name a target that makes files
""",
    ),
    "an output that is not there": (
        'f = { from = ":named.lst" }',
        """\
Mlfile:9:14: named has no output lst
    f = { from = ":named.lst" }
                 ^
hint: did you mean :named.list?
""",
    ),
    "no reference": (
        'f = { from = "split" }',
        """\
Mlfile:9:14: "split" is no reference
    f = { from = "split" }
                 ^
hint: write :NAME, :NAME.OUTPUT or :NAME.OUTPUT@key=value,…
""",
    ),
    "another each": (
        'f = { from = ":split", each = "line" }',
        """\
Mlfile:9:31: each is "item", not "line"
    f = { from = ":split", each = "line" }
                                  ^
hint: without it there is one instance a file; each = "item" is one an item of a JSON array
""",
    ),
    "each of a folder": (
        'f = { from = ":split", each = "item" }',
        """\
Mlfile:9:14: shards/ is a folder, each = "item" reads JSON files
    f = { from = ":split", each = "item" }
                 ^
hint: name an output that is a file, or leave each away for one instance a file of shards/
""",
    ),
    "each of a pattern": (
        'f = { glob = "data/*", each = "item" }',
        """\
Mlfile:9:24: each does not go with glob
    f = { glob = "data/*", each = "item" }
                           ^
hint: take one of them away
""",
    ),
    "an unknown word": (
        'f = { from = ":split", eahc = "item" }',
        """\
Mlfile:9:24: a list has no key eahc
    f = { from = ":split", eahc = "item" }
                           ^
hint: did you mean each?
""",
    ),
    "no text": (
        "f = { glob = 3 }",
        """\
Mlfile:9:14: glob is a text
    f = { glob = 3 }
                 ^
hint: glob = "data/*.csv"
""",
    ),
    "itself": (
        'f = { from = ":t" }',
        """\
Mlfile:8:11: the matrices follow each other in a circle: t → t
    [target.t.matrix]
              ^
hint: write one of them as a table
""",
    ),
    "no array": (
        'f = { from = ":named.list", each = "item" }',
        """\
Mlfile:9:14: list.json is no JSON array, but a table
    f = { from = ":named.list", each = "item" }
                 ^
hint: let its step write [ … ]
""",
    ),
    "two items shown alike": (
        'f = { from = ":named.twice", each = "item" }',
        """\
Mlfile:9:14: two items of :named.twice would both be shown as "1"
    f = { from = ":named.twice", each = "item" }
                 ^
hint: let its step change one
""",
    ),
}

WHOLE = """\
[target.split]
run = "split"
outputs = ["shards/"]
[target.t]
run = "x"
outputs = ["out/{f}"]
inputs = []
[target.t.matrix]
%s
[target.note]
run = "x"
[target.named]
run = "x"
outputs = { list = "list.json", twice = "twice.json" }
"""


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_said_of_lists(name):
    written, said = MISTAKES[name]
    recorded = {"shards/": ["a"], "list.json": b"{}", "twice.json": b'[1, "1"]'}
    graph, shown = attempt(WHOLE % written, files=["out/a", "data.txt"], recorded=recorded)
    assert graph is None
    assert shown == said


def test_a_pattern_that_matches_its_own_outputs_is_wrong_from_the_first_build_on():
    text = '[target.t]\nrun = "x"\noutputs = ["d/{f.stem}.csv"]\nmatrix = { f = { glob = "d/*.*" } }\n'
    for files in (["d/a.in"], ["d/a.in", "d/a.csv"]):
        graph, said = attempt(text, files=files)
        assert graph is None
        assert '"d/*.*" matches d/a.csv, an output of t@f=d/a.in itself' in said


def test_where_there_is_one_target_it_is_told_as_one():
    graph, said = attempt('[target.train]\nrun = "x"\ninputs = [":tst"]\noutputs = ["o"]\n')
    assert graph is None
    assert said.endswith("hint: the only one is train\n")


def test_only_what_an_instance_itself_writes_may_wait_for_a_list():
    graph = graph_of(
        SPLIT
        + """
        [target.train]
        run = "x"
        outputs = ["m/{shard.stem}"]
        matrix = { shard = { from = ":split" } }
        [target.t]
        run = "x"
        inputs = ["{f}", "data/{f.stem}.txt", "{place}/*"]
        outputs = ["out/{f.stem}.{place}"]
        matrix = { f = { glob = "data/*.csv" }, place = ["n", "m"] }
        """.replace("\n        ", "\n"),
        files=["data/a.csv"],
    )
    assert graph.actions["t@f=data/a.csv,place=n"].upstream == ()
    assert graph.actions["t@f=data/a.csv,place=m"].upstream == ("train@shard=?",)


def test_of_a_misspelled_list_the_word_is_guessed():
    _, said = attempt(SPLIT + '[target.t]\nrun = "x"\noutputs = ["o/{f}"]\nmatrix = { f = { frm = ":split" } }\n')
    assert said.endswith("hint: did you mean from?\n")
