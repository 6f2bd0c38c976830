"""The lists of a matrix that are known only by looking: files that match, recorded outputs; it looks at no disk."""

import json
from collections.abc import Mapping, Sequence

from mlmake.mlfile.globs import is_glob
from mlmake.mlfile.handed import Handed, RecordedOutput
from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.matrix import show
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.paths import normal
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.references import Instances, Listed, check_selectors, parse_reference, select_instances
from mlmake.mlfile.schema import TargetTable
from mlmake.mlfile.territory import Territory, bad_path
from mlmake.model.digest import Digest, Value
from mlmake.model.graph import Chosen, FilePath, Leaf, Made, Output, Part, PartGlob

_KEYS = ("glob", "from", "each")


def unknown_target(name: str, targets: Mapping[str, object]) -> tuple[str, str | None]:
    """What to say of a target that is not there."""
    meant = closest(name, targets)
    if meant:
        return f"there is no target {name}", f"did you mean {meant}?"
    listed = ", ".join(list(targets)[:8]) + (", …" if len(targets) > 8 else "")
    if len(targets) == 1:
        return f"there is no target {name}", f"the only one is {listed}"
    return f"there is no target {name}", f"there are {listed}" if targets else "the Mlfile has no targets"


class Looker:
    """Looks up the lists of one target's matrix, and keeps what they were taken from."""

    def __init__(
        self,
        name: str,
        targets: Mapping[str, TargetTable],
        *,
        instances: Mapping[str, Instances],
        outputs: Mapping[str, tuple[Output, ...]],
        territory: Territory,
        handed: Handed,
    ) -> None:
        self.name, self.targets, self.instances, self.outputs = name, targets, instances, outputs
        self.territory, self.handed = territory, handed
        self._keys: dict[str, None] = {}
        self._makers: dict[str, None] = {}
        self._read: dict[tuple[str, str, Digest], None] = {}
        self._complete = True
        self.patterns: dict[str, KeyPath] = {}

    @property
    def listed(self) -> Listed | None:
        """Where the lists come from; none if the disk alone told them."""
        if not self._keys:
            return None
        known = f"{self.name}@{','.join(f'{key}=?' for key in self._keys)}"
        return Listed(known, tuple(self._keys), tuple(self._makers), tuple(self._read), self._complete)

    def __call__(self, key: str, listed: Mapping[str, object], where: KeyPath) -> Sequence[Value] | Problem:
        """The values of a key, or what is wrong with its table."""
        for word, value in listed.items():
            if word not in _KEYS:
                meant = closest(word, _KEYS)
                return Problem((*where, word), f"a list has no key {word}", _meant(meant), at_key=True)
            if not isinstance(value, str) or not value:
                hint = {"glob": '"data/*.csv"', "from": '":split"', "each": '"item"'}[word]
                return Problem((*where, word), f"{word} is a text", f"{word} = {hint}")
        if "glob" in listed:
            if other := next((word for word in ("from", "each") if word in listed), None):
                return Problem((*where, other), f"{other} does not go with glob", "take one of them away", at_key=True)
            return self._matching(str(listed["glob"]), (*where, "glob"))
        if listed.get("each", "item") != "item":
            return Problem(
                (*where, "each"),
                f'each is "item", not "{listed["each"]}"',
                'without it there is one instance a file; each = "item" is one an item of a JSON array',
            )
        self._keys[key] = None
        return self._recorded(str(listed["from"]), (*where, "from"), each="each" in listed)

    def _matching(self, written: str, where: KeyPath) -> Sequence[Value] | Problem:
        """The files that match a pattern: those that nobody makes, and whole outputs of targets that are known."""
        if wrong := bad_path(written):
            return Problem(where, wrong.what, wrong.hint)
        pattern = normal(written)
        if not is_glob(pattern):
            return Problem(where, f'"{written}" is no pattern', 'a list of files is one like "data/*.csv"')
        if pattern.endswith("/"):
            return Problem(
                where, f'"{written}" matches folders', "there is one instance a file: name a pattern of files"
            )
        found: list[Value] = []
        self.patterns[pattern] = where
        for item in self.territory.known(pattern):
            match item:
                case Leaf(path):
                    found.append(FilePath(path))
                case Made(path, _):
                    if not path.endswith("/"):
                        found.append(FilePath(path))
                case Part(_, maker) | PartGlob(_, maker) | Chosen(_, maker, _, _):
                    target = maker.partition("@")[0]
                    return Problem(
                        where,
                        f'"{written}" reaches into a folder that {maker} makes',
                        f'what is in it is known once that has run: write {{ from = ":{target}" }}',
                    )
        if not found:
            return Problem(where, f'"{written}" matches no file', "correct the pattern, or add files")
        return found

    def _recorded(self, text: str, where: KeyPath, *, each: bool) -> Sequence[Value] | Problem:
        """The items of the outputs that a reference means, as far as they are recorded."""
        makers = self._meant(text, where)
        if isinstance(makers, Problem):
            return makers
        values: list[Value] = []
        for maker, output in makers:
            self._makers[maker] = None
            if each and output.path.endswith("/"):
                hint = f"name an output that is a file, or leave each away for one instance a file of {output.path}"
                return Problem(where, f'{output.path} is a folder, each = "item" reads JSON files', hint)
            recorded = self.handed.recorded(self.name, maker, output.path)
            found: Sequence[Value] | Problem | None = None
            if recorded is not None:
                found = _items(recorded, output.path, where) if each else [FilePath(path) for path in recorded.files]
            if isinstance(found, Problem):
                return found
            if recorded is None or found is None:
                self._complete = False
                continue
            self._read[(maker, output.path, recorded.digest)] = None
            values += found
        if not each:
            values.sort(key=lambda path: str(path).encode("utf-8", "surrogateescape"))
            return list(dict.fromkeys(map(FilePath, map(str, values))))
        return _distinct(values, text, where)

    def _meant(self, text: str, where: KeyPath) -> list[tuple[str, Output]] | Problem:
        """The outputs that a reference means, with their makers."""
        reference = parse_reference(text)
        if isinstance(reference, Mistake):
            return Problem(where, reference.what, reference.hint)
        if reference.target not in self.targets:
            return Problem(where, *unknown_target(reference.target, self.targets))
        table, other = self.targets[reference.target], self.instances.get(reference.target)
        if not table.outputs:
            what = f"{reference.target} has no outputs, so there is nothing to list"
            return Problem(where, what, "name a target that makes files")
        names = list(table.outputs) if isinstance(table.outputs, dict) else []
        if reference.output is not None and reference.output not in names:
            meant = closest(reference.output, names)
            hint = f"did you mean :{reference.target}.{meant}?" if meant else None
            hint = hint or (f"its outputs are {', '.join(names)}" if names else f"write :{reference.target}")
            return Problem(where, f"{reference.target} has no output {reference.output}", hint)
        if other is None:
            return []  # one of a circle, which is said
        for mistake in check_selectors(reference, other, Instances(self.name, (), ())):
            return Problem(where, mistake.what, mistake.hint)
        places = select_instances(reference, other, own_names=(), own={})
        if other.listed is not None:
            self._makers[other.listed.id] = None
            self._complete = self._complete and other.listed.complete
        return [
            (maker, output)
            for maker in (other.ids[place] for place in places)
            for output in self.outputs.get(maker, ())
            if reference.output is None or output.name == reference.output
        ]


