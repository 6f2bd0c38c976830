import pytest

from mlmake.mlfile.version import satisfies


@pytest.mark.parametrize(
    ("version", "requirement", "fits"),
    [
        ("0.1.0", ">=0.1", True),
        ("0.1", ">=0.1.0", True),
        ("0.0.9", ">=0.1", False),
        ("0.10", ">0.9", True),
        ("0.9", ">0.9.0", False),
        ("1.0", "==1", True),
        ("1.0.1", "==1", False),
        ("1.0.1", "!=1", True),
        ("0.9", "<1", True),
        ("1", "<1.0", False),
        ("1", "<=1.0", True),
        ("1.0.1", "<=1", False),
        ("0.5", ">=0.1, <1", True),
        ("1.5", ">=0.1, <1", False),
        ("0.2.7", "~=0.2.1", True),
        ("0.2.0", "~=0.2.1", False),
        ("0.3.0", "~=0.2.1", False),
        ("0.3", "~=0.2", True),
        ("1.0", "~=0.2", False),
        ("1.0.3", "~=1.0.0", True),
        ("1.1", "~=1.0.0", False),
        ("0.2.0.dev3", ">=0.2", True),
    ],
)
def test_a_version_fits_all_clauses(version, requirement, fits):
    assert satisfies(version, requirement) is fits


@pytest.mark.parametrize("requirement", ["", "newest", "0.1", ">=", ">=0.1,", "=0.1", "~=1", ">=0.1 <1", ">=0.1rc1"])
def test_what_is_no_requirement(requirement):
    assert satisfies("0.1", requirement) is None
