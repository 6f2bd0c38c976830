"""Hypothesis strategies over what a project has of its own: its sources and its parameters; they know no law."""

import datetime
from collections.abc import Mapping

from hypothesis import strategies as st

from mlmake.model.digest import Value
from mlmake.testing.pipeline import Change, Pipeline


def changes(pipeline: Pipeline) -> st.SearchStrategy[Change]:
    """One change: a source with another content, or a parameter with another value of its type."""
    found = [st.sampled_from(pipeline.sources)] if pipeline.sources else []
    named = [st.builds(lambda value, name=name: {name: value}, values(old)) for name, old in _settable(pipeline)]
    return st.one_of(*found, *named)


def histories(pipeline: Pipeline, *, longest: int = 4) -> st.SearchStrategy[list[Change]]:
    """Changes one after the other."""
    return st.lists(changes(pipeline), max_size=longest)


def settings_of(pipeline: Pipeline) -> st.SearchStrategy[Mapping[str, Value]]:
    """Values for some of the parameters, each of its type."""
    return st.fixed_dictionaries({}, optional={name: values(old) for name, old in _settable(pipeline)})


def values(like: Value) -> st.SearchStrategy[Value]:
    """Values of the type of this one, which is among them; of texts and lists only itself and one more."""
    match like:
        case bool():
            return st.booleans()
        case int():
            return st.just(like) | st.integers(min(like, 0), max(2 * like, like + 10))
        case float():
            return st.just(like) | st.floats(min(2 * like, 0.0), max(2 * like, 1.0), allow_nan=False)
        case str():
            return st.sampled_from([like, f"{like}-changed"])
        case list() | tuple():
            return st.sampled_from([list(like), list(like)[:-1]]) if like else st.just([])
        case _:
            return st.just(like)


def _settable(pipeline: Pipeline) -> list[tuple[str, Value]]:
    kinds = (bool, int, float, str, list, tuple, datetime.date, datetime.time)
    return [(name, value) for name, value in pipeline.parameters.items() if isinstance(value, kinds)]
