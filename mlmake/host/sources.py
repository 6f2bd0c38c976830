"""How sources are now: what they hold and what probes say of them; it does not know what is decided from it."""

import shlex
import threading
from collections.abc import Callable, Mapping

from mlmake.host.counts import FileCounts
from mlmake.host.files import LocalWorkspace
from mlmake.host.records import KNOWN, Count, NotCounted, count_lines, record_counter
from mlmake.host.sourcefiles import NotThere, SourceFiles, content_digest, list_source
from mlmake.mlfile.interpolate import Unfillable
from mlmake.model.address import without_secrets
from mlmake.model.answer import Answer, NoMeasure, measures_in
from mlmake.model.command import Argv, Call, Shell
from mlmake.model.digest import Digest, digest_of
from mlmake.model.graph import Action
from mlmake.model.job import How, Job
from mlmake.model.observation import Measures, Observation
from mlmake.model.units import Seconds
from mlmake.model.validity import Probe, Remote, Source
from mlmake.ports import Prober

SERVER_TIMEOUT = Seconds(60)
"""For an answer about a URL, all redirects included."""

_SHOWN = 20
"""Lines shown of what a probe that failed has written."""


class NotTold(Exception):
    """A validator says nothing; the message has place, cause and mend."""


class ProjectSources:
    """Asks the validators of one project, for one survey or one build; any thread may ask.

    `order` makes the job of a probe that is a command; it raises Unfillable where that asks for what is not there.
    """

    def __init__(
        self, workspace: LocalWorkspace, *, counts: FileCounts, prober: Prober, order: Callable[[Action], Job]
    ) -> None:
        self._workspace, self._counts, self._prober, self._order = workspace, counts, prober, order
        self._over = threading.Event()

    def observe(self, action: Action, *, content: bool = False) -> Observation:
        """See `Sources.observe`."""
        validity = action.policy.validity
        source, probe = validity.source, validity.probe
        try:
            self._go_on()
            held = None
            if source is not None and (content or probe is None or probe.measure is not None):
                held = list_source(action, source, self._workspace)
            measures = None if probe is None else self._measures(action, probe, held)
            digest = None
            if source is not None and held is not None and (content or probe is None):
                digest = self._content(source, held, needed=probe is None)
        except (NotTold, NotThere) as error:
            return Observation(error=str(error))
        except OSError as error:
            return Observation(error=_unreadable(error))
        return Observation(digest, measures)

    def content(self, action: Action) -> Digest | None:
        """See `Sources.content`."""
        source = action.policy.validity.source
        # A server would have to be waited for, though its probe is all that was asked for.
        if source is None or any(isinstance(item, Remote) for item in source.items):
            return None
        try:
            self._go_on()
            return content_digest(list_source(action, source, self._workspace), self._workspace, self._go_on)
        except (NotTold, NotThere, OSError):
            # Its probe has answered, so this is no failure: an exact build will find nothing to compare with.
            return None

    def cancel(self) -> None:
        """See `Sources.cancel`."""
        self._over.set()
        self._prober.cancel()

    # Content

    def _content(self, source: Source, held: SourceFiles, *, needed: bool) -> Digest | None:
        """None if a server does not tell and it is not `needed`, because a probe does."""
        urls = [item.url for item in source.items if isinstance(item, Remote)]
        local = content_digest(held, self._workspace, self._go_on)
        if not urls:
            return local
        told: list[str] = [local] if held.entries else []
        for url in urls:
            validator = self._ask_server(url)
            if validator is None and not needed:
                return None
            if validator is None:
                raise NotTold(
                    f"{without_secrets(url)}: the server sends neither ETag nor Last-Modified, so nobody can tell"
                    " whether it has changed; measure it by probe = { run = … }"
                )
            told += (without_secrets(url), validator)
        return digest_of(told)

    def _ask_server(self, url: str) -> str | None:
        from mlmake.host import urls  # noqa: PLC0415 - slow, and only for sources behind URLs

        try:
            return urls.ask_server(url, timeout=SERVER_TIMEOUT, stopped=self._over.is_set).validator
        except urls.NotTold as error:
            raise NotTold(str(error)) from error

    # Measures

    def _measures(self, action: Action, probe: Probe, held: SourceFiles | None) -> Measures:
        if probe.measure is None:
            return self._by_command(action, probe)
        source = action.policy.validity.source
        assert source is not None and held is not None, "a built-in probe has a source"
        if remote := [item for item in source.items if isinstance(item, Remote)]:
            raise NotTold(
                f'{without_secrets(remote[0].url)}: probe = "{probe.measure}" measures files of this machine;'
                " leave it out, or write probe = { run = … }"
            )
        files = {path: self._workspace.absolute(path) for path in held.files}
        return {probe.measure: self._number(probe.measure, files)}

    def _number(self, measure: str, files: Mapping[str, str]) -> int:
        match measure:
            case "files":
                return len(files)
            case "bytes":
                return self._counts.sizes(files)
            case "lines":
                return self._counts.of("lines", files, lambda path, place: self._count(count_lines, path, place))
            case "records":
                counters = {path: found for path in files if (found := _counter(path)) is not None}
                counted = {path: files[path] for path in counters}
                return self._counts.of("records", counted, lambda path, at: self._count(counters[path], path, at))
            case other:
                raise AssertionError(f"{other} is no measure")

    def _count(self, count: Count, path: str, place: str) -> int:
        self._go_on()
        try:
            return count(place, self._go_on)
        except NotCounted as error:
            raise NotTold(f"{path}: {error}") from error

    def _go_on(self) -> None:
        if self._over.is_set():
            raise NotTold("it was not waited for")

    def _by_command(self, action: Action, probe: Probe) -> Measures:
        try:
            job = self._order(action)
        except Unfillable as error:
            raise NotTold(f"its probe cannot be run: {error}") from error
        answer = self._prober.ask(job)
        shown = _shown(probe)
        if answer.how is How.CANCELLED:
            raise NotTold(f"its probe {shown} was not waited for")
        if answer.how is How.NOT_STARTED:
            raise NotTold(f"its probe {shown} could not be started: {answer.detail}")
        if answer.how is How.TIMED_OUT:
            why = f"gave no answer within {probe.timeout:g} s; set its `timeout`, or measure less"
            raise NotTold(f"its probe {shown} {why}{_written(answer)}")
        if answer.code != 0:
            code = answer.code if answer.code is not None else 0
            end = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
            raise NotTold(f"its probe {shown} {end}{_written(answer)}")
        try:
            return measures_in(answer.out)
        except NoMeasure as error:
            mend = "it has to print a number, a JSON object or a text"
            written = _written(answer) if answer.out.strip() or answer.err.strip() else ""
            raise NotTold(f"its probe {shown} gave no measure: {error}; {mend}{written}") from error


