"""Times mlmake beside make, ninja, doit and DVC in one run, all interleaved; it prints what it measured.

    python benchmarks/speed.py [--rounds 5] [--sizes 100,1000,10000] [--tools mlmake,make,ninja]

A tool that is not installed is left out, and so is one whose full build of a size would take too long.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from pipelines import FILES, Step, chain, wide, write_sources

LONGEST_BUILD = 120.0
"""Seconds: a tool that would need longer for a full build is left out of that size."""


def command(tool: str) -> list[str] | None:
    """How a tool is called with two jobs; None if it is not here."""
    beside = os.path.join(os.path.dirname(sys.executable), tool)
    found = beside if os.path.exists(beside) else shutil.which(tool)
    if found is None:
        return None
    return {
        "mlmake": [found, "-q", "-j2"],
        "make": [found, "-s", "-j2"],
        "ninja": [found, "--quiet", "-j2"],
        "doit": [found, "run", "-n", "2"],
        "dvc": [found, "repro", "-q"],
    }[tool]


def prepare(folder: str, tool: str, steps: list[Step]) -> None:
    """A project of its own for one tool."""
    os.makedirs(folder)
    write_sources(folder, steps)
    name, render = FILES[tool]
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(render(steps))
    if tool == "dvc":
        subprocess.run([*command("dvc")[:1], "init", "--no-scm", "-q"], cwd=folder, check=True)  # type: ignore[index]


def timed(argv: list[str], folder: str) -> float:
    """Seconds of one whole process."""
    begun = time.perf_counter()
    subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - begun


def change_one(folder: str, steps: list[Step], turn: int) -> None:
    """Another content for one source."""
    with open(os.path.join(folder, steps[len(steps) // 2].source), "w", encoding="utf-8") as file:
        file.write(f"changed {turn} {time.time_ns()}\n")


def measure(tools: list[str], name: str, steps: list[Step], rounds: int) -> None:
    """The rows of one pipeline: full build, no-op, one change."""
    with tempfile.TemporaryDirectory() as top:
        rows: dict[str, dict[str, list[float]]] = {kind: {t: [] for t in tools} for kind in ("full", "no-op", "change")}
        for turn in range(rounds):
            for tool in tools:
                folder = os.path.join(top, f"{tool}-{turn}")
                prepare(folder, tool, steps)
                rows["full"][tool].append(timed(command(tool) or [], folder))
        time.sleep(2.1)
        last = {tool: os.path.join(top, f"{tool}-{rounds - 1}") for tool in tools}
        for tool in tools:
            timed(command(tool) or [], last[tool])
            timed(command(tool) or [], last[tool])
        for _ in range(rounds):
            for tool in tools:
                rows["no-op"][tool].append(timed(command(tool) or [], last[tool]))
        if not name.startswith("chain"):
            for turn in range(rounds):
                for tool in tools:
                    change_one(last[tool], steps, turn)
                    rows["change"][tool].append(timed(command(tool) or [], last[tool]))
        for kind, times in rows.items():
            if any(times.values()):
                cells = "".join(f"{statistics.median(times[t]):10.3f}" if times[t] else " " * 10 for t in tools)
                print(f"{name + ', ' + kind:<28}{cells}", flush=True)


def memory_of_plan(count: int) -> None:
    """The peak memory of a plan."""
    with tempfile.TemporaryDirectory() as top:
        folder = os.path.join(top, "p")
        prepare(folder, "mlmake", wide(count))
        subprocess.run([*(command("mlmake") or [])[:1], "plan"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"a plan of {count} targets, never built: peak memory of any process so far {peak:.0f} MiB")


def hashing(gigabytes: int) -> None:
    """One big input, cold state, beside xxhsum where it is installed."""
    with tempfile.TemporaryDirectory() as top:
        block = os.urandom(2**20)
        with open(os.path.join(top, "big.bin"), "wb") as file:
            for _ in range(gigabytes * 1024):
                file.write(block)
        with open(os.path.join(top, "Mlfile"), "w", encoding="utf-8") as file:
            file.write('[target.t]\ninputs = ["big.bin"]\noutputs = ["o"]\nrun = "touch {outputs}"\n')
        tool = (command("mlmake") or [])[:1]
        subprocess.run([*tool, "-q"], cwd=top, check=True)
        seconds: dict[str, list[float]] = {"mlmake plan --rehash": [], "xxhsum -H2": [], "mlmake --version": []}
        for _ in range(5):
            shutil.rmtree(os.path.join(top, ".mlmake", "state"), ignore_errors=True)
            seconds["mlmake plan --rehash"].append(timed([*tool, "build", "--rehash", "-q"], top))
            seconds["mlmake --version"].append(timed([*tool, "--version"], top))
            if shutil.which("xxhsum"):
                seconds["xxhsum -H2"].append(timed(["xxhsum", "-H2", "big.bin"], top))
        for name, times in seconds.items():
            if times:
                print(f"{gigabytes} GiB of input: {name:<24}{statistics.median(times):8.3f}")


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--tools", default="mlmake,make,ninja,doit,dvc")
    parser.add_argument("--gigabytes", type=int, default=2)
    chosen = parser.parse_args()
    tools = [tool for tool in chosen.tools.split(",") if command(tool)]
    print(f"medians of {chosen.rounds} rounds, seconds, two jobs")
    print(" " * 28 + "".join(f"{tool:>10}" for tool in tools))
    seconds_a_step = {"dvc": 0.14, "doit": 0.004}
    for size in map(int, chosen.sizes.split(",")):
        fast = [t for t in tools if seconds_a_step.get(t, 0.001) * size < LONGEST_BUILD]
        if fast != tools:
            print(f"(of {size}: only {', '.join(fast)})\n" + " " * 28 + "".join(f"{tool:>10}" for tool in fast))
        measure(fast, f"{size} wide", wide(size), chosen.rounds if size < 10_000 else 1)
    measure([t for t in tools if t != "dvc"], "chain of 1000", chain(1000), chosen.rounds)
    memory_of_plan(max(map(int, chosen.sizes.split(","))))
    if chosen.gigabytes:
        hashing(chosen.gigabytes)


if __name__ == "__main__":
    main()
