"""Who makes which path: outputs as declared, and what a path or a pattern then stands for; it looks at no disk."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence

from mlmake.mlfile.globs import literal, matcher, prefix, within
from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.paths import normal, parents
from mlmake.mlfile.problems import Place
from mlmake.model.graph import Item, Leaf, Made, Part, PartGlob

STATE = ".mlmake"


def bad_path(path: str) -> Mistake | None:
    """What no path may be."""
    if not path:
        return Mistake("an empty path names nothing", "name a file, or a folder with a final /")
    if "\0" in path:
        return Mistake("a path cannot hold a NUL character", "take it out")
    return None


def bad_output(path: str, protected: Mapping[str, str]) -> Mistake | None:
    """What is wrong with a path as an output; `protected` gives for files of the project what they are."""
    if wrong := bad_path(path):
        return wrong
    inside = "outputs are relative to the project root and inside it"
    if path.startswith("/"):
        return Mistake(f'the output "{path}" is absolute', inside)
    if path.startswith("~"):
        return Mistake(f'the output "{path}" lies in a home folder', inside + "; for a name with ~ write ./~")
    if ".." in path.split("/"):
        return Mistake(f'the output "{path}" leads out of its folder by ".."', inside)
    if path.startswith(":"):
        return Mistake(f'the output "{path}" looks like a reference', "outputs are paths; for such a name write ./:")
    tidy = normal(path)
    if tidy == "./":
        return Mistake(f'the output "{path}" is the project folder itself', "name a folder inside it, like build/")
    bare = tidy.rstrip("/")
    if bare == STATE or bare.startswith(STATE + "/"):
        return Mistake(f'the output "{path}" lies in {STATE}, where mlmake keeps its state', "name another folder")
    for file, meaning in protected.items():
        if file == bare:
            return Mistake(f'the output "{path}" is {meaning}', "name another file")
        if file.startswith(bare + "/"):
            return Mistake(f'the output "{path}" holds {file}, {meaning}', "name another folder")
    return None


class Territory:
    """All outputs of the graph by path."""

    def __init__(self, listing: Callable[[str], Sequence[str]], vanished: Collection[str] = ()) -> None:
        """`vanished` are outputs of instances that are no more: no pattern matches what is left of them."""
        self.vanished = vanished
        self.owners: dict[str, str] = {}
        self._where: dict[str, KeyPath] = {}
        self._folders: dict[str, str] = {}
        self._sorted: list[str] = []
        self._listing = listing
        self._made: dict[str, Made] = {}
        self._leaves: dict[str, Leaf] = {}
        self._globs: dict[str, tuple[Item, ...]] = {}

    def claim(self, path: str, owner: str, *, where: KeyPath, notes: Notes, target: Callable[[str], str]) -> None:
        """Make an action the owner of a path."""
        other = path if path in self.owners else path[:-1] if path.endswith("/") else f"{path}/"
        before = self.owners.get(other)
        if before is None:
            self.owners[path] = owner
            self._where[path] = where
            if path.endswith("/"):
                self._folders[path] = owner
            return
        if before == owner:
            notes.add(where, f"{path} is declared twice by {owner}", "take one away", also=self._place(other, where))
        elif target(before) == target(owner):
            notes.add(
                where, f"{path} is made by {before} and by {owner}", "put a matrix key into the path, as in {KEY}"
            )
        else:
            notes.add(
                where,
                f"{path} is made by {before} and by {owner}",
                "give one of them another path",
                also=self._place(other, where),
            )

    def close(self, notes: Notes) -> None:
        """No more outputs: find those that lie inside others."""
        self._sorted = sorted(self.owners)
        safe: set[str] = set()
        for path, owner in self.owners.items():
            folder = path[: path.rstrip("/").rfind("/") + 1]
            if folder in safe:
                continue
            around = next((p for f in parents(path) for p in (f, f[:-1]) if p in self.owners), None)
            if around is None:
                safe.add(folder)
                continue
            holder = self.owners[around]
            hint = "name a folder of its own for one of them"
            shown = around if around.endswith("/") else f"{around}, a file"
            if holder == owner:
                what = f"{path} lies inside {shown}; both are outputs of {owner}"
            else:
                what = f"{path} of {owner} lies inside {shown}, an output of {holder}"
            if not around.endswith("/"):
                hint = f"if {around} is a folder, write {around}/"
            notes.add(self._where[path], what, hint, also=self._place(around, self._where[path]))

    def _place(self, path: str, than: KeyPath) -> tuple[Place, ...]:
        where = self._where[path]
        return () if where == than else (Place(where, f"{path} is declared here"),)

    def made(self, path: str) -> Made:
        """An output as an input of others."""
        item = self._made.get(path)
        if item is None:
            item = self._made[path] = Made(path, self.owners[path])
        return item

    def item(self, path: str) -> Item | Mistake:
        """What a plain path stands for."""
        if path in self.owners:
            return self.made(path)
        leaf = self._leaves.get(path)
        if leaf is not None:
            return leaf
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if other in self.owners:
            return self.made(other)
        if self._folders:
            for folder in parents(path):
                if folder in self._folders:
                    return Part(path, self._folders[folder])
        folder = "" if path == "./" else path if path.endswith("/") else f"{path}/"
        at = bisect_left(self._sorted, folder)
        if at < len(self._sorted) and self._sorted[at].startswith(folder):
            inside = self._sorted[at]
            return Mistake(
                f"the input {path} holds {inside}, which {self.owners[inside]} makes",
                f"name the files, or a pattern like {folder}**",
            )
        leaf = self._leaves[path] = Leaf(path)
        return leaf

    def known(self, pattern: str) -> Sequence[Item]:
        """What a glob stands for as long as there are outputs to come."""
        self._sorted = sorted(self.owners)
        return self._matching(pattern)

    def items(self, pattern: str) -> tuple[Item, ...]:
        """What a glob stands for, by bytes: outputs, files that nobody makes, patterns inside folder outputs."""
        found = self._globs.get(pattern)
        if found is None:
            found = self._globs[pattern] = tuple(self._matching(pattern))
        return found

    def made_by_others(self, pattern: str) -> tuple[Item, ...]:
        """What a glob stands for of what is made, by bytes; the disk is not asked."""
        return tuple(_by_bytes(self._made_matching(pattern)))

    def _made_matching(self, pattern: str) -> dict[str, Item]:
        whole, start = matcher(pattern), prefix(pattern)
        rows: dict[str, Item] = {}
        for at in range(bisect_left(self._sorted, start), len(self._sorted)):
            path = self._sorted[at]
            if not path.startswith(start):
                break
            if whole.fullmatch(path):
                rows[path] = self.made(path)
        for folder, maker in self._folders.items():
            if folder not in rows:
                for inner in within(pattern, folder):
                    rows[inner.replace(literal(folder), folder, 1)] = PartGlob(inner, maker)
        return rows

    def _matching(self, pattern: str) -> list[Item]:
        rows = self._made_matching(pattern)
        for path in self._listing(pattern):
            if path in rows or f"{path}/" in self.owners:
                continue
            if self._folders and any(folder in self._folders for folder in parents(path)):
                continue
            if self.vanished and (path in self.vanished or any(f in self.vanished for f in parents(path))):
                continue
            leaf = self._leaves.get(path)
            if leaf is None:
                leaf = self._leaves[path] = Leaf(path)
            rows[path] = leaf
        return _by_bytes(rows)


def _by_bytes(rows: Mapping[str, Item]) -> list[Item]:
    return [rows[path] for path in sorted(rows, key=lambda p: p.encode("utf-8", "surrogateescape"))]
