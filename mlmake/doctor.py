"""All checks of the machine, the project's folders and its state, one after the other; it judges nothing itself."""

import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlmake.host import disk, filetime, holding, installed, limits, noticing, unseen
from mlmake.host.machine import totals, usable_cpus
from mlmake.host.mounts import existing, known_mounts
from mlmake.model.finding import Finding, Section, note, ok, problem, warning
from mlmake.model.graph import Graph, Leaf, Made
from mlmake.reading import Choices, MlfileMistakes, Usage, cache_folder, find_project, read_project, state_folder
from mlmake.stores import statecheck, storecheck

MOST_FOLDERS = 20_000
MOST_INPUTS = 10_000
"""Inputs whose content is compared with what is remembered of them."""

Check = Callable[[], Finding | Iterable[Finding] | None]


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: a folder, and the project in it as far as there is one and it can be read."""

    root: str
    graph: Graph | None
    findings: tuple[Finding, ...]
    is_project: bool

    @property
    def state_dir(self) -> str:
        """Where the project's state is, or would be."""
        return state_folder(self.root)

    @property
    def cache_dir(self) -> str:
        """Where the project's content store is, or would be."""
        return cache_folder(self.root, self.graph.project.cache_dir if self.graph else None)


def examine(choices: Choices, *, jobs: int | None) -> Iterator[Section]:
    """Every area in turn. Changes nothing and takes no lock. Raises Usage for an Mlfile named that is not there."""
    patient = find_patient(choices)
    if patient.findings:
        yield Section("project", patient.findings)
    yield _section("limits", _limits(patient, jobs or usable_cpus()))
    yield _section("files", _files(patient))
    state: list[statecheck.Contents] = []
    newest: list[float] = []
    remembered = []
    if patient.is_project:
        remembered = [_section("state", _state(patient, state)), _section("store", _store(patient, state, newest))]
    yield _section("clock", _clock(patient, [*newest, *(found.newest for found in state if found.newest)]))
    yield from remembered
    yield _section("packages", _packages(patient))


def find_patient(choices: Choices) -> Patient:
    """The folder, and the project that governs it. Raises Usage."""
    here = os.path.abspath(choices.directory or os.curdir)
    if not os.path.isdir(here):
        raise Usage(f"{choices.directory}: there is no such folder: check -C")
    try:
        located = find_project(choices)
    except Usage as error:
        if choices.file is not None:
            raise
        found = note("project", "only the machine is looked at: there is no project here", why=str(error))
        return Patient(here, None, (found,), is_project=False)
    try:
        graph = read_project(located, choices).graph
    except MlfileMistakes as error:
        count = len(error.problems)
        told = f"the Mlfile has {count} mistake{'s' if count != 1 else ''}"
        why = "what it chooses (interpreter, store, link) is not known here: defaults are looked at"
        return Patient(located.root, None, (warning("mlfile", told, why=why, mend="mlmake check"),), is_project=True)
    except OSError as error:
        unread = problem(
            "mlfile",
            f"the Mlfile, or what it names, cannot be read: {_cause(error)}",
            why="nothing can be built or asked",
            mend="look who owns it and what its mode is",
        )
        return Patient(located.root, None, (unread,), is_project=True)
    told = f"{len(graph.targets)} targets, {len(graph.actions)} steps in {os.path.join(located.root, located.name)}"
    return Patient(located.root, graph, (ok("mlfile", told),), is_project=True)


def checked(name: str, check: Check) -> Iterator[Finding]:
    """What a check finds. If it fails itself, that is what is found."""
    try:
        found = check()
        if isinstance(found, Finding):
            yield found
        elif found is not None:
            yield from list(found)
    except Exception as error:
        # Whatever a broken machine makes a check raise, the others are still wanted.
        told = f"this check could not be made: {_cause(error)}"
        yield warning(name, told, why="what it looks at is not known", mend="look into the cause named here")


def _section(area: str, checks: Iterable[tuple[str, Check]]) -> Section:
    return Section(area, tuple(finding for name, check in checks for finding in checked(name, check)))


def _limits(patient: Patient, jobs: int) -> Iterator[tuple[str, Check]]:
    group = limits.control_group
    granted = patient.graph.project.totals if patient.graph else totals()
    user = os.geteuid()
    yield "open-files", lambda: limits.open_files(jobs)
    yield (
        "processes",
        lambda: limits.processes(jobs, used=limits.processes_of(user), root=user == 0, cgroup=group("pids")),
    )
    yield "cpus", lambda: limits.cpus(usable_cpus(), cgroup=group("cpu"))
    yield "memory", lambda: limits.memory(granted.memory, physical=totals().memory, cgroup=group("memory"))
    yield "shared-memory", limits.shared_memory
    yield "inotify-watches", lambda: limits.watches(_folders(patient))


def _folders(patient: Patient) -> int:
    return disk.folders_below(patient.root, most=MOST_FOLDERS) if patient.is_project else 0


