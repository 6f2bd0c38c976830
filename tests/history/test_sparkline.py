"""Numbers as bars."""

import math

from hypothesis import given
from hypothesis import strategies as st

from mlmake.history.sparkline import BARS, PLAIN, sparkline

numbers = st.lists(st.floats(width=64))


def test_from_low_to_high():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BARS
    assert sparkline([7, 0]) == "█▁"
    assert sparkline([7, 0], symbols=False) == "#_"


def test_equal_values_stand_in_the_middle():
    assert sparkline([3, 3, 3]) == "▄▄▄"
    assert sparkline([]) == ""


def test_what_is_no_number_is_said():
    assert sparkline([1, math.nan, 2, math.inf]) == "▁?█?"


@given(numbers)
def test_a_bar_a_value_and_never_an_error(values):
    assert len(sparkline(values)) == len(values)
    assert set(sparkline(values, symbols=False)) <= {*PLAIN, "?"}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_a_greater_value_never_has_a_lower_bar(values):
    bars = [BARS.index(bar) for bar in sparkline(values)]
    for one, its in zip(values, bars, strict=True):
        assert all(its <= bar for other, bar in zip(values, bars, strict=True) if other > one)
    assert bars[values.index(max(values))] >= bars[values.index(min(values))]
