"""An Mlfile and those it includes, joined to one; it does not know what their values mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from mlmake.mlfile import wording
from mlmake.mlfile.decode import decode, text_of
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.notyet import not_yet
from mlmake.mlfile.paths import normal
from mlmake.mlfile.problems import Place, Problem
from mlmake.mlfile.rules import check_rules
from mlmake.mlfile.schema import MlfileTable
from mlmake.mlfile.version import satisfies

INCLUDED = ("target", "serve", "params", "env", "resources")
"""What an included Mlfile may hold."""


@dataclass(frozen=True, slots=True)
class Document:
    """The joined tables; `files` says which file set a key path, where that is not the main one.

    `texts` are the files read, by name, the main one first. `broken` names the targets with keys that could not be
    read and are left out here: what else is said of them may be wrong.
    """

    name: str
    table: MlfileTable
    texts: Mapping[str, str]
    files: Mapping[KeyPath, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()

    def file_of(self, where: KeyPath) -> str:
        """The file that set a key path, or the table it is in."""
        for depth in range(len(where), 0, -1):
            if where[:depth] in self.files:
                return self.files[where[:depth]]
        return self.name


def load_document(
    read: Callable[[str], bytes | None], name: str, *, version: str | None = None
) -> tuple[Document | None, tuple[Problem, ...]]:
    """The Mlfile of this name with all it includes; None if a text is no TOML or a file is missing.

    `read` gives a file's bytes by its path from the project root, None if there is none. `version` is that of the
    mlmake that runs.
    """
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    table = _load(read, name, texts, problems)
    if table is None:
        return None, tuple(problems)
    problems += _version_problems(table.project.mlmake, version)
    files: dict[KeyPath, str] = {}
    complete = True
    folder = name[: name.rfind("/") + 1]
    for i, include in enumerate(table.project.include):
        path = normal(include if include.startswith("/") else folder + include)
        where: KeyPath = ("project", "include", i)
        if path in texts:
            problems.append(Problem(where, *wording.included_twice(path), file=name))
            continue
        other = _load(read, path, texts, problems, included_at=Place(where, "", name))
        if other is None:
            complete = False
            continue
        table = _joined(table, other, path, name, files, problems)
    broken = frozenset(
        str(problem.where[1]) for problem in problems if problem.where[:1] == ("target",) and len(problem.where) > 1
    )
    ruled = check_rules(table, broken=broken)
    # of a value that is wrong it is not said as well that it is not built
    wrong = {found.where[:depth] for found in (*ruled, *problems) for depth in range(1, len(found.where) + 1)}
    problems += [*ruled, *(later for later in not_yet(table) if later.where not in wrong)]
    return (Document(name, table, texts, files, broken) if complete else None), tuple(problems)


def _load(
    read: Callable[[str], bytes | None],
    name: str,
    texts: dict[str, str],
    problems: list[Problem],
    *,
    included_at: Place | None = None,
) -> MlfileTable | None:
    """One file's tables, noting its text and its problems."""
    data = read(name)
    if data is None:
        place = included_at or Place((), "", name)
        words = wording.missing_file(name, by_flag=included_at is None)
        problems.append(Problem(place.where, *words, file=place.file))
        return None
    text, found = text_of(data, name)
    problems += found
    if text is None:
        return None
    texts[name] = text
    table, found = decode(text, name, sections=None if included_at is None else INCLUDED)
    problems += found
    return table


def _version_problems(requirement: str | None, version: str | None) -> list[Problem]:
    if requirement is None:
        return []
    where = ("project", "mlmake")
    fits = satisfies(version or "0", requirement)
    if fits is None:
        return [Problem(where, *wording.bad_requirement(requirement))]
    if version is not None and not fits:
        return [Problem(where, *wording.other_version(requirement, version))]
    return []


def _joined(
    table: MlfileTable, other: MlfileTable, path: str, main: str, files: dict[KeyPath, str], problems: list[Problem]
) -> MlfileTable:
    """Both tables in one; what both have is a problem at the later one, and the earlier one stays."""

    def clash(where: KeyPath) -> None:
        before = next((files[where[:n]] for n in range(len(where), 0, -1) if where[:n] in files), main)
        first = Place(where, wording.first_here(), before, at_key=True)
        problems.append(Problem(where, *wording.set_twice(where), file=path, at_key=True, also=(first,)))

    def join(one: Mapping[str, Any], two: Mapping[str, Any], where: KeyPath, *, deep: bool) -> dict[str, Any]:
        both = dict(one)
        for key, value in two.items():
            here = (*where, key)
            if key not in both:
                both[key] = value
                files[here] = path
            elif deep and isinstance(value, dict) and isinstance(both[key], dict):
                both[key] = join(both[key], value, here, deep=True)
            else:
                clash(here)
        return both

    return replace(
        table,
        **{
            section: join(getattr(table, section), getattr(other, section), (section,), deep=section == "params")
            for section in INCLUDED
        },
    )
