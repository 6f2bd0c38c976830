"""Rows as Python's csv module tells them, without reading them one by one."""

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlmake.host.rows import RowCounter, delimiter_of

texts = st.text(alphabet='aa,;"""\n\n\r \x01é', max_size=40)


def told_by_csv(text, delimiter=","):
    return sum(1 for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row)


def counted(text, pieces=(), delimiter=b","):
    counter, data = RowCounter(delimiter), text.encode()
    for size in pieces:
        if data[:size]:
            counter.feed(data[:size])
        data = data[size:]
    if data:
        counter.feed(data)
    return counter.end()


@given(texts, st.lists(st.integers(1, 9), max_size=12), st.sampled_from(",;\t"))
@example('5" pipe,"a\nb"\nc', [], ",")
@example('"a""\n""b"\n\n\n"', [3, 1], ",")
@example('x""y\n"a"b"\nc"\n', [2], ",")
@settings(max_examples=3000, deadline=None)
def test_rows_are_those_of_the_csv_module(text, pieces, delimiter):
    assert counted(text, pieces, delimiter.encode()) == told_by_csv(text, delimiter)


@given(
    st.lists(st.lists(st.text(alphabet='a,"\n\r;', max_size=6), min_size=1, max_size=4), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 7),
)
@settings(max_examples=500, deadline=None)
def test_what_the_csv_module_writes_has_as_many_rows_as_were_written(rows, end, size):
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    assert counted(target.getvalue(), [size] * 200) == len(rows)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", 0),
        ("\n\r\n\n", 0),
        ("a", 1),
        ("a\n\nb\r\nc\rd", 4),
        ('"a\n\nb"\n', 1),
        ('""\n""\n', 2),
        ('a,"never closed\nb\nc', 1),
    ],
)
def test_rows(text, rows):
    assert counted(text) == rows


def test_a_row_without_end_takes_no_memory():
    counter = RowCounter()
    counter.feed(b'"')
    for _ in range(64):
        counter.feed(b'x""\n' * 65536)
    assert len(counter._before) == 1
    assert not any(isinstance(v, bytes) and len(v) > 256 for v in vars(counter).values())
    assert counter.end() == 1


@pytest.mark.parametrize(
    ("header", "found"),
    [(b"a;b;c\n1,2", b";"), (b'"a;b;c;d",x,y', b","), (b"one\n1", b","), (b"a\tb", b"\t"), (b"", b","), (b"a|b", b"|")],
)
def test_the_delimiter_is_what_parts_the_header(header, found):
    assert delimiter_of(header, b",") == found
