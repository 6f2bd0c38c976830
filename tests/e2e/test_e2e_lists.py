"""Fan-out over data on the real command: files that match, and what other targets have made."""

import pytest

SPLIT = """
[target.split]
run = "mkdir {outputs}; for x in $(cat words); do echo text of $x > {outputs}/\\"$x\\".txt; done"
inputs = ["words"]
outputs = ["build/shards/"]
"""

TRAIN = """
[target.train]
run = "cp {shard} {outputs.model}; echo '{\\"size\\": '$(wc -c < {shard})'}' > {outputs.metrics}"
outputs = { model = "build/m/{shard.stem}.bin", metrics = "build/m/{shard.stem}.json" }
metrics = "metrics"
matrix = { shard = { from = ":split" } }
"""

ALL = """
[target.all]
run = "cat {inputs} > {outputs}"
inputs = [":train.model"]
outputs = ["build/all"]
"""


def of(*words, target="train"):
    return {f"{target}@shard=build/shards/{word}.txt" for word in words}


@pytest.fixture
def shards(project):
    project.mlfile(SPLIT + TRAIN + ALL)
    project.write("words", "a b c\n")
    return project


def test_one_instance_a_file_that_matches(project):
    for name in ("a", "b"):
        project.write(f"data/{name}.in", name + "\n")
    project.mlfile(
        """
        [target.t]
        run = "echo {f} {f.stem} {f.name} {f.parent} > {outputs}; cat {inputs} >> {outputs}"
        outputs = ["out/{f.stem}"]
        matrix = { f = { glob = "data/*.in" } }
        """
    )
    assert project.build().ran == {"t@f=data/a.in", "t@f=data/b.in"}
    assert project.read("out/a") == "data/a.in a a.in data\na\n"
    project.write("data/c.in", "c\n")
    project.write("data/a.in", "changed\n")
    built = project.build()
    assert (built.ran, built.skipped) == ({"t@f=data/c.in", "t@f=data/a.in"}, {"t@f=data/b.in"})
    (project.root / "data/b.in").unlink()
    project.build()
    assert not (project.root / "out/b").exists()
    project.write("data/b.in", "b\n")
    assert project.build().restored == {"t@f=data/b.in"}


def test_a_list_is_not_known_before_its_maker_has_run(shards):
    assert shards.plan() == {"split": "run", "train@shard=?": "maybe", "all": "run"}
    built = shards.build()
    assert built.ran == {"split", "all", *of("a", "b", "c")}
    counts = [(e["event"], e["targets"]) for e in built.events if "targets" in e]
    assert counts == [("run-started", 2), ("targets-listed", 5)]
    assert shards.read("build/all") == "text of a\ntext of b\ntext of c\n"
    assert shards.plan() == dict.fromkeys(["split", "all", *of("a", "b", "c")], "skip")
    assert not shards.build().ran


def test_new_and_changed_items_alone_run_and_what_is_gone_leaves_the_workspace(shards):
    shards.build()
    shards.write("words", "b d c\n")
    planned = shards.plan()
    assert planned.pop("split") == "run"
    assert planned == dict.fromkeys(["train@shard=?", "all", *of("a", "b", "c")], "maybe")
    built = shards.build()
    assert built.ran == {"split", "all", *of("d")}
    assert built.skipped == of("b", "c")
    assert sorted(p.name for p in (shards.root / "build/m").iterdir()) == [
        f"{x}.{y}" for x in "bcd" for y in ("bin", "json")
    ]
    shards.write("words", "a b c\n")
    built = shards.build()
    assert built.restored == {"split", "all", *of("a")}
    assert not built.ran
    shards.edit("Mlfile", "echo text of $x", "echo [$x] $(if [ $x = b ]; then echo new; fi)")
    shards.write("words", "a b c\n")
    assert shards.build().ran == {"split", "all", *of("a", "b", "c")}
    shards.edit("Mlfile", "echo new", "echo newer")
    assert shards.build().ran == {"split", "all", *of("b")}


def test_the_same_list_made_anew_runs_nothing_behind_it(shards):
    shards.build()
    shards.write("words", "c b a\n")
    built = shards.build()
    assert built.ran == {"split"}
    assert built.skipped == {"all", *of("a", "b", "c")}


