"""The fold of events to a status."""

from events_of_a_run import EVENTS

from mlmake.model.event import Outcome, RunFinished, TargetsListed
from mlmake.views.status import Status, fold


def until(kind, number=1):
    status = Status()
    for event in EVENTS:
        status = fold(status, event)
        if type(event).__name__ == kind:
            number -= 1
            if not number:
                break
    return status


def test_running_steps_have_what_history_and_they_themselves_told():
    status = until("MetricsReported")
    forest, gbm = status.running.values()
    assert (forest.instance, forest.since, forest.expected) == ("train@algo=forest", 101.0, 10.0)
    assert forest.metrics == {"accuracy": 0.91234, "loss": 0.3}
    assert (gbm.expected, gbm.metrics) == (None, {})


def test_hashing_shows_until_a_step_starts():
    assert until("Hashing").hashing is not None
    assert until("TargetStarted").hashing is None


def test_counts_saved_time_and_attempts():
    status = until("TargetStarted", 3)
    assert status.running["train@algo=gbm"].attempt == 2
    assert (status.done, status.total, status.saved) == (2, 6, 80.0)


def test_at_the_end_nothing_runs_and_counts_are_those_of_the_events():
    status = until("RunFinished")
    assert not status.running
    assert isinstance(status.finished, RunFinished)
    assert status.counts == {
        Outcome.SKIPPED: 1,
        Outcome.RESTORED: 1,
        Outcome.FAILED: 1,
        Outcome.RAN: 1,
        Outcome.BLOCKED: 1,
    }


def test_folding_leaves_the_former_status_as_it_was():
    before = until("RunStarted")
    again = fold(before, EVENTS[4])
    assert not before.running
    assert again.running


def test_a_list_that_is_known_raises_the_total():
    status = fold(until("RunStarted"), TargetsListed(101.0, "train", 9, {"train@k=new": 3.0}))
    assert status.total == 9
    assert status.expected == {"train@k=new": 3.0}
