"""Rows in columns: without a width, on narrow terminals, with long and wide names, folded."""

import re

import pytest

from mlmake.views.rows import MANY, Row, aligned, beside, folded
from mlmake.views.screen import Screen, columns

GOOD, BAD = ("✓", "+", "good"), ("✗", "!", "bad")


def row(name, text="", *, time="", mark=GOOD, word="run", group="", kind=None):
    return Row(mark, word, name, time, text, group, kind)


def test_without_a_width_all_stand_in_columns():
    assert aligned([row("a", "x"), row("longer name", "y " * 60, time="1 s", mark=BAD, word="failed")], Screen()) == [
        "✓ run     a                 x",
        f"✗ failed  longer name  1 s  {'y ' * 60}".rstrip(),
    ]


def test_a_long_name_does_not_push_the_texts_of_others_away():
    lines = aligned([row("a", "short"), row("n" * 50, "its text"), row("bb", "")], Screen(width=60))
    assert lines == [
        "✓ run  a   short",
        f"✓ run  {'n' * 50}",
        "         its text",
        "✓ run  bb",
    ]


def test_a_path_that_has_no_room_beside_the_name_stands_below_it():
    path = "build/models/logreg-strong.joblib"
    assert aligned([row("evaluate@algo=1", f"{path} changed")], Screen(width=50)) == [
        "✓ run  evaluate@algo=1",
        f"         {path} changed",
    ]


def test_the_time_goes_below_a_long_name_too_where_it_has_no_room():
    lines = aligned([row("n" * 50, "its text", time="+1 s  2 s")], Screen(width=62))
    assert lines == [f"✓ run  {'n' * 50}", "         +1 s 2 s; its text"]


def test_texts_are_wrapped_under_themselves():
    assert aligned([row("name", "one two three four five six seven eight", time="2 s")], Screen(width=42)) == [
        "✓ run  name  2 s  one two three four five",
        "                  six seven eight",
    ]
    assert aligned([row("a name of some", "one two three four five six")], Screen(width=40))[1:] == [
        "         one two three four five six"
    ]


@pytest.mark.parametrize("width", [30, 40, 80, 160])
def test_nothing_but_a_long_name_is_wider_than_the_terminal(width):
    rows = [row(f"train@n={n}" * (1 + n % 2), "漢字 and 🎉 words " * n, time=f"{n} s") for n in range(12)]
    for line in aligned(rows, Screen(width=width)):
        assert columns(line) <= width or "train@n=11train@n=11" in line, line


def test_wide_characters_stand_in_columns():
    one, two = aligned([row("漢字", "x"), row("ab", "y")], Screen(width=80))
    assert columns(one.partition("x")[0]) == columns(two.partition("y")[0])


def test_names_and_texts_cannot_drive_the_terminal():
    assert aligned([row("a\x1b[2J", "b\x07")], Screen()) == ["✓ run  a\\x1b[2J  b\\x07"]


def test_words_have_a_colour_only_where_it_can_be_read_on_any_ground():
    good, bad = aligned([row("a"), row("b", mark=BAD, word="bad")], Screen(colour=True))
    assert good == "\x1b[32m✓\x1b[0m run  a"
    assert bad == "\x1b[31m✗ bad\x1b[0m  b"


def test_without_symbols_the_lines_are_ascii():
    assert all(line.isascii() for line in aligned([row("a", "x"), row("b", mark=BAD)], Screen(symbols=False)))


def many(count, text="never built", group="train", kind="k"):
    return [row(f"{group}@n={n}", text.format(n), group=group, kind=kind) for n in range(count)]


def test_many_of_a_kind_are_one_row_on_a_terminal():
    assert aligned(folded(many(3000), Screen(width=80)), Screen(width=80)) == ["✓ run  train ×3000  never built"]
    assert len(folded(many(3000), Screen())) == 3000
    assert len(folded(many(MANY), Screen(width=80))) == MANY


def test_what_differs_in_its_words_is_said_to_be_alike():
    (one,) = folded(many(20, "build/{}.txt is missing"), Screen(width=80))
    assert one.text == "build/0.txt is missing, and 19 more like it"


def test_kinds_and_groups_stay_apart_in_the_order_of_their_first():
    rows = [*many(20), *many(11, group="eval"), *many(1, kind="other"), *many(15, kind=None)]
    assert [r.name for r in folded(rows, Screen(width=80))][:3] == ["train ×20", "eval ×11", "train@n=0"]
    assert len(folded(rows, Screen(width=80))) == 3 + 15


def test_the_time_of_many_is_told_by_the_caller():
    (one,) = folded(many(20), Screen(width=80), total=lambda rows: f"{len(rows)} s")
    assert one.time == "20 s"


def test_beside_leaves_no_spaces_at_the_end():
    assert beside("left  ", "", Screen(width=80), width=6, below=2) == ["left"]
    assert not [line for line in aligned([row("a"), row("bbb", "x")], Screen()) if re.search(r"\s$", line)]
