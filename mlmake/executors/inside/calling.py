"""Calls one function of the project as a step, in a process made for it; stands alone, in any CPython from 3.8 on.

It knows nothing of the parent it was forked from, nor of who waits for its end.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_FRAMES = ("<frozen importlib", os.path.abspath(__file__))


def call(order: Any, *, decode: Any, step_type: Any, take: Any = None) -> int:
    """Call the function of this order; the exit code. Tells why by the report file, the traceback goes to stderr.

    `take` gets what the function returns, if anybody wants it; without a `step_type` there is no step to ask for.
    """
    try:
        function = _find(order["module"], order["function"])
        arguments = decode(order["arguments"])
        if step_type is not None and "step" not in arguments and _asks_for_step(function):
            arguments["step"] = step_type(decode(order["context"]), report=order["report"])
        returned = function(**arguments)
        if take is not None:
            take(returned)
    except SystemExit as leave:
        return _leave(order, leave.code)
    except KeyboardInterrupt:
        # As a program of its own would end.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        return 130
    except BaseException as error:
        if type(error).__module__ == "bdb":
            _report(order, "the debugger was quit before the function had returned")
        else:
            _tell(order, error)
        return 1
    return 0


def finish(code: int) -> None:
    """End this process as an interpreter ends: other threads, exit handlers, streams; never returns."""
    try:
        threading = sys.modules.get("threading")
        if threading is not None:
            threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # What CPython does if the last words cannot be written.
            code = code or 120
    os._exit(code)


def _find(module: str, name: str) -> Any:
    __import__(module)
    found: Any = sys.modules[module]
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            where = getattr(sys.modules[module], "__file__", None) or module
            raise SystemExit(f"{where}: there is no function {name!r}; correct `call` or define it") from None
    return found


def _asks_for_step(function: Any) -> bool:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    return "step" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _leave(order: Any, code: Any) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    _report(order, str(code))
    return 1


def _tell(order: Any, error: BaseException) -> None:
    import traceback  # noqa: PLC0415 - slow, and only needed after a failure

    here: TracebackType | None = error.__traceback__
    while here is not None and here.tb_frame.f_code.co_filename.startswith(_FRAMES):
        here = here.tb_next
    traceback.print_exception(type(error), error, here)
    _report(order, traceback.format_exception_only(type(error), error)[-1].strip())


def _report(order: Any, detail: str) -> None:
    file = os.open(order["report"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, (json.dumps({"detail": detail[:2000]}) + "\n").encode())
    finally:
        os.close(file)
