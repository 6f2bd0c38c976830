"""Places in a pipe: as many as there are, none lost, whoever takes them."""

import array
import fcntl
import os
import termios
import threading
from contextlib import closing

import pytest

from mlmake.host.jobserver import share
from mlmake.host.makeflags import read_offer


def free(fd):
    """How many tokens a pipe holds."""
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


@pytest.fixture
def above():
    """A pipe with two tokens, as a `make -j3` offers it, that steps and mlmake may inherit."""
    ends = os.pipe()
    os.write(ends[1], b"ab")
    yield ends
    for fd in ends:
        os.close(fd)


def opened(tmp_path, *, jobs=None, freed=None, **environ):
    return closing(share(environ, jobs=jobs, cpus=3, fifo=str(tmp_path / "a fifo"), freed=freed or (lambda: None)))


def offered(ends):
    return " -j3 --jobserver-auth={},{}".format(*ends)


@pytest.mark.parametrize("style", ["pipe", "fifo"])
def test_what_is_offered_to_steps_and_what_runs_here_are_one_number(tmp_path, style):
    with opened(tmp_path, MLMAKE_JOBSERVER=style) as places:
        offer = read_offer(places.environ)
        assert offer.jobs == 3
        if style == "pipe":
            source, sink = offer.where
            assert tuple(places.inherit) == offer.where
            assert os.get_blocking(source), "old programs cannot read a pipe that does not wait"
            assert min(offer.where) > 9, "scripts redirect the low numbers"
        else:
            assert not places.inherit
            source = sink = os.open(offer.where, os.O_RDWR)
        assert free(source) == 3
        assert places.take()
        assert free(source) == 2
        token = os.read(source, 1)
        assert places.take()
        assert not places.take(), "three run: two here and one of a step"
        os.write(sink, token)
        assert places.take()
        for _ in range(3):
            places.give()
        assert free(source) == 3
    assert not list(tmp_path.iterdir())


def test_who_waits_is_told_when_a_place_is_free(tmp_path):
    told = threading.Event()
    with opened(tmp_path, freed=told.set) as places:
        source, sink = places.inherit
        assert places.take()
        tokens = os.read(source, 2)
        assert not places.take()
        assert not places.take()
        assert not told.is_set()
        os.write(sink, tokens)
        assert told.wait(20)
        assert places.take()


def test_closing_does_not_wait_for_a_place(tmp_path):
    with opened(tmp_path, jobs=1) as places:
        assert places.take()
        assert not places.take()


@pytest.mark.parametrize(("taken", "surplus"), [(2, 0), (0, 2)])
def test_tokens_are_made_up_for_when_nothing_runs(tmp_path, taken, surplus):
    with opened(tmp_path) as places:
        source, sink = places.inherit
        assert places.take()
        if taken:
            os.read(source, taken)
        os.write(sink, b"+" * surplus)
        places.give()
        assert free(source) == 3


def test_below_a_make_the_first_needs_no_token_and_all_come_back(tmp_path, above):
    source, sink = above
    with opened(tmp_path, MAKEFLAGS=offered(above)) as places:
        assert places.jobs == 3
        assert tuple(places.inherit) == above
        assert read_offer(places.environ) == read_offer({"MAKEFLAGS": offered(above)})
        assert places.take()
        assert free(source) == 2
        assert places.take()
        assert places.take()
        assert free(source) == 0
        assert not places.take()
        places.give()
        assert free(source) == 1
        places.give()
        assert free(source) == 2
        places.give()
        assert free(source) == 2
        assert places.take()
        assert places.take()
    assert free(source) == 2
    assert sorted(os.read(source, 9)) == sorted(b"ab"), "the very bytes that were taken"
    os.write(sink, b"ab")


def test_below_a_make_with_a_fifo(tmp_path):
    path = str(tmp_path / "GMfifo")
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)
    os.write(fd, b"x")
    with opened(tmp_path, jobs=8, MAKEFLAGS=f" -j2 --jobserver-auth=fifo:{path}") as places:
        assert not places.inherit
        assert places.take()
        assert places.take()
        assert not places.take()
    assert free(fd) == 1
    os.close(fd)


@pytest.mark.parametrize("case", ["closed", "a file", "two pipes", "swapped", "no fifo", "kept"])
def test_what_cannot_be_used_means_one_at_a_time(tmp_path, above, case):
    other = os.pipe()
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    auth = {
        "closed": "998,999",
        "a file": f"{file},{file}",
        "two pipes": f"{above[0]},{other[1]}",
        "swapped": f"{above[1]},{above[0]}",
        "no fifo": f"fifo:{tmp_path}/file",
        "kept": "-2,-2",
    }[case]
    for jobs, wanted in ((None, 1), (5, 5)):
        with opened(tmp_path, jobs=jobs, MAKEFLAGS=f" -j3 --jobserver-auth={auth}") as places:
            assert places.jobs == wanted
            assert "`+`" in places.warning
            assert ("one step runs at a time" in places.warning) == (jobs is None)
            assert all(places.take() for _ in range(9))
    for fd in (*other, file):
        os.close(fd)


def test_no_descriptor_is_left_open(tmp_path, above):
    before = sorted(os.listdir("/proc/self/fd"))
    for environ in ({}, {"MLMAKE_JOBSERVER": "fifo"}, {"MLMAKE_JOBSERVER": "none"}, {"MAKEFLAGS": offered(above)}):
        with opened(tmp_path, jobs=1, **environ) as places:
            assert places.take()
            places.take()
        assert sorted(os.listdir("/proc/self/fd")) == before, environ


def test_styles(tmp_path):
    with opened(tmp_path, jobs=4, MLMAKE_JOBSERVER="none", MAKEFLAGS=" --jobserver-auth=998,999") as places:
        assert (places.jobs, dict(places.environ), places.warning) == (4, {}, None)
    with pytest.raises(ValueError, match="MLMAKE_JOBSERVER must be pipe, fifo or none, not `tcp`"):
        opened(tmp_path, MLMAKE_JOBSERVER="tcp")
