"""Reads what runs have left in their folders; it knows no run's meaning, and damage costs only what is damaged."""

import calendar
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from mlmake.history.naming import looks_like_run
from mlmake.history.past import ASKED, CUT_OFF, EVENTS, RUNNING, Cause, Head, Parameter, Past, Step

END = 4096
"""Bytes of a journal's end in which the end of the run is looked for before all of it is read."""

COUNTED = ("ran", "restored", "skipped", "failed", "blocked", "cancelled")

_AMONG = {"timed-out": "failed", "disturbed": "failed"}
"""Outcomes that a run counts under another word."""

_SKIPPED = "skipped"


class PastRuns:
    """The runs in a folder. `is_building` says whether a build goes on, so that one without an end is told from it."""

    def __init__(self, folder: str, *, is_building: Callable[[], bool] = lambda: False) -> None:
        self.folder = folder
        self._is_building = is_building
        self._names: list[str] | None = None
        self._heads: dict[str, Head] = {}

    def names(self) -> list[str]:
        """The runs, newest first."""
        if self._names is None:
            found = [name for name in _listed(self.folder) if self._is_run(name)]
            # Of runs that began in the same second the names say nothing.
            shared = {second for second, count in Counter(name[:15] for name in found).items() if count > 1}
            began = {name: self._began(name, exactly=name[:15] in shared) for name in found}
            self._names = sorted(found, key=lambda name: (began[name], name), reverse=True)
        return self._names

    def head(self, run: str) -> Head:
        """A run as a whole, by the first and the last of its events where it has both."""
        if run not in self._heads:
            self._heads[run] = self._look(run)
        return self._heads[run]

    def read(self, run: str) -> Past:
        """A run with all its instances, those first that ended first."""
        given = read_asked(os.path.join(self.folder, run, ASKED))
        steps = _Steps(given)
        first: _Line | None = None
        for line in _lines(os.path.join(self.folder, run, EVENTS)):
            if line.event == "run-started" and first is None:
                first = line
            steps.take(line, 0.0 if first is None else first.time)
        return Past(self.head(run), steps.found, parameters(given.params), given.better, tuple(given.instances))

    def measures(self, run: str) -> dict[str, dict[str, float]]:
        """By instance the metrics of a run, where there are any; what was kept or restored counts too."""
        found = {}
        for line in _raw_lines(os.path.join(self.folder, run, EVENTS)):
            # Most of a long history is read for nothing else.
            if line.startswith(_FINISHED) and _NO_METRICS not in line:
                with suppress(msgspec.DecodeError):
                    measured = _decode_measured(line)
                    found[measured.instance] = numbers(measured.metrics)
        return found

    def parameters(self, run: str) -> dict[str, Parameter]:
        """The parameters of a run."""
        with suppress(OSError, msgspec.DecodeError), open(os.path.join(self.folder, run, ASKED), "rb") as file:
            return parameters(_decode_params(file.read()).params)
        return {}

    def given(self, run: str) -> Past:
        """A run with what it was given only: parameters, and of its instances the keys, but nothing that came out."""
        return given_past(self.head(run), read_asked(os.path.join(self.folder, run, ASKED)))

    def _is_run(self, name: str) -> bool:
        return looks_like_run(name) or os.path.isfile(os.path.join(self.folder, name, EVENTS))

    def _began(self, run: str, *, exactly: bool) -> float:
        begun = _time_of(run)
        return self.head(run).started if exactly or begun is None else begun

    def _look(self, run: str) -> Head:
        path = os.path.join(self.folder, run, EVENTS)
        words = _words(os.path.join(self.folder, run, ASKED))
        begun, over = _ends(path)
        started = begun.time if begun is not None else _time_of(run) or 0.0
        counts: dict[str, int] = {}
        rounds: dict[str, str] = {}
        for line in () if over is not None else _lines(path):
            if line.event == "target-finished" and line.outcome:
                word = _AMONG.get(line.outcome, line.outcome)
                if (known := rounds.get(line.instance)) is not None:
                    counts[known] -= 1
                    word = known if line.outcome == _SKIPPED else word
                if known is not None or not line.complete:
                    rounds[line.instance] = word
                counts[word] = counts.get(word, 0) + 1
            elif line.event == "run-finished":
                over = line
        if over is not None:
            told = {word: number for word in COUNTED if (number := getattr(over, word))}
            return Head(run, started, over.outcome or "", told, over.seconds, over.saved_seconds, _jobs(begun), words)
        alive = self._is_building() and run == self._newest()
        return Head(run, started, RUNNING if alive else CUT_OFF, counts, None, 0.0, _jobs(begun), words)

    def _newest(self) -> str | None:
        written = {name: _written(os.path.join(self.folder, name, EVENTS)) for name in _listed(self.folder)}
        return max(written, key=lambda name: written[name], default=None)


class _Line(msgspec.Struct):
    """One event, of whatever kind: the fields that matter here."""

    event: str
    time: float = 0.0
    run: str = ""
    jobs: int = 0
    target: str = ""
    instance: str = ""
    outcome: str | None = None
    reasons: list[Cause] = []
    attempt: int = 0
    seconds: float = 0.0
    metrics: dict[str, float | str] = {}
    exit_code: int | None = None
    detail: str | None = None
    made_in: str | None = None
    complete: bool = True
    losers: list[str] | None = None
    ran: int = 0
    restored: int = 0
    skipped: int = 0
    failed: int = 0
    blocked: int = 0
    cancelled: int = 0
    saved_seconds: float = 0.0


_decode_line = msgspec.json.Decoder(_Line).decode


class _Measured(msgspec.Struct):
    """Of an ended instance only what it measured."""

    instance: str
    metrics: dict[str, float | str] = {}


