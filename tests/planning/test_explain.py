"""Reasons in words, and chains of causes before and after a build."""

import pytest
from small_graph import Remembered, action, graph, maybe, planned, run, skip, trace

from mlmake.model.decision import Decision, Verb
from mlmake.model.reason import Code, Reason
from mlmake.planning.explain import chain, headline, sentence, sentences

OLD, NEW = "3f2a" + "0" * 28, "9c1b" + "1" * 28

SENTENCES = [
    (Reason(Code.FORCED), "forced"),
    (Reason(Code.NEVER_BUILT), "never built"),
    (Reason(Code.RECIPE_CHANGED, "command", "a", "b"), "command changed a → b"),
    (Reason(Code.RECIPE_CHANGED), "recipe changed"),
    (Reason(Code.PARAM_CHANGED, "lr", 0.1, 0.01), "parameter lr 0.1 → 0.01"),
    (Reason(Code.PARAM_CHANGED, "flag", True, False), "parameter flag true → false"),
    (Reason(Code.PARAM_CHANGED, "n", "1", 1), "parameter n 1 (text) → 1 (integer)"),
    (Reason(Code.PARAM_CHANGED, "lr", None, 0.01), "parameter lr is new: 0.01"),
    (Reason(Code.PARAM_CHANGED, "lr", 0.1, None), "parameter lr is no longer used (it was 0.1)"),
    (Reason(Code.PARAM_CHANGED, "s", "", "x"), 'parameter s "" → x'),
    (Reason(Code.ENV_CHANGED, "LANG", None, "C"), "environment variable LANG changed unset → C"),
    (Reason(Code.CODE_CHANGED, "steps.a:run", "def run():\n  1", "def run():\n  2"), "code of steps.a:run changed"),
    (Reason(Code.CODE_CHANGED, "features.py", OLD, NEW), "code of features.py changed 3f2a… → 9c1b…"),
    (Reason(Code.CODE_CHANGED, "features.py", OLD, None), "code of features.py is gone"),
    (Reason(Code.INPUT_CHANGED, "build/x.json", OLD, NEW), "build/x.json changed 3f2a… → 9c1b…"),
    (Reason(Code.INPUT_CHANGED, "build/x.json", OLD, None), "input build/x.json is missing"),
    (Reason(Code.INPUT_CHANGED, "the order of the inputs"), "the order of the inputs changed"),
    (Reason(Code.INPUT_ADDED, "a", None, NEW), "a is a new input"),
    (Reason(Code.INPUT_REMOVED, "a", OLD, None), "a is no longer an input"),
    (Reason(Code.OUTPUT_MISSING, "o"), "output o is missing"),
    (Reason(Code.OUTPUT_ALTERED, "o", OLD, NEW), "output o was altered 3f2a… → 9c1b…"),
    (Reason(Code.EXPIRED, "", 3600, 7200), "expired: 2 h 00 min old, the limit is 1 h 00 min"),
    (Reason(Code.SOURCE_CHANGED, "records", 100, 120), "records of the source changed: 100 → 120"),
    (Reason(Code.STALE, "", None, 90), "stale: 1 min 30 s old"),
    (Reason(Code.ALWAYS), "runs whenever it is asked for"),
    (Reason(Code.FRESH, "", None, 90), "fresh, 1 min 30 s left"),
    (Reason(Code.REVALIDATED), "revalidated: the source is what it was"),
    (Reason(Code.REVALIDATED, "records", 100, 100), "revalidated: records of the source is what it was: 100"),
    (
        Reason(Code.REVALIDATED, "records", 100, 104, "significant from 10 %"),
        "revalidated: records 100 → 104 is not significant (significant from 10 %)",
    ),
    (
        Reason(Code.SOURCE_CHANGED, "records", 100, 110, "significant from 10 %"),
        "records of the source changed: 100 → 110 (significant from 10 %)",
    ),
    (
        Reason(Code.ENOUGH, "accuracy >= 0.9", note="accuracy 0.92"),
        "good enough: accuracy >= 0.9 (accuracy 0.92)",
    ),
    (Reason(Code.UP_TO_DATE), "up to date"),
    (Reason(Code.STALE_IF_ERROR), "kept although refreshing it failed"),
    (Reason(Code.INPUT_MAY_CHANGE, "a"), "a may change"),
    (Reason(Code.CACHED, "r1"), "an earlier result fits, of run r1"),
    (Reason(Code.ACCEPTED, "ann"), "accepted by ann"),
    (Reason(Code.ACCEPTED, "ann", None, "checked"), "accepted by ann: checked"),
]


@pytest.mark.parametrize(("reason", "text"), SENTENCES, ids=[text for _, text in SENTENCES])
def test_a_reason_in_words(reason, text):
    assert sentence(reason) == text


def test_every_code_has_its_words():
    assert {reason.code for reason, _ in SENTENCES} == set(Code)
    for code in Code:
        for old, new in [(None, None), (1, None), (None, 1), (1, 2), ("a", "b"), (True, 2.5)]:
            assert sentence(Reason(code, "s", old, new)).isprintable()


def test_long_values_are_shown_where_they_differ():
    old = "python train.py " + "--x " * 30 + "--lr 0.1 --seed 7"
    text = sentence(Reason(Code.RECIPE_CHANGED, "command", old, old.replace("0.1", "0.01")))
    before, now = text.removeprefix("command changed ").split(" → ")
    assert before.startswith("…") and "0.1 --seed" in before
    assert now.startswith("…") and "0.01 --seed" in now
    assert len(text) < 130


