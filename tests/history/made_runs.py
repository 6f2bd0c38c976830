"""Runs by hand, for the tests of what looks back."""

from mlmake.history.past import Head, Parameter, Past, Step


def past(run, metrics=None, *, keys=None, params=None, better=None, uses=None, ended="ok", started=0.0, targets=None):
    """A run: by instance its metrics; `params` by name."""
    steps = {
        name: Step(
            instance=name,
            target=name.partition("@")[0],
            outcome="ran",
            metrics=measured,
            keys=(keys or {}).get(name, {}),
            uses=(uses or {}).get(name, ()),
        )
        for name, measured in (metrics or {}).items()
    }
    given = {name: Parameter(value, "Mlfile") for name, value in (params or {}).items()}
    return Past(Head(run, started, ended), steps, given, better or {}, tuple(steps))