def _counter(path: str) -> Count | None:
    """What counts the records of a file; None for a mark that is no data. Raises NotTold."""
    found = record_counter(path)
    if found is None and not path.rpartition("/")[2].startswith((".", "_")):
        raise NotTold(
            f"{path}: its records cannot be counted: known are {', '.join(KNOWN)} (texts and TFRecord also with .gz);"
            ' narrow `source`, take probe = "bytes", or write probe = { run = … }'
        )
    return found


def _shown(probe: Probe) -> str:
    """How a probe is written, in short."""
    match probe.command:
        case Shell(text):
            words = " ".join(text.split())
        case Argv(argv):
            words = shlex.join(argv)
        case Call(module, function):
            words = f"{module}:{function}"
        case _:
            words = probe.measure or ""
    return f"`{words if len(words) <= 80 else words[:79] + '…'}`"


def _written(answer: Answer) -> str:
    """The last lines of what a probe wrote, to stand below a message."""
    text = (answer.out[-4096:] + (b"\n" if answer.out[-1:] not in (b"", b"\n") else b"") + answer.err[-4096:]).decode(
        "utf-8", "replace"
    )
    lines = [line for line in text.replace("\0", "�").splitlines() if line.strip()][-_SHOWN:]
    return "".join(f"\n{line[:400]}" for line in lines) if lines else " (it wrote nothing)"


def _unreadable(error: OSError) -> str:
    return f"the source cannot be read: {error.filename}: {error.strerror}; look at its owner and mode"