def test_if_the_maker_fails_nothing_is_added_or_removed(shards):
    shards.build()
    shards.edit("Mlfile", 'run = "mkdir {outputs};', 'run = "mkdir {outputs}; test ! -e broken;')
    shards.write("broken", "")
    shards.write("words", "a d\n")
    built = shards.build(code=1)
    assert built.failed == {"split"}
    assert built.blocked == {"all", *of("a", "b", "c")}
    assert (shards.root / "build/m/b.bin").exists()
    (shards.root / "broken").unlink()
    built = shards.build()
    assert built.ran == {"split", "all", *of("d")}
    assert not (shards.root / "build/m/b.bin").exists()


def test_an_altered_output_of_a_vanished_instance_stays(shards):
    shards.build()
    shards.write("build/m/b.bin", "mine")
    shards.write("words", "a c\n")
    shards.build()
    assert shards.read("build/m/b.bin") == "mine"
    assert not (shards.root / "build/m/b.json").exists()
    assert not shards.build().ran


def test_a_chain_of_two_lists_and_a_fan_in(project):
    project.mlfile(
        SPLIT
        + """
        [target.chop]
        run = "mkdir {outputs}; for n in $(cat {shard}); do echo $n > {outputs}/$n; done"
        outputs = ["build/chops/{shard.stem}/"]
        matrix = { shard = { from = ":split" } }
        [target.count]
        run = "wc -c < {chop} > {outputs}"
        outputs = ["build/counts/{chop.parent}/{chop.name}"]
        matrix = { chop = { from = ":chop" } }
        [target.sum]
        run = "cat {inputs} | paste -sd+ | bc > {outputs}; echo {inputs} >> {outputs}"
        inputs = [":count"]
        outputs = ["build/sum"]
        """
    )
    project.write("words", "a b\n")
    assert project.plan() == {"split": "run", "chop@shard=?": "maybe", "count@chop=?": "maybe", "sum": "run"}
    project.build()
    parts = [f"build/counts/build/chops/{shard}/{word}" for shard in "ab" for word in (shard, "of", "text")]
    assert project.read("build/sum").split("\n")[1].split() == sorted(parts)
    project.write("words", "a b c\n")
    built = project.build()
    assert built.ran == {
        "split", "sum", *of("c", target="chop"), *(f"count@chop=build/chops/c/{word}" for word in ("c", "of", "text")),
    }  # fmt: skip
    project.write("words", "c\n")
    assert project.build().ran == {"split", "sum"}
    assert not list((project.root / "build/counts/build/chops").glob("[ab]/*"))
    assert project.build().skipped >= {"sum", "split"}


def test_a_matrix_takes_over_a_dynamic_list_and_a_selection_chooses_from_it(project):
    project.mlfile(
        SPLIT
        + TRAIN
        + """
        [target.eval]
        matrix = ":train"
        run = "cat {inputs} > {outputs}"
        inputs = [":train.model@*"]
        outputs = ["build/e/{shard.stem}"]
        [target.best]
        inputs = [":train"]
        select = { by = "size", order = "max" }
        outputs = ["build/best.json"]
        [target.winner]
        inputs = [":best.model"]
        run = "cat {inputs} > {outputs}"
        outputs = ["build/winner"]
        """
    )
    project.write("words", "a ccc bb\n")
    project.build()
    assert project.read("build/winner") == "text of ccc\n"
    project.write("words", "a bb dddd\n")
    planned = project.plan()
    assert planned["train@shard=?"] == planned["eval@shard=?"] == "maybe"
    assert planned["best"] == planned["winner"] == "maybe"
    built = project.build()
    assert built.ran == {"split", "best", "winner", *of("dddd"), *of("dddd", target="eval")}
    assert project.read("build/winner") == "text of dddd\n"
    assert built.skipped == {*of("a", "bb"), *of("a", "bb", target="eval")}
    assert not project.build().ran


