"""Which run a word means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmake.history.naming import NoRun, find_run, looks_like_run

RUNS = ["20260102-000000-bbbb", "20260101-000001-aabb", "20260101-000000-aaaa"]


@pytest.mark.parametrize(
    ("word", "run"),
    [
        ("last", 0),
        ("last~0", 0),
        ("last~2", 2),
        ("20260101-000000-aaaa", 2),
        ("20260102", 0),
        ("20260101-000001", 1),
        ("aaaa", 2),
        ("aabb", 1),
    ],
)
def test_words_that_mean_one_run(word, run):
    assert find_run(word, RUNS) == RUNS[run]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("last~3", "last~3: only 3 runs are remembered; the oldest is 20260101-000000-aaaa"),
        ("20260101", "20260101 may mean 2 runs: 20260101-000001-aabb, 20260101-000000-aaaa"),
        ("bb", "bb may mean 2 runs: 20260102-000000-bbbb, 20260101-000001-aabb"),
        ("", " is no run; there are `last`, `last~1` and so on, and " + ", ".join(RUNS)),
        ("lost", "lost is no run; there are `last`, `last~1` and so on, and " + ", ".join(RUNS)),
    ],
)
def test_words_that_do_not(word, message):
    with pytest.raises(NoRun) as error:
        find_run(word, RUNS)
    assert str(error.value) == message


def test_without_any_run():
    with pytest.raises(NoRun, match="no run is remembered yet"):
        find_run("last", [])


@given(st.lists(st.from_regex(r"\A2026\d{4}-\d{6}-[0-9a-f]{4}\Z"), unique=True, min_size=1), st.data())
def test_an_id_means_itself_and_a_beginning_or_end_only_what_has_it(runs, data):
    run = data.draw(st.sampled_from(runs))
    assert looks_like_run(run)
    assert find_run(run, runs) == run
    part = data.draw(st.sampled_from([run[:n] for n in range(1, 20)] + [run[-n:] for n in range(1, 20)]))
    having = {other for other in runs if other.startswith(part) or other.endswith(part)}
    try:
        assert {find_run(part, runs)} == having
    except NoRun:
        assert len(having) > 1
