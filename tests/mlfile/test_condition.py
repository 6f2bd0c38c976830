import pytest

from mlmake.mlfile.condition import read_condition


@pytest.mark.parametrize(
    "text",
    [
        "accuracy >= 0.95",
        "accuracy >= 0.95 and f1 >= .9",
        "not (loss > 1e-3 or 0.1 < val.loss)",
        "not not a == 1",
        "a != -1",
        "((a<1))",
    ],
)
def test_conditions(text):
    assert read_condition(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accuracy",
        "accuracy >",
        "a >= b",
        "1 > 0",
        "a > 1 and",
        "(a > 1",
        "a > 1)",
        "a > 1 b > 2",
        "a => 1",
        "a > 'x'",
        "import os",
        "a > 1; b",
        "and a > 1",
        "(" * 10_000,
    ],
)
def test_what_is_none(text):
    assert read_condition(text) is None
