"""The lines of a build, whole."""

import pytest
from events_of_a_run import EVENTS, LOG

from mlmake.model.event import Outcome, OutputText, RunFinished, TargetFinished
from mlmake.views.plain import MARKS, Plain
from mlmake.views.screen import Screen


def told(screen=None, **how):
    asked = []

    def tail(path):
        asked.append(path)
        return ["first line", "bad \x1b[31m thing"]

    plain = Plain(screen or Screen(), tail=tail, **how)
    lines = [line for event in EVENTS for line in plain.lines(event)]
    return lines, asked


def test_a_run_is_told_in_one_line_a_finished_target():
    lines, asked = told()
    assert lines == [
        "↺ restored   split  (an earlier result fits, of run r0)",
        "warning: the cache is full at /c: nothing more is kept",
        "train@algo=gbm: attempt 2",
        "✗ failed     train@algo=gbm  1.0 s  ended with exit code 3",
        "  | first line",
        "  | bad \\x1b[31m thing",
        f"  log: {LOG}",
        "✓ ran        train@algo=forest  8.0 s  accuracy 0.97, loss 0.1  (parameter lr 0.1 → 0.01)",
        "○ blocked    best  train@algo=gbm did not succeed",
        "tagger is answered by train@algo=forest",
        "1 ran, 1 restored, 1 up to date, 1 failed, 1 blocked in 9.5 s, saved 1 min 20 s",
    ]
    assert asked == [LOG]


def test_verbose_adds_what_was_skipped_and_whole_lines_of_output():
    lines, _ = told(verbose=True)
    assert lines[0] == "· skipped    ingest  (up to date)"
    assert "train@algo=gbm | epoch 1" in lines
    assert "train@algo=gbm | epoch 2" in lines
    assert not any(line.endswith("| epo") for line in lines)


def test_an_unfinished_line_is_shown_when_its_step_ends():
    plain = Plain(Screen(), tail=lambda path: [], verbose=True)
    assert plain.lines(OutputText(1, "a", "stdout", "no end")) == []
    end = TargetFinished(2, "a", "a", Outcome.RAN, (), 1, {}, 0)
    assert plain.lines(end) == ["a | no end", "✓ ran        a  1.0 s"]


def test_quiet_tells_bad_news_only():
    lines, _ = told(quiet=True)
    assert [line.split("  ")[0] for line in lines if not line.startswith("  ")] == [
        "warning: the cache is full at /c: nothing more is kept",
        "✗ failed",
        "○ blocked",
        "1 ran, 1 restored, 1 up to date, 1 failed, 1 blocked in 9.5 s, saved 1 min 20 s",
    ]


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (
            RunFinished(1, "r", "ok", 0, 0, 12, 0, 0, 0.04, 90),
            "up to date: nothing to do for 12 targets in 0.0 s, saved 1 min 30 s",
        ),
        (RunFinished(1, "r", "ok", 0, 0, 0, 0, 0, 0.04, 0), "nothing to do in 0.0 s"),
        (RunFinished(1, "r", "interrupted", 2, 0, 0, 0, 3, 4, 0), "interrupted: 2 ran, 3 cancelled in 4.0 s"),
    ],
)
def test_the_summary_of_other_ends(end, text):
    assert Plain(Screen(), tail=lambda path: []).lines(end) == [text]


def test_without_the_symbols_words_and_ascii_remain():
    lines, _ = told(Screen(symbols=False))
    assert lines[0].startswith("< restored")
    assert lines[3].startswith("! failed")


def test_colour_only_adds_to_the_words():
    coloured, _ = told(Screen(colour=True))
    plain, _ = told()
    assert coloured != plain
    import re

    assert [re.sub("\x1b\\[[0-9]*m", "", line) for line in coloured] == plain


def test_every_outcome_has_its_own_word_beside_its_symbol():
    assert set(MARKS) == set(Outcome)


def test_names_cannot_drive_the_terminal():
    plain = Plain(Screen(), tail=lambda path: [])
    end = TargetFinished(2, "a", "a@f=\x1b]0;x\x07\udcff\n", Outcome.RAN, (), 1, {}, 0)
    assert plain.lines(end) == ["✓ ran        a@f=\\x1b]0;x\\x07\\xff\\n  1.0 s"]


def test_a_cause_that_is_longer_than_the_line_stands_below_it():
    plain = Plain(Screen(width=60), tail=lambda path: [])
    detail = "its metrics build/forest.json cannot be read: it is not JSON"
    end = TargetFinished(2, "a", "train@algo=forest", Outcome.FAILED, (), 1, {}, 0, detail=detail)
    assert plain.lines(end) == [
        "✗ failed     train@algo=forest  1.0 s",
        "    its metrics build/forest.json cannot be read: it is not",
        "    JSON",
    ]
    short = TargetFinished(2, "a", "a", Outcome.BLOCKED, (), 0, {}, None, detail="b did not succeed")
    assert plain.lines(short) == ["○ blocked    a  b did not succeed"]


def test_no_word_is_green_or_cyan():
    # On a light ground these can hardly be read; their marks stand beside words that can.
    coloured, _ = told(Screen(colour=True), verbose=True)
    import re

    painted = [text for line in coloured for text in re.findall("\x1b\\[3[26]m(.*?)\x1b", line)]
    assert painted
    assert not any(re.search(r"\w", text) for text in painted)


def test_as_many_metrics_are_told_as_the_line_has_room_for():
    metrics = {"accuracy": 0.9123, "loss": 2, "f1": 0.5}
    end = TargetFinished(2, "a", "train@algo=forest", Outcome.RAN, (), 1, metrics, 0)
    told = {width: Plain(Screen(width=width), tail=lambda path: []).lines(end) for width in (80, 66, 60, 50, 40)}
    head = "✓ ran        train@algo=forest  1.0 s"
    assert told == {
        80: [f"{head}  accuracy 0.9123, loss 2, f1 0.5"],
        66: [f"{head}  accuracy 0.9123, loss 2, …"],
        60: [f"{head}  accuracy 0.9123, …"],
        50: [head],
        40: [head],
    }


def test_the_time_of_a_step_with_a_long_name_stands_below_it():
    plain = Plain(Screen(width=40), tail=lambda path: [])
    end = TargetFinished(2, "a", "a@name=" + "n" * 40, Outcome.RAN, (), 1, {"accuracy": 0.9}, 0)
    assert plain.lines(end) == ["✓ ran        a@name=" + "n" * 40, "    1.0 s"]
