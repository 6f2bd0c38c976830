"""The sentences for what goes wrong in a build, each with its mend; it decides nothing."""

from collections.abc import Sequence

from mlmake.mlfile.interpolate import Mistake
from mlmake.model.decision import Decision
from mlmake.model.job import Ended, How
from mlmake.model.reason import Code, Reason
from mlmake.model.units import show_bytes, show_seconds
from mlmake.planning.explain import AT_MOST, sentences


def missing_inputs(paths: Sequence[str]) -> str:
    """An input that nobody makes is not there."""
    be = "does" if len(paths) == 1 else "do"
    return f"{_listed(paths)} {be} not exist and no target makes {'it' if len(paths) == 1 else 'them'}: check `inputs`"


def ended_badly(ended: Ended, timeout: float | None) -> str:
    """The step itself failed."""
    if ended.how is How.TIMED_OUT:
        return f"took longer than its timeout of {show_seconds(timeout or 0)} and was ended"
    if ended.how is How.NOT_STARTED:
        return ended.detail or "could not be started"
    if ended.how is How.CANCELLED:
        return "was cancelled"
    said = f": {ended.detail}" if ended.detail else ""
    if ended.code is not None and ended.code < 0:
        if ended.detail and ended.detail.startswith(("ended by ", "killed by ")):
            return f"was {ended.detail}"
        return f"was ended by signal {-ended.code}{said}"
    return f"ended with exit code {ended.code}{said}"


def not_created(paths: Sequence[str]) -> str:
    """The step succeeded without writing what it declares."""
    return f"ended with exit code 0 but did not create {_listed(paths)}: check `outputs` and where the step writes"


def disturbed(paths: Sequence[str]) -> str:
    """Inputs were changed while the step ran."""
    return f"{_listed(paths)} changed while it ran: its outputs are not remembered, the next build runs it again"


def left_over(names: Sequence[str]) -> str:
    """A build that was killed could not end its steps."""
    return f"a build that was killed had left steps running, which were ended: {_listed(names)}"


def survivors(names: Sequence[str]) -> str:
    """Processes outlived the step."""
    return f"left processes behind, which were ended: {_listed(names)}"


def not_cached(trouble: str) -> str:
    """The content store cannot take anything more."""
    return f"the build goes on without keeping results in the store: {trouble}"


def undeclared(path: str, maker: str) -> str:
    """A step loads what another target makes without saying so."""
    return f"loads {path}, which {maker} makes: add it to `inputs`, so that the first build orders them too"


def undeclared_reads(action: str, strange: Sequence[tuple[str, str]], keys: Sequence[str]) -> str:
    """A step reads what other targets make without saying so; `keys` are the inputs that would say it."""
    makers = list(dict.fromkeys(maker for _, maker in strange))
    which = "; ".join(f"{_listed([p for p, m in strange if m == maker])}, which {maker} makes" for maker in makers)
    listed = _listed([f'"{key}"' for key in keys])
    return (
        f"{action} reads {which}, without declaring it, so what it read may be of an earlier build:"
        f" add {listed} to `inputs` of {action.partition('@')[0]}"
    )


def discovered(paths: Sequence[str]) -> str:
    """A step reads data of the project that it does not declare."""
    return (
        f"reads {_listed(paths)} without declaring it: from now on a change of it runs the step again;"
        " add it to `inputs`, so that it counts from the first build on and is looked at before the step starts"
    )


def own_data(paths: Sequence[str]) -> str:
    """A step goes on with what it has left somewhere, unknown to anybody."""
    return (
        f"reads and writes {_listed(paths)} without declaring it: what is in it is not compared;"
        " make it an output (with `keep`, if it is to stay), or declare it in `inputs` and leave it unchanged"
    )


def other_packages(actions: Sequence[str], changes: Sequence[Reason]) -> str:
    """Results are kept though packages they were made with have another version now."""
    each = [f"{r.subject.removeprefix('package ')} {r.old} → {r.new or 'gone'}" for r in changes]
    return (
        f"kept {_listed(actions)}, though packages have changed since: {_listed(each)};"
        ' with track = ["imports", "packages"] that is a reason to run, and -B makes it anew'
    )


def loops(path: str, maker: str) -> str:
    """A step loads what is made from its own outputs."""
    return f"loads {path}, which {maker} makes from its outputs: that closes a cycle"


def unfillable(mistake: Mistake) -> str:
    """A template asks for an input that is not there now that all are known."""
    return f"its command cannot be made: {mistake.what}" + (f" ({mistake.hint})" if mistake.hint else "")


def spared(places: Sequence[str]) -> str:
    """Something that mlmake had not made lay where the first result went."""
    return f"what lay at its outputs before it was first built is kept in {_listed(places)}"


def not_spared(error: OSError) -> str:
    """It could not be kept for good."""
    return f"what lay at its outputs before it was first built could not be kept: {_cause(error)}"


def blocked_by(names: Sequence[str]) -> str:
    """Something upstream failed."""
    return f"not started, because {_listed(names)} did not succeed"


def refused() -> str:
    """With --frozen nothing may run."""
    return "would have to run, which --frozen forbids"


def not_restored(run: str) -> str:
    """The bytes of a remembered result turned out to be damaged."""
    return f"the result of run {run} is damaged in the store and was dropped"


