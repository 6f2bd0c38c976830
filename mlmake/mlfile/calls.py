"""The functions that targets call: which, and where each argument comes from; it imports and calls nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmake.mlfile.handed import Handed
from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.signature import Signature, read_signature

ALWAYS = ("matrix", "inputs", "outputs", "params", "step")
"""What every function may ask for."""

_CALL = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Called:
    """A function and what it asks for."""

    module: str
    function: str
    signature: Signature


def split_function(text: str) -> tuple[str, str]:
    """Module and function of a text that is one."""
    module, _, function = text.partition(":")
    return module, function


def find_function(text: str, handed: Handed) -> Called | Mistake:
    """The function that `module:function` names."""
    match = _CALL.fullmatch(text)
    if not match:
        if re.fullmatch(r"[^:]+:[\w]+(?:\.[\w]+)+", text):
            return Mistake(
                f'"{text}" names an attribute, a step calls a function of a module', "write a def that calls it"
            )
        dotted = re.fullmatch(r"([A-Za-z_][\w.]*)\.([A-Za-z_]\w*)", text)
        hint = f"did you mean {dotted[1]}:{dotted[2]}?" if dotted else "write module:function, like steps.train:run"
        return Mistake(f'"{text}" is no function', hint)
    module, function = match[1], match[2]
    found = handed.module(module)
    if found is None:
        path = module.replace(".", "/")
        return Mistake(f"there is no module {module}", f"looked for {path}.py and {path}/__init__.py in the project")
    path, source = found
    signature = read_signature(source, path, function)
    return signature if isinstance(signature, Mistake) else Called(module, function, signature)


@dataclass(frozen=True, slots=True)
class Offers:
    """What a target offers by name: `parameters` are top-level names, `listed` last parts with their dotted names.

    `always` is what every function of the kind may ask for.
    """

    keys: Sequence[str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    source: bool
    parameters: Sequence[str]
    listed: Mapping[str, Sequence[str]]
    always: Sequence[str] = ALWAYS

    def of(self, name: str) -> list[str]:
        """Everything that is offered under a name, in words."""
        found = [
            word
            for word, names in (
                ("a matrix key", self.keys),
                ("an input", self.inputs),
                ("an output", self.outputs),
                ("always there", self.always),
            )
            if name in names
        ]
        if name == "source" and self.source:
            found.append("the source")
        dotted = dict.fromkeys([*([name] if name in self.parameters else []), *self.listed.get(name, ())])
        return found + [f"the parameter {d}" for d in dotted]

    def names(self) -> list[str]:
        """All names on offer."""
        source = ["source"] if self.source else []
        every = (*self.keys, *self.inputs, *self.outputs, *source, *self.listed, *self.parameters, *self.always)
        return list(dict.fromkeys(every))


def check_arguments(called: Called, offers: Offers) -> list[Mistake]:
    """What the function asks for and does not get, or would get from two places."""
    label = f"{called.module}:{called.function}"
    found = []
    for name in called.signature.arguments:
        sources = offers.of(name)
        if len(sources) > 1:
            found.append(
                Mistake(f"{label} asks for {name}, which is {' and '.join(sources)}", "give one of them another name")
            )
        elif not sources and name not in called.signature.optional:
            names = offers.names()
            meant = closest(name, names)
            hint = f"did you mean {meant}? " if meant else ""
            found.append(
                Mistake(f"{label} asks for {name}, which nothing offers", f"{hint}on offer: {', '.join(names)}")
            )
    return found


def parameters_asked(called: Called, offers: Offers) -> list[str]:
    """The dotted names of the parameters that the function gets by asking for them."""
    found: dict[str, None] = {}
    for name in called.signature.arguments:
        others = (*offers.keys, *offers.inputs, *offers.outputs, *offers.always)
        if name in others or (name == "source" and offers.source):
            continue
        for dotted in offers.listed.get(name) or ([name] if name in offers.parameters else []):
            found[dotted] = None
    return list(found)
