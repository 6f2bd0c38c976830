"""A condition holds for certain or not at all; what is missing decides nothing."""

import math

import pytest

from mlmake.mlfile.condition import read_condition
from mlmake.model.condition import holds, named

METRICS = {"accuracy": 0.95, "f1": 0.9, "loss": 0.1, "bad": math.nan, "big": math.inf}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("accuracy >= 0.95", True),
        ("accuracy > 0.95", False),
        ("accuracy <= 0.95", True),
        ("accuracy < 0.95", False),
        ("accuracy == 0.95", True),
        ("accuracy != 0.95", False),
        ("0.95 <= accuracy", True),
        ("0.95 < accuracy", False),
        ("accuracy >= 0.95 and f1 >= 0.9", True),
        ("accuracy >= 0.95 and f1 > 0.9", False),
        ("accuracy > 0.95 or f1 >= 0.9", True),
        ("not accuracy > 0.95", True),
        ("not (accuracy > 0.95 or loss > 1)", True),
        ("accuracy >= 1 and f1 >= 1 or loss < 1", True),
        ("accuracy >= 1 and (f1 >= 1 or loss < 1)", False),
        ("not accuracy >= 1 and f1 >= 1", False),
        ("missing >= 0", False),
        ("not missing >= 0", False),
        ("missing != 0", False),
        ("bad == 0", False),
        ("bad != 0", False),
        ("not bad != 0", False),
        ("not bad == 0", False),
        ("missing >= 0 or f1 >= 0.9", True),
        ("missing >= 0 and f1 >= 0.9", False),
        ("not (missing >= 0 and f1 >= 0.9)", False),
        ("not (missing >= 0 and f1 > 0.9)", True),
        ("not (missing >= 0 or f1 > 0.9)", False),
        ("big >= 1e308", True),
    ],
)
def test_a_condition_of_metrics(text: str, truth: bool) -> None:
    condition = read_condition(text)
    assert condition is not None and holds(condition, METRICS) is truth


def test_its_metrics_are_named_once() -> None:
    condition = read_condition("a > 1 and not (b < 2 or a > 3)")
    assert condition is not None and named(condition) == ("a", "b")
