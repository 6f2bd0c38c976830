"""How large a change of a measure has to be: in decimals, as it is written."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmake.model.validity import Scale, Tolerance
from mlmake.planning.rebuild.significance import changed, equal

GONE = object()


def size(scale: Scale, text: str) -> Tolerance:
    return Tolerance(scale, Decimal(text))


SHARE, DOUBLE, AMOUNT = size(Scale.SHARE, "0.1"), size(Scale.FACTOR, "2"), size(Scale.AMOUNT, "0.3")


def counts(old, new, tolerance) -> bool:
    before, now = ({} if value is GONE else {"n": value} for value in (old, new))
    return list(changed(before, now, tolerance)) == ["n"]


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "counted"),
    [
        (0.1, 0.4, AMOUNT, True),  # 0.4 - 0.1 is 0.30000000000000004 in floats
        (0.3, 0.6, AMOUNT, True),
        (1.1, 0.8, AMOUNT, True),  # and 1.1 - 0.8 is 0.30000000000000004
        (0.8, 0.5, AMOUNT, True),
        (1.0, 0.7, AMOUNT, True),  # and 1.0 - 0.7 is 0.30000000000000004
        (0.4, 0.1, AMOUNT, True),
        (0.9, 1.2, AMOUNT, True),  # and 1.2 - 0.9 is 0.29999999999999993
        (0.9, 1.1999, AMOUNT, False),
        (1000, 1100, SHARE, True),
        (1000, 1099, SHARE, False),
        (1000, 900, SHARE, True),
        (1000, 901, SHARE, False),
        (-1000, -1100, SHARE, True),
        (-1000, -1099, SHARE, False),
        (0.7, 0.77, SHARE, True),  # and 0.77 - 0.7 is 0.07000000000000006, a tenth of 0.7 0.06999999999999999
        (2.3, 2.53, SHARE, True),  # and 2.53 - 2.3 is 0.22999999999999998
        (3, 6, DOUBLE, True),
        (3, 5, DOUBLE, False),
        (6, 3, DOUBLE, True),
        (6, 4, DOUBLE, False),
        (0.1, 0.2, DOUBLE, True),
        (-3, -6, DOUBLE, True),
        (10**20, 2 * 10**20, DOUBLE, True),
        (10**20, 2 * 10**20 - 1, DOUBLE, False),
    ],
)
def test_reaching_it_is_a_change(old, new, tolerance, counted) -> None:
    assert counts(old, new, tolerance) is counted


@pytest.mark.parametrize(
    ("old", "new", "tolerance"),
    [
        (0, 1e-9, SHARE),
        (0, 0.001, DOUBLE),
        (5, 0, DOUBLE),
        (3, -3, DOUBLE),
        (-3, 4, DOUBLE),
        (3, math.nan, SHARE),
        (math.nan, 3, AMOUNT),
        (3, math.inf, DOUBLE),
        (-math.inf, math.inf, AMOUNT),
        ("a", "b", SHARE),
        (3, "3", AMOUNT),
        (1, True, AMOUNT),
        (0, False, AMOUNT),
        (None, 0, AMOUNT),
        (3, None, AMOUNT),
        (3, GONE, AMOUNT),
        (GONE, 3, AMOUNT),
        (GONE, 0, SHARE),
        (True, False, AMOUNT),
    ],
)
def test_what_no_tolerance_covers(old, new, tolerance) -> None:
    """From zero, across zero under a factor, of a text, come, gone, or of another type."""
    assert counts(old, new, tolerance)


@pytest.mark.parametrize("tolerance", [None, SHARE, DOUBLE, AMOUNT])
@pytest.mark.parametrize("value", [0, -0.0, 3, 0.1, math.nan, math.inf, "a", "", True, None, GONE])
def test_equal_values_are_unchanged(value, tolerance) -> None:
    assert not counts(value, value, tolerance)


def test_zero_is_zero_and_an_integer_its_float() -> None:
    assert not counts(0, -0.0, None) and not counts(3, 3.0, None) and not counts(math.nan, float("nan"), None)


def test_a_sign_may_change_by_an_amount_or_a_share() -> None:
    assert not counts(0.1, -0.1, AMOUNT) and counts(0.1, -0.2, AMOUNT)
    assert not counts(1, -1, size(Scale.SHARE, "3")) and counts(1, -2, size(Scale.SHARE, "3"))


def test_from_zero_by_an_amount() -> None:
    """Whether there is anything at all is no question of how much."""
    assert counts(0, 0.2, AMOUNT)


def test_measures_that_are_not_named_are_not_compared() -> None:
    table = {"rows": AMOUNT, "name": None}
    assert list(changed({"rows": 1, "bytes": 5}, {"rows": 1, "bytes": 9}, table)) == []
    assert list(changed({"rows": 1, "name": "a"}, {"rows": 2, "name": "b"}, table)) == ["rows", "name"]
    assert list(changed({"rows": 1}, {"rows": 1, "other": 2}, table)) == []
    assert list(changed({}, {}, table)) == []
    assert list(changed({"rows": 1}, {}, table)) == ["rows"]
    assert not equal({"bytes": 5}, {"bytes": 9})


@given(st.decimals("-1000", "1000", places=2), st.decimals("0.01", "10", places=2))
def test_the_boundary_of_an_amount(old: Decimal, amount: Decimal) -> None:
    """Whatever two floats make of it."""
    tolerance, step = Tolerance(Scale.AMOUNT, amount), Decimal("0.01")
    if old != 0:
        assert counts(float(old), float(old + amount), tolerance)
        assert counts(float(old), float(old - amount), tolerance)
        assert not counts(float(old), float(old + amount - step), tolerance)


@given(st.integers(1, 10**6), st.integers(2, 9), st.booleans())
def test_the_boundary_of_a_factor_either_way(old: int, factor: int, negative: bool) -> None:
    tolerance, sign = Tolerance(Scale.FACTOR, Decimal(factor)), -1 if negative else 1
    assert counts(sign * old, sign * old * factor, tolerance) and counts(sign * old * factor, sign * old, tolerance)
    assert not counts(sign * old, sign * (old * factor - 1), tolerance)
    assert not counts(sign * (old * factor - 1), sign * old, tolerance)
