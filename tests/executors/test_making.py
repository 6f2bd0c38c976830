"""A `make` that is offered places loses its number of jobs, and nothing else, in a shell and out of it."""

import os
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmake.executors.making import with_functions, without_number

OFFER = {"MAKEFLAGS": " -j2 --jobserver-auth=20,21"}


@pytest.mark.parametrize(
    ("written", "run"),
    [
        ("make", "make"),
        ("make -j8 all", "make all"),
        ("make -j 8 all", "make all"),
        ("make -j all 8", "make all 8"),
        ("make --jobs=8 -C dir", "make -C dir"),
        ("make --jobs all", "make all"),
        ("/usr/bin/make -kj8", "/usr/bin/make -k"),
        ("gmake -sj 4 -B", "gmake -s -B"),
        ("make -fjobs.mk -Cj8 X=-j8", "make -fjobs.mk -Cj8 X=-j8"),
        ("cmake -j8", "cmake -j8"),
        ("ninja -j8", "ninja -j8"),
    ],
)
def test_the_number_goes_and_the_rest_stays(written, run):
    assert list(without_number(written.split(), OFFER)) == run.split()
    assert list(without_number(written.split(), {})) == written.split()


WORDS = [
    "-j8",
    "-j",
    "--jobs",
    "--jobs=3",
    "-kj2",
    "-kj",
    "8",
    "0",
    "all",
    "-k",
    "-Cj8",
    "X=-j 8",
    "",
    "a b",
    "-jx",
    "*",
]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=20))
def test_the_shell_function_does_the_same(tmp_path_factory, calls):
    folder = tmp_path_factory.mktemp("bin")
    fake = folder / "make"
    fake.write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\necho\n")
    fake.chmod(0o755)
    script = "\n".join("make " + shlex.join(words) for words in calls)
    for flags in (OFFER, {}):
        env = with_functions({"PATH": f"{folder}:{os.environ['PATH']}", **flags})
        said = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=env, capture_output=True, text=True)
        wanted = [list(without_number(["make", *words], flags))[1:] for words in calls]
        assert said.stdout.splitlines() == ["".join(f"<{w}>" for w in words) or "<>" for words in wanted], said.stderr


def test_the_functions_come_only_with_an_offer():
    assert with_functions({"A": "b"}) == {"A": "b"}
    assert with_functions({"MAKEFLAGS": "-j4"}) == {"MAKEFLAGS": "-j4"}
    own = {"BASH_FUNC_make%%": "() { :; }", **OFFER}
    assert with_functions(own)["BASH_FUNC_make%%"] == "() { :; }"
