"""Masking: the same whatever the chunks are."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mlmake.executors.mask import Mask


def masked(secrets, chunks):
    mask = Mask(secrets)
    return b"".join([mask.feed(chunk) for chunk in chunks] + [mask.end()])


def test_a_secret_across_chunks():
    assert masked(["hunter22"], [b"a hun", b"ter", b"22 b"]) == b"a *** b"


def test_what_only_looks_like_a_beginning_is_shown():
    mask = Mask(["hunter22"])
    assert mask.feed(b"a hunt") == b"a "
    assert mask.feed(b"ing") == b"hunting"


def test_the_longest_secret_wins():
    assert masked(["abc", "abcdef"], [b"abc", b"def abc"]) == b"*** ***"


def test_a_secret_that_ends_as_it_begins():
    assert masked(["aba"], [b"xaba", b"ba aba"]) == b"x***ba ***"


def test_without_secrets_bytes_pass():
    assert masked(["", ""], [b"a", b"\xff"]) == b"a\xff"


@given(
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.text("abc", max_size=6).map(str.encode), max_size=8),
)
def test_chunks_make_no_difference(secrets, chunks):
    longest_first = sorted(set(secrets), key=len, reverse=True)
    whole = re.sub("|".join(longest_first).encode(), b"***", b"".join(chunks))
    assert masked(secrets, chunks) == whole