def test_one_instance_an_item_of_a_json_array(project):
    project.mlfile(
        """
        [target.split]
        run = "cp grid.json {outputs}"
        inputs = ["grid.json"]
        outputs = ["build/grid.json"]
        [target.t]
        run = "echo {c} {d.trees} > {outputs}"
        outputs = ["out/{c}-{d.name}"]
        [target.t.matrix]
        c = [1, 2]
        d = { from = ":split", each = "item" }
        [target.u]
        run = "echo {x} > {outputs}"
        outputs = ["u/{x}"]
        matrix = { x = { from = ":u-list", each = "item" } }
        [target.u-list]
        run = "cp list.json {outputs}"
        inputs = ["list.json"]
        outputs = ["build/list.json"]
        """
    )
    project.write("grid.json", '[{"name": "small", "trees": 5}, {"name": "big", "trees": 50}]')
    project.write("list.json", '["a b", 2, 0.5, true]')
    built = project.build()
    assert {f"t@c={c},d={d}" for c in (1, 2) for d in ("small", "big")} < built.ran
    assert {"u@x=a%20b", "u@x=2", "u@x=0.5", "u@x=true"} < built.ran
    assert project.read("out/2-big") == "2 50\n"
    project.write("grid.json", '[{"name": "big", "trees": 60}, {"name": "small", "trees": 5}]')
    assert project.build().ran == {"split", "t@c=1,d=big", "t@c=2,d=big"}
    project.write("list.json", "[]")
    assert project.build().ran == {"u-list"}
    assert not list((project.root / "u").iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "build/list.json is no JSON array, but a table"),
        ("oops", "build/list.json is no JSON: Expecting value"),
        ('[1, "1"]', 'two items of :list would both be shown as "1"'),
        ("[1, null]", "item 1 of build/list.json is no matrix value"),
        ('["../x"]', 'the output "../x" leads out of its folder'),
    ],
)
def test_what_a_list_holds_and_cannot_be_fails_what_stands_for_it(project, content, said):
    project.mlfile(
        """
        [target.list]
        run = "cp list {outputs}"
        inputs = ["list"]
        outputs = ["build/list.json"]
        [target.t]
        run = "echo {x} > {outputs}"
        outputs = ["{x}"]
        matrix = { x = { from = ":list", each = "item" } }
        """
    )
    project.write("list", content)
    for _ in range(2):
        built = project.build(code=1)
        assert built.failed == {"t@x=?"}
        assert said in built.detail("t@x=?")
        assert built.detail("t@x=?").startswith("Mlfile:")
        assert "\n" not in built.detail("t@x=?")
        assert project.plan()["t@x=?"] == "maybe"
    project.write("list", '["out/a"]')
    assert project.build().ran == {"list", "t@x=out/a"}


def test_an_empty_list_is_no_instances(shards):
    shards.mlfile(
        SPLIT
        + TRAIN
        + ALL
        + """
        [target.best]
        inputs = [":train"]
        select = { by = "size" }
        outputs = ["best.json"]
        """
    )
    shards.write("words", "\n")
    built = shards.build("-k", code=1)
    assert built.ran == {"split", "all"}
    assert built.failed == {"best"}
    assert shards.read("build/all") == ""


def test_names_with_odd_characters_are_percent_encoded(project):
    project.mlfile(SPLIT.replace("$(cat words)", "'a b' ü %,=@") + TRAIN)
    project.write("words", "")
    built = project.build()
    names = {"train@shard=build/shards/a%20b.txt", "train@shard=build/shards/%C3%BC.txt"}
    assert built.ran == {"split", "train@shard=build/shards/%25%2C%3D%40.txt", *names}
    assert project.read("build/m/a b.bin") == "text of a b\n"
    assert project.build("train@shard=build/shards/a%20b.txt").skipped == {
        "split",
        "train@shard=build/shards/a%20b.txt",
    }


def test_hidden_files_and_those_in_folders_below_are_listed_by_bytes(project):
    project.mlfile(
        """
        [target.split]
        run = "mkdir -p {outputs}/b; touch {outputs}/b/x {outputs}/b.c {outputs}/.h {outputs}/Z"
        outputs = ["s/"]
        [target.t]
        run = "touch {outputs}"
        outputs = ["out/{f}"]
        matrix = { f = { from = ":split" } }
        [target.all]
        run = "echo {inputs} > all"
        inputs = [":t"]
        outputs = ["all"]
        """
    )
    project.build()
    assert project.read("all").split() == ["out/s/.h", "out/s/Z", "out/s/b.c", "out/s/b/x"]