_decode_measured = msgspec.json.Decoder(_Measured).decode

_FINISHED = b'{"event":"target-finished"'
_NO_METRICS = b'"metrics":{}'


class Asked(msgspec.Struct):
    """What a run was asked for; see `history.asked`, which makes the document."""

    words: tuple[str, ...] = ()
    params: dict[str, tuple[Any, str]] = {}
    better: dict[str, str] = {}
    uses: list[tuple[str, ...]] = []
    instances: dict[str, tuple[str, dict[str, Any], int]] = {}

    def keys(self, instance: str) -> Mapping[str, Any]:
        """An instance's matrix values; none if it is not known."""
        return self.instances[instance][1] if instance in self.instances else {}

    def used(self, instance: str) -> tuple[str, ...]:
        """The names of an instance's parameters."""
        place = self.instances[instance][2] if instance in self.instances else -1
        return self.uses[place] if 0 <= place < len(self.uses) else ()


_decode_asked = msgspec.json.Decoder(Asked).decode


def asked_from(data: bytes) -> Asked:
    """The document of what was asked for; an empty one if it cannot be read."""
    try:
        return _decode_asked(data)
    except msgspec.DecodeError:
        return Asked()


def read_asked(path: str) -> Asked:
    """The document in a file; an empty one if there is none or it cannot be read."""
    try:
        with open(path, "rb") as file:
            return asked_from(file.read())
    except OSError:
        return Asked()


class _Words(msgspec.Struct):
    """Of what a run was asked for only the command line: most of the rest is skipped much faster than read."""

    words: tuple[str, ...] = ()


class _Params(msgspec.Struct):
    """Of what a run was asked for only the parameters."""

    params: dict[str, tuple[Any, str]] = {}


_decode_params = msgspec.json.Decoder(_Params).decode
_decode_words = msgspec.json.Decoder(_Words).decode


def _words(path: str) -> tuple[str, ...]:
    with suppress(OSError, msgspec.DecodeError), open(path, "rb") as file:
        return _decode_words(file.read()).words
    return ()


def parameters(params: Mapping[str, tuple[Any, str]]) -> dict[str, Parameter]:
    """Parameters as values."""
    return {name: Parameter(value, source) for name, (value, source) in params.items()}


def given_past(head: Head, given: Asked) -> Past:
    """A run of which only what it was asked for is known."""
    steps = {
        name: Step(instance=name, target=target, keys=keys, uses=given.used(name))
        for name, (target, keys, _) in given.instances.items()
    }
    return Past(head, steps, parameters(given.params), given.better, tuple(given.instances))


class _Steps:
    """The instances of a run, from its events in their order."""

    def __init__(self, given: Asked) -> None:
        self.found: dict[str, Step] = {}
        self._given = given
        self._begun: dict[str, tuple[float, int]] = {}

    def take(self, line: _Line, began: float) -> None:
        """One more event."""
        name = line.instance
        if line.event == "target-started":
            first, _ = self._begun.get(name, (line.time - began, 0))
            self._begun[name] = first, line.attempt
            # Until it has ended, this is all there is of it.
            self._put(line, outcome=None)
        elif line.event == "target-finished":
            before = self.found.pop(name, None)
            if before is not None and before.outcome is not None and line.outcome == _SKIPPED:
                # What it did on fewer branches turned out to be right for all.
                self.found[name] = replace(before, complete=line.complete, detail=None)
            else:
                self._put(line, outcome=line.outcome)

    def _put(self, line: _Line, *, outcome: str | None) -> None:
        name = line.instance
        at, attempts = self._begun.get(name, (None, 0))
        self.found[name] = Step(
            instance=name,
            target=line.target or name.partition("@")[0],
            outcome=outcome,
            at=at,
            seconds=line.seconds,
            attempts=attempts,
            metrics=numbers(line.metrics),
            causes=tuple(line.reasons),
            detail=line.detail,
            exit_code=line.exit_code,
            made_in=line.made_in,
            complete=line.complete,
            losers=None if line.losers is None else tuple(line.losers),
            keys=self._given.keys(name),
            uses=self._given.used(name),
        )


def numbers(metrics: Mapping[str, float | str]) -> dict[str, float]:
    """Metrics as numbers, those too that JSON has only as words."""
    found = {}
    for name, value in metrics.items():
        if isinstance(value, str):
            with suppress(ValueError):
                found[name] = float(value)
        else:
            found[name] = value
    return found


def _lines(path: str) -> Iterator[_Line]:
    """The events in a journal; lines that are torn or no events are left out."""
    for line in _raw_lines(path):
        with suppress(msgspec.DecodeError):
            yield _decode_line(line)


def _raw_lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().split(b"\n")
    except OSError:
        return []


def _ends(path: str) -> tuple[_Line | None, _Line | None]:
    """The start and the end of a run, as far as they are there."""
    begun = over = None
    try:
        with open(path, "rb") as file:
            first = file.readline()
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - END))
            last = file.read()
    except OSError:
        return None, None
    with suppress(msgspec.DecodeError):
        begun = _decode_line(first)
    for line in last.split(b"\n"):
        with suppress(msgspec.DecodeError):
            found = _decode_line(line)
            over = found if found.event == "run-finished" else over
    return (begun if begun is not None and begun.event == "run-started" else None), over


def _jobs(begun: _Line | None) -> int:
    return 0 if begun is None else begun.jobs


def _time_of(run: str) -> float | None:
    """When a run began by its name, to the second."""
    try:
        return float(calendar.timegm(time.strptime(run[:15], "%Y%m%d-%H%M%S")))
    except ValueError:
        return None


def _written(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
