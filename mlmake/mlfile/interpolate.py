"""Templates with `{name}` and what they give; it does not know what the names stand for or who runs the result."""

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from mlmake.mlfile.nearest import closest
from mlmake.mlfile.shelltext import Quoting, quotings
from mlmake.model.digest import Value
from mlmake.model.graph import FilePath

RESERVED = (
    "inputs", "outputs", "params", "source", "matrix", "resources", "target", "instance", "python", "root",
)  # fmt: skip
"""Names that a template always may use, so that no matrix key may have them."""

FILES = frozenset({"inputs", "outputs", "source"})
"""Names whose values are paths: a table of them counts as the list of its files."""

PARTS = ("name", "stem", "parent")
"""What may be asked of a matrix value that is a file."""

_SHAPE = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+|\[[0-9]+\])*(?::raw)?"
_TOKEN = re.compile(rf"\$\{{(?!\{{)|\{{\{{({_SHAPE})\}}\}}|\{{({_SHAPE})\}}")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[([0-9]+)\]")
_NUMBER = re.compile(r"-?[0-9]+")
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


_ALWAYS = frozenset({"inputs", "outputs", "target", "instance", "python", "root"})


class Mode(Enum):
    """What a template becomes: a script for the shell, one argument of a command, or a text."""

    SHELL = "shell"
    ARGV = "argv"
    TEXT = "text"


class Unknown(Enum):
    """A value that is known only when the step runs: anything may be asked of it."""

    LATER = "later"


LATER = Unknown.LATER

Scope: TypeAlias = Mapping[str, object]
"""The values by name. `inputs` and `outputs` are a list, or a table of path or list of paths."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One `{name.part[0]}`; `text` is what stands between the braces."""

    path: tuple[str | int, ...]
    raw: bool
    text: str
    quoting: Quoting = Quoting.BARE

    @property
    def dotted(self) -> str:
        """The name with its dotted parts, up to the first index."""
        names = []
        for part in self.path:
            if isinstance(part, int):
                break
            names.append(part)
        return ".".join(names)


Template: TypeAlias = tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a template, and how to mend it."""

    what: str
    hint: str | None = None


class Unfillable(Exception):
    """A template asks for what is not there; the mistake says what."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(f"{what} ({hint})" if hint else what)
        self.mistake = Mistake(what, hint)


@lru_cache(maxsize=1 << 15)
def parse(text: str, shell: bool = False) -> Template:
    """A text as literals and slots; in a shell script each slot knows how it is quoted."""
    if "{" not in text:
        return (text,) if text else ()
    pieces: list[str | Slot] = []
    literal: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for match in _TOKEN.finditer(text):
        kept, slot = match[1], match[2]
        literal.append(text[at : match.start()])
        at = match.end()
        if slot is None:
            literal.append("{" + kept + "}" if kept is not None else match[0])
            continue
        if before := "".join(literal):
            pieces.append(before)
        literal.clear()
        pieces.append(_slot(slot))
        spans.append(match.span())
    literal.append(text[at:])
    if rest := "".join(literal):
        pieces.append(rest)
    if not shell or not spans:
        return tuple(pieces)
    states = iter(quotings(text, spans))
    return tuple(p if isinstance(p, str) else Slot(p.path, p.raw, p.text, next(states, Quoting.BARE)) for p in pieces)


def _slot(text: str) -> Slot:
    name, raw = (text.removesuffix(":raw"), True) if text.endswith(":raw") else (text, False)
    head = re.match(r"[A-Za-z0-9_-]+", name)
    assert head, name
    steps = tuple(dotted or int(index) for dotted, index in _STEP.findall(name, head.end()))
    return Slot((head[0], *steps), raw, text)


def slots_in(text: str, *, shell: bool = False) -> tuple[Slot, ...]:
    """The places of a template that are filled; those in a comment of a shell script are not."""
    return tuple(p for p in parse(text, shell) if not isinstance(p, str) and p.quoting is not Quoting.COMMENT)


def names_in(text: str, *, shell: bool = False) -> tuple[str, ...]:
    """The dotted names that a template uses, in order, each once."""
    return tuple(dict.fromkeys(slot.dotted for slot in slots_in(text, shell=shell)))


def escape(text: str) -> str:
    """A template that gives exactly this text."""
    return _TOKEN.sub(_double, text)


def _double(match: re.Match[str]) -> str:
    if match[1] is not None:
        return "{{{" + match[1] + "}}}"
    return match[0] if match[2] is None else "{{" + match[2] + "}}"


def as_text(value: object) -> str:
    """A single value as it is written into texts: `true`, `0.001`, `inf`, `2026-01-31`."""
    match value:
        case str():
            return str(value)  # a file's path is more than a text
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case float():
            return repr(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)


