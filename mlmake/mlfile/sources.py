"""What the `source` of an instance stands for: paths, patterns, URLs and references; it looks at no disk."""

from mlmake.mlfile.globs import is_glob, matcher
from mlmake.mlfile.inputs import Resolver
from mlmake.mlfile.interpolate import Scope, Unfillable, fill_text
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.matrix import Keys
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.paths import normal
from mlmake.mlfile.references import Instances
from mlmake.mlfile.schema import TargetTable
from mlmake.model.digest import Value
from mlmake.model.item import Chosen, Leaf, Made, Part, PartGlob
from mlmake.model.validity import Pattern, Remote, Source, SourceItem

SCHEMES = ("http://", "https://")


def read_source(
    table: TargetTable, where: KeyPath, own: Instances, instance: str, keys: Keys, *, resolver: Resolver, notes: Notes
) -> Source | None:
    """The source of one instance with its names filled; None without one, or after noting a mistake."""
    if table.source is None:
        return None
    texts = [table.source] if isinstance(table.source, str) else table.source
    items: dict[SourceItem, None] = {}
    many = not isinstance(table.source, str)
    for number, text in enumerate(texts):
        place = where if isinstance(table.source, str) else (*where, number)
        found = _entry(text, place, own, instance, keys, resolver=resolver, notes=notes)
        if found is None:
            return None
        many = many or found[0]
        items.update(dict.fromkeys(found[1]))
    return Source(tuple(items), many, table.ready)


def _entry(
    text: str, where: KeyPath, own: Instances, instance: str, keys: Keys, *, resolver: Resolver, notes: Notes
) -> tuple[bool, tuple[SourceItem, ...]] | None:
    filled = _fill(text, resolver.scopes[instance], where, notes)
    if filled is None:
        return None
    if "://" in filled:
        return _address(filled, where, notes)
    found = resolver.entry(text, where, own, instance, keys, shown := list[Value](), listed=False)
    if found is None:
        return None
    many, items = found
    kept: list[SourceItem] = []
    for item in items:
        if isinstance(item, Chosen):
            notes.add(where, f"{filled} is the choice of a selection, which is no dataset", "put it into inputs")
            return None
        kept.append(item)
    path = normal(str(shown[0])) if shown else ""
    if path and is_glob(path) and not filled.startswith(":"):
        kept.append(Pattern(path))
    return many, tuple(kept)


def _address(text: str, where: KeyPath, notes: Notes) -> tuple[bool, tuple[SourceItem, ...]] | None:
    scheme = text.partition("://")[0]
    if text.startswith(SCHEMES):
        return False, (Remote(text),)
    notes.add(
        where,
        f"a source behind {scheme}:// is not yet built",
        "name local files or an http(s) URL, or leave source out and ask by a probe",
    )
    return None


def _fill(text: str, scope: Scope, where: KeyPath, notes: Notes) -> str | None:
    if "{" not in text:
        return text
    try:
        value = fill_text(text, scope)
    except Unfillable as problem:
        notes.mistakes(where, [problem.mistake])
        return None
    if not isinstance(value, str):
        notes.add(where, f"{text} is no text, a source is a path or a URL", "name a key whose values are texts")
        return None
    return value


def with_source_makers(upstream: tuple[str, ...], source: Source | None) -> tuple[str, ...]:
    """What must be built first, the makers of the source included."""
    if source is None:
        return upstream
    makers = [item.maker for item in source.items if isinstance(item, Made | Part | PartGlob)]
    return tuple(dict.fromkeys((*upstream, *makers)))


def covers(source: Source, path: str) -> bool:
    """Whether a file belongs to a source, as far as its paths and patterns say; what is behind a URL never does."""
    for item in source.items:
        match item:
            case Leaf(place) | Made(place, _) | Part(place, _):
                if path == place or path.startswith(place.rstrip("/") + "/"):
                    return True
            case Pattern(pattern) | PartGlob(pattern, _):
                if matcher(pattern).fullmatch(path):
                    return True
            case Remote():
                continue
    return False
