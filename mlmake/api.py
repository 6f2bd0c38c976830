"""What Python programs and notebooks may ask of a project; like the commands it only knows the app."""

import json
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mlmake.app import App, Choices, MlfileMistakes, Usage
from mlmake.model.digest import MISSING, Digest
from mlmake.model.event import Event, RunFinished
from mlmake.model.graph import Action, Select
from mlmake.model.plan import Plan
from mlmake.model.release import ReleasedModel
from mlmake.planning.naming import Named, chosen_outputs, model_of, name_outputs, outputs_of
from mlmake.planning.request import Wrong
from mlmake.ports import StateTrouble
from mlmake.views.documents import State, state_of
from mlmake.views.journal import Journal

Place: TypeAlias = str | os.PathLike[str]
"""A folder or a file."""

Parameter: TypeAlias = str | int | float | bool | Sequence[Any]
"""A parameter's value."""


class Error(Exception):
    """What mlmake cannot do: the message says where, why, and what to do about it."""


class NotRecorded(Error):
    """An output is not what the build has recorded: never built, missing or altered."""


def load(reference: str, *, directory: Place | None = None, file: Place | None = None) -> Any:
    """The model that a reference names, unpickled; a list of models where it names several.

    `:best` are the models a selection has chosen, best first: one with `top = 1`. Only bytes that this project's build
    has recorded are opened. `directory` is where to look for the project, by default the current folder and up.
    Raises Error.
    """
    # Slow, and only for who loads something.
    from mlmake.serving.loader import Refused  # noqa: PLC0415
    from mlmake.serving.loader import load as load_model  # noqa: PLC0415

    with _opened(_choices(directory, file)) as app:
        found, single = _models(app, _named(app, reference))
        for item in found:
            _verify(app, item)
        models = [
            ReleasedModel(item.instance, app.workspace.absolute(item.path), item.digest, rank)
            for rank, item in enumerate(found, start=1)
        ]
        root = app.root
    with _importable(root):
        try:
            objects = [load_model(model) for model in models]
        except Refused as error:
            raise Error(str(error)) from error
    return objects[0] if single else objects


def path(reference: str, *, directory: Place | None = None, file: Place | None = None) -> Path | list[Path]:
    """Where the outputs that a reference names are, absolute; one path for one output of one instance, else a list.

    `:best` is the manifest of a selection, `:best.model` that output of the chosen. All are as the build has recorded
    them. Raises Error.
    """
    with _opened(_choices(directory, file)) as app:
        found, single = _outputs(app, _named(app, reference))
        for item in found:
            _verify(app, item)
        paths = [Path(app.workspace.absolute(item.path)) for item in found]
    return paths[0] if single else paths


def plan(
    *targets: str,
    directory: Place | None = None,
    file: Place | None = None,
    set: Mapping[str, Parameter] | None = None,
    params: Place | None = None,
    force: Sequence[str] = (),
    exact: bool = False,
) -> Plan:
    """What a build of these targets (by default the project's) would do, and why; changes nothing. Raises Error."""
    with _opened(_choices(directory, file, set=set, params=params, force=force, exact=exact)) as app:
        return app.plan(targets)


def status(*targets: str, directory: Place | None = None, file: Place | None = None) -> dict[str, State]:
    """How each instance of these targets, and all they need, stands. Raises Error."""
    with _opened(_choices(directory, file)) as app:
        decisions = app.plan(targets).decisions
        return {name: state_of(decision, app.memory.failure(name)) for name, decision in decisions.items()}


def build(
    *targets: str,
    directory: Place | None = None,
    file: Place | None = None,
    set: Mapping[str, Parameter] | None = None,
    params: Place | None = None,
    force: Sequence[str] = (),
    exact: bool = False,
    jobs: int | None = None,
    keep_going: bool = False,
    frozen: bool = False,
    output: bool = False,
    on_event: Callable[[Event], object] | None = None,
) -> RunFinished:
    """Make targets up to date and tell how it went: a failed step is an outcome, no exception.

    `on_event` hears every event as it comes, with `output` also what the steps print. No signal handler is taken: a
    KeyboardInterrupt ends the steps. Raises Error.
    """
    choices = _choices(
        directory,
        file,
        set=set,
        params=params,
        force=force,
        exact=exact,
        jobs=jobs,
        keep_going=keep_going,
        frozen=frozen,
        verbose=int(output),
    )
    end: RunFinished | None = None
    with _opened(choices) as app, Journal(app.runs_folder) as journal:
        app.command = "mlmake.build in Python"
        with closing(app.build(targets, signals=False)) as events:
            for event in events:
                journal.take(event)
                if on_event is not None:
                    on_event(event)
                if isinstance(event, RunFinished):
                    end = event
        if journal.trouble:
            app.notices.append(journal.trouble)
    assert end is not None, "a build ends by saying so"
    return end


# What is named, as the build has recorded it.


@dataclass(frozen=True, slots=True)
class _Item:
    """An output that a result recorded; `maker` is what to build should it not be there as `digest` says."""

    instance: str
    path: str
    digest: Digest
    maker: str


def _named(app: App, reference: str) -> Named:
    folder = os.path.relpath(os.path.abspath(app.choices.directory or os.curdir), app.root)
    named = name_outputs(app.graph, reference, "" if folder == os.curdir else folder)
    if isinstance(named, Wrong):
        raise Error(named.message)
    return named


