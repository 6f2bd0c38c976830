"""The table of planted faults stays true to the code: every text it changes is there once, every law exists."""

import re
from pathlib import Path

import pytest
from mutations import MUTATIONS, Mutation, occurrences


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.what)
def test_a_mutation_still_fits_the_code(mutation: Mutation) -> None:
    assert occurrences(mutation) == 1
    assert mutation.old != mutation.new
    name, _, function = mutation.law.partition("::")
    assert re.search(rf"^def {function}\(", (Path(__file__).parent / name).read_text(), re.MULTILINE)


def test_there_are_enough_of_them() -> None:
    assert len({(m.path, m.old, m.new) for m in MUTATIONS}) == len(MUTATIONS) >= 24
