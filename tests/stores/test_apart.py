"""Looks that die, hang, raise or answer."""

import os
import signal

import psutil
import pytest

from mlmake.stores.apart import Died, Late, apart


def die(how):
    os.kill(os.getpid(), how)


def test_an_answer_comes_back_whole():
    assert apart(lambda: {"a": "x" * 3_000_000}, seconds=10) == {"a": "x" * 3_000_000}
    assert apart(lambda: None, seconds=10) is None


@pytest.mark.parametrize("how", [signal.SIGBUS, signal.SIGABRT, signal.SIGKILL])
def test_a_death_is_told_and_says_nothing_itself(how, capfd):
    with pytest.raises(Died, match=f"signal {how.value}"):
        apart(lambda: os.write(2, b"last words") and die(how), seconds=10)
    assert capfd.readouterr().err == ""


def test_what_is_raised_is_told():
    with pytest.raises(Died, match="ValueError: no such thing"):
        apart(raises, seconds=10)


def raises():
    raise ValueError("no such thing")


def test_a_look_without_end_is_given_up_and_ended():
    ear, mouth = os.pipe()
    before = set(psutil.Process().children())
    with pytest.raises(Late, match="no answer within 0 s"):
        apart(lambda: os.read(ear, 1), seconds=0.05)
    assert set(psutil.Process().children()) <= before
    os.close(ear)
    os.close(mouth)


def test_an_answer_that_cannot_be_sent_is_told():
    with pytest.raises(Died, match="exit code 1"):
        apart(lambda: lambda: None, seconds=10)
