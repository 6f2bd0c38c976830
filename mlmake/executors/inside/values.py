"""Values of arguments as JSON and back; stands alone, in any CPython from 3.8 on. It knows nothing of calls."""

from __future__ import annotations

import datetime
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Lists, tables, paths and times are written as [tag, content]; everything else stands for itself.
_TIMES: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}


def decode(value: Any) -> Any:
    """What was encoded: paths as `Path`, lists and tables as Python's."""
    if not isinstance(value, list):
        return value
    tag, content = value
    if tag == "list":
        return [decode(item) for item in content]
    if tag == "table":
        return {name: decode(item) for name, item in content.items()}
    if tag == "path":
        return Path(content)
    return _TIMES[tag].fromisoformat(content)
