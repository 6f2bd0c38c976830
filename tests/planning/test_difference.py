"""The first difference, whole sentences."""

import pytest

from mlmake.planning.difference import difference


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"a": 1, "b": [1, 3]}', "at b[1]: 2 → 3"),
        ('{"a": {"x": "old"}}', '{"a": {"x": "new"}}', 'at a.x: "old" → "new"'),
        ('{"a": 1}', '{"a": 1, "b": {"c": 2}}', 'at b: nothing → {"c": 2}'),
        ('{"a": 1, "b": 2}', '{"a": 1}', "at b: 2 → nothing"),
        ("[1, 2]", "[1, 2, 3]", "at the top: 2 items → 3"),
        ('{"a": 1}', '{"a": 1.0}', "at a: 1 → 1.0"),
        ('{"a": true}', '{"a": 1}', "at a: true → 1"),
        ('{"a": NaN, "b": 1}', '{"a": NaN, "b": 2}', "at b: 1 → 2"),
        ('{"a": 1}', "[1]", 'at the top: {"a": 1} → [1]'),
        (
            '{"a": 1, "b": 2}',
            '{"b": 2, "a": 1}',
            'the same values, written in another way: at line 1: "{"a": 1, "b": 2}" → "{"b": 2, "a": 1}"',
        ),
        ("one\ntwo\n", "one\n2\n", 'at line 2: "two" → "2"'),
        ("one\n", "one\ntwo\n", 'at line 2: "" → "two"'),
        ("1", "2", 'at line 1: "1" → "2"'),
        ("a\0b", "a\0c", "from byte 2 on, of 3"),
        ("a\0b", "a\0bc", "from byte 3 on; 3 bytes and 4"),
    ],
)
def test_where_they_first_differ(first, second, said):
    assert difference(first.encode(), second.encode()) == said


def test_bytes_that_are_no_text():
    assert difference(b"\xff\x00", b"\xff\x01") == "from byte 1 on, of 2"


def test_a_long_line_is_shown_where_it_differs():
    said = difference(b"x" * 500 + b"a" + b"y" * 500, b"x" * 500 + b"b" + b"y" * 500)
    assert "xa" in said and "xb" in said and len(said) < 150


def test_nesting_without_end_is_compared_as_text():
    deep = b"[" * 100_000
    assert difference(deep + b"1", deep + b"2").startswith("at line 1: ")
