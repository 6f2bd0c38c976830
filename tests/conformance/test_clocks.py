"""One set of laws for every clock."""

from itertools import pairwise

import pytest

from mlmake.host.clock import SystemClock
from mlmake.testing.toy.ports import FakeClock


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request):
    return request.param()


def test_time_is_in_seconds_and_the_monotonic_one_never_goes_back(clock):
    seen = [(clock.now(), clock.monotonic()) for _ in range(50)]
    assert all(isinstance(number, float) for pair in seen for number in pair)
    assert all(before[1] <= after[1] for before, after in pairwise(seen))


def test_a_wall_clock_that_is_set_back_moves_no_monotonic_time():
    clock = FakeClock()
    before = clock.monotonic()
    clock.wall -= 1000
    assert clock.monotonic() == before
    clock.pass_(2)
    assert (clock.now(), clock.monotonic()) == (2.0, before + 2)
