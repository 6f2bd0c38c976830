"""What artifacts were made from, as a tree of text and as a document; it does not know how that was found out."""

import time
from collections.abc import Iterable, Mapping, Sequence

from mlmake.history.lineage import Artifact, Ingredient, Lineage, Link, Part
from mlmake.model.digest import Digest
from mlmake.model.fact import Fact
from mlmake.model.reason import Code
from mlmake.model.trace import Product, Trace
from mlmake.model.units import show_seconds
from mlmake.planning.explain import acceptance
from mlmake.views.jsonl import Json, reasons
from mlmake.views.screen import Screen, printable, wrapped
from mlmake.views.tables import number

SCHEMA = "mlmake.lineage/1"

SHORT = 12
"""Digits of a digest that are shown to people."""

MOST = 8
"""Things of one kind that are named to people before the rest is counted."""

_LABEL = 9
"""Columns of the words before the details."""

PLACE = ("machine", "python", "mlmake", "git")
"""What is told again only where it differs from that of the result above."""

ALWAYS = ("made",)
"""What is told of every result, even if an earlier one has just the same."""

_TIE = "\ue000"
"""Stands for a blank at which no line may end."""

Details = dict[str, str]
"""What is told of a result, by the word before it."""


def lineage_lines(lineage: Lineage, screen: Screen, *, everything: bool = False) -> list[str]:
    """A tree for each artifact, the result first and below it those it was made from, each told once."""
    tree = _Tree(lineage, screen, most=None if everything else MOST)
    lines: list[str] = []
    for artifact in lineage.artifacts:
        lines += [""] if lines else []
        lines += tree.artifact(artifact)
    return lines


class _Tree:
    """Writes the trees; remembers which results have been told, and what of each target."""

    def __init__(self, lineage: Lineage, screen: Screen, *, most: int | None) -> None:
        self._links, self._screen, self._most = lineage.links, screen, most
        self._told: set[int] = set()
        self._firsts: dict[str, tuple[str, Details]] = {}

    def artifact(self, artifact: Artifact) -> list[str]:
        """One artifact with all that it goes back to."""
        screen = self._screen
        if artifact.trace is None:
            here = ", ".join(f"{path}{_TIE}{_short(digest)}" for path, digest in artifact.present)
            return self._wrapped(f"{here or artifact.name}: {artifact.note}", "", "")
        link = self._links[artifact.trace.order]
        is_path = any(artifact.name == path for path, _ in artifact.present)
        title = artifact.name if not is_path else f"{artifact.name} {_short(artifact.present[0][1])}"
        lines = [screen.paint(printable(title), "bold")]
        if artifact.note:
            lines += self._wrapped(artifact.note, "", "  ")
        if is_path:
            last = screen.mark("└─ ", "`- ")
            return [*lines, *self._result(link, lead=last, rest="   ")]
        return [*lines, *self._below(link, rest="")]

    def _result(
        self, link: Link, *, lead: str, rest: str, via: Sequence[Ingredient] = (), above: Details | None = None
    ) -> list[str]:
        """A result with what it gave to the one above it (`via`), its details, and its own makers."""
        trace, screen = link.trace, self._screen
        again = trace.order in self._told
        said = f" {screen.mark('↑', '^')} as above" if again else ""
        lines = [lead + screen.paint(printable(trace.action), "bold") + said]
        if via:
            given = [f"{_as_read(part)}{'' if part.certain else ' (by name and time)'}" for part in via]
            lines += self._detail("gave", _some(given, self._most), rest + ("  " if again else self._stem(link)))
        return lines if again else [*lines, *self._below(link, rest=rest, above=above)]

    def _stem(self, link: Link) -> str:
        """What stands left of the details of a result: a line down to its makers, if it has any."""
        return self._screen.mark("│ ", "| ") if _children(link) else "  "

    def _below(self, link: Link, *, rest: str, above: Details | None = None) -> list[str]:
        """The details of a result, then its makers; `above` are the details of who was made from it."""
        trace, stem = link.trace, rest + self._stem(link)
        self._told.add(trace.order)
        known = details(link, most=self._most)
        found = dict(known)
        if above is not None:
            found = {
                w: text for w, text in known.items() if w != "outputs" and (w not in PLACE or above.get(w) != text)
            }
            found |= {word: "not known" for word in PLACE if word in above and word not in known}
        target = trace.action.partition("@")[0]
        first, before = self._firsts.setdefault(target, (trace.action, {}))
        shown = {word: text for word, text in found.items() if word in ALWAYS or before.get(word) != text}
        self._firsts[target] = first, before or known
        lines = [line for word, text in shown.items() for line in self._detail(word, text, stem)]
        if len(shown) < len(found):
            gone = [word for word in before if word not in known and word not in found]
            lines += [line for word in gone for line in self._detail(word, "none", stem)]
            lines += self._detail("else", f"as {first}", stem)
        children = list(_children(link).items())
        for place, (order, via) in enumerate(children):
            last = place == len(children) - 1
            lead = rest + (self._screen.mark("└─ ", "`- ") if last else self._screen.mark("├─ ", "|- "))
            below = rest + ("   " if last else self._screen.mark("│  ", "|  "))
            lines += self._result(self._links[order], lead=lead, rest=below, via=via, above=known)
        return lines

    def _detail(self, word: str, text: str, stem: str) -> list[str]:
        first = f"{stem}{word:<{_LABEL}}"
        return self._wrapped(text, first, stem + " " * _LABEL)

    def _wrapped(self, text: str, first: str, rest: str) -> list[str]:
        harmless = _TIE.join(map(printable, text.split(_TIE)))
        parts = wrapped(harmless, self._screen.width, lead=len(rest)) or [""]
        return [(first if not place else rest) + part.replace(_TIE, " ") for place, part in enumerate(parts)]


