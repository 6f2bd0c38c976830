"""What the inputs of each instance stand for: paths, patterns and references resolved; it looks at no disk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mlmake.mlfile.globs import is_glob
from mlmake.mlfile.handed import Handed
from mlmake.mlfile.interpolate import Mistake, Scope, Unfillable, as_text, fill_text, slots_in
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.lists import unknown_target
from mlmake.mlfile.matrix import Keys, encode
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.paths import normal
from mlmake.mlfile.references import (
    Instances,
    Reference,
    check_selectors,
    is_reference,
    is_single,
    parse_reference,
    select_instances,
)
from mlmake.mlfile.schema import TargetTable
from mlmake.mlfile.territory import Territory, bad_path
from mlmake.model.digest import Value
from mlmake.model.graph import Chosen, FilePath, Input, Item, Leaf, Made, Output, Part, PartGlob

DEEPEST = 100
"""Groups and selections that may stand for each other in a row."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The inputs of one instance, and how they are written once filled, by the name that is shown for each."""

    inputs: tuple[Input, ...]
    written: Mapping[str, Value]


class Resolver:
    """Resolves inputs target by target, each once; groups and selections when others refer to them."""

    def __init__(
        self,
        targets: Mapping[str, TargetTable],
        instances: Mapping[str, Instances],
        scopes: Mapping[str, Scope],
        outputs: Mapping[str, tuple[Output, ...]],
        territory: Territory,
        *,
        handed: Handed,
        notes: Notes,
        broken: Collection[str] = (),
    ) -> None:
        self.targets, self.instances, self.scopes = targets, instances, scopes
        self.outputs, self.territory, self.handed, self.notes = outputs, territory, handed, notes
        self.broken = broken
        self.flawed: set[str] = set()
        self._done: dict[str, list[Resolved]] = {}
        self._open: list[str] = []
        self._checked: dict[tuple[str, str], Reference] = {}
        self._picked: dict[str, tuple[str, ...]] = {}
        self._said: set[str] = set()
        self._lists: dict[str, dict[str, None]] = {}

    def resolve(self, name: str) -> list[Resolved]:
        """The inputs of all instances of a target, in their order."""
        if name not in self._done:
            self._open.append(name)
            own = self.instances[name]
            self._done[name] = [
                self._instance(name, own, instance, keys) for instance, keys in zip(own.ids, own.keys, strict=True)
            ]
            self._open.pop()
        return self._done[name]

    def _instance(self, name: str, own: Instances, instance: str, keys: Keys) -> Resolved:
        declared = self.targets[name].inputs
        where: KeyPath = ("target", name, "inputs")
        inputs: list[Input] = []
        written: dict[str, Value] = {}
        if isinstance(declared, list):
            seen: set[Item] = set()
            texts: list[Value] = []
            for number, text in enumerate(declared):
                found = self.entry(text, (*where, number), own, instance, keys, texts)
                if found is None:
                    self.flawed.add(name)
                    continue
                many, items = found
                fresh = tuple(i for i in items if isinstance(i, Chosen) or i not in seen) if seen else items
                if len(declared) > 1:
                    seen.update(i for i in fresh if not isinstance(i, Chosen))
                if fresh or not items:
                    inputs.append(Input(None, many, fresh))
            if texts:
                written["inputs"] = texts
            return Resolved(self._with_items(name, instance, keys, inputs), written)
        for label, value in declared.items():
            texts = []
            if isinstance(value, str):
                found = self.entry(value, (*where, label), own, instance, keys, texts)
                if found is None:
                    self.flawed.add(name)
                else:
                    inputs.append(Input(label, *found))
                    written[f"inputs.{label}"] = texts[0]
                continue
            items_of: dict[int, Item] = {}
            known: set[Item] = set()
            for number, text in enumerate(value):
                found = self.entry(text, (*where, label, number), own, instance, keys, texts)
                if found is None:
                    self.flawed.add(name)
                for item in found[1] if found else ():
                    if isinstance(item, Chosen) or item not in known:
                        items_of[len(items_of)] = item
                        if not isinstance(item, Chosen):
                            known.add(item)
            inputs.append(Input(label, True, tuple(items_of.values())))
            written[f"inputs.{label}"] = texts
        return Resolved(self._with_items(name, instance, keys, inputs), written)

    def _with_items(self, name: str, instance: str, keys: Keys, inputs: list[Input]) -> tuple[Input, ...]:
        """The files that an instance stands for are inputs of it, declared or not."""
        if isinstance(self.targets[name].matrix, str):
            return tuple(inputs)
        known = {item for declared in inputs for item in declared.items if not isinstance(item, Chosen)}
        for key, value in keys.items():
            if isinstance(value, FilePath):
                item = self.territory.item(str(value))
                if isinstance(item, Mistake):
                    self.notes.mistakes(("target", name, "matrix", key), [item])
                elif item not in known and not (isinstance(item, Made | Part) and item.maker == instance):
                    inputs.append(Input(None, False, (item,)))
        return tuple(inputs)

    def lists(self, name: str) -> tuple[str, ...]:
        """The actions that stand for instances to come of all that a target refers to."""
        return tuple(self._lists.get(name, ()))

    def _follow(self, own: str, other: str, *, through: bool = False) -> None:
        """What a target refers to may still have more instances; or, `through` it, what that stands for."""
        listed = self.instances[other].listed
        more = [] if listed is None else [listed.id]
        if through:
            more += self._lists.get(other, ())
        if more:
            self._lists.setdefault(own, {}).update(dict.fromkeys(more))

    def entry(
        self,
        text: str,
        where: KeyPath,
        own: Instances,
        instance: str,
        keys: Keys,
        texts: list[Value],
        *,
        listed: bool = True,
    ) -> tuple[bool, tuple[Item, ...]] | None:
        """One written input: whether it is a list, and its items; None if it has a mistake, which is noted.

        Its filled text is added to `texts`. Of a pattern that is not to be `listed`, only what others make is found.
        """
        if "{" in text:
            filled = self._fill(text, self.scopes[instance], where)
            if filled is None:
                return None
            text = filled
        if is_reference(text):
            texts.append(text)
            return self._reference(text, where, own, instance, keys)
        if wrong := bad_path(text):
            self.notes.mistakes(where, [wrong])
            return None
        path, shown = self._place(text)
        texts.append(shown)
        if is_glob(path):
            items = self.territory.items(path) if listed else self.territory.made_by_others(path)
            for item in items:
                if not isinstance(item, Leaf | Chosen) and item.maker == instance:
                    what = item.pattern if isinstance(item, PartGlob) else item.path
                    self.notes.add(
                        where,
                        f"the pattern {shown} matches {what}, an output of {instance} itself",
                        "narrow the pattern, or write the output elsewhere",
                    )
                    return None
            return True, items
        meant = self.territory.item(path)
        if isinstance(meant, Mistake):
            self.notes.mistakes(where, [meant])
            return None
        if isinstance(meant, Made | Part) and meant.maker == instance:
            self.notes.add(
                where,
                f"{shown} is an input and an output of {instance}"
                if isinstance(meant, Made)
                else f"the input {shown} lies inside an output of {instance} itself",
                "a step cannot read what it makes; write the output elsewhere",
            )
            return None
        return False, (meant,)

    def _fill(self, text: str, scope: Scope, where: KeyPath) -> str | None:
        try:
            # Inside a reference a value is spelled as in the names of instances.
            value = fill_text(text, scope, spell=encode if is_reference(text) else None)
        except Unfillable as problem:
            self.notes.mistakes(where, [problem.mistake])
            return None
        if isinstance(value, Mapping | list | tuple):
            self.notes.add(where, f"{text} is a list or a table, an input is one path", "write one entry for each")
            return None
        return as_text(value)

    def _place(self, text: str) -> tuple[str, str]:
        """The path that a text means, and its spelling that goes into the recipe."""
        shown = normal(text)
        root = self.handed.root
        if root and shown.startswith("/"):
            if shown.rstrip("/") == root.rstrip("/"):
                return "./", "./"
            if shown.startswith(root.rstrip("/") + "/"):
                shown = shown[len(root.rstrip("/")) + 1 :]
        home = self.handed.environ.get("HOME")
        if home and shown.startswith("~/"):
            return normal(f"{home}/{shown[2:]}"), shown
        return shown, shown

    def checked(self, text: str, where: KeyPath, own: Instances) -> Reference | None:
        """A reference without mistakes of its own; else None, noted."""
        known = (own.target, text)
        reference = self._checked.get(known)
        if reference is None:
            reference = self._check(text, where, own)
            if reference is not None:
                self._checked[known] = reference
        return reference

    def _check(self, text: str, where: KeyPath, own: Instances) -> Reference | None:
        reference = parse_reference(text)
        if isinstance(reference, Mistake):
            self.notes.mistakes(where, [reference])
            return None
        if reference.target not in self.targets:
            self.notes.add(where, *unknown_target(reference.target, self.targets))
            return None
        other = self.instances[reference.target]
        if reference.target in self.broken or own.target in self.broken:
            return None
        mistakes = check_selectors(reference, other, own)
        self.notes.mistakes(where, mistakes)
        return None if mistakes else reference

    def select(
        self, reference: Reference, where: KeyPath, own: Instances, instance: str, keys: Keys
    ) -> Sequence[int] | None:
        """The places of the instances that a reference means; None, noted, if one should be there and is not."""
        other = self.instances[reference.target]
        places = select_instances(reference, other, own_names=own.names, own=keys)
        selective = reference.pinned or reference.paired or reference.all_shared
        if not places and (selective or is_single(reference, other, own.names)):
            if (other.ids or not selective) and (other.listed is None or other.listed.complete):
                self.notes.add(
                    where,
                    f"{reference.text}: no instance of {reference.target} matches {instance}",
                    _some("its instances are", other.ids) if other.ids else f"{reference.target} has no instances",
                )
            return None
        return places

    def _reference(
        self, text: str, where: KeyPath, own: Instances, instance: str, keys: Keys
    ) -> tuple[bool, tuple[Item, ...]] | None:
        reference = self.checked(text, where, own)
        if reference is None:
            return None
        self._follow(own.target, reference.target)
        places = self.select(reference, where, own, instance, keys)
        if places is None:
            return None
        name, output = reference.target, reference.output
        table, other = self.targets[name], self.instances[name]
        single = is_single(reference, other, own.names)
        if not table.outputs:
            if table.run is not None or table.call is not None or table.select is not None:
                self._once(
                    where, f"{name} has no outputs, so inputs cannot refer to it", f'put it in after = [":{name}"]'
                )
                return None
            return self._group(reference, places, where, own.target, single=single)
        named = list(table.outputs) if isinstance(table.outputs, dict) else []
        if table.select is not None and output is not None and output not in named:
            return self._chosen(reference, places, where, own.target, single=single)
        if output is None:
            makers = [other.ids[p] for p in places]
            items = tuple(
                self.territory.made(o.path) for m in makers for o in self.outputs.get(m, ()) if self._owns(o, m)
            )
            return not (single and table.select is not None and len(table.outputs) == 1), items
        if output not in named:
            meant = closest(output, named)
            if not named:
                hint = f"its outputs have no names; write :{name}, or outputs = {{ {output} = … }}"
            else:
                hint = f"did you mean :{name}.{meant}?" if meant else f"its outputs are {', '.join(named)}"
            self._once(where, f"{name} has no output {output}", hint)
            return None
        found = tuple(
            self.territory.made(o.path)
            for p in places
            for o in self.outputs.get(other.ids[p], ())
            if o.name == output and self._owns(o, other.ids[p])
        )
        if single and not found:
            return None
        return not single, found

    def _owns(self, output: Output, maker: str) -> bool:
        """Whether an output is its maker's; if two claim it that is noted already."""
        return self.territory.owners.get(output.path) == maker

    def _once(self, where: KeyPath, what: str, hint: str) -> None:
        self.notes.add(where, what, hint)

    def _ready(self, name: str, where: KeyPath) -> bool:
        """Resolve a group or a selection that another one stands for."""
        if name in self._open:
            circle = [*self._open[self._open.index(name) :], name]
            mark = " ".join(sorted(set(circle)))
            if mark not in self._said:
                self._said.add(mark)
                self.notes.add(where, f"a cycle: {' → '.join(circle)}", "take one of these references away")
            return False
        if len(self._open) > DEEPEST:
            self.notes.add(where, f"more than {DEEPEST} groups stand for each other", "refer to the targets themselves")
            return False
        self.resolve(name)
        return True

    def _group(
        self, reference: Reference, places: Sequence[int], where: KeyPath, own: str, *, single: bool
    ) -> tuple[bool, tuple[Item, ...]] | None:
        if not self._ready(reference.target, where):
            return None
        self._follow(own, reference.target, through=True)
        members = [self._done[reference.target][p] for p in places]
        if reference.output is None:
            return True, tuple(item for m in members for i in m.inputs for item in i.items)
        names = self.targets[reference.target].inputs
        if isinstance(names, list) or reference.output not in names:
            meant = closest(reference.output, names) if isinstance(names, dict) else None
            hint = f"did you mean :{reference.target}.{meant}?" if meant else f"write :{reference.target}"
            self.notes.add(where, f"{reference.target} is a group and has no input {reference.output}", hint)
            return None
        found = [i for m in members for i in m.inputs if i.name == reference.output]
        return not (single and all(not i.many for i in found)), tuple(item for i in found for item in i.items)

    def candidates(self, name: str, place: int) -> tuple[str, ...]:
        """The actions that a selection's inputs refer to, in order, each once."""
        return makers(self.resolve(name)[place].inputs)

    def picked(self, name: str, place: int) -> tuple[str, ...]:
        """The actions that a selection's `pick` means, in order."""
        own = self.instances[name]
        instance = own.ids[place]
        if instance in self._picked:
            return self._picked[instance]
        table = self.targets[name].select
        found: tuple[str, ...] = ()
        where = ("target", name, "select", "pick")
        if table is not None and table.pick is not None:
            text = table.pick if is_reference(table.pick) else f":{table.pick}"
            if not is_reference(table.pick):
                self.notes.add(where, f'"{table.pick}" is no reference', f'write pick = ":{table.pick}"')
            elif reference := self.checked(text, where, own):
                if reference.output is not None:
                    self.notes.add(
                        where, f'"{text}" refers to one output, pick means instances', f":{reference.target}"
                    )
                elif not self.targets[reference.target].outputs:
                    self.notes.add(where, f"{reference.target} has no outputs to pick", "name a target that has some")
                else:
                    self._follow(name, reference.target)
                    places = self.select(reference, where, own, instance, own.keys[place]) or ()
                    found = tuple(self.instances[reference.target].ids[p] for p in places)
        self._picked[instance] = found
        return found

    def chosen_from(self, name: str, place: int) -> tuple[str, ...]:
        """The actions among whose outputs a selection chooses."""
        table = self.targets[name].select
        return self.picked(name, place) if table and table.pick is not None else self.candidates(name, place)

    def _chosen(
        self, reference: Reference, places: Sequence[int], where: KeyPath, own: str, *, single: bool
    ) -> tuple[bool, tuple[Item, ...]] | None:
        if not self._ready(reference.target, where):
            return None
        self._follow(own, reference.target, through=True)
        assert reference.output is not None
        select = self.targets[reference.target].select
        assert select is not None
        items: list[Item] = []
        for place in places:
            selector = self.instances[reference.target].ids[place]
            manifest = self.outputs.get(selector, ())
            candidates: dict[str, str] = {}
            for maker in self.chosen_from(reference.target, place):
                outputs = {o.name or o.path: o.path for o in self.outputs.get(maker, ())}
                if reference.output not in outputs:
                    meant = closest(reference.output, outputs)
                    self.notes.add(
                        where,
                        f"{maker.partition('@')[0]} has no output {reference.output} to choose",
                        f"did you mean :{reference.target}.{meant}?"
                        if meant
                        else _some("its outputs are", list(outputs)),
                    )
                    return None
                candidates[outputs[reference.output]] = maker
            if manifest:
                items.append(Chosen(reference.output, selector, manifest[0].path, candidates))
        return not (single and select.top == 1 and not select.per), tuple(items)

    def after(self, name: str, instance: str, keys: Keys) -> tuple[str, ...]:
        """The actions that must have ended well before an instance."""
        own = self.instances[name]
        found: dict[str, None] = {}
        for number, written in enumerate(self.targets[name].after):
            where: KeyPath = ("target", name, "after", number)
            text = self._fill(written, self.scopes[instance], where) if slots_in(written) else written
            if text is None:
                continue
            if not is_reference(text):
                hint = f'write ":{text}"' if text in self.targets else "write :NAME of a target; files go into inputs"
                self.notes.add(where, f'"{text}" is no reference', hint)
                continue
            reference = self.checked(text, where, own)
            if reference is None:
                continue
            places = self.select(reference, where, own, instance, keys)
            other = self.instances[reference.target]
            if other.listed is not None:
                found[other.listed.id] = None
            table = self.targets[reference.target]
            if reference.output is not None and reference.output not in table.outputs:
                meant = closest(reference.output, table.outputs)
                self.notes.add(
                    where,
                    f"{reference.target} has no output {reference.output}",
                    f"did you mean :{reference.target}.{meant}?" if meant else f"write :{reference.target}",
                )
            found.update(dict.fromkeys(other.ids[p] for p in places or ()))
        return tuple(found)


def makers(inputs: Sequence[Input]) -> tuple[str, ...]:
    """The actions that make inputs, in order, each once."""
    found: dict[str, None] = {}
    for declared in inputs:
        for item in declared.items:
            match item:
                case Leaf():
                    pass
                case Made(_, maker) | Part(_, maker) | PartGlob(_, maker):
                    found[maker] = None
                case Chosen(_, selector, _, candidates):
                    found[selector] = None
                    found.update(dict.fromkeys(candidates.values()))
    return tuple(found)


def _some(start: str, names: Sequence[str]) -> str:
    return f"{start} {', '.join(names[:6])}" + (", …" if len(names) > 6 else "")
