"""Orders and circles."""

from hypothesis import given
from hypothesis import strategies as st

from mlmake.mlfile.order import circles, in_order

edges = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), unique=True, max_size=3)).map(
    lambda d: {name: d.get(name, []) for name in "abcdef"}
)


def test_a_circle_is_told_from_its_first_name():
    assert circles({"x": [], "a": ["b", "x"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [("a", "b", "c")]
    assert circles({"a": ["a"]}) == [("a",)]
    assert circles({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}) == [("a", "b"), ("c", "d")]


def test_thousands_in_a_row_are_no_trouble():
    chain = {str(i): [str(i - 1)] if i else ["19999"] for i in range(20000)}
    assert len(circles(chain)[0]) == 20000
    assert in_order({**chain, "0": []}) == [str(i) for i in range(20000)]


@given(edges)
def test_either_an_order_or_a_circle(graph):
    ordered = in_order(graph)
    place = {name: i for i, name in enumerate(ordered)}
    assert all(place[needed] < place[name] for name in ordered for needed in graph[name])
    found = circles(graph)
    assert bool(found) == (len(ordered) < len(graph))
    for circle in found:
        assert len(set(circle)) == len(circle)
        assert all(b in graph[a] for a, b in zip(circle, (*circle[1:], circle[0]), strict=True))
