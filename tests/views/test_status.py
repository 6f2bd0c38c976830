"""The fold of events to a status."""

from events_of_a_run import EVENTS

from mlmake.model.event import Outcome, RunFinished, TargetFinished, TargetsListed, TargetStarted, Warned
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


def ended(outcome, *, complete):
    return TargetFinished(1.0, "best", "best", outcome, (), 0.1, {}, 0, complete=complete)


def test_an_instance_is_counted_once_whatever_results_it_has_in_between():
    status = Status(total=1)
    for event, counts in (
        (ended(Outcome.RESTORED, complete=False), {Outcome.RESTORED: 1}),
        (ended(Outcome.RAN, complete=False), {Outcome.RESTORED: 0, Outcome.RAN: 1}),
        (ended(Outcome.SKIPPED, complete=True), {Outcome.RESTORED: 0, Outcome.RAN: 1}),
    ):
        status = fold(status, event)
        assert (status.counts, status.done) == (counts, 1)
    assert fold(status, ended(Outcome.FAILED, complete=True)).counts[Outcome.FAILED] == 1


def test_a_step_that_failed_on_some_branches_runs_no_more():
    status = fold(Status(), TargetStarted(1.0, "best", "best", (), 1, None))
    assert fold(status, Warned(2.0, "best", "slow")).running
    assert not fold(status, Warned(2.0, "best", "it is tried again", ended=True)).running