def details(link: Link, *, most: int | None = MOST) -> Details:
    """What is told of one result to people, in order, without what other results gave to it."""
    trace = link.trace
    own = {part: [i for i in link.ingredients if i.part is part and i.maker is None] for part in Part}
    accepted = acceptance(trace)
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(trace.ended))
    told = {
        "outputs": _some([f"{product.path}{_TIE}{_short(product.digest)}" for product in trace.outputs], most),
        "made": f"{when} in {show_seconds(trace.seconds)}, run {trace.run}",
        "accepted": ""
        if accepted is None
        else f"by {accepted.subject}" + (f": {accepted.new}" if accepted.new else ""),
        "recipe": command_of(trace),
        "function": ", ".join(
            f"{f.subject}{_TIE}{_short(Digest(str(f.shown)))}" for f in _facts(trace, Code.CODE_CHANGED)
        ),
        "matrix": _values({f.subject: f.shown for f in _recipe(trace, "matrix.")}, strip="matrix."),
        "params": _values({f.subject: f.shown for f in _facts(trace, Code.PARAM_CHANGED)}),
        "env": _values({f.subject: f.shown for f in _facts(trace, Code.ENV_CHANGED)}),
        "source": _source(trace),
        "inputs": _some(_named(own[Part.INPUT]), most),
        "data": _some(_named(own[Part.DATA]), most),
        "code": _some(_named(own[Part.CODE]), most),
        "packages": ", ".join(sorted({f"{n}{_TIE}{v}" for p in trace.packages for n, v in p.versions.items()})),
        "metrics": ", ".join(f"{name}{_TIE}{number(value)}" for name, value in trace.metrics.items()),
        "machine": _machine(trace.origin),
        "python": _with(trace.origin, "python_version", "python"),
        "mlmake": trace.origin.get("mlmake", ""),
        "git": _git(trace.origin),
    }
    return {word: text for word, text in told.items() if text}


def command_of(trace: Trace) -> str:
    """The command as it was written, in a line."""
    for word in ("call", "run"):
        found = [fact for fact in _recipe(trace, word) if fact.subject == word]
        if found:
            return " ".join(f"{word} {found[0].shown}".split())
    chosen = {f.subject: f.shown for f in _recipe(trace, "select.") if f.shown not in (None, "[]")}
    return f"select {_values(chosen, strip='select.')}" if chosen else ""


def lineage_document(lineage: Lineage) -> dict[str, Json]:
    """The document of `lineage --json`: the artifacts, and each result once, by its id."""
    return {
        "schema": SCHEMA,
        "artifacts": [
            {
                "name": artifact.name,
                "paths": [{"path": path, "digest": digest} for path, digest in artifact.present],
                "result": None if artifact.trace is None else _id(artifact.trace),
                "source": artifact.source,
                "note": artifact.note or None,
            }
            for artifact in lineage.artifacts
        ],
        "results": [_result(link, lineage.links) for _, link in sorted(lineage.links.items(), reverse=True)],
    }


