"""Signatures read from source."""

import pytest

from mlmake.mlfile.signature import Signature, read_signature

SOURCE = """
import os
from steps.impl import moved
try:
    import fast
except ImportError:
    def late(x): return x
@wrap(1)
def plain(a, b=1, *, c, d=2, **rest):
    # a comment
    return a
quick = lambda a, b=2: a
partial = make(plain)
class Step:
    def run(self): ...
async def later(): ...
def positional(a, /, b): ...
def star(a, *more): ...
def twice(a): ...
def twice(b): ...
"""


def test_what_a_function_asks_for():
    assert read_signature(SOURCE, "s.py", "plain") == Signature(
        ("a", "b", "c", "d"),
        frozenset({"b", "d"}),
        True,
        "@wrap(1)\ndef plain(a, b=1, *, c, d=2, **rest):\n    # a comment\n    return a",
    )
    assert read_signature(SOURCE, "s.py", "quick") == Signature(
        ("a", "b"), frozenset({"b"}), False, "quick = lambda a, b=2: a"
    )
    assert read_signature(SOURCE, "s.py", "late") == Signature(("x",), frozenset(), False, "def late(x): return x")
    assert read_signature(SOURCE, "s.py", "twice").arguments == ("b",)


@pytest.mark.parametrize(
    ("function", "what", "hint"),
    [
        ("plian", "s.py has no function plian", "did you mean plain?"),
        ("nothing", "s.py has no function nothing", "it has late, plain, positional, star, twice, twice"),
        ("moved", "moved in s.py is imported from steps.impl", "name it where it is defined: steps.impl:moved"),
        ("os", "os in s.py is imported from elsewhere", "name it where it is defined"),
        ("partial", "partial in s.py is not defined by def, so its arguments cannot be read", "wrap it in a def"),
        ("Step", "Step in s.py is a class", "name a function that makes and uses it"),
        ("later", "later in s.py is async, steps are called plainly", "make it a def that calls asyncio.run"),
        ("positional", "positional in s.py takes a by position only, steps are called by name", "take the / away"),
        (
            "star",
            "star in s.py takes *more, steps are called by name",
            "name the arguments, or take all others as **more",
        ),
    ],
)
def test_what_cannot_be_called(function, what, hint):
    found = read_signature(SOURCE, "s.py", function)
    assert (found.what, found.hint) == (what, hint)


def test_a_module_that_does_not_parse():
    assert read_signature("x = 1\ndef f(:\n", "s.py", "f").what == "s.py:2 is not valid Python: invalid syntax"
    assert read_signature("\0", "s.py", "f").what.startswith("s.py")
