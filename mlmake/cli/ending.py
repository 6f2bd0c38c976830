"""How a command ends: every exception as one message and an exit code; no traceback reaches the user."""

import errno
import os
import sys
import time
import traceback

import click

from mlmake.planning.request import nearest
from mlmake.ports import StateTrouble
from mlmake.views.screen import printable

FAILED = 1
WRONG = 2
NOT_UP_TO_DATE = 3
MACHINE = 4
INTERRUPTED = 130

MENDS = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room in your quota",
    errno.EACCES: "look who owns it and what its mode is",
    errno.EPERM: "look who owns it and what its mode is",
    errno.EROFS: "the file system is read-only; MLMAKE_STATE_DIR and MLMAKE_CACHE_DIR may lead elsewhere",
    errno.EMFILE: "raise `ulimit -n` or lower -j",
    errno.ENOENT: "was it moved meanwhile?",
    errno.EIO: "the disk has an error; look into the system's log",
}


class NotYet(Exception):
    """A command or flag of the contract whose feature is not yet built."""


class WrongUse(Exception):
    """Words that do not fit together; the message says what to write instead."""


def code_of(error: BaseException) -> int:
    """Say on stderr what went wrong and give the exit code."""
    # Slow to import; only if a command has done so can one of its exceptions be here.
    for name in ("mlmake.app", "mlmake.reading"):
        reading = sys.modules.get(name)
        if reading is not None and isinstance(error, reading.MlfileMistakes):
            return _put(error.text.rstrip("\n") + "\n", WRONG)
        if reading is not None and isinstance(error, reading.Usage):
            return say(str(error), WRONG)
    match error:
        case NotYet():
            return say(f"{error} is not yet built", WRONG)
        case WrongUse():
            return say(str(error), WRONG)
        case click.UsageError():
            return say(_usage(error), WRONG)
        case click.ClickException():
            return say(error.format_message(), WRONG)
        case click.exceptions.Exit():
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return say("interrupted", INTERRUPTED)
        case BrokenPipeError():
            hush()
            return 0
        case StateTrouble():
            return say(str(error), MACHINE)
        case OSError():
            return say(machine(error), MACHINE)
        case _:
            return bug(error)


def say(text: str, code: int) -> int:
    """One message on stderr; gives the code on."""
    lines = [printable(line) for line in text.split("\n")]
    return _put("mlmake: " + "\nmlmake: ".join(lines) + "\n", code)


def _put(text: str, code: int) -> int:
    """Write to stderr, which may be closed or full: then only the code is left to tell."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        hush()
    return code


def hush() -> None:
    """Whoever read our output has gone: let the interpreter's last flush go nowhere instead of complaining."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def machine(error: OSError) -> str:
    """What the machine refuses: place, cause, mend."""
    cause = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.ENOSPC:
        cause = "disk full"
    places = [
        printable(os.fsdecode(name)) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)
    ]
    place = f"{' → '.join(places)}: " if places else ""
    mend = f"; {MENDS[error.errno]}" if error.errno in MENDS else ""
    return f"{place}{cause}{mend}"


def bug(error: BaseException) -> int:
    """Keep the trace in a file and name it."""
    trace = "".join(traceback.format_exception(error))
    kept = "it could not be saved"
    import tempfile  # noqa: PLC0415 - slow to load, and only a bug needs it

    for folder in (_state_folder(), tempfile.gettempdir()):
        if folder is None:
            continue
        path = os.path.join(folder, f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt")
        try:
            with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(trace)
        except OSError:
            continue
        kept = f"the trace is in {path}"
        break
    return say(f"a bug in mlmake: {type(error).__name__}: {printable(str(error))[:200]}; {kept}", MACHINE)


def _state_folder() -> str | None:
    here = os.path.abspath(os.environ.get("MLMAKE_STATE_DIR") or ".mlmake")
    while not os.path.isdir(here):
        parent = os.path.dirname(os.path.dirname(here))
        if os.path.join(parent, ".mlmake") == here:
            return None
        here = os.path.join(parent, ".mlmake")
    return here


def _usage(error: click.UsageError) -> str:
    """Click's message in our form, with what was probably meant."""
    text = error.format_message().rstrip(".")
    command = error.ctx.command_path if error.ctx else "mlmake"
    if isinstance(error, click.NoSuchOption) and error.ctx:
        flags = [flag for p in error.ctx.command.params for flag in (*p.opts, *p.secondary_opts) if flag[0] == "-"]
        meant = nearest(error.option_name, flags)
        text = f"{error.option_name} is no option of {command}" + (f"; did you mean {meant}?" if meant else "")
    return f"{text[:1].lower() if text[1:2].islower() else text[:1]}{text[1:]} (see `{command} --help`)"
