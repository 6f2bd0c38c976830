"""One attempt of one action from clearing its outputs to having them kept; it does not know what is built next."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlmake.mlfile.sources import covers
from mlmake.model.digest import Digest, Version
from mlmake.model.graph import Action
from mlmake.model.job import Ended
from mlmake.model.metrics import NotMetrics, flatten
from mlmake.model.observation import Baseline, Observation
from mlmake.model.trace import Packages, Product
from mlmake.model.validity import Probe, Source
from mlmake.planning.rebuild.significance import equal
from mlmake.ports import ContentStore, Installed, OutsideProject, StoreTrouble, Workspace
from mlmake.running import mishaps


@dataclass(frozen=True, slots=True)
class Attempted:
    """What came of an attempt.

    `ended` is none if the step never started. `early` are inputs that had moved before it started, `late` those that
    moved while it ran. `missing` are outputs that are not there though it succeeded. `error` says why it could not
    start or be kept; `store_trouble` why its outputs are not in the store.

    `read` are those of `discovered` that it read as data, `own` files it read and wrote without declaring them;
    `strange` are files of other actions that it read without declaring it, each with its maker.
    """

    ended: Ended | None = None
    products: tuple[Product, ...] = ()
    discovered: Mapping[str, Digest] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    strange: tuple[tuple[str, str], ...] = ()
    packages: tuple[Packages, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    early: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: str | None = None
    store_trouble: str | None = None
    baseline: Baseline | None = None

    @property
    def succeeded(self) -> bool:
        """Everything is there to be recorded."""
        return (
            self.ended is not None
            and self.ended.succeeded
            and not (self.early or self.late or self.missing or self.strange or self.error)
        )


def attempt(
    action: Action,
    inputs: Sequence[tuple[str, Version]],
    *,
    job: str,
    keep: Sequence[str],
    execute: Callable[[], Ended],
    workspace: Workspace,
    store: ContentStore | None,
    installed: Installed,
    maker: Callable[[str], str | None],
    now: Callable[[], float],
    observe: Callable[[bool], Observation] | None = None,
) -> Attempted:
    """Do the step, whole: on any failure the outputs are what they were before, except those in `keep`.

    `keep` are those of the kept outputs that this attempt may go on with; others are dropped before it starts, so that
    what it leaves at them can stay. `maker` names the action that makes a path, if one does. `now` is the clock by
    which files are stamped, in seconds since the epoch. `observe` asks the validator of the source, if there is
    one: before (True), where an answer of this build will do, and after.
    """
    before = observe(True) if observe is not None else None
    if before is not None and before.error is not None:
        return Attempted(error=before.error)
    try:
        early = _moved(inputs, workspace)
    except OSError as error:
        return Attempted(error=mishaps.unreadable(error))
    if early:
        return Attempted(early=early)
    outputs = [output.path for output in action.outputs]
    try:
        if old := [path for path in action.policy.keep if path not in keep]:
            workspace.clear(aside := f"{job}-kept", old, ())
            workspace.settle(aside)
        workspace.clear(job, outputs, action.policy.keep)
    except (OSError, OutsideProject) as error:
        workspace.put_back(f"{job}-kept")
        workspace.put_back(job)
        return Attempted(error=mishaps.unprepared(error))
    ended = execute()
    try:
        attempted = _look(
            action, inputs, ended, workspace=workspace, store=store, installed=installed, maker=maker, now=now
        )
    except OSError as error:
        attempted = Attempted(ended, error=mishaps.unreadable_outputs(error))
    if attempted.succeeded and before is not None and observe is not None:
        attempted = replace(attempted, baseline=baseline(action.policy.validity.probe, before, observe(False)))
    if attempted.late:
        workspace.settle(job)
    elif not attempted.succeeded:
        workspace.put_back(job)
    return attempted


def baseline(probe: Probe | None, before: Observation, after: Observation) -> Baseline:
    """What a run is remembered to have been made from, by what its source was before and after it."""
    moved = before.content != after.content or (before.measures is None) != (after.measures is None)
    if before.measures is not None and after.measures is not None:
        moved = moved or not equal(before.measures, after.measures)
    return Baseline(before.content, before.measures, probe.identity if probe else None, moved)


def _look(
    action: Action,
    inputs: Sequence[tuple[str, Version]],
    ended: Ended,
    *,
    workspace: Workspace,
    store: ContentStore | None,
    installed: Installed,
    maker: Callable[[str], str | None],
    now: Callable[[], float],
) -> Attempted:
    """What a step that has ended left. Raises OSError for what cannot be read."""
    outputs = [output.path for output in action.outputs]
    declared = {path for path, _ in inputs}
    if (source := action.policy.validity.source) is not None:
        ended = replace(ended, read=_outside(source, ended.read), loaded=_outside(source, ended.loaded))
    reads = _undeclared_reads(ended, {*declared, *outputs})
    strange = tuple((path, name) for path in reads if (name := maker(path)) not in (None, action.id))
    if not ended.succeeded or strange:
        return Attempted(ended, strange=strange)
    if missing := tuple(path for path in outputs if workspace.touched(path) is None):
        return Attempted(ended, missing=missing)
    own = tuple(path for path, seen in reads.items() if path in ended.written and _touched_since(path, seen, workspace))
    read = {path: seen for path, seen in reads.items() if path not in own and workspace.touched(path) is not None}
    discovered, late = _discover({**ended.loaded, **read}, declared, outputs, workspace=workspace, now=now())
    if late := (*_moved(inputs, workspace), *late):
        return Attempted(ended, late=late)
    try:
        metrics = read_metrics(action, workspace)
    except NotMetrics as error:
        return Attempted(ended, error=str(error))
    products, trouble = keep_outputs(action, workspace, store if action.policy.cache else None)
    if missing := tuple(set(outputs) - {product.path for product in products}):
        return Attempted(ended, missing=missing)
    return Attempted(
        ended,
        products,
        discovered,
        read=tuple(path for path in read if path in discovered),
        own=own,
        packages=installed.resolve(ended.imported) if ended.imported else (),
        metrics=metrics,
        store_trouble=trouble,
    )


def _moved(inputs: Sequence[tuple[str, Version]], workspace: Workspace) -> tuple[str, ...]:
    """The inputs that are not what they were when judged."""
    return tuple(path for path, version in inputs if workspace.look_again(path) != version)


def _outside(source: Source, seen: Mapping[str, float]) -> dict[str, float]:
    """What is not under the source: that is judged by its validator, and never discovered."""
    return {path: moment for path, moment in seen.items() if not covers(source, path)}


def _undeclared_reads(ended: Ended, declared: set[str]) -> dict[str, float]:
    """What a step was seen to read, but for what is declared and what it had written itself before."""
    folders = tuple(path for path in declared if path.endswith("/"))
    return {
        path: seen
        for path, seen in ended.read.items()
        if path not in declared and not path.startswith(folders) and seen <= ended.written.get(path, seen)
    }


def _touched_since(path: str, seen: float, workspace: Workspace) -> bool:
    touched = workspace.touched(path)
    return touched is not None and touched > seen


def _discover(
    loaded: Mapping[str, float], declared: set[str], outputs: Sequence[str], *, workspace: Workspace, now: float
) -> tuple[dict[str, Digest], tuple[str, ...]]:
    """The digests of the files that a step was seen to load or read, and those that changed after it had."""
    discovered, late = {}, []
    for path, seen in sorted(loaded.items()):
        if path in declared or any(path == o or (o.endswith("/") and path.startswith(o)) for o in outputs):
            continue
        touched = workspace.touched(path)
        version = workspace.look_again(path)
        # A time in the future is from before the clock was set back, so it tells of no change since.
        if touched is None or seen < touched <= now or not isinstance(version, str):
            late.append(path)
        else:
            discovered[path] = version
    return discovered, tuple(late)


def read_metrics(action: Action, workspace: Workspace) -> dict[str, float]:
    """The numbers in the output with the metrics. Raises NotMetrics."""
    name = action.policy.metrics
    path = next(
        (output.path for output in action.outputs if name is not None and name in (output.name, output.path)), None
    )
    if path is None:
        return {}
    try:
        return {name: _as_float(number) for name, number in flatten(workspace.read(path)).items()}
    except NotMetrics as error:
        raise NotMetrics(f"its metrics {path} cannot be read: {error}") from error
    except OSError as error:
        raise NotMetrics(f"its metrics {path} cannot be read: {error.strerror}") from error


def _as_float(number: float) -> float:
    """As it will be remembered, so that a result says the same before and after."""
    try:
        return float(number)
    except OverflowError:  # an integer may have any number of digits
        return math.inf if number > 0 else -math.inf


def keep_outputs(
    action: Action, workspace: Workspace, store: ContentStore | None
) -> tuple[tuple[Product, ...], str | None]:
    """The outputs with their bytes in the store; without, and why, where it is in trouble."""
    try:
        found = [workspace.product(output.name, output.path, store=store) for output in action.outputs]
    except StoreTrouble as trouble:
        return keep_outputs(action, workspace, None)[0], str(trouble)
    return tuple(product for product in found if product is not None), None
