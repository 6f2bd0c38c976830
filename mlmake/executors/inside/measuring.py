"""Calls one function of the project for what it returns; stands alone, in any CPython from 3.8 on.

Run as a script: ORDER ANSWER ROOT, the first two descriptors. It knows nothing of who waits for the answer.
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
    """Read the order, call, write what came back; never returns."""
    answer, root = int(sys.argv[2]), sys.argv[3]
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        order = json.loads(file.read())
    order["report"] = os.devnull
    os.set_inheritable(answer, False)
    calling, values = _sibling("calling"), _sibling("values")
    sys.path[:] = [root, *(path for path in sys.path if path != _HERE)]
    sys.argv = [""]
    own = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")

    def write(value: Any) -> None:
        if value is None:
            return
        text = value if isinstance(value, str) else json.dumps(value, default=_plain)
        with os.fdopen(answer, "wb") as file:
            file.write((text or " ").encode("utf-8", "surrogateescape"))

    code = calling.call(order, decode=values.decode, step_type=None, take=write)
    calling.finish(code)
    del own


def _plain(value: Any) -> Any:
    """What JSON has no word for: numbers of NumPy and the like as Python's, anything else as text."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", 1) == 0:
        return item()
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        return to_list()
    return str(value)


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