def _models(app: App, named: Named) -> tuple[list[_Item], bool]:
    """The models, and whether one is meant."""
    found: list[_Item] = []
    single = named.single
    for name in named.actions:
        action = app.graph.actions[name]
        if isinstance(action.command, Select) and named.path is None:
            found += _chosen(app, action, named.output)
            single = single and action.command.top == 1 and not action.command.per
            continue
        model = model_of(action, named.path or named.output)
        if isinstance(model, Wrong):
            raise Error(model.message)
        found.append(_recorded(app, name, model.path))
    return found, single


def _outputs(app: App, named: Named) -> tuple[list[_Item], bool]:
    """The outputs, and whether one is meant."""
    found: list[_Item] = []
    single = named.single
    for name in named.actions:
        action = app.graph.actions[name]
        declared = outputs_of(named, action)
        if isinstance(action.command, Select) and not declared:
            found += _chosen(app, action, named.output)
            single = single and action.command.top == 1 and not action.command.per
            continue
        single = single and len(declared) == 1
        found += (_recorded(app, name, output.path) for output in declared)
    return found, single


def _chosen(app: App, action: Action, wanted: str | None) -> list[_Item]:
    """An output of each instance that a selection has chosen, best first."""
    manifest = _recorded(app, action.id, action.outputs[0].path)
    _verify(app, manifest)
    found = []
    for entry in json.loads(app.workspace.read(manifest.path))["selected"]:
        instance = entry["instance"]
        name: str | None = wanted
        if name is None and instance in app.graph.actions:
            model = model_of(app.graph.actions[instance], None)
            if isinstance(model, Wrong):
                raise Error(model.message)
            name = model.name or model.path
        output = chosen_outputs(entry["outputs"], (name or "model",))
        if output is None:
            raise Error(
                f"{instance}, which {action.id} has chosen, has no output {name}; it has {', '.join(entry['outputs'])}"
            )
        found.append(_Item(instance, output["path"], Digest(output["digest"]), action.id))
    return found


def _recorded(app: App, instance: str, path: str) -> _Item:
    last = app.memory.latest(instance)
    product = next((product for product in last.outputs if product.path == path), None) if last else None
    if product is None:
        raise NotRecorded(f"{path}: {instance} has not been built yet; `mlmake build {instance}` makes it")
    return _Item(instance, path, product.digest, instance)


def _verify(app: App, item: _Item) -> None:
    """Raises NotRecorded unless the output is there as it was recorded."""
    version = app.workspace.look_again(item.path)
    if version == item.digest:
        return
    if version is MISSING:
        raise NotRecorded(f"{item.path} is missing; `mlmake build {item.maker}` puts it back{_at_work(app)}")
    if item.maker != item.instance:
        raise NotRecorded(
            f"{item.path} is not what {item.maker} has chosen, it was altered or built again since;"
            f" `mlmake build {item.maker}` mends that{_at_work(app)}"
        )
    raise NotRecorded(
        f"{item.path} was altered since {item.instance} was built; `mlmake build {item.maker}` puts back what was"
        f" recorded, `mlmake accept {item.maker}` keeps what is there{_at_work(app)}"
    )


def _at_work(app: App) -> str:
    builder = app.builder
    return f" (now {builder} is at work: ask again when it has ended)" if builder else ""


# The project, opened and closed again.

_turn = threading.RLock()
_open = threading.local()


@contextmanager
def _opened(choices: Choices) -> Iterator[App]:
    """The project; one at a time in a process, because the state cannot be opened twice."""
    with _turn:
        if getattr(_open, "busy", False):
            raise Error("mlmake is at work in this thread already: call it again when that has returned")
        _open.busy = True
        try:
            app = App.open(choices)
            try:
                yield app
            finally:
                app.close()
                for notice in app.notices:
                    warnings.warn(notice, RuntimeWarning, stacklevel=4)
        except MlfileMistakes as error:
            raise Error(error.text.rstrip("\n")) from None
        except (Usage, StateTrouble) as error:
            raise Error(str(error)) from None
        finally:
            _open.busy = False


def _choices(
    directory: Place | None,
    file: Place | None,
    *,
    set: Mapping[str, Parameter] | None = None,
    params: Place | None = None,
    force: Sequence[str] = (),
    **rest: Any,
) -> Choices:
    return Choices(
        directory=None if directory is None else os.fspath(directory),
        file=None if file is None else os.fspath(file),
        set=tuple(f"{name}={_as_text(value)}" for name, value in (set or {}).items()),
        params_file=None if params is None else os.fspath(params),
        force=(force,) if isinstance(force, str) else tuple(force),
        **rest,
    )


def _as_text(value: Parameter) -> str:
    """A value as one would write it after `--set NAME=`."""
    return value if isinstance(value, str) else json.dumps(value)


@contextmanager
def _importable(root: str) -> Iterator[None]:
    """The project's modules can be imported, after all others, as long as this lasts: pickles name classes by them."""
    if root in sys.path:
        yield
        return
    sys.path.append(root)
    try:
        yield
    finally:
        if root in sys.path:
            sys.path.remove(root)
