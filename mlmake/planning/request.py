"""What words on a command line ask for, as actions; it does not know if these are up to date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mlmake.model.graph import Graph, Listing

LISTED = 8
"""Names that a message lists before it stops."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Words that match nothing: one line each, with what was probably meant."""

    message: str


def choose(graph: Graph, words: Sequence[str], folder: str = "") -> tuple[str, ...] | Wrong:
    """The actions that words stand for, in the order of the words, each once; no words: the defaults.

    `folder` is the caller's folder relative to the root ("" for the root itself); paths are read from there.
    """
    if not words:
        if not graph.project.default:
            targets = (t for t in graph.targets.values() if t.outputs and not t.manual)
            return tuple(action for target in targets for action in target.meant)
        words, folder = graph.project.default, ""
    found: dict[str, None] = {}
    wrong = []
    for word in words:
        actions = matches(graph, word, folder)
        if actions is None:
            wrong.append(_complaint(graph, word))
        else:
            found.update(dict.fromkeys(actions))
    return Wrong("\n".join(wrong)) if wrong else tuple(found)


def matches(graph: Graph, word: str, folder: str = "") -> tuple[str, ...] | None:
    """The actions of one word; None if it matches nothing."""
    if word in graph.targets:
        return graph.targets[word].meant
    if word in graph.actions:
        return (word,)
    name, at, selector = word.partition("@")
    if at and name in graph.targets:
        wanted = pairs(selector)
        actions = graph.targets[name].actions
        found = tuple(a for a in actions if wanted and wanted.items() <= pairs(a.partition("@")[2]).items())
        if found:
            return found
        if (listing := graph.targets[name].listing) is not None and not is_complete(graph, listing):
            return (listing,)
    if any(c in word for c in "*?["):
        found = tuple(
            action
            for target in graph.targets.values()
            if not target.manual
            for action in target.meant
            if fnmatchcase(action if at else target.name, word)
        )
        if found:
            return found
    owner = owner_of(graph, joined(folder, word))
    return None if owner is None else (owner,)


def with_commands(graph: Graph, actions: Iterable[str]) -> list[str]:
    """Actions that have a command; a group stands for what it is made of."""
    found: dict[str, None] = {}
    named = list(actions)
    # What stands for instances to come says nothing beside those that there are.
    there = [name for name in named if not isinstance(graph.actions[name].command, Listing)]
    stack = list(reversed(there or named))
    seen = set()
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        if graph.actions[name].is_group:
            stack += reversed(graph.actions[name].upstream)
        else:
            found[name] = None
    return list(found)


def is_complete(graph: Graph, listing: str) -> bool:
    """Whether all instances that an action stands for were known when the graph was made."""
    command = graph.actions[listing].command
    return isinstance(command, Listing) and command.complete


def owner_of(graph: Graph, path: str) -> str | None:
    """The action that makes this path: an output, or something inside a folder output."""
    for candidate in (path, path.rstrip("/") + "/"):
        if candidate in graph.owners:
            return graph.owners[candidate]
    parent = path.rstrip("/")
    while "/" in parent:
        parent = parent.rpartition("/")[0]
        if parent + "/" in graph.owners:
            return graph.owners[parent + "/"]
    return None


def joined(folder: str, path: str) -> str:
    """A path as written in `folder`, normalised and relative to the root; a folder keeps its final "/"."""
    if path.startswith("/"):
        return path
    parts: list[str] = []
    for part in f"{folder}/{path}".split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) + ("/" if path.endswith("/") and parts else "")


def decoded(text: str) -> str:
    """Percent-encoding taken back; bytes that are not UTF-8 become surrogate escapes."""
    if "%" not in text:
        return text
    head, *rest = text.split("%")
    done = bytearray(head.encode("utf-8", "surrogateescape"))
    for piece in rest:
        code = piece[:2]
        if len(code) == 2 and all(c in "0123456789abcdefABCDEF" for c in code):
            done.append(int(code, 16))
            piece = piece[2:]
        else:
            done += b"%"
        done += piece.encode("utf-8", "surrogateescape")
    return done.decode("utf-8", "surrogateescape")


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if one is close."""
    # Slow to import, and wanted for messages only.
    from difflib import get_close_matches  # noqa: PLC0415

    close = get_close_matches(word, list(names), n=1, cutoff=0.6)
    return close[0] if close else None


def pairs(selector: str) -> dict[str, str]:
    """The keys and values after the "@" of a name, as text."""
    found = {}
    for part in filter(None, selector.split(",")):
        key, _, value = part.partition("=")
        found[decoded(key)] = decoded(value)
    return found


def _complaint(graph: Graph, word: str) -> str:
    name, at, selector = word.removeprefix(":").partition("@")
    if at and name in graph.targets:
        actions = graph.targets[name].actions
        if len(actions) == 1 and "@" not in actions[0]:
            return f'"{word}": target {name} has no matrix, so it is just `{name}`'
        meant = nearest(f"{name}@{selector}", actions)
        if meant:
            return f'no instance of {name} matches "{word}"; did you mean `{meant}`?'
        listed = ", ".join(actions[:LISTED]) + (", …" if len(actions) > LISTED else "")
        return f'no instance of {name} matches "{word}"; it has {listed}'
    if name in graph.targets:
        return f'no target, instance or output "{word}"; did you mean `{name}`?'
    meant = nearest(name, graph.targets) or nearest(word, [*graph.actions, *graph.owners])
    if meant:
        return f'no target, instance or output "{word}"; did you mean `{meant}`?'
    if any(c in word for c in "*?["):
        return f'the pattern "{word}" matches no target that is not manual'
    names = list(graph.targets)
    listed = ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")
    return f'no target, instance or output "{word}"; ' + (
        f"there is {listed}" if names else "the Mlfile has no targets"
    )
