"""The random histories really hold what the laws are about, and the oracle knows nothing of the planner."""

import ast
from collections import Counter
from pathlib import Path

import pytest
from history import History
from hypothesis import event, given, settings
from strategies import HARD, TOLD, Do, designs, histories, orders
from toy import Design
from world import World

KINDS = ("cutoff", "restore", "revert", "tampering", "failure")


def shares(examples: int) -> dict[str, float]:
    """In which share of random histories each kind of thing came about."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples, derandomize=True, database=None)
    @given(designs(), histories(HARD, TOLD), orders)
    def live(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
        history = History(World(design))
        history.live(things)
        history.build(keep_going=True, order=order)
        seen["all"] += 1
        for kind in KINDS:
            if history.counted[kind]:
                event(kind)
                seen[kind] += 1

    live()
    return {kind: seen[kind] / seen["all"] for kind in KINDS}


def test_histories_hold_what_laws_are_about() -> None:
    """The laws would hold of nothing if nothing ever happened."""
    found = shares(200)
    print(found)
    assert min(found.values()) >= 0.05, found


@pytest.mark.slow
def test_histories_hold_what_laws_are_about_in_2000() -> None:
    """The same by many examples."""
    found = shares(2000)
    print(found)
    assert min(found.values()) >= 0.05, found


@pytest.mark.parametrize("name", ["oracle.py", "toy.py"])
def test_the_oracle_knows_no_planner(name: str) -> None:
    """What says what is right may not be what is tried."""
    tree = ast.parse((Path(__file__).parent.parent / name).read_text())
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert imported
    assert not [module for module in imported if module.startswith("mlmake.") and not module.startswith("mlmake.model")]
