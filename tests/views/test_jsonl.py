"""JSON Lines: the fields of the contract, valid whatever the values."""

import json

import pytest
from events_of_a_run import EVENTS

from mlmake.model.event import Outcome, OutputText, TargetFinished
from mlmake.views.jsonl import encoded, fields, line

CONTRACT = {
    "run-started": {"run", "targets", "jobs"},
    "target-started": {"target", "instance", "reasons", "attempt"},
    "target-finished": {"target", "instance", "outcome", "reasons", "seconds", "metrics", "exit_code"},
    "output": {"instance", "stream", "text"},
    "models-changed": {"serve", "live"},
    "run-finished": {
        "run", "outcome", "ran", "restored", "skipped", "failed", "cancelled", "seconds", "saved_seconds",
    },
}  # fmt: skip


def strict(data):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(data.decode(), parse_constant=refuse)


def test_every_event_is_a_line_with_the_fields_of_the_contract():
    seen = set()
    for event in EVENTS:
        data = line(event)
        assert b"\n" not in data
        found = strict(data)
        seen.add(found["event"])
        assert isinstance(found["time"], float)
        assert CONTRACT.get(found["event"], set()) <= found.keys()
    assert seen >= CONTRACT.keys()


def test_a_finished_target_whole():
    assert fields(EVENTS[12]) == {
        "event": "target-finished",
        "time": 109.0,
        "target": "train",
        "instance": "train@algo=forest",
        "outcome": "ran",
        "reasons": [
            {"code": "param-changed", "subject": "lr", "old": 0.1, "new": 0.01, "text": "parameter lr 0.1 → 0.01"}
        ],
        "seconds": 8.0,
        "metrics": {"accuracy": 0.97, "loss": 0.1},
        "exit_code": 0,
        "saved_seconds": 0,
        "detail": None,
        "log": None,
        "made_in": None,
        "complete": True,
    }


def test_live_models_are_named_by_instance_digest_and_rank():
    assert fields(EVENTS[14])["live"] == [{"instance": "train@algo=forest", "digest": "ab" * 16, "rank": 1}]


@pytest.mark.parametrize(
    ("value", "shown"), [(float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf"), (0.5, 0.5)]
)
def test_numbers_that_json_lacks_become_words(value, shown):
    event = TargetFinished(1, "a", "a", Outcome.RAN, (), 1, {"loss": value}, 0)
    assert strict(line(event))["metrics"] == {"loss": shown}


def test_names_that_are_not_utf8_are_escaped():
    event = OutputText(1, "a@f=caf\udce9", "stdout", "\ud800 ü \x00")
    found = strict(line(event))
    assert found["instance"] == "a@f=caf\\xe9"
    assert found["text"] == "\\ud800 ü \x00"


def test_any_nesting_is_spoken():
    assert encoded({"a\udcff": [(1, float("nan")), None, True]}) == b'{"a\\\\xff":[[1,"nan"],null,true]}'
