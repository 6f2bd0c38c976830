"""One set of laws for every crew: each task ends in one message, whatever it does; what is posted is heard."""

from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st

from mlmake.host.crew import ThreadCrew
from mlmake.ports import Crashed, Done, Interrupted
from mlmake.testing.toy.ports import FakeClock, FakeCrew

kinds = st.sampled_from([1, 2, 5]) | st.lists(st.integers(0, 5), min_size=1, max_size=4)
"""A number of threads, or what the toy crew picks."""


@contextmanager
def crew_of(kind):
    if isinstance(kind, list):
        yield FakeCrew(FakeClock(), kind)
        return
    crew = ThreadCrew(kind)
    try:
        yield crew
    finally:
        crew.close()


@settings(deadline=None)
@given(kinds, st.lists(st.booleans(), max_size=6))
def test_each_task_is_done_once_and_ends_in_one_message(kind, fine):
    error, done = OSError("no"), []

    def work(number, good):
        done.append(number)
        if not good:
            raise error
        return number

    with crew_of(kind) as crew:
        for number, good in enumerate(fine):
            crew.submit(str(number), lambda number=number, good=good: work(number, good))
        heard = [crew.get(None) for _ in fine]
    wanted = [Done(str(n), n) if good else Crashed(str(n), error) for n, good in enumerate(fine)]
    assert sorted(heard, key=lambda message: message.task) == wanted
    assert sorted(done) == list(range(len(fine)))


@settings(deadline=None)
@given(kinds, st.lists(st.sampled_from([1, 2, 15]), max_size=4))
def test_what_is_posted_is_heard_in_order(kind, signals):
    with crew_of(kind) as crew:
        for number in signals:
            crew.post(Interrupted(number))
        assert [crew.get(0) for _ in signals] == [Interrupted(number) for number in signals]


@settings(deadline=None)
@given(kinds)
def test_who_hears_nothing_in_time_is_told_nothing(kind):
    with crew_of(kind) as crew:
        assert crew.get(0) is None
        assert crew.get(0.001) is None


@settings(deadline=None)
@given(kinds, st.integers(1, 4))
def test_a_name_is_free_again_when_its_end_was_heard(kind, times):
    with crew_of(kind) as crew:
        for number in range(times):
            crew.submit("a", lambda number=number: number)
            assert crew.get(None) == Done("a", number)
