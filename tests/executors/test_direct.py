"""The shell is spared only where it would do nothing of its own."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmake.executors.direct import PLAIN, program, without_shell

ENV = {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("cp a b", ["cp", "a", "b"]),
        ("cp 'a b' c\n", ["cp", "a b", "c"]),
        ("env --version", ["env", "--version"]),
        ("cp in=1 'x'y", ["cp", "in=1", "xy"]),
    ],
)
def test_plain_words_need_no_shell(script: str, words: list[str]) -> None:
    assert list(without_shell((*PLAIN, script), ENV)) == words


@pytest.mark.parametrize(
    "script",
    [
        "cp a b; rm a",
        "cp a b && true",
        "cp a* b",
        "cp ~/a b",
        "cp $A b",
        'cp "a" b',
        "cp a b > c",
        "A=1 cp a b",
        "A=1",
        "echo a",
        "cd a",
        "[ a ]",
        "true",
        "cp {a,b} c",
        "cp a b # c",
        "cp a\\ b c",
        "no-such-program a",
        "cp a\nrm a",
        "cp a b &",
        "!cp",
        "",
        "cp 'a",
    ],
)
def test_everything_else_does(script: str) -> None:
    assert list(without_shell((*PLAIN, script), ENV)) == [*PLAIN, script]


def test_another_shell_is_left_alone() -> None:
    assert list(without_shell(("sh", "-c", "cp a b"), ENV)) == ["sh", "-c", "cp a b"]


@pytest.mark.parametrize("name", ["BASH_ENV", "BASH_FUNC_cp%%"])
def test_what_a_shell_reads_first_may_change_any_word(name: str) -> None:
    assert list(without_shell((*PLAIN, "cp a b"), ENV | {name: "x"})) == [*PLAIN, "cp a b"]


def test_a_relative_folder_in_path_is_left_to_the_shell() -> None:
    assert program("cp", "bin:/usr/bin:/bin") is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(alphabet="ab1=,.:/@%+-_' ~*{}$#", min_size=1, max_size=6), min_size=1, max_size=4))
def test_the_words_are_those_that_bash_gives(words: list[str]) -> None:
    script = " ".join(["printenv", *words])
    direct = without_shell((*PLAIN, script), ENV)
    if list(direct) != [*PLAIN, script]:
        shown = subprocess.run(
            ["bash", "-c", "printf '%s\\0' " + script], capture_output=True, env=ENV, check=True
        ).stdout.split(b"\0")[:-1]
        assert [word.encode() for word in direct] == shown
