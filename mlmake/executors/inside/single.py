"""Calls one function of the project in an interpreter of its own; stands alone, in any CPython from 3.8 on.

Run as a script: ORDER ROOT, the first a descriptor. It knows nothing of who waits for its end. What it executes is
noted by the interpreter's own start-up (`site/sitecustomize.py`), as for every Python of a step.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Read the order, make room for the project, call; never returns."""
    root = sys.argv[2]
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        order = json.loads(file.read())
    calling, values, step = _sibling("calling"), _sibling("values"), _sibling("step")
    # As if this script had never been: the project comes first, and __main__ is nobody.
    sys.path[:] = [root, *(path for path in sys.path if path != _HERE)]
    sys.argv = [""]
    own = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    code = calling.call(order, decode=values.decode, step_type=step.Step)
    calling.finish(code)
    del own


def _sibling(name: str) -> Any:
    """A module beside this one, under a name that no project has."""
    full = "_mlmake_" + name
    loader = SourceFileLoader(full, os.path.join(_HERE, name + ".py"))
    module = ModuleType(full)
    module.__spec__ = ModuleSpec(full, loader, origin=loader.path)
    module.__file__ = loader.path
    sys.modules[full] = module
    loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
