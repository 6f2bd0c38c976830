"""Words to actions: the grammar of TARGET, and what a wrong word is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_graph import action, graph

from mlmake.planning.request import Wrong, choose, decoded, joined, owner_of

TRAIN = [f"train@algo={algo},depth={depth}" for algo in ("forest", "gbm") for depth in (3, 30)]
GRAPH = graph(
    action("ingest", outputs=["build/clean.npz", "build/parts/"]),
    *(action(name, ["ingest"], [f"build/{name.replace('@', '-')}.json"]) for name in TRAIN),
    action("train_all", TRAIN, group=True),
    action("best", TRAIN, ["build/best.json"]),
    action("shard@path=a%20b%2Cc", outputs=["s"]),
    action("shard@path=caf%E9", outputs=["t"]),
    action("tidy"),
    action("trainer", outputs=["build/trainer"]),
    manual=["trainer"],
)


@pytest.mark.parametrize(
    ("word", "actions"),
    [
        ("best", ["best"]),
        ("train", TRAIN),
        ("train_all", ["train_all"]),
        ("trainer", ["trainer"]),
        ("train@algo=gbm,depth=3", ["train@algo=gbm,depth=3"]),
        ("train@algo=gbm", TRAIN[2:]),
        ("train@depth=30", [TRAIN[1], TRAIN[3]]),
        ("train@depth=3,algo=forest", [TRAIN[0]]),
        ("train*", [*TRAIN, "train_all"]),
        ("t[ir]*", [*TRAIN, "train_all", "tidy"]),
        ("train@*depth=3", [TRAIN[0], TRAIN[2]]),
        ("shard@path=a%20b%2Cc", ["shard@path=a%20b%2Cc"]),
        ("shard@path=a b%2cc", ["shard@path=a%20b%2Cc"]),
        ("shard@path=caf\udce9", ["shard@path=caf%E9"]),
        ("build/best.json", ["best"]),
        ("./build//x/../best.json", ["best"]),
        ("build/parts", ["ingest"]),
        ("build/parts/", ["ingest"]),
        ("build/parts/deep/1.csv", ["ingest"]),
    ],
)
def test_a_word_stands_for(word, actions):
    assert choose(GRAPH, [word]) == tuple(actions)


def test_paths_are_read_from_the_folder_of_the_caller():
    assert choose(GRAPH, ["best.json", "../s"], "build") == ("best", "shard@path=a%20b%2Cc")
    assert isinstance(choose(GRAPH, ["build/best.json"], "build"), Wrong)


def test_words_keep_their_order_and_actions_come_once():
    assert choose(GRAPH, ["best", TRAIN[3], "train"]) == ("best", TRAIN[3], *TRAIN[:3])


def test_without_words_all_targets_with_outputs_that_are_not_manual():
    assert choose(GRAPH, []) == ("ingest", *TRAIN, "best", "shard@path=a%20b%2Cc", "shard@path=caf%E9")


def test_without_words_the_defaults_of_the_project_seen_from_its_root():
    with_default = graph(*GRAPH.actions.values(), default=["best", "build/clean.npz"])
    assert choose(with_default, [], "build") == ("best", "ingest")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("bets", 'no target, instance or output "bets"; did you mean `best`?'),
        (":best", 'no target, instance or output ":best"; did you mean `best`?'),
        (
            "train@algo=gmb,depth=3",
            'no instance of train matches "train@algo=gmb,depth=3"; did you mean `train@algo=gbm,depth=3`?',
        ),
        (
            "train@zzzzzzzzzzzzzzzzzzzz",
            'no instance of train matches "train@zzzzzzzzzzzzzzzzzzzz"; it has ' + ", ".join(TRAIN),
        ),
        ("train@", 'no instance of train matches "train@"; it has ' + ", ".join(TRAIN)),
        ("best@a=1", '"best@a=1": target best has no matrix, so it is just `best`'),
        ("build/bset.json", 'no target, instance or output "build/bset.json"; did you mean `build/best.json`?'),
        ("zz*", 'the pattern "zz*" matches no target that is not manual'),
        (
            "qqqqqqq",
            'no target, instance or output "qqqqqqq"; there is ingest, train, train_all, best, shard, tidy, trainer',
        ),
    ],
)
def test_a_word_that_matches_nothing_is_told(word, message):
    found = choose(GRAPH, [word])
    assert isinstance(found, Wrong)

    assert found.message == message


def test_all_wrong_words_are_told_at_once():
    found = choose(GRAPH, ["bets", "best", "ingset"])
    assert isinstance(found, Wrong)
    assert [line.split('"')[1] for line in found.message.splitlines()] == ["bets", "ingset"]


def test_an_empty_mlfile_says_so():
    found = choose(graph(), ["a"])
    assert found == Wrong('no target, instance or output "a"; the Mlfile has no targets')
    assert choose(graph(), []) == ()


def test_the_owner_of_a_folder_above_all_outputs_is_nobody():
    assert owner_of(GRAPH, "build/") is None
    assert owner_of(GRAPH, "build/partsx/1.csv") is None


@given(st.text())
def test_decoding_takes_encoding_back(text):
    encoded = "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
    assert decoded(encoded).encode("utf-8", "surrogateescape") == text.encode("utf-8", "surrogatepass")


@given(st.text(alphabet="abc%25/F"))
def test_decoding_leaves_what_is_no_encoding(text):
    assert "%" in text or decoded(text) == text


@pytest.mark.parametrize(
    ("folder", "path", "whole"),
    [("", "a/b", "a/b"), ("x", "./a/", "x/a/"), ("x/y", "../../../a", "../a"), ("x", "/abs", "/abs"), ("", ".", "")],
)
def test_joining(folder, path, whole):
    assert joined(folder, path) == whole
