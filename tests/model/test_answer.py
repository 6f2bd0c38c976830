"""What probes print, and what it means."""

import math

import pytest

from mlmake.model.answer import LONGEST, NoMeasure, measures_in


@pytest.mark.parametrize(
    ("out", "measures"),
    [
        (b"1797\n", {"probe": 1797}),
        (b" -0.5e3 ", {"probe": -500.0}),
        (b"+3", {"probe": 3}),
        (b"inf", {"probe": math.inf}),
        (b"-Infinity", {"probe": -math.inf}),
        (b"1" * 400, {"probe": math.inf}),
        (b"007", {"probe": "007"}),
        (b"v1.2.3\n", {"probe": "v1.2.3"}),
        (b"1 2", {"probe": "1 2"}),
        (b"true", {"probe": "true"}),
        (b"[1, 2]", {"probe": "[1, 2]"}),
        (b"two\nlines\n", {"probe": "two\nlines"}),
        (b'{"rows": 3, "last": "2026-01-31"}', {"rows": 3, "last": "2026-01-31"}),
        (b'{"a": {"b": {"c": 1}, "d": null}, "e": [1, {"x": 2}], "f": true}',
         {"a.b.c": 1, "a.d": None, "e": '[1, {"x": 2}]', "f": True}),
        (b'{"n": 1' + b"0" * 400 + b', "m": Infinity}', {"n": math.inf, "m": math.inf}),
    ],
)  # fmt: skip
def test_answers(out, measures):
    found = measures_in(out)
    assert found == measures
    assert list(map(type, found.values())) == list(map(type, measures.values()))


@pytest.mark.parametrize("out", [b"nan", b"NaN\n", b'{"probe": NaN}'])
def test_nan_is_a_measure(out):
    assert math.isnan(measures_in(out)["probe"])


@pytest.mark.parametrize(
    ("out", "says"),
    [
        (b"", "it printed nothing"),
        (b" \n\t", "it printed nothing"),
        (b"\xff\xfe", "no text"),
        (b"a\0b", "no text"),
        (b"{", "begins like a JSON object and is none"),
        (b'{"a": 1} and more', "begins like a JSON object and is none"),
        (b"{" * 5000, "begins like a JSON object and is none"),
        (b"{}", "is empty"),
        (b'{"a": {}}', "is empty"),
        (b'{"a.b": 1, "a": {"b": 2}}', "two measures of the name a.b"),
        (b"x" * (LONGEST + 1), "more than 64 KiB"),
    ],
)
def test_what_is_no_answer(out, says):
    with pytest.raises(NoMeasure, match=says):
        measures_in(out)
