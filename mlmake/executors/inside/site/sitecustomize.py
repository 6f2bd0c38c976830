"""Started by every Python of a step: notes what it executes, then hands on to the next sitecustomize."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401


def _begin():
    # type: () -> None
    here = os.path.dirname(os.path.abspath(__file__))
    # As if this folder had never been there.
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    file = os.environ.get("MLMAKE_TRACK_FILE")
    root = os.environ.get("MLMAKE_TRACK_ROOT")
    if file and root and hasattr(sys, "addaudithook"):
        tracking = _load("_mlmake_tracking", os.path.join(os.path.dirname(here), "tracking.py"))
        tracking.Tracker(root, file, reads=bool(os.environ.get("MLMAKE_TRACK_READS"))).install()
        _load("_mlmake_bytecode", os.path.join(os.path.dirname(here), "bytecode.py")).distrust()
    _hand_on()


def _load(name, path):
    # type: (str, str) -> Any
    # importlib.util is slow to import, and this is paid by every interpreter.
    from _frozen_importlib import ModuleSpec, module_from_spec  # noqa: PLC0415
    from _frozen_importlib_external import SourceFileLoader  # noqa: PLC0415

    loader = SourceFileLoader(name, path)
    spec = ModuleSpec(name, loader, origin=path)
    spec.has_location = True
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def _hand_on():
    # type: () -> None
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = this


_begin()