def _result(link: Link, links: Mapping[int, Link]) -> dict[str, Json]:
    trace, origin = link.trace, link.trace.origin
    accepted = acceptance(trace)
    functions = _facts(trace, Code.CODE_CHANGED)
    baseline = trace.baseline
    return {
        "id": _id(trace),
        "target": trace.action.partition("@")[0],
        "instance": trace.action,
        "run": trace.run,
        "started": trace.started,
        "ended": trace.ended,
        "seconds": trace.seconds,
        "recipe": {"digest": trace.recipe, **{f.subject: f.shown for f in _facts(trace, Code.RECIPE_CHANGED)}},
        "params": {fact.subject: fact.shown for fact in _facts(trace, Code.PARAM_CHANGED)},
        "env": {fact.subject: fact.shown for fact in _facts(trace, Code.ENV_CHANGED)},
        "functions": [{"name": fact.subject, "digest": fact.shown} for fact in functions],
        "inputs": [_ingredient(part, links) for part in link.ingredients if part.part is not Part.CODE],
        "code": [_ingredient(part, links) for part in link.ingredients if part.part is Part.CODE],
        "source": baseline and {
            "content": baseline.content,
            "measures": None if baseline.measures is None else dict(baseline.measures),
            "probe": baseline.probe,
            "moved": baseline.moved,
        },
        "packages": [
            {"name": name, "version": version, "folder": found.folder, "python": found.python}
            for found in trace.packages
            for name, version in found.versions.items()
        ],
        "outputs": [_product(product) for product in trace.outputs],
        "metrics": dict(trace.metrics),
        "reasons": reasons(trace.reasons),
        "accepted": None if accepted is None else {"by": accepted.subject, "reason": accepted.new},
        "complete": trace.complete,
        "git": {"commit": origin["git"], "dirty": _DIRTY.get(origin.get("git_dirty", ""))} if "git" in origin else None,
        "machine": {name: origin.get(name) for name in ("host", "platform", "user")},
        "python": {"path": origin.get("python"), "version": origin.get("python_version")},
        "mlmake": origin.get("mlmake"),
    }  # fmt: skip


_DIRTY = {"yes": True, "no": False}


def _ingredient(part: Ingredient, links: Mapping[int, Link]) -> dict[str, Json]:
    return {
        "path": part.path,
        "digest": part.digest,
        "kind": part.part.value,
        "made_by": None if part.maker is None else _id(links[part.maker].trace),
        "certain": part.certain,
    }


def _product(product: Product) -> dict[str, Json]:
    return {
        "name": product.name,
        "path": product.path,
        "digest": product.digest,
        "size": product.size,
        "object": product.object,
    }


def _id(trace: Trace) -> str:
    """Unlike others also where one run made several results of an instance."""
    return f"{trace.run}/{trace.action}/{trace.order}"


def _children(link: Link) -> dict[int, list[Ingredient]]:
    """What it was given, by the results that made it."""
    found: dict[int, list[Ingredient]] = {}
    for part in link.ingredients:
        if part.maker is not None:
            found.setdefault(part.maker, []).append(part)
    return found


def _facts(trace: Trace, code: Code) -> list[Fact]:
    return [fact for fact in trace.facts if fact.code is code]


def _recipe(trace: Trace, prefix: str) -> list[Fact]:
    return [fact for fact in _facts(trace, Code.RECIPE_CHANGED) if fact.subject.startswith(prefix)]


def _source(trace: Trace) -> str:
    """What it was ingested from: as written, its content, and what was measured of it."""
    written = next((str(fact.shown) for fact in _recipe(trace, "source") if fact.subject == "source"), "")
    if trace.baseline is None:
        return written
    content = [f"content {_short(trace.baseline.content)}"] if trace.baseline.content else []
    measured = [_values(trace.baseline.measures)] if trace.baseline.measures else []
    told = "; ".join((*content, *measured))
    return f"{written} ({told})" if told else written


def _machine(origin: Mapping[str, str]) -> str:
    where = _with(origin, "host", "platform")
    return ", ".join(part for part in (where, f"user {origin['user']}" if "user" in origin else "") if part)


def _git(origin: Mapping[str, str]) -> str:
    words = {"yes": "with changes", "no": "unchanged", "unknown": "not known whether with changes"}
    commit = origin.get("git")
    return f"{commit[:SHORT]}, {words.get(origin.get('git_dirty', ''), words['unknown'])}" if commit else ""


def _with(origin: Mapping[str, str], name: str, more: str) -> str:
    known, beside = origin.get(name, ""), origin.get(more, "")
    return f"{known} ({beside})" if known and beside else known or beside


def _values(values: Mapping[str, object], *, strip: str = "") -> str:
    return ", ".join(f"{name.removeprefix(strip)} = {_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _named(parts: Iterable[Ingredient]) -> list[str]:
    return [_as_read(part) for part in parts]


def _as_read(part: Ingredient) -> str:
    return f"{part.path}{_TIE}{_short(part.digest)}"


def _some(texts: Sequence[str], most: int | None) -> str:
    shown = texts if most is None or len(texts) <= most else texts[:most]
    more = f" and {len(texts) - len(shown)} more" if len(shown) < len(texts) else ""
    return ", ".join(shown) + more


def _short(digest: Digest) -> str:
    return digest[:SHORT]