def not_restorable(error: Exception) -> str:
    """The disk refuses what is put back."""
    return f"its outputs cannot be restored: {_cause(error)}"


def unreadable(error: OSError) -> str:
    """An input, or what stands where an output was, cannot be looked at."""
    return f"its files cannot be read: {_cause(error)}"


def unreadable_outputs(error: OSError) -> str:
    """What a step left cannot be looked at."""
    return f"what it left cannot be read: {_cause(error)}"


def unprepared(error: Exception) -> str:
    """Previous outputs cannot be moved out of the way."""
    return f"its outputs cannot be prepared: {_cause(error)}"


def unwritten(error: Exception) -> str:
    """The manifest of a selection cannot be put in its place."""
    return f"its manifest cannot be written: {_cause(error)}"


def cancelled() -> str:
    """It was ended from outside."""
    return "was cancelled"


def not_started(interrupted: bool) -> str:
    """The build ended before its turn."""
    return "not started, because the build was interrupted" if interrupted else "not started after a failure"


def trimmed(failed: str) -> str:
    """A sibling failed and `on_error = "trim"`."""
    return f"not started, because its sibling {failed} failed"


def tried_again(mishap: str, pause: float) -> str:
    """There are retries left."""
    return f"{mishap}; tried again in {pause:g} s"


def interrupting(running: Sequence[str], *, again: bool) -> str:
    """A signal has come."""
    what = _listed(running) if running else "with nothing running"
    return f"killing {what}" if again else f"stopping {what} (once more kills at once)"


def not_accepted(name: str, why: str) -> str:
    """Why what lies at the outputs of an action is not taken for its result."""
    return f"{name} is not accepted: {why}"


def nothing_to_accept(paths: Sequence[str]) -> str:
    """Outputs are not there."""
    be, them = ("is", "it") if len(paths) == 1 else ("are", "them")
    return f"{_listed(paths)} {be} not there: put {them} in place, or let `mlmake build` make {them}"


def moved_meanwhile(paths: Sequence[str]) -> str:
    """Files changed while they were read."""
    return f"{_listed(paths)} changed while it was looked at: wait until nothing writes there, then accept again"


def stale_upstream(target: str, decisions: Sequence[Decision]) -> str:
    """What an accepted action is made from is not up to date itself: some instances of one target."""
    first, count = decisions[0], len(decisions)
    why = sentences(first.reasons, most=AT_MOST)
    if count == 1:
        name = first.action
        return f"nothing is accepted: {name} is not up to date ({why}); `mlmake build {name}` first, or accept it too"
    return (
        f"nothing is accepted: {count} instances of {target} are not up to date ({first.action}: {why}); "
        f"`mlmake build {target}` first, or accept them too"
    )


def instances_unknown(target: str, makers: Sequence[str]) -> str:
    """The list that tells the instances of a target is to be made."""
    return f"nothing is accepted: the instances of {target} are not known; `mlmake build {' '.join(makers)}` first"


def no_instances_to_accept(names: Sequence[str]) -> str:
    """Lists that are known and empty."""
    return f"nothing is accepted: there are no instances of {', '.join(name.partition('@')[0] for name in names)}"


def no_group_to_accept(name: str) -> str:
    """A group has nothing of its own."""
    return f"{name} is a group, it has no outputs of its own: accept the targets in its `inputs`"


def no_phony_to_accept(name: str) -> str:
    """A step without outputs."""
    return f"{name} has no outputs that could be accepted: it runs whenever it is asked for"


def no_choice_to_accept(name: str) -> str:
    """A selection writes down what it computes."""
    return f"{name} is a `select`: it follows from the metrics: accept what it chooses from, or change its limits"


def _cause(error: Exception) -> str:
    """Place and cause of what the machine refuses."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def stale(reasons: Sequence[Reason]) -> str:
    """A refresh failed, and an older result goes on in its place."""
    why = next((reason.note for reason in reasons if reason.code is Code.STALE_IF_ERROR), "")
    return f"refreshing it failed, so its last result goes on in its place: {why}"


def not_listed(makers: Sequence[str]) -> str:
    """The makers of a list are up to date, and yet what they have made cannot be read."""
    return f"what {_listed(makers)} made cannot be listed, it is gone from disk and store: build it with --force"


def too_few(there: int, needed: int, bad: Sequence[str]) -> str:
    """Too few branches of a fan-in succeeded."""
    lost = f"; {_listed(bad)} ended badly" if bad else ""
    return f"{there} of its branches succeeded, it needs {needed} (`wait`){lost}"


def partial(there: int, every: int, carried: int) -> str:
    """A fan-in is done with a set that is not all of its branches as they are to be."""
    earlier = f", {carried} of them not final" if carried else ""
    return f"made from {there} of {every} branches{earlier}"


def empty_list() -> str:
    """A fan-in needs branches, and its list is empty."""
    return "the list of its branches is empty, and it needs some (`wait`)"


def failed_on_part(detail: str) -> str:
    """A fan-in failed on a set that was not final."""
    return f"on the branches that are there so far: {detail}; it is tried again with the next"


def no_room(what: str, place: str, needed: int, free: int) -> str:
    """What is expected to be written does not fit."""
    return f"{what} about {show_bytes(needed)} on the disk of {place}, where {show_bytes(free)} are free: make room"
