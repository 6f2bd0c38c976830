"""References like `:train.model@algo=forest`: their text and which instances they mean; it knows no files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.matrix import Keys, encode, show
from mlmake.mlfile.nearest import closest
from mlmake.model.digest import Digest, Value

_REFERENCE = re.compile(r":([^.@]*)(?:\.([^@]*))?(?:@(.*))?", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SELECTOR = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference. `pinned` are keys with the value as shown, encoded; `paired` keys take the own value."""

    text: str
    target: str
    output: str | None = None
    pinned: tuple[tuple[str, str], ...] = ()
    paired: tuple[str, ...] = ()
    all_shared: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """Where the instances of a target come from, if more than the Mlfile has to be known.

    `id` is the action that stands for them, `makers` what must be up to date before; the rest is as in `Listing`.
    """

    id: str
    keys: tuple[str, ...]
    makers: tuple[str, ...]
    read: tuple[tuple[str, str, Digest], ...]
    complete: bool


@dataclass(slots=True)
class Instances:
    """The instances of a target, findable by the values of some keys. `ids` and `keys` are in matrix order.

    `names` are the keys that a matrix has even without an instance; `listed` says where dynamic ones come from.
    """

    target: str
    ids: Sequence[str]
    keys: Sequence[Keys]
    names: tuple[str, ...] = ()
    listed: Listed | None = None
    _index: dict[tuple[str, ...], dict[tuple[str | None, ...], list[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Gather the names of all keys, those of a union of matrices too."""
        self.names = tuple(dict.fromkeys((*self.names, *(name for keys in self.keys for name in keys))))

    def having(self, names: tuple[str, ...], values: tuple[str | None, ...]) -> Sequence[int]:
        """The places of the instances with these values (as shown, encoded; None: without the key)."""
        if not names:
            return range(len(self.ids))
        if names not in self._index:
            index: dict[tuple[str | None, ...], list[int]] = {}
            for place, keys in enumerate(self.keys):
                index.setdefault(tuple(_shown(keys, name) for name in names), []).append(place)
            self._index[names] = index
        return self._index[names].get(values, ())

    def values(self, name: str) -> list[str]:
        """The values of a key as they are shown, encoded, each once."""
        return list(dict.fromkeys(encode(show(keys[name])) for keys in self.keys if name in keys))


def _shown(keys: Keys, name: str) -> str | None:
    value: Value = keys.get(name)
    return None if value is None else encode(show(value))


def is_reference(text: str) -> bool:
    """Whether an entry of `inputs` refers to a target instead of naming a path."""
    return text.startswith(":")


def parse_reference(text: str) -> Reference | Mistake:
    """`:NAME[.OUTPUT][@SELECTOR,…]` taken apart."""
    match = _REFERENCE.fullmatch(text)
    if not match or not _NAME.fullmatch(match[1]) or match[2] == "" or match[3] == "":
        return Mistake(f'"{text}" is no reference', "write :NAME, :NAME.OUTPUT or :NAME.OUTPUT@key=value,…")
    pinned, paired, everything = [], [], False
    for part in match[3].split(",") if match[3] else ():
        if part == "*":
            everything = True
            continue
        selector = _SELECTOR.fullmatch(part)
        if not selector:
            return Mistake(
                f'"{part}" in "{text}" selects nothing', "write @key=value, @key for the own value, or @* for all keys"
            )
        if selector[2] is None:
            paired.append(selector[1])
        else:
            pinned.append((selector[1], selector[2] if "%" in selector[2] else encode(selector[2])))
    return Reference(text, match[1], match[2], tuple(pinned), tuple(paired), everything)


def check_selectors(reference: Reference, other: Instances, own: Instances) -> list[Mistake]:
    """What is wrong with the selectors of a reference from `own` to `other`, whatever the instance."""
    found = []
    for key, value in reference.pinned:
        if key not in other.names:
            found.append(_no_key(reference, key, other))
        elif other.listed is not None and key in other.listed.keys:
            continue  # what is not listed today may be tomorrow
        elif value not in (values := other.values(key)):
            meant = closest(value, values)
            hint = f"did you mean {meant}?" if meant else f"its values are {', '.join(values[:12])}"
            found.append(Mistake(f'{reference.text}: {key} of {other.target} has no value "{value}"', hint))
    for key in reference.paired:
        if key not in other.names:
            found.append(_no_key(reference, key, other))
        elif key not in own.names:
            hint = f"write @{key}=value" + (
                f"; the keys of {own.target} are {', '.join(own.names)}" if own.names else ""
            )
            found.append(Mistake(f"{reference.text}: {own.target} has no key {key} to take the value of", hint))
    if reference.all_shared and not set(own.names) & set(other.names):
        found.append(
            Mistake(
                f"{reference.text}: {own.target} and {other.target} share no key",
                f"write :{reference.target} for every instance",
            )
        )
    twice = [key for key, _ in reference.pinned] + list(reference.paired)
    found += [
        Mistake(f"{reference.text}: {key} is selected twice") for key in dict.fromkeys(twice) if twice.count(key) > 1
    ]
    return found


def _no_key(reference: Reference, key: str, other: Instances) -> Mistake:
    if not other.names:
        return Mistake(f"{reference.text}: {other.target} has no matrix", f"write :{other.target} without @{key}")
    meant = closest(key, other.names)
    hint = f"did you mean {meant}?" if meant else f"its keys are {', '.join(other.names)}"
    return Mistake(f"{reference.text}: {other.target} has no key {key}", hint)


def select_instances(reference: Reference, other: Instances, *, own_names: Sequence[str], own: Keys) -> Sequence[int]:
    """The places of the instances of `other` that the instance with the keys `own` means."""
    pairs: dict[str, str | None] = {}
    if reference.all_shared:
        pairs = {name: _shown(own, name) for name in own_names if name in other.names}
    pairs |= {name: _shown(own, name) for name in reference.paired}
    pairs |= dict(reference.pinned)
    return other.having(tuple(pairs), tuple(pairs.values()))


def is_single(reference: Reference, other: Instances, own_names: Sequence[str]) -> bool:
    """Whether by its writing a reference means one instance: no matrix, or every key pinned or paired."""
    fixed = {key for key, _ in reference.pinned} | set(reference.paired)
    if reference.all_shared:
        fixed |= set(own_names)
    return set(other.names) <= fixed