def _files(patient: Patient) -> Iterator[tuple[str, Check]]:
    root, state, cache = patient.root, patient.state_dir, patient.cache_dir
    link = patient.graph.project.link if patient.graph else ("reflink", "copy")
    mounts = known_mounts()
    yield "file-system", lambda: disk.kind("file-system", root, mounts)
    if patient.is_project:
        yield "state-file-system", lambda: disk.kind("state-file-system", state, mounts, holds_state=True)
        yield "same-disk", lambda: disk.same_device({"the project": root, "the state": state, "the store": cache})
        yield "state-writable", lambda: disk.writable("state-writable", state, variable="MLMAKE_STATE_DIR")
        yield "store-writable", lambda: disk.writable("store-writable", cache, variable="MLMAKE_CACHE_DIR")
    for check, place in _disks({"project": root, "state": state, "store": cache}):
        yield f"{check}-space", _bound(disk.room, check, place)
    yield "letter-case", lambda: disk.case(root)
    if _can_write(cache):
        yield "reflink", lambda: disk.reflink(cache, wanted="reflink" in link)
        yield "hard-links", lambda: disk.hard_links(cache, wanted="hardlink" in link)
    else:
        yield "reflink", lambda: _untried("reflink")
        yield "hard-links", lambda: _untried("hard-links")
    yield "inotify", lambda: noticing.events(state if os.path.isdir(state) else root)


def _disks(places: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The first place on each disk."""
    seen = set()
    for name, path in places.items():
        device = os.stat(existing(path)).st_dev
        if device not in seen:
            seen.add(device)
            yield name, path


def _bound(check: Callable[[str, str], list[Finding]], name: str, place: str) -> Check:
    return lambda: check(name, place)


def _state(patient: Patient, found: list[statecheck.Contents]) -> Iterator[tuple[str, Check]]:
    """The checks of the state; its contents are left in `found`, where they can be read."""

    def look() -> list[Finding]:
        findings, contents = statecheck.state(os.path.join(patient.state_dir, "state"), declared_inputs(patient))
        if contents is not None:
            found.append(contents)
        return findings

    yield "state-file", look
    yield "build-lock", lambda: holding.held(os.path.join(patient.state_dir, "lock"))
    yield "unseen-changes", lambda: unseen.unseen(patient.root, found[0].stamps) if found else None


def _store(patient: Patient, state: list[statecheck.Contents], newest: list[float]) -> Iterator[tuple[str, Check]]:
    """The checks of the store; the time of its newest result is left in `newest`, if there is one."""

    def look() -> list[Finding]:
        known = state[0].runs if state and state[0].results <= statecheck.MOST_ROWS else None
        inside = os.path.realpath(patient.cache_dir).startswith(os.path.realpath(patient.state_dir) + os.sep)
        findings, ended = storecheck.store(patient.cache_dir, known_runs=known, own=inside)
        if ended is not None:
            newest.append(ended)
        return findings

    yield "store", look


def _clock(patient: Patient, newest: list[float]) -> Iterator[tuple[str, Check]]:
    place = next((place for place in (patient.cache_dir, patient.state_dir, patient.root) if _can_write(place)), None)
    yield "file-clock", lambda: filetime.file_clock(place) if place else _untried("file-clock")
    if patient.is_project:
        yield "record-times", lambda: filetime.newest_record(max(newest, default=None), now=time.time())


def _untried(check: str) -> Finding:
    return note(check, f"{check} not tried: nothing can be written there", why="a file would have to be made")


def _packages(patient: Patient) -> Iterator[tuple[str, Check]]:
    def own() -> list[Finding]:
        wanted, required = installed.requirements()
        return [installed.python(wanted, version=platform.python_version()), *installed.packages(required)]

    yield "packages", own
    if patient.graph:
        project = patient.graph.project
        python = os.path.join(patient.root, project.python) if project.python else sys.executable
        yield "interpreter", lambda: installed.interpreter(python)
        yield "preload", lambda: installed.modules(python, project.preload, root=patient.root)
        yield "shell", lambda: installed.shell(project.shell)
    yield "git", lambda: installed.program("git", why="a run is not recorded with its commit")
    yield "make", lambda: installed.program("make", why="only steps that call it need it")


def declared_inputs(patient: Patient) -> list[str]:
    """The files that actions name as inputs or sources, and those in the folders they name; a bounded number."""
    found: dict[str, None] = {}
    for action in patient.graph.actions.values() if patient.graph else ():
        source = action.policy.validity.source
        items = [*(item for entry in action.inputs for item in entry.items), *(source.items if source else ())]
        for named in (item.path for item in items if isinstance(item, Leaf | Made)):
            for path in _files_in(patient.root, named) if named.endswith("/") else [named]:
                found[path] = None
                if len(found) >= MOST_INPUTS:
                    return list(found)
    return list(found)


def _files_in(root: str, folder: str) -> Iterator[str]:
    top = os.path.join(root, folder)
    for here, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            yield folder + os.path.relpath(os.path.join(here, name), top)


def _can_write(folder: str) -> bool:
    return os.access(existing(folder), os.W_OK | os.X_OK)


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno) + (f": {os.fsdecode(error.filename)}" if error.filename else "")
    return f"{type(error).__name__}: {error}"