def shell_quote(word: str) -> str:
    """One word as the shell reads it back."""
    return word if _SAFE.fullmatch(word) else "'" + word.replace("'", "'\"'\"'") + "'"


def look_up(slot: Slot, scope: Scope) -> object:
    """What a slot stands for; raises Unfillable."""
    root = slot.path[0]
    if root not in scope:
        raise _unknown(slot, scope)
    value = scope[str(root)]
    for number, step in enumerate(slot.path[1:], 1):
        if value is LATER:
            return value
        if isinstance(value, Mapping):
            if isinstance(step, str) and step in value:
                value = value[step]
                continue
            dotted = ".".join(map(str, slot.path[1:]))
            if number == 1 and root == "params" and dotted in value:
                return value[dotted]
            if isinstance(step, str) or root not in FILES or number > 1:
                raise _no_part(slot, number, value)
            value = flat(value)
            if value is LATER:
                return value
        if isinstance(value, FilePath) and step in PARTS:
            value = getattr(value, str(step))
            continue
        if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(step, int):
            if step >= len(value):
                raise Unfillable(
                    f"{{{slot.text}}}: there is no item {step}",
                    f"items count from 0, there {'is' if len(value) == 1 else 'are'} {len(value)}",
                )
            value = value[step]
            continue
        raise _no_part(slot, number, value)
    return flat(value) if root in FILES and isinstance(value, Mapping) else value


def flat(files: Mapping[str, object]) -> object:
    """All files of a table of them, each once; LATER if some are not known yet."""
    found: dict[str, None] = {}
    for value in files.values():
        if value is LATER:
            return LATER
        found.update(dict.fromkeys([value] if isinstance(value, str) else value))  # type: ignore[call-overload]
    return list(found)


def check(text: str, scope: Scope, mode: Mode) -> tuple[Mistake, ...]:
    """Every mistake of a template, given the values that are known by now."""
    found = []
    for slot in slots_in(text, shell=mode is Mode.SHELL):
        try:
            value = look_up(slot, scope)
            if mode is Mode.SHELL:
                _bare(slot, value)
            if value is LATER:
                value = ""
            if not _alone(slot, text) or mode is not Mode.TEXT:
                words = _words(slot, value)
                if mode is not Mode.TEXT and slot.path[0] not in FILES and any("\0" in word for word in words):
                    raise Unfillable(
                        f"the value of {{{slot.text}}} holds a NUL character, which no command can be given",
                        "write it to a file, or take the character out",
                    )
        except Unfillable as problem:
            found.append(problem.mistake)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1024)
def cannot_fail(text: str, mode: Mode) -> bool:
    """Whether a template is right whatever its instance: it names only whole things that are always there."""
    return all(
        len(slot.path) == 1 and slot.path[0] in _ALWAYS and (slot.raw or slot.quoting is Quoting.BARE)
        for slot in slots_in(text, shell=mode is Mode.SHELL)
    )


def fill_shell(text: str, scope: Scope) -> str:
    """A script with every value shell-quoted; a list becomes quoted words. Raises Unfillable."""
    filled = []
    for piece in parse(text, True):
        if isinstance(piece, str):
            filled.append(piece)
        elif piece.quoting is Quoting.COMMENT:
            filled.append("{" + piece.text + "}")
        else:
            words = _guarded(piece, _words(piece, look_up(piece, scope)))
            if not piece.raw:
                _bare(piece, words[0] if len(words) == 1 else words)
                words = [shell_quote(word) for word in words]
            filled.append(" ".join(words))
    return "".join(filled)


def fill_argv(words: Sequence[str], scope: Scope) -> tuple[str, ...]:
    """A command's words; one that is exactly a list becomes one argument an item. Raises Unfillable."""
    filled: list[str] = []
    for word in words:
        pieces = parse(word)
        if len(pieces) == 1 and isinstance(slot := pieces[0], Slot):
            filled += _guarded(slot, _words(slot, look_up(slot, scope)))
            continue
        filled.append(
            "".join(
                p if isinstance(p, str) else " ".join(_words(p, look_up(p, scope)))
                for p in pieces
            )
        )  # fmt: skip
    return tuple(filled)


def fill_text(text: str, scope: Scope, *, spell: Callable[[str], str] | None = None) -> Value:
    """A text; one that is exactly one slot keeps the value's type. `spell` is applied to each value put in.

    Raises Unfillable.
    """
    pieces = parse(text)
    if len(pieces) == 1 and isinstance(slot := pieces[0], Slot) and spell is None:
        return look_up(slot, scope)  # type: ignore[return-value]
    return _join(pieces, scope, spell)


def fill_string(text: str, scope: Scope) -> str:
    """A text, whatever the type of what is put in. Raises Unfillable."""
    return _join(parse(text), scope, None)


