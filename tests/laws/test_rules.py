"""Every decision of every build is the rulebook's: verb, reasons, and which result stands."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from history import History
from hypothesis import given, settings

from mlmake.testing.toy.strategies import CUT, HARD, MEMO, TOLD, Do, designs, histories, orders
from mlmake.testing.toy.workflow import Design
from mlmake.testing.toy.world import World

MET: Counter[str] = Counter()
"""How often each verb and code came about, over all examples."""


@settings(max_examples=max(250, settings().max_examples))
@given(designs(memo=True), histories(MEMO, MEMO, HARD, TOLD, CUT, ("exact",)), orders)
def test_every_decision_is_the_rulebooks(design: Design, things: list[Do], order: tuple[int, ...]) -> None:
    """Whatever has happened; the history compares each of its builds."""
    history = History(World(design))
    history.live(things)
    history.world.movers.clear()
    history.build(keep_going=True, order=order)
    MET.update(history.counted)


def test_every_rule_came_about() -> None:
    """What random histories never reach they prove nothing of."""
    if not MET:
        test_every_decision_is_the_rulebooks()
    wanted = {
        "expired",
        "stale",
        "fresh",
        "revalidated",
        "enough",
        "source-changed",
        "stale-if-error",
        "trouble",
        "forced",
    }
    assert {code for code in wanted if MET[code] < 3} == set(), MET


def test_oracle_and_rulebook_know_no_planner() -> None:
    told = "import sys, oracle, rulebook; print([m for m in sys.modules if m.startswith('mlmake.planning')])"
    folder = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", told], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
