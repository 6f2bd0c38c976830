"""Paths as names, and patterns over them."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmake.mlfile.globs import is_glob, literal, matcher, within
from mlmake.mlfile.paths import normal, parents

names = st.text(alphabet="ab./", min_size=1)


@given(names)
def test_a_normal_path_is_what_posix_says_and_stays(path):
    tidy = normal(path)
    plain = posixpath.normpath(path).replace("//", "/")
    assert posixpath.normpath(tidy) == plain
    assert normal(tidy) == tidy
    assert not tidy.startswith("./") or tidy == "./"


@pytest.mark.parametrize(
    ("path", "tidy"),
    [("a/./b", "a/b"), ("./a/", "a/"), ("a/../b", "b"), ("../a", "../a"), (".", "./"), ("a/..", "./"),
     ("/a//b/", "/a/b/"), ("..", "../"), ("a/b/..", "a/")],
)  # fmt: skip
def test_one_spelling(path, tidy):
    assert normal(path) == tidy


def test_parents():
    assert parents("a/b/c.txt") == ["a/b/", "a/"]
    assert parents("a/b/") == ["a/"]
    assert parents("a") == []


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a/*.csv", ["a/x.csv", "a/\n.csv"], ["a/.x.csv", "a/b/x.csv", "a/x.csv2"]),
        ("**/*.csv", ["x.csv", "a/x.csv", "a/b/x.csv"], [".a/x.csv"]),
        ("a/**", ["a/x", "a/b/x"], ["a", "a/", "b/x"]),
        ("a?c/[!x]", ["abc/y"], ["a/c/y", "abc/x", "abc//"]),
        ("a/*/", ["a/b/"], ["a/b", "a/b/c/"]),
        ("[[]x]", ["[x]"], ["x"]),
        ("[a-c]1", ["b1"], ["d1"]),
    ],
)
def test_what_a_pattern_matches(pattern, yes, no):
    assert [p for p in yes if not matcher(pattern).fullmatch(p)] == []
    assert [p for p in no if matcher(pattern).fullmatch(p)] == []


@given(st.text(alphabet="a*?[]!^-\\/.", min_size=1).filter(lambda t: not t.endswith("/") and "//" not in t))
def test_a_literal_pattern_matches_just_itself(path):
    assert matcher(literal(path)).fullmatch(path)
    assert is_glob(literal(path)) == is_glob(path)


def test_where_a_pattern_reaches_into_a_folder():
    assert within("b/*.csv", "b/") == ("b/*.csv",)
    assert within("b/*/x.csv", "b/c/") == ("b/c/x.csv",)
    assert within("b/**/*.csv", "b/c/d/") == ("b/c/d/**/*.csv",)
    assert within("**", "b/") == ("b/**",)
    assert within("b/c", "b/c/") == ()
    assert within("x/*", "b/") == ()
    assert within("b/*", "b/c/") == ()
    assert within("*/x", "[b]/") == ("[[]b]/x",)


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=4),
    st.lists(st.sampled_from("ab"), min_size=2, max_size=4),
)
def test_inside_a_folder_the_inner_patterns_match_what_the_whole_one_does(parts, names):
    pattern, path = "/".join(parts), "/".join(names)
    folder = names[0] + "/"
    inner = any(matcher(p).fullmatch(path) for p in within(pattern, folder))
    assert inner == bool(matcher(pattern).fullmatch(path))
