"""The random histories really hold what the laws are about, and the oracle knows nothing of the planner."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from history import History
from hypothesis import event, given, settings

from mlmake.testing.toy.strategies import HARD, TOLD, Do, designs, histories, orders
from mlmake.testing.toy.workflow import Design
from mlmake.testing.toy.world import World

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


TESTS = Path(__file__).parents[1]
TOY = "mlmake.testing.toy.workflow"


@pytest.mark.parametrize("place", [TESTS / "oracle.py", TESTS.parent / (TOY.replace(".", "/") + ".py")])
def test_the_oracle_knows_no_planner(place: Path) -> None:
    """What says what is right may not be what is tried."""
    tree = ast.parse(place.read_text())
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    ours = [module for module in imported if module.startswith("mlmake")]
    assert ours
    assert not [module for module in ours if module != TOY and not module.startswith("mlmake.model.")]


def test_the_oracle_loads_no_planner() -> None:
    code = "import oracle, sys; print(*(m for m in sys.modules if m.startswith('mlmake.planning')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=TESTS, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
