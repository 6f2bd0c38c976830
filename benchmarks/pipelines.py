"""The same generated pipelines for every tool: `cp`-like steps, wide or in a chain; it does not time anything."""

import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One `cp SOURCE OUTPUT`."""

    name: str
    source: str
    output: str


def wide(count: int) -> list[Step]:
    """Each step copies a source file of its own."""
    return [Step(f"s{i}", f"in/{i}.txt", f"out/{i}.txt") for i in range(count)]


def chain(count: int) -> list[Step]:
    """Each step copies the output of the one before."""
    return [Step(f"s{i}", "in/0.txt" if i == 0 else f"out/{i - 1}.txt", f"out/{i}.txt") for i in range(count)]


def write_sources(folder: str, steps: list[Step]) -> None:
    """The source files, each with its own small content."""
    os.makedirs(f"{folder}/in", exist_ok=True)
    os.makedirs(f"{folder}/out", exist_ok=True)
    for step in steps:
        if step.source.startswith("in/"):
            with open(f"{folder}/{step.source}", "w", encoding="utf-8") as file:
                file.write(f"source of {step.name}\n")


def mlfile(steps: list[Step]) -> str:
    """For mlmake."""
    return "".join(
        f'[target.{s.name}]\ninputs = ["{s.source}"]\noutputs = ["{s.output}"]\nrun = "cp {{inputs}} {{outputs}}"\n\n'
        for s in steps
    )


def makefile(steps: list[Step]) -> str:
    """For GNU make."""
    outputs = " ".join(s.output for s in steps)
    return f"all: {outputs}\n" + "".join(f"{s.output}: {s.source}\n\t@cp $< $@\n" for s in steps)


def ninjafile(steps: list[Step]) -> str:
    """For ninja."""
    return "rule cp\n  command = cp $in $out\n" + "".join(f"build {s.output}: cp {s.source}\n" for s in steps)


def dodo(steps: list[Step]) -> str:
    """For doit."""
    rows = [(s.name, s.source, s.output) for s in steps]
    return (
        "DOIT_CONFIG = {'verbosity': 0}\n"
        f"STEPS = {rows!r}\n"
        "def task_cp():\n"
        "    for name, source, output in STEPS:\n"
        "        yield {'name': name, 'file_dep': [source], 'targets': [output], "
        "'actions': [f'cp {source} {output}']}\n"
    )


def dvcyaml(steps: list[Step]) -> str:
    """For DVC."""
    return "stages:\n" + "".join(
        f"  {s.name}:\n    cmd: cp {s.source} {s.output}\n    deps: [{s.source}]\n    outs: [{s.output}]\n"
        for s in steps
    )


FILES: dict[str, tuple[str, Callable[[list[Step]], str]]] = {
    "mlmake": ("Mlfile", mlfile),
    "make": ("Makefile", makefile),
    "ninja": ("build.ninja", ninjafile),
    "doit": ("dodo.py", dodo),
    "dvc": ("dvc.yaml", dvcyaml),
}
