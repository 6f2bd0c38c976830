"""What is said of the next change by time alone."""

from mlmake.model.decision import Decision, Verb
from mlmake.model.plan import Plan, Request
from mlmake.views.documents import due_line


def planned(**dues):
    decisions = {name: Decision(name, Verb.SKIP, (), due=due) for name, due in dues.items()}
    return Plan(Request(tuple(dues)), decisions, {})


def test_the_first_that_falls_due_is_named_with_its_time():
    told = due_line(planned(train=None, ingest=86_400.0 * 14, report=86_400.0 * 20), now=86_400.0 * 0.5)
    assert told == "next due: ingest in 13 d 12 h, 1970-01-15 00:00 UTC"


def test_without_windows_nothing_is_due():
    assert due_line(planned(train=None), now=0.0) is None
