"""What every target's clean value is, by what its step computes; it imports nothing of the planner."""

import json
from dataclasses import dataclass

from mlmake.model.digest import Digest, Version
from mlmake.testing.toy.workflow import (
    Design,
    Files,
    Step,
    compute,
    id_of,
    inputs_of,
    inside,
    listed,
    manifest,
    version_of,
)


@dataclass(frozen=True)
class Folder:
    """What a folder holds in these files."""

    all: Files
    path: str

    @property
    def files(self) -> list[str]:
        return inside(self.all, self.path)

    @property
    def digest(self) -> Digest:
        return Digest(str(version_of(self.all, self.path)))


def clean(design: Design, sources: Files, params: dict[str, int]) -> dict[str, str]:
    """The files after everything was made from nothing, in order; noisy steps as if they were not."""
    files = {path: text for path, text in sources.items() if not path.startswith("out/")}
    known: list[Step] = list(design)
    for place, declared in enumerate(design):
        step = known[place] = listed(declared, known, lambda target, maker, path: Folder(files, path))
        design = tuple(known)
        for key in step.each():
            files.update(leaves(design, step.name, key, files, params) or {})
    return files


def leaves(design: Design, name: str, key: int | None, files: Files, params: dict[str, int]) -> dict[str, str] | None:
    """What an instance makes of these files; none if it cannot."""
    step = next(s for s in design if s.name == name)
    if step.shape in ("phony", "group"):
        return {}
    if step.shape == "select":
        chosen = manifest(design, step, files)
        return None if chosen is None else {step.paths(None)[0][1]: json.dumps(chosen, indent=2) + "\n"}
    paths = inputs_of(design, step, key, files)
    return compute(step, key, paths, files, params=params).files


def reads(design: Design, name: str, key: int | None, files: Files, params: dict[str, int]) -> dict[str, Version]:
    """All an instance is made from in this world: declared inputs in order, then what it loads."""
    step = next(s for s in design if s.name == name)
    paths = inputs_of(design, step, key, files)
    loaded = () if step.shape in ("select", "phony") else compute(step, key, paths, files, params=params).loaded
    return {path: version_of(files, path) for path in (*paths, *sorted({*loaded} - {*paths, step.rules.source}))}


def noisy(design: Design) -> set[str]:
    """The instances whose values no clean build gives again: noisy ones and all behind them."""
    tainted: set[str] = set()
    for step in design:
        needs = {ref.name for ref in step.refs if ref.kind != "leaf"} | {step.over, step.rules.maker}
        needs |= {path.split("/")[1].split(".")[0].split("-")[0] for path in step.modules if path.startswith("out/")}
        chosen = {
            r.name for ref in step.refs if ref.kind == "chosen" for s in design if s.name == ref.name for r in s.refs
        }
        if step.noisy or (needs | chosen) & tainted:
            tainted.add(step.name)
    return {id_of(step, key) for step in design for key in step.each() if step.name in tainted}


def outputs_at(files: Files, paths: list[str]) -> dict[str, str]:
    """The files at output paths, those inside folders too."""
    return {p: t for p, t in files.items() for o in paths if p == o or (o.endswith("/") and p.startswith(o))}
