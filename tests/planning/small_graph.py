"""Graphs by hand for the tests of words and chains: targets with their upstream and outputs."""

from mlmake.model.decision import Decision, Verb
from mlmake.model.digest import Digest
from mlmake.model.graph import Action, Graph, Group, Input, Made, Output, Policy, Project, Resources, Shell, Target
from mlmake.model.plan import Plan, Request
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Trace


def action(name, upstream=(), outputs=(), *, group=False, after=(), keys=None):
    return Action(
        id=name,
        target=name.partition("@")[0],
        keys=keys or {},
        command=Group() if group else Shell("true"),
        inputs=(Input(None, True, tuple(Made(f"build/{u}", u) for u in upstream)),),
        outputs=tuple(Output(None, path) for path in outputs),
        upstream=tuple(upstream),
        after=tuple(after),
        params={},
        env={},
        passed=(),
        facts=(),
        recipe=Digest(f"{name:0>32}"[-32:]),
        policy=Policy(),
    )


def graph(*actions, default=(), manual=()):
    targets = {}
    for a in actions:
        targets.setdefault(a.target, []).append(a)
    return Graph(
        project=Project("p", tuple(default), None, (), ("sh", "-c"), Resources(), None, ("copy",)),
        targets={
            name: Target(name, None, name in manual, tuple(a.id for a in some), tuple(o.name for o in some[0].outputs))
            for name, some in targets.items()
        },
        actions={a.id: a for a in actions},
        owners={o.path: a.id for a in actions for o in a.outputs},
        serves={},
        params={},
        sources=(),
    )


class Remembered:
    """A memory that knows the latest trace of each action."""

    def __init__(self, *traces):
        self.traces = {t.action: t for t in traces}

    def latest(self, action):
        return self.traces.get(action)

    def last(self, recipe):
        return None

    def results(self, recipe, key=None):
        return []

    def checked(self, trace):
        return None

    def failure(self, action):
        return None


def trace(name, run, *reasons, order=1):
    return Trace(name, Digest("r"), (), (), (), (), 0, 1, 1, run, tuple(reasons), order=order)


def planned(*decisions):
    names = tuple(d.action for d in decisions)
    return Plan(Request(names), {d.action: d for d in decisions}, {})


def run(name, *reasons):
    return Decision(name, Verb.RUN, reasons)


def maybe(name, *paths):
    return Decision(name, Verb.MAYBE, tuple(Reason(Code.INPUT_MAY_CHANGE, p) for p in paths))


def skip(name):
    return Decision(name, Verb.SKIP, (Reason(Code.UP_TO_DATE),))