def test_a_list_of_what_is_not_cached_and_of_a_wiped_store(shards):
    shards.edit("Mlfile", 'outputs = ["build/shards/"]', 'outputs = ["build/shards/"]\ncache = false')
    shards.build()
    assert shards.plan() == dict.fromkeys(["split", "all", *of("a", "b", "c")], "skip")
    assert shards.build().skipped == {"split", "all", *of("a", "b", "c")}


def test_an_instance_that_is_not_known_yet_can_be_named(shards):
    built = shards.build("train@shard=build/shards/b.txt")
    assert built.ran == {"split", *of("b")}
    (shards.root / ".mlmake").rename(shards.root / "gone")
    built = shards.build("train@shard=build/shards/z.txt", code=1)
    assert 'no instance of train matches "train@shard=build/shards/z.txt"' in built.detail("train@shard=?")


def test_forced_and_keep_going_and_frozen(shards):
    shards.build()
    assert shards.build("-B", "train").ran == of("a", "b", "c")
    shards.write("words", "a\n")
    built = shards.build("--frozen", code=3)
    assert built.blocked >= {"split", "all"}


def test_what_is_shown_of_a_list_before_and_after_it_is_known(shards):
    def sizes(*options):
        return {node["name"]: node["instances"] for node in shards("graph", "--json", *options).document["nodes"]}

    assert sizes() == {"split": 1, "train": 0, "all": 1}
    assert sizes("--expand") == {"split": 1, "train@shard=?": 0, "all": 1}
    assert "train ×?" in shards("graph").out
    assert "train ×?" in shards("list").out
    shards.build()
    assert sizes() == {"split": 1, "train": 3, "all": 1}
    assert sizes("--expand") == dict.fromkeys(["split", "all", *of("a", "b", "c")], 1)
    assert "train ×3" in shards("list").out


def test_why_a_dynamic_target_is_about_its_instances(shards):
    assert shards("why", "train").out.startswith("split will run because it was never built")
    shards.build()
    said = shards("why", "train").out
    assert said.startswith("train@shard=build/shards/a.txt is up to date")
    assert "The same holds for 2 more" in said


def test_a_called_function_gets_the_file_as_a_path(project):
    project.write("data/a b.txt", "one")
    project.write(
        "steps.py",
        "def run(part, step, out, **rest):\n"
        "    assert step.matrix['part'] == part\n"
        "    out.write_text(f'{type(part).__mro__[-2].__name__} {part.stem} {part.read_text()}')\n",
    )
    project.mlfile(
        '[target.t]\ncall = "steps:run"\noutputs = { out = "out/{part.stem}" }\n'
        'matrix = { part = { glob = "data/*.txt" } }\n'
    )
    project.build()
    assert project.read("out/a b") == "PurePath a b one"


def test_logs_are_named_as_instances_are(project):
    project.write("data/c d.in", "c\n")
    project.mlfile(
        """
        [target.t]
        run = "echo heard; cp {f} {outputs}"
        outputs = ["out/{f.stem}"]
        matrix = { f = { glob = "data/*.in" } }
        """
    )
    project.build()
    said = project("log", "--path", "t@f=data/c%20d.in")
    assert said.out.endswith("/logs/t@f=data%2Fc%20d.in.log\n")
    assert project("log", "t@f=data/c%20d.in").out == "heard\n"


def test_a_list_that_fails_is_told_after_who_made_it(project):
    project.mlfile(
        """
        [target.items]
        run = "echo oops > {outputs}"
        outputs = ["items.json"]
        [target.t]
        run = "echo {it} > {outputs}"
        outputs = ["out/{it}"]
        matrix = { it = { from = ":items", each = "item" } }
        """
    )
    events = project.build(code=1).events
    assert [e["instance"] for e in events if e["event"] == "target-finished"] == ["items", "t@it=?"]