def _join(pieces: Template, scope: Scope, spell: Callable[[str], str] | None) -> str:
    filled = []
    for piece in pieces:
        if isinstance(piece, str):
            filled.append(piece)
        else:
            text = " ".join(_words(piece, look_up(piece, scope)))
            filled.append(spell(text) if spell else text)
    return "".join(filled)


def _alone(slot: Slot, text: str) -> bool:
    return text == "{" + slot.text + "}"


def _words(slot: Slot, value: object) -> list[str]:
    if isinstance(value, str):
        return [str(value)]
    if isinstance(value, Mapping):
        parts = ", ".join(f"{{{slot.text}.{key}}}" for key in list(value)[:4])
        raise Unfillable(
            f"{{{slot.text}}} is a table, which cannot be put into a text",
            f"name one of its values: {parts}" if parts else None,
        )
    if isinstance(value, Sequence):
        if any(isinstance(item, Mapping | list | tuple) for item in value):
            raise Unfillable(
                f"{{{slot.text}}} is a list of tables or lists, which cannot be put into a text",
                f"name one item: {{{slot.text}[0]}}",
            )
        return [as_text(item) for item in value]
    return [as_text(value)]


def _guarded(slot: Slot, words: list[str]) -> list[str]:
    """A path with a leading dash would be read as an option by the command that gets it."""
    if slot.path[0] in FILES:
        return ["./" + word if word.startswith("-") else word for word in words]
    return words


def _bare(slot: Slot, value: object) -> None:
    if slot.raw or slot.quoting is Quoting.BARE:
        return
    if slot.quoting is Quoting.ARITHMETIC:
        if value is not LATER and _NUMBER.fullmatch(as_text(value)):
            return
        raise Unfillable(
            f"{{{slot.text}}} is inside $((…)), where only a whole number is safe",
            f"set a shell variable before it (x={{{slot.text}}}) and use that",
        )
    if slot.quoting is Quoting.BACKTICK:
        raise Unfillable(f"{{{slot.text}}} is inside backticks, which undo its quoting", "write $(…) instead of `…`")
    raw = f"{{{slot.text}:raw}}"
    if slot.quoting is Quoting.ESCAPED:
        raise Unfillable(
            f"{{{slot.text}}} comes after a backslash, which would undo its quoting",
            f"take the backslash away, or write {{{{{slot.text}}}}} to keep the braces",
        )
    if slot.quoting is Quoting.HERE:
        raise Unfillable(
            f"{{{slot.text}}} is inside a here-document, where its quotes would become text",
            f"set a shell variable before it (x={{{slot.text}}}) and use that, or write {raw} to insert it as it is",
        )
    raise Unfillable(
        f"{{{slot.text}}} is inside {slot.quoting.value}, it would be quoted twice",
        f"take the quotes away, each value is quoted as it is put in; or write {raw} to insert it as it is",
    )


def _unknown(slot: Slot, scope: Scope) -> Unfillable:
    name = str(slot.path[0])
    what = f"unknown name {{{slot.text}}}"
    parameters = scope.get("params")
    if isinstance(parameters, Mapping) and name in parameters:
        return Unfillable(what, f"a parameter is written {{params.{slot.text}}}")
    meant = closest(name, scope)
    if meant:
        return Unfillable(what, f"did you mean {{{meant}}}? To keep the braces write {{{{{slot.text}}}}}")
    if name in RESERVED:
        return Unfillable(what, f"{{{name}}} cannot be used here; there are {', '.join(scope)}")
    return Unfillable(what, f"there are {', '.join(scope)}; to keep the braces write {{{{{slot.text}}}}}")


def _no_part(slot: Slot, number: int, value: object) -> Unfillable:
    step = slot.path[number]
    so_far = _spell(slot.path[:number])
    if isinstance(value, Mapping):
        names = [str(key) for key in value]
        meant = closest(str(step), names) if isinstance(step, str) else None
        if meant:
            hint = f"did you mean {{{so_far}.{meant}}}?"
        elif len(names) == 1:
            hint = f"there is only {names[0]}"
        elif names:
            hint = f"there are {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
        else:
            hint = "there are none"
        return Unfillable(f"unknown name {{{slot.text}}}: {so_far} has no {step}", hint)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Unfillable(
            f"unknown name {{{slot.text}}}: {so_far} is a list", f"its items are {{{so_far}[0]}} and so on"
        )
    if isinstance(value, FilePath):
        listed = ", ".join(f"{{{so_far}.{part}}}" for part in PARTS)
        return Unfillable(f"unknown name {{{slot.text}}}: {so_far} is a file", f"its parts are {listed}")
    return Unfillable(f"unknown name {{{slot.text}}}: {so_far} is a single value", f"write {{{so_far}}}")


def _spell(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
