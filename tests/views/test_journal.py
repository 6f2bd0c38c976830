"""The journal of a run on a real disk."""

import json
import os

import pytest
from events_of_a_run import EVENTS

from mlmake.model.event import OutputText, Warned
from mlmake.views.journal import Journal


def test_all_events_but_output_are_kept_in_the_folder_of_the_run(tmp_path):
    with Journal(str(tmp_path)) as journal:
        for event in EVENTS:
            journal.take(event)
    kept = [json.loads(line)["event"] for line in (tmp_path / "r1" / "events.jsonl").read_text().splitlines()]
    assert len(kept) == len([e for e in EVENTS if not isinstance(e, OutputText)])
    assert kept[0] == "run-started"
    assert kept[-1] == "run-finished"
    assert journal.trouble is None


def test_others_can_read_it_while_the_run_goes_on(tmp_path):
    with Journal(str(tmp_path)) as journal:
        for event in EVENTS[:5]:
            journal.take(event)
        assert (tmp_path / "r1" / "events.jsonl").read_text().count("\n") == 5


def test_what_comes_before_a_run_has_no_place(tmp_path):
    with Journal(str(tmp_path)) as journal:
        journal.take(Warned(1, "", "early"))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_costs_the_journal_only(tmp_path):
    (tmp_path / "r1").write_text("in the way")
    with Journal(str(tmp_path)) as journal:
        for event in EVENTS:
            journal.take(event)
    assert journal.trouble is not None
    assert "r1" in journal.trouble


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")
def test_a_full_disk_costs_the_journal_only(tmp_path):
    (tmp_path / "r1").mkdir()
    (tmp_path / "r1" / "events.jsonl").symlink_to("/dev/full")
    with Journal(str(tmp_path)) as journal:
        for event in EVENTS:
            journal.take(event)
    assert journal.trouble is not None


def test_what_was_asked_for_lies_beside_the_events_and_is_asked_again_at_the_end(tmp_path):
    documents = [b"first", b"more"]
    with Journal(str(tmp_path), lambda: documents[0]) as journal:
        for event in EVENTS[:5]:
            journal.take(event)
        assert (tmp_path / "r1/asked.json").read_bytes() == b"first"
        documents.pop(0)
        for event in EVENTS[5:]:
            journal.take(event)
    assert (tmp_path / "r1/asked.json").read_bytes() == b"more"
    assert sorted(os.listdir(tmp_path / "r1")) == ["asked.json", "events.jsonl"]


def test_a_run_in_which_nothing_happened_is_asked_for_nothing(tmp_path):
    with Journal(str(tmp_path), lambda: pytest.fail("asked")) as journal:
        for event in EVENTS[:2]:
            journal.take(event)
    assert os.listdir(tmp_path) == []
