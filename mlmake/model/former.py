"""Who has made what before: the instance that made each path; it does not know what is left of it on the disk."""

from collections.abc import Container, Mapping
from typing import TypeAlias

Former: TypeAlias = Mapping[str, str]
"""The instance by each path that it has made."""


def vanished(former: Former, targets: Container[str], instances: Container[str]) -> dict[str, str]:
    """Those paths whose instance is no more, though its target is still there."""
    return {p: i for p, i in former.items() if i not in instances and i.partition("@")[0] in targets}
