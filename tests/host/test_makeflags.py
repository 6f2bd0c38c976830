"""What is read out of MAKEFLAGS, and that what is written can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmake.host.makeflags import Offer, read_offer, write_flags


@pytest.mark.parametrize(
    ("flags", "offer"),
    [
        ("", None),
        ("ks", None),
        ("-j8", None),
        (" -j3 --jobserver-auth=3,4", Offer((3, 4), 3)),
        ("ks -j3 --jobserver-auth=3,4 -- CC=gcc", Offer((3, 4), 3)),
        ("-j --jobserver-fds=5,6", Offer((5, 6), None)),
        (" -j0 --jobserver-auth=5,6", Offer((5, 6), None)),
        (" -j2 --jobserver-auth=3,4 --jobserver-auth=7,8", Offer((7, 8), 2)),
        (" -j2 --jobserver-auth=-2,-2", Offer((-2, -2), 2)),
        (" -j4 --jobserver-auth=fifo:/tmp/GMfifo12", Offer("/tmp/GMfifo12", 4)),
        (" --jobserver-auth=fifo:/a\\ b/f", Offer("/a b/f", None)),
        (" -- X=--jobserver-auth=3,4", None),
        (" --jobserver-auth=what", None),
    ],
)
def test_what_is_offered(flags, offer):
    assert read_offer({"MAKEFLAGS": flags}) == offer


def test_no_variable_is_no_offer():
    assert read_offer({}) is None


@given(
    st.one_of(st.tuples(st.integers(0, 999), st.integers(0, 999)), st.text("ab /\\-=,\t", min_size=1)),
    st.one_of(st.none(), st.integers(1, 9999)),
)
def test_what_is_written_is_read_again(where, jobs):
    offer = Offer(where, jobs)
    assert read_offer({"MAKEFLAGS": write_flags(offer.auth, jobs)}) == offer
