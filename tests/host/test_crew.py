"""The crew: tasks in threads, one inbox, no lost message."""

import os
import signal
import threading

import pytest

from mlmake.host.crew import ThreadCrew
from mlmake.host.signals import interrupts
from mlmake.ports import Crashed, Done, Interrupted


@pytest.fixture
def crew():
    crew = ThreadCrew(2)
    yield crew
    crew.close()


def test_the_end_of_a_task_comes_as_a_message(crew):
    crew.submit("a", lambda: 42)
    assert crew.get(5) == Done("a", 42)


def test_whatever_a_task_raises_comes_as_a_message(crew):
    for error in (ValueError("x"), SystemExit(3), KeyboardInterrupt()):

        def work(error=error):
            raise error

        crew.submit("a", work)
        assert crew.get(5) == Crashed("a", error)


def test_no_more_threads_than_its_size_and_no_more_than_needed(crew):
    gate, names = threading.Event(), []

    def work():
        names.append(threading.current_thread().name)
        gate.wait()

    before = set(threading.enumerate())
    for n in range(5):
        crew.submit(str(n), work)
    assert len(set(threading.enumerate()) - before) == 2
    gate.set()
    assert {crew.get(5).task for _ in range(5)} == set("01234")
    assert len(set(names)) == 2


def test_an_idle_thread_is_used_again():
    crew = ThreadCrew(8)
    before = set(threading.enumerate())
    for n in range(20):
        crew.submit(str(n), lambda: None)
        assert crew.get(5) == Done(str(n), None)
    assert len(set(threading.enumerate()) - before) == 1
    crew.close()


def test_messages_come_in_order_and_none_is_none(crew):
    assert crew.get(0) is None
    assert crew.get(0.01) is None
    assert crew.get(-1) is None
    assert not crew.has_messages()
    crew.post(Interrupted(2))
    crew.post(Interrupted(15))
    assert crew.has_messages()
    assert [crew.get(None), crew.get(0)] == [Interrupted(2), Interrupted(15)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_become_messages_each_time(crew, number):
    former = signal.getsignal(number)
    with interrupts(crew):
        os.kill(os.getpid(), number)
        assert crew.get(5) == Interrupted(number)
        os.kill(os.getpid(), number)
        assert crew.get(None) == Interrupted(number)
    assert signal.getsignal(number) == former


def test_a_signal_wakes_a_waiting_get(crew):
    with interrupts(crew):
        # Sent to another thread of this process, the main one has to notice by itself.
        threading.Timer(0.05, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)).start()
        assert crew.get(None) == Interrupted(signal.SIGINT)


def test_what_is_ignored_stays_ignored(crew):
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts(crew):
            os.kill(os.getpid(), signal.SIGHUP)
            assert crew.get(0.05) is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_handlers_return_even_after_an_error(crew):
    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), interrupts(crew):
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is former
