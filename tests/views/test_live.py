"""The screen of a build: its rows as text, and on a recorded terminal."""

import io

from events_of_a_run import EVENTS
from rich.console import Console

from mlmake.model.event import Hashing, RunStarted, TargetStarted
from mlmake.views.live import Live, rows
from mlmake.views.plain import Plain
from mlmake.views.screen import Screen, columns
from mlmake.views.status import Status, fold


def after(count):
    status = Status()
    for event in EVENTS[:count]:
        status = fold(status, event)
    return status


def test_the_rows_of_running_steps_whole():
    assert rows(after(9), Screen(), 106.0, 100, 24) == [
        "▸ train@algo=forest  ━━━━━━──────  5.0 s / 10 s  accuracy 0.9123, loss 0.3",
        "▸ train@algo=gbm     5.0 s",
        "2 of 6 done, 2 running, 1 skipped, 1 restored, 6.0 s",
    ]


def test_a_second_attempt_says_so():
    assert "attempt 2" in rows(after(11), Screen(), 106.0, 100, 24)[1]


def test_hashing_has_a_row():
    assert rows(after(4), Screen(), 101.0, 80, 24)[0] == "  hashing data/big.bin  1.0 GiB of 4.0 GiB"


def test_no_row_is_wider_than_the_terminal_or_taller():
    status = fold(Status(), RunStarted(0, "r", 500, 200))
    for number in range(200):
        name = f"train@shard=漢字-{number:03}"
        status = fold(status, TargetStarted(0, "train", name, (), 1))
    status = fold(status, Hashing(0, "a/very/long/path/" * 9, 1, 2))
    for width, height in [(20, 5), (40, 10), (80, 24), (160, 50)]:
        shown = rows(status, Screen(), 3.0, width, height)
        assert len(shown) <= height
        assert max(map(columns, shown)) < width
        assert any("more" in row for row in shown)


def test_without_symbols_the_rows_are_ascii():
    assert all(row.isascii() for row in rows(after(9), Screen(symbols=False), 106.0, 100, 24))


def test_a_clock_that_goes_back_shows_no_negative_time():
    assert "-" not in rows(after(9), Screen(), 50.0, 50, 24)[1].replace("train@algo", "")


def test_finished_lines_stay_and_the_rows_are_gone_at_the_end():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24, color_system=None)
    plain = Plain(Screen(), tail=lambda path: ["last words"])
    with Live(console, Screen(), plain, clock=lambda: 106.0) as live:
        for event in EVENTS:
            live.take(event)
    text = stream.getvalue()
    assert "✓ ran        train@algo=forest" in text
    assert "  | last words" in text
    assert text.rstrip().rpartition("saved 1 min 20 s")[1]
    assert "\x1b[?25h" in text  # the cursor is back


def test_what_is_cut_has_no_symbol_the_stream_lacks():
    status = fold(Status(), RunStarted(0, "r", 500, 200))
    for number in range(30):
        status = fold(status, TargetStarted(0, "train", f"train@shard={'n' * 60}-{number:03}", (), 1))
    status = fold(status, Hashing(0, "a/very/long/path/" * 9, 1, 2))
    assert all(row.isascii() for row in rows(status, Screen(symbols=False), 3.0, 60, 10))


def test_names_that_are_cut_still_differ():
    status = Status()
    for number in (10, 11):
        name = f"train@part=build/parts/a-rather-long-name-of-a-part-{number}.txt"
        status = fold(status, TargetStarted(0.0, "train", name, (), 1))
    first, second, _ = rows(status, Screen(), 1.0, 80, 24)
    assert first != second
    assert first.startswith("▸ train@part=build/pa…ame-of-a-part-10.txt  ")