def _items(recorded: RecordedOutput, path: str, where: KeyPath) -> Sequence[Value] | Problem | None:
    """The items of a JSON array; None if its content is not to be had."""
    content = recorded.read()
    if content is None:
        return None
    try:
        items = json.loads(content)
    except (ValueError, RecursionError) as error:
        return Problem(where, f"{path} is no JSON: {error}", 'each = "item" is one instance an item of a JSON array')
    if not isinstance(items, list):
        kind = "a table" if isinstance(items, dict) else "a single value"
        return Problem(where, f"{path} is no JSON array, but {kind}", "let its step write [ … ]")
    for number, item in enumerate(items):
        name = item.get("name") if isinstance(item, dict) else item
        if not isinstance(name, str | bool | int | float):
            return Problem(
                where,
                f"item {number} of {path} is no matrix value",
                "strings, numbers, booleans, or tables with a name",
            )
    return items


def _distinct(values: Sequence[Value], text: str, where: KeyPath) -> Sequence[Value] | Problem:
    seen: set[str] = set()
    for value in values:
        if (shown := show(value)) in seen:
            return Problem(where, f'two items of {text} would both be shown as "{shown}"', "let its step change one")
        seen.add(shown)
    return values


def _meant(name: str | None) -> str:
    return (
        f"did you mean {name}?" if name else 'a list is { glob = "data/*" }, { from = ":split" } or { param = "folds" }'
    )