def test_many_causes_are_counted():
    reasons = [Reason(Code.PARAM_CHANGED, name, 1, 2) for name in "abcdef"]
    assert sentences(reasons, most=3) == "parameter a 1 → 2; parameter b 1 → 2; and 4 more causes"


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (run("a", Reason(Code.NEVER_BUILT)), "a will run because it was never built"),
        (run("a", Reason(Code.FORCED)), "a will run because it was forced"),
        (run("a", Reason(Code.ALWAYS)), "a will run because it runs whenever it is asked for"),
        (maybe("a", "x"), "a may run because x may change"),
        (skip("a"), "a is up to date"),
        (
            Decision("a", Verb.RESTORE, (Reason(Code.CACHED, "r1"), Reason(Code.OUTPUT_MISSING, "o"))),
            "a will be restored: an earlier result fits, of run r1; output o is missing",
        ),
    ],
)
def test_a_decision_in_one_sentence(decision, text):
    assert headline(decision) == text


LR = Reason(Code.PARAM_CHANGED, "lr", 0.1, 0.01)
TRAIN = [f"train@n={n}" for n in range(9)]
GRAPH = graph(
    action("split", outputs=["build/split"]),
    *(action(name, ["split"], [f"build/{name}"]) for name in TRAIN),
    action("best", TRAIN, ["build/best"]),
    action("evaluate", ["best"], ["build/evaluate"]),
)


def test_the_chain_before_the_build():
    plan = planned(
        skip("split"),
        *(run(name, LR) for name in TRAIN),
        maybe("best", *(f"build/{name}" for name in TRAIN)),
        maybe("evaluate", "build/best"),
    )
    found = chain(GRAPH, plan, Remembered(), "evaluate")
    assert found.sentence == "evaluate may run because build/best may change"
    assert found.line == "evaluate ← best ← 9 × train ← parameter lr 0.1 → 0.01"
    assert [(link.depth, link.name, link.verb, link.text) for link in found.links] == [
        (0, "evaluate", Verb.MAYBE, "build/best may change"),
        (1, "best", Verb.MAYBE, "9 inputs may change, build/train@n=0 among them"),
        (2, "9 × train", Verb.RUN, "parameter lr 0.1 → 0.01"),
    ]


def built():
    return [
        trace("split", "r1", Reason(Code.NEVER_BUILT), order=1),
        *(trace(name, "r2", LR, order=2) for name in TRAIN),
        trace("best", "r2", *(Reason(Code.INPUT_CHANGED, f"build/{n}", OLD, NEW) for n in TRAIN[:2]), order=3),
        trace("evaluate", "r2", Reason(Code.INPUT_CHANGED, "build/best", OLD, NEW), order=4),
    ]


def test_the_chain_after_the_build():
    plan = planned(*(skip(name) for name in GRAPH.actions))
    found = chain(GRAPH, plan, Remembered(*built()), "evaluate")
    assert found.sentence == "evaluate is up to date; it last ran in r2 because build/best changed 3f2a… → 9c1b…"
    assert found.line == "evaluate ← best ← 2 × train ← parameter lr 0.1 → 0.01"
    assert [link.name for link in found.links] == ["evaluate", "best", "2 × train"]
    assert all(link.verb is None for link in found.links)


def test_after_an_interrupted_build_the_makers_own_trace_goes_on():
    """The trainings have run, `best` has not yet: its changed inputs lead to the reasons of their recorded runs."""
    traces = [t for t in built() if t.run == "r1" or t.action.startswith("train")]
    plan = planned(
        skip("split"),
        *(skip(name) for name in TRAIN),
        run("best", *(Reason(Code.INPUT_CHANGED, f"build/{n}", OLD, NEW) for n in TRAIN)),
        maybe("evaluate", "build/best"),
    )
    memory = Remembered(*traces, trace("best", "r1", order=1), trace("evaluate", "r1", order=1))
    found = chain(GRAPH, plan, memory, "evaluate")
    assert found.line == "evaluate ← best ← 9 × train ← parameter lr 0.1 → 0.01"


def test_a_maker_that_did_not_move_is_no_link():
    """The input was edited by hand: its maker ran long before, in another run."""
    changed = Reason(Code.INPUT_CHANGED, "build/best", OLD, NEW)
    memory = Remembered(trace("best", "r1", Reason(Code.NEVER_BUILT), order=1), trace("evaluate", "r2", order=2))
    found = chain(GRAPH, planned(skip("best"), run("evaluate", changed)), memory, "evaluate")
    assert [link.name for link in found.links] == ["evaluate"]
    assert found.line == "evaluate ← build/best changed 3f2a… → 9c1b…"


def test_several_first_causes_are_counted():
    plan = planned(
        *(run(name, LR if n else Reason(Code.FORCED)) for n, name in enumerate(TRAIN)),
        maybe("best", *(f"build/{name}" for name in TRAIN)),
    )
    found = chain(GRAPH, plan, Remembered(), "best")
    assert found.line == "best ← train@n=0 ← forced (and 1 other cause)"
    assert [link.name for link in found.links] == ["best", "train@n=0", "8 × train"]


def test_a_target_that_nothing_is_remembered_of():
    found = chain(GRAPH, planned(skip("best")), Remembered(), "best")
    assert found.sentence == "best is up to date"
    assert found.line == "best ← no cause is remembered"


def test_a_chain_of_thousands_is_followed():
    count = 5000
    long = graph(*(action(f"t{n}", [f"t{n - 1}"] if n else [], [f"build/t{n}"]) for n in range(count)))
    plan = planned(run("t0", LR), *(maybe(f"t{n}", f"build/t{n - 1}") for n in range(1, count)))
    found = chain(long, plan, Remembered(), f"t{count - 1}")
    assert len(found.links) == count
    assert found.line.endswith("t0 ← parameter lr 0.1 → 0.01")
