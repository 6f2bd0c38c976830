"""What a build may rely on when it asks how sources are, of real ones and of told ones."""

import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "host"))
from observing import Observed

from mlmake.model.digest import digest_of
from mlmake.model.observation import Observation
from mlmake.testing.toy.ports import FakeSources

TEXT = """
[target.plain]
run = "x"
outputs = ["1"]
[target.held]
source = "data/"
run = "x"
outputs = ["2"]
[target.measured]
source = "data/"
probe = "records"
run = "x"
outputs = ["3"]
[target.probed]
probe = { run = "echo 3" }
run = "x"
outputs = ["4"]
[target.missing]
source = "no/"
run = "x"
outputs = ["5"]
[target.failing]
source = "data/"
probe = { run = "false" }
run = "x"
outputs = ["6"]
"""


@pytest.fixture
def actions(tmp_path):
    return Observed(tmp_path).graph(TEXT).actions


@pytest.fixture(params=["real", "told"])
def sources(request, tmp_path):
    real = Observed(tmp_path)
    real.write("data/a.csv", "id\n1\n")
    if request.param == "real":
        return real.sources()
    content = digest_of("a")
    said = {
        "held": Observation(content),
        "measured": Observation(content, {"records": 1}),
        "probed": Observation(None, {"probe": 3}),
        "missing": Observation(error="not there"),
        "failing": Observation(error="it failed"),
    }
    return FakeSources(lambda name, content: said.get(name, Observation()), [])


def test_without_a_validator_nothing_is_said(sources, actions):
    assert sources.observe(actions["plain"]) == Observation()
    assert sources.observe(actions["plain"], content=True) == Observation()


def test_the_same_is_said_as_long_as_the_world_stands_still(sources, actions):
    for action in actions.values():
        first = sources.observe(action, content=True)
        assert sources.observe(action, content=True) == first


def test_there_is_a_value_or_an_error_and_never_both(sources, actions):
    for name, action in actions.items():
        said = sources.observe(action)
        validity = action.policy.validity
        if name in ("missing", "failing"):
            assert said.error
            assert (said.content, said.measures) == (None, None)
            continue
        assert said.error is None
        if validity.source is not None and validity.probe is None:
            assert said.content is not None
        assert (said.measures is None) == (validity.probe is None)


def test_content_is_told_beside_measures_if_it_is_wanted(sources, actions):
    said = sources.observe(actions["measured"], content=True)
    assert said.content is not None
    assert said.measures == {"records": 1}


def test_content_alone_is_what_is_told_beside_measures(sources, actions):
    for name in ("measured", "missing", "plain"):
        assert sources.content(actions[name]) == sources.observe(actions[name], content=True).content


def test_once_cancelled_nothing_is_told_any_more(sources, actions):
    said = []
    sources.cancel()
    threads = [threading.Thread(target=lambda a=a: said.append(sources.observe(a))) for a in actions.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(said) == len(actions)
    assert all(observation.error for observation in said)
    assert all((o.content, o.measures) == (None, None) for o in said)
    assert sources.content(actions["measured"]) is None
