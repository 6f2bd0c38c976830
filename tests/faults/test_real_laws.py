"""The laws on the real command: whatever happens to a project, the next build mends it; the model is its own.

The long one runs as long as MLMAKE_LAWS_MINUTES says: `MLMAKE_LAWS_MINUTES=15 pytest -m slow -s tests/faults/…`.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aftermath import Project, differences, end, listed, no_trace
from blake3 import blake3
from hypothesis import HealthCheck, Phase, assume, currently_in_test_context, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from real_pipelines import (
    KINDS,
    LIB,
    MORE,
    PATTERN,
    SOURCES,
    TEXTS,
    TOOL,
    WORDS,
    WORK,
    Design,
    Ref,
    Step,
    instance,
    lib,
    outputs,
    tool,
    without_digests,
)

DYING = str(Path(__file__).with_name("dying.py"))
MOST_STEPS = 7
COUNTS = Counter()
"""What has been done and checked, over all examples of a test."""

numbers = st.integers(0, 1000)
picks = st.integers(0, 30)


OPERATIONS = {}
"""What may happen, by name: how, when it can, and what is drawn for it."""


def operation(needs=lambda machine: True, **drawn):
    """Make a method one of the operations."""

    def note(method):
        OPERATIONS[method.__name__] = method, needs, st.fixed_dictionaries(drawn)
        return method

    return note


def pick(choices, number):
    """One of these, whatever the number."""
    choices = list(choices)
    return choices[number % len(choices)]


class RealCommand(RuleBasedStateMachine):
    """A project in a temporary folder, what is done to it, and after each step the oracle."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="laws-"))
        self.project = Project(self.folder / "p")
        self.marks = self.folder / "marks"
        self.design = Design(())
        self.named = 0
        self.known = set()
        self.removed = set()
        self.gone = []
        self.past = {}
        self.spoiled = self.lossy = False
        self.copies = 0
        self.done = []

    def teardown(self):
        shutil.rmtree(self.folder)

    @contextmanager
    def telling(self, *what):
        """Print a failure where it happens: of one that does not come again Hypothesis says only that draws differ."""
        self.done.append(what)
        try:
            yield
        except Exception:
            traceback.print_exc(file=sys.stdout)
            print("after", *self.done, sep="\n  ", flush=True)
            raise

    # The start.

    @initialize(kinds=st.lists(picks, min_size=2, max_size=4), called=st.integers(0, 3), chance=st.integers(0, 1 << 30))
    def start(self, kinds, called, chance):
        # The first example of every batch is the simplest: always the same edits, and a clean build after each.
        assume(chance)
        with self.telling("begin", kinds, called):
            self.begin(kinds, called)

    def begin(self, kinds, called):
        for n, path in enumerate(SOURCES):
            self.project.put(path, TEXTS[n])
        self.project.put(TOOL, tool(WORDS[0]))
        self.project.put("steps/__init__.py", "")
        self.project.put("steps/work.py", WORK)
        self.project.put(LIB, lib(WORDS[0]))
        self.marks.mkdir()
        for n, kind in enumerate(kinds):
            self.add(kind, n, kind)
        if called == 0:
            self.place(Step(self.name(), "call", (Ref(SOURCES[0]), Ref(SOURCES[1]))))
        self.write()
        self.heal()

    def name(self):
        self.named += 1
        return f"t{self.named}"

    def place(self, step):
        self.design = replace(self.design, steps=(*self.design.steps, step))

    def write(self):
        self.project.put("Mlfile", self.design.mlfile())

    def add(self, kind, a, b):
        """A step more, behind some of those there are."""
        steps = self.design.steps
        scores = [s for s in steps if s.kind == "score" and (s.keys or s.taken)]
        best = [s for s in steps if s.kind == "best"]
        name = self.name()
        if scores and b % 5 == 0:
            return self.place(Step(name, "best", (Ref(pick(scores, a).name, step=True),)))
        if best and b % 5 == 1:
            return self.place(Step(name, "cat", (Ref(pick(best, a).name, step=True, output="text"), Ref(SOURCES[0]))))
        kind = pick(KINDS, kind)
        if kind == "plain":
            return self.place(Step(name, kind, (Ref(pick(SOURCES, a)),)))
        refs = [Ref(pick((*SOURCES, PATTERN), b))]
        taken = None
        if steps and a % 4:
            up = pick(steps, a)
            refs.insert(a % 2, Ref(up.name, step=True))
            if up.kind == "folder" and not (up.keys or up.taken) and b % 2:
                refs[a % 2] = Ref(up.name, step=True, output="*")
            elif (up.keys or up.taken) and b % 3:
                refs[a % 2] = Ref(up.name, step=True, paired=True)
                taken = up.name
        keys = () if taken else pick(((), (), ("a", "b"), ("b",)), a + b)
        others = [s.name for s in steps if all(ref.name != s.name for ref in refs)]
        after = (pick(others, b),) if others and b % 4 == 0 else ()
        return self.place(Step(name, kind, tuple(refs), keys=keys, taken=taken, param=pick(("p", "q"), b), after=after))

    # The oracle.

    @property
    def made(self):
        return self.design.make(self.project.mine)

    def count(self, kind):
        COUNTS[kind] += 1
        if currently_in_test_context():
            event(kind)

    def settle(self, here, clean=False):
        """The oracle after a step: here, or on a copy, so that here damage adds up."""
        if here or clean:
            self.heal(clean=clean)
        else:
            self.copies += 1
            twin = self.project.copy(f"copy-{self.copies}")
            try:
                self.look(twin, clean=False)
            finally:
                shutil.rmtree(twin.root)

    def heal(self, *, clean=False, orphans=False):
        """The oracle on the project itself; from then on its results are known."""
        self.look(self.project, clean=clean, orphans=orphans)
        if not self.lossy:
            self.known |= {one.work for one in self.made.values()}

    def look(self, project, *, clean, orphans=False):
        """`orphans`: steps may still run, whose mlmake is dead; until the next build ends them files change."""
        COUNTS["oracle"] += 1
        made = self.made
        project.is_untouched()
        promised = None
        if (clean or COUNTS["oracle"] % 3 == 0) and not orphans:
            promised = self.decisions(project)
        mended = project.build("-j", "2")
        finished = mended.outcomes()
        ran = {name for name, outcome in finished.items() if outcome == "ran"}
        again = {name for name in ran if made[name].work in self.known}
        assert not again, f"run again though their results are known: {again}"
        if promised is not None:
            COUNTS["bracket"] += 1
            certain = {name for name, verb in promised.items() if verb == "run"}
            # That an object is damaged is seen only when its bytes are to be put back.
            verbs = ("run", "maybe", "restore") if self.spoiled else ("run", "maybe")
            possible = {name for name, verb in promised.items() if verb in verbs}
            assert certain <= ran <= possible, (certain, ran, possible)
        project.is_untouched()
        self.compare(through_links(project), made, f"not as the steps say\n{mended.out}")
        if clean:
            COUNTS["clean build"] += 1
            fresh = project.expected()
            self.compare(fresh, made, "the model is not what a clean build leaves")
            both = [
                {p: d for p, d in files.items() if p in self.files(made)} for files in (through_links(project), fresh)
            ]
            assert not differences(*both)
        again = project.build("-j", "2")
        summary = again.summary
        assert (summary["ran"], summary["restored"], summary["failed"]) == (0, 0, 0), again.out
        self.check_store(project, spoiled=self.spoiled)
        litter = [name for part in ("aside", "cache/tmp") for name in listed(project.state_dir / part)]
        assert litter in ([], ["journal.jsonl"]), f"left behind: {litter}"

    def files(self, made):
        return {path: data for one in made.values() for path, data in one.files.items()}

    def compare(self, found, made, what):
        wanted = self.files(made)
        built = {path: data for path, data in found.items() if path.startswith("build/") and data is not None}
        for path in [path for path in wanted if path.endswith(".best")]:
            assert path in built, path
            assert without_digests(built.pop(path)) == without_digests(wanted.pop(path)), what
        stray = {p for p in built if p not in wanted}
        unknown = {p for p in stray if not any(p == r or (r.endswith("/") and p.startswith(r)) for r in self.removed)}
        assert not unknown, f"nobody's files: {unknown}"
        differ = differences({p: d for p, d in built.items() if p not in stray}, wanted)
        assert not differ, f"{what}: {differ}"

    def check_store(self, project, *, spoiled):
        """Every object has the bytes of its name; gives their names."""
        found = set()
        for folder, _, names in os.walk(project.store / "objects"):
            for name in names:
                data = Path(folder, name).read_bytes()
                assert spoiled or blake3(data).hexdigest() == name.removesuffix(".folder"), f"a wrong object: {name}"
                found.add(name)
        return found

    def decisions(self, project):
        """What `plan` says of each instance; it changes nothing."""
        before = project.files()
        said = project.run("plan", "--all", "--json")
        assert said.code == 0, said.err
        assert project.files() == before, "planning changed files"
        return {row["instance"]: row["decision"] for row in json.loads(said.out)["targets"]}

    @rule(data=st.data())
    def anything(self, data):
        """One operation, each as likely as any other: rules of their own would come in few kinds an example."""
        fitting = [name for name, (_, needs, _) in OPERATIONS.items() if needs(self)]
        name = data.draw(st.sampled_from(fitting), label="operation")
        do, _, drawn = OPERATIONS[name]
        values = data.draw(drawn, label=name)
        with self.telling(name, values):
            do(self, **values)

    # What users do to their files.

    def put(self, path, text):
        self.past.setdefault(path, []).append(self.project.mine.get(path, b""))
        self.project.put(path, text)

    @operation(path=st.sampled_from(SOURCES), text=st.sampled_from(TEXTS), here=st.booleans(), clean=numbers)
    def edit(self, path, text, here, clean):
        self.count("edit")
        self.put(path, text)
        self.settle(here, clean % 12 == 0)

    @operation(number=picks, word=st.sampled_from(WORDS), here=st.booleans())
    def edit_code(self, number, word, here):
        self.count("edit code")
        path, text = ((TOOL, tool), (LIB, lib))[number % 2]
        self.put(path, text(word))
        self.settle(here)

    @operation(path=st.sampled_from(SOURCES), here=st.booleans())
    def edit_same_size_and_time(self, path, here):
        self.count("edit of equal size and time")
        place, old = self.project.root / path, self.project.mine[path]
        new = old[::-1][1:] + b"\n" if old else old
        stat = place.stat()
        place.write_bytes(new)
        os.utime(place, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.project.mine[path] = new
        self.settle(here)

    @operation(number=picks, when=st.sampled_from([0, 1_000_000_000, 4_000_000_000, None]), here=st.booleans())
    def touch(self, number, when, here):
        self.count("touch")
        path = pick(sorted(self.project.mine), number)
        os.utime(self.project.root / path, None if when is None else (when, when))
        self.settle(here)

    @operation(needs=lambda self: self.past, number=picks, which=picks, here=st.booleans())
    def revert(self, number, which, here):
        self.count("revert")
        path = pick(sorted(self.past), number)
        if path in self.project.mine:
            self.project.put(path, pick(self.past[path], which))
        self.settle(here)

    @operation(path=st.sampled_from(MORE), text=st.sampled_from(TEXTS), here=st.booleans())
    def add_or_remove_a_file(self, path, text, here):
        if path in self.project.mine:
            self.count("remove a source")
            (self.project.root / path).unlink()
            del self.project.mine[path]
        else:
            self.count("add a source")
            self.project.put(path, text)
        self.settle(here)

    def built(self):
        return sorted(p for p, data in self.project.files().items() if p.startswith("build/") and data is not None)

    @operation(number=picks, what=st.sampled_from(["file", "parent", "all"]), here=st.booleans())
    def delete(self, number, what, here):
        self.count("delete")
        files = self.built()
        if files:
            place = self.project.root / pick(files, number)
            if what == "file":
                place.unlink()
            else:
                shutil.rmtree(place.parent if what == "parent" else self.project.root / "build")
        self.settle(here)

    @operation(number=picks, how=st.sampled_from(["append", "empty", "flip", "folder", "link"]), here=st.booleans())
    def tamper(self, number, how, here):
        self.count("tamper")
        files = self.built()
        if files:
            place = self.project.root / pick(files, number)
            data = place.read_bytes()
            if place.is_symlink():
                # What is written through it would change a file of the user's.
                place.unlink()
                place.write_bytes(data)
            match how:
                case "append":
                    with place.open("ab") as file:
                        file.write(b"more")
                case "empty":
                    place.write_bytes(b"")
                case "flip":
                    place.write_bytes(bytes([data[0] ^ 1]) + data[1:] if data else b"x")
                case "folder":
                    place.unlink()
                    place.mkdir()
                    (place / "x").write_bytes(b"x")
                case "link":
                    place.unlink()
                    place.symlink_to(self.project.root / SOURCES[0])
        self.settle(here)

    # What users do to their Mlfile.

    @operation(which=st.integers(0, 1), value=st.integers(0, 2), here=st.booleans(), clean=numbers)
    def change_a_parameter(self, which, value, here, clean):
        self.count("change a parameter")
        params = list(self.design.params)
        params[which] = value
        self.design = replace(self.design, params=tuple(params))
        self.write()
        self.settle(here, clean % 12 == 0)

    @operation(which=st.integers(0, 1), value=st.integers(0, 2), here=st.booleans())
    def try_a_parameter(self, which, value, here):
        """With `--set` another world is built; without it the own one must come back."""
        self.count("try a parameter with --set")
        params = list(self.design.params)
        params[which] = value
        other = replace(self.design, params=tuple(params)).make(self.project.mine)
        self.project.build("--set", f"{'pq'[which]}={value}")
        self.compare(through_links(self.project), other, "not as --set says")
        self.settle(here)

    @operation(number=numbers, here=st.booleans())
    def respell(self, number, here):
        self.count("respell the Mlfile")
        self.design = replace(self.design, spelling=number)
        self.write()
        self.settle(here)

    @operation(
        needs=lambda self: len(self.design.steps) < MOST_STEPS,
        kind=picks,
        a=picks,
        b=picks,
        here=st.booleans(),
        clean=numbers,
    )
    def add_a_target(self, kind, a, b, here, clean):
        self.count("add a target")
        self.add(kind, a, b)
        self.write()
        self.settle(here, clean % 4 == 0)

    @operation(number=picks, here=st.booleans())
    def remove_a_target(self, number, here):
        unused = [step for step in self.design.steps if not self.design.used(step.name)]
        if len(self.design.steps) > 1 and unused:
            self.count("remove a target")
            gone = pick(unused, number)
            self.removed |= {p for key in self.design.keys(gone) for p in outputs(gone, key).values()}
            self.design = replace(self.design, steps=tuple(s for s in self.design.steps if s != gone))
            self.gone.append(gone)
            self.write()
        self.settle(here)

    @operation(needs=lambda self: self.gone, number=picks, here=st.booleans())
    def bring_a_target_back(self, number, here):
        back = pick(self.gone, number)
        there = {step.name for step in self.design.steps}
        if {ref.name for ref in back.refs if ref.step} | set(back.after) <= there and back.name not in there:
            self.count("bring a target back")
            self.place(back)
            self.write()
        self.settle(here)

    @operation(number=picks, here=st.booleans())
    def change_a_command(self, number, here):
        changes = {"cat": "some", "some": "cat"}
        steps = [step for step in self.design.steps if step.kind in changes or len(step.refs) > 1]
        if steps:
            self.count("change a command")
            step = pick(steps, number)
            step = replace(step, kind=changes.get(step.kind, step.kind), refs=step.refs[::-1])
            self.design = self.design.with_(step)
            self.write()
        self.settle(here)

    @operation(number=picks, key=st.sampled_from("abc"), here=st.booleans())
    def add_or_remove_an_instance(self, number, key, here):
        fans = [step for step in self.design.steps if step.keys]
        if fans:
            step = pick(fans, number)
            if key not in step.keys:
                self.count("add an instance")
                keys = (*step.keys, key)
            elif len(step.keys) > 1:
                self.count("remove an instance")
                keys = tuple(k for k in step.keys if k != key)
            else:
                keys = step.keys
            before = {(s, k) for s, k in self.design.instances()}
            self.design = self.design.with_(replace(step, keys=keys))
            now = {(s.name, k) for s, k in self.design.instances()}
            self.removed |= {p for s, k in before if (s.name, k) not in now for p in outputs(s, k).values()}
            self.write()
        self.settle(here)

    # What becomes of mlmake's own.

    @operation(what=st.sampled_from(["state", "cache", ".", "runs", "aside", "state/clean"]), here=st.booleans())
    def wipe(self, what, here):
        self.count(f"wipe {what}")
        place = self.project.state_dir / what
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        if what in (".", "cache"):
            self.known.clear()
            self.lossy = True
        self.settle(here)

    @operation(how=st.sampled_from(["half", "zeros", "garbage", "empty", "lock"]), here=st.booleans())
    def damage_the_state(self, how, here):
        place = self.project.state_dir / "state" / ("lock.mdb" if how == "lock" else "data.mdb")
        if place.exists():
            self.count(f"damage the state: {how}")
            size = place.stat().st_size
            match how:
                case "half":
                    os.truncate(place, size // 2)
                case "zeros":
                    with place.open("r+b") as file:
                        file.seek(size // 4)
                        file.write(bytes(size // 2))
                case "garbage":
                    place.write_bytes(b"this is no state\n" * 300)
                case "empty":
                    place.write_bytes(b"")
                case "lock":
                    place.write_bytes(b"\xff" * 64)
        self.settle(here)

    @operation(number=picks, how=st.sampled_from(["lose", "flip", "cut"]), here=st.booleans())
    def damage_an_object(self, number, how, here):
        objects = sorted(p for p in (self.project.store / "objects").rglob("*") if p.is_file())
        if objects:
            self.count(f"damage an object: {how}")
            place = pick(objects, number)
            data = place.read_bytes()
            place.chmod(0o644)
            if how == "lose" or not data:
                place.unlink()
            else:
                place.write_bytes(data[: len(data) // 2] if how == "cut" else bytes([data[0] ^ 1]) + data[1:])
            self.known.clear()
            self.spoiled = self.lossy = True
        self.settle(here)

    # Builds of other kinds.

    @operation(
        number=picks,
        words=st.sampled_from(["-k", "--no-cache", "--rehash", "-j4", "--exact", "-v"]),
        here=st.booleans(),
    )
    def build_some(self, number, words, here):
        self.count("build a part")
        name = pick(sorted(self.made), number)
        self.project.build(words, name)
        self.settle(here)

    @operation(number=picks, everything=st.booleans(), here=st.booleans())
    def force(self, number, everything, here):
        self.count("force")
        name = pick(sorted(self.made), number)
        said = self.project.build(*(["-B"] if everything else ["--force", name]))
        ran = {n for n, outcome in said.outcomes().items() if outcome == "ran"}
        assert ran >= (set(self.made) if everything else {name}), "forced and not run"
        self.lossy = self.lossy and (self.spoiled or not everything)
        self.settle(here)

    @operation(number=picks, here=st.booleans())
    def clean(self, number, here):
        self.count("clean")
        name = pick([step.name for step in self.design.steps], number)
        said = self.project.run("clean", "-y", name)
        assert said.code == 0, said.err
        self.settle(here)

    # What goes wrong while it builds.

    def hook(self, name, when, script):
        place = self.marks / f"{name}.{when}"
        place.write_text(script)
        return place

    def hookable(self):
        return [(step, key) for step, key in self.design.instances() if step.hooked]

    def at(self, step, key):
        """What lies at an instance's outputs."""
        places = tuple(outputs(step, key).values())
        return {p: d for p, d in self.project.files().items() if f"{p}/" in places or p.startswith(places)}

    @operation(
        needs=lambda self: self.hookable(),
        number=picks, when=st.sampled_from(["begin", "end"]), text=st.sampled_from(TEXTS), here=st.booleans(),
        how=st.sampled_from(["exit", "signal", "nothing", "half"]),
        words=st.sampled_from([(), ("-k",), ("-j4",), ("--retry", "1")]),
    )  # fmt: skip
    def fail(self, number, when, how, text, words, here):
        self.count("fail")
        step, key = pick(self.hookable(), number)
        name, out = instance(step.name, key), next(iter(outputs(step, key).values()))
        self.put(pick(SOURCES, number), text)
        if how == "nothing":
            when, script = "end", f"rm -rf {out}\n"
        else:
            half = f"[ -d {out} ] && echo half > {out}x || echo half > {out}\n" if how == "half" else ""
            script = half + ("kill -TERM $$\n" if how == "signal" else "exit 3\n")
        hook, before = self.hook(name, when, script), self.at(step, key)
        said = self.project.build("--force", name, *words, code=1)
        assert said.outcomes()[name] in ("failed", "blocked", "cancelled"), said.out
        if said.outcomes()[name] == "failed":
            assert self.at(step, key) == before, "a failed step did not leave its earlier outputs"
            assert any(e["event"] == "target-started" and e["instance"] == name for e in said.events)
        hook.unlink()
        self.settle(here)

    @operation(
        needs=lambda self: self.hookable(),
        number=picks, when=st.sampled_from(["begin", "end"]), text=st.sampled_from(TEXTS),
        how=st.sampled_from(["kill", "kill", "by the step", "SIGINT", "SIGTERM", "SIGHUP", "second", "second kill"]),
    )  # fmt: skip
    def strike_in_a_step(self, number, when, text, how):
        """Something happens to mlmake while a step is at this point; the step waits there until it is ended."""
        self.count(f"in a step: {how}")
        step, key = pick(self.hookable(), number)
        name, marks = instance(step.name, key), self.marks
        self.put(pick(SOURCES, number), text)
        for fifo in ("started", "never"):
            os.mkfifo(marks / fifo)
        killing = "kill -9 $(cat ../marks/pid)\n" if how == "by the step" else ""
        hook = self.hook(name, when, f"{killing}echo > ../marks/started\nread word < ../marks/never\n")
        words = ("build", "--force", name, *(() if number % 2 else ("-j4",)))
        build = self.project.start(*words, wrap=("sh", "-c", 'echo $$ > ../marks/pid; exec "$@"', "sh"))
        reached = wait_for_fifo(marks / "started", build)
        assert reached or how == "by the step", f"{name} never ran: {end(build)}"
        hook.unlink()
        if how.startswith("second"):
            second = self.project.start("build", "--json")
            line = second.stderr.readline()
            assert "another" in line or "pid" in line or "locked" in line, line
        if how in ("SIGINT", "SIGTERM", "SIGHUP"):
            said = end(build, getattr(signal, how))
            assert said.code == {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}[how], said
        elif how == "second":
            said = end(build, signal.SIGTERM)
            assert said.code == 143, said
        else:
            said = end(build, signal.SIGKILL if how != "by the step" else None)
            assert said.code == -signal.SIGKILL, said
        if how.startswith("second"):
            said = end(second)
            assert said.code == 0, said
        self.heal(orphans=True)
        for fifo in ("started", "never"):
            (marks / fifo).unlink()
        (marks / "pid").unlink()

    @operation(
        number=picks, text=st.sampled_from(TEXTS), what=st.sampled_from(["kill", "kill", "torn"]),
        point=st.integers(1, 70), here=st.booleans(),
    )  # fmt: skip
    def strike_at_a_change_of_the_disk(self, number, text, what, point, here):
        """mlmake dies at its so-manieth change of the disk, whichever that is."""
        self.put(pick(SOURCES, number), text)
        told = self.folder / "told"
        done = subprocess.run(
            [sys.executable, DYING, what, str(point), str(told), "build", "-j", "2"], cwd=self.project.root,
            env=self.project.environ(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        no_trace(done.stdout + done.stderr)
        assert done.returncode in (0, -signal.SIGKILL), done
        if done.returncode:
            self.count(f"disk: {what}")
            self.heal(orphans=True)
        else:
            self.count("disk: came to its end")
            self.settle(here)


def through_links(project):
    """All files as a reader finds them: an output may have become a link to something equal."""
    found = project.files()
    links = [path for path, data in found.items() if isinstance(data, str)]
    return found | {path: (project.root / path).read_bytes() for path in links}


def wait_for_fifo(fifo, process):
    """Whether a step has opened this to write; False if the process ended before."""
    reader, ended = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), os.pidfd_open(process.pid)
    try:
        ready, _, _ = select.select([reader, ended], [], [], 60)
        return reader in ready
    finally:
        os.close(reader)
        os.close(ended)


def told(title):
    """The counts since the last time, as a table."""
    lines = [f"{count:>8}  {what}" for what, count in sorted(COUNTS.items())]
    COUNTS.clear()
    return "\n".join([title, *lines])


def test_whatever_happens_the_next_build_mends_it():
    COUNTS.clear()
    run_state_machine_as_test(
        RealCommand,
        settings=settings(
            max_examples=3, stateful_step_count=3, derandomize=True, database=None, deadline=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    print(told("operations and checks"))


def test_what_is_rare_in_so_few_examples_is_mended_too():
    """By the same operations, in an order of their own."""
    COUNTS.clear()
    machine = RealCommand()
    try:
        # some, two; then with instances: score, best, what is chosen; and a called function.
        machine.begin(kinds=[1, 3], called=0)
        machine.add_a_target(kind=5, a=2, b=0, here=True, clean=1)
        machine.add_a_target(kind=0, a=0, b=5, here=True, clean=1)
        machine.add_a_target(kind=0, a=0, b=6, here=True, clean=0)
        machine.strike_in_a_step(number=1, when="begin", text=TEXTS[2], how="second kill")
        machine.strike_in_a_step(number=2, when="end", text=TEXTS[3], how="by the step")
        machine.fail(number=0, when="end", how="half", text=TEXTS[6], words=("-k",), here=False)
        machine.strike_at_a_change_of_the_disk(number=0, text=TEXTS[1], what="torn", point=11, here=True)
        machine.tamper(number=0, how="append", here=False)
        machine.edit_same_size_and_time(path=SOURCES[2], here=False)
        machine.delete(number=0, what="all", here=False)
        machine.add_or_remove_an_instance(number=0, key="c", here=False)
        machine.wipe(what="state", here=True)
        machine.wipe(what="cache", here=True)
        assert {step.kind for step in machine.design.steps} == {"some", "two", "score", "best", "cat", "call"}
        once = ("disk: torn", "in a step: second kill", "in a step: by the step", "fail", "add an instance")
        assert {kind: COUNTS[kind] for kind in once} == dict.fromkeys(once, 1)
    finally:
        machine.teardown()


@pytest.mark.slow
def test_whatever_happens_for_long_the_next_build_mends_it():
    COUNTS.clear()
    minutes = float(os.environ.get("MLMAKE_LAWS_MINUTES", "3"))
    over = time.monotonic() + 60 * minutes
    while time.monotonic() < over:
        print(dict(COUNTS), flush=True)
        run_state_machine_as_test(
            RealCommand,
            settings=settings(
                max_examples=3, stateful_step_count=10, derandomize=False, database=None, deadline=None,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=True,
            ),
        )  # fmt: skip
        COUNTS["batches of 3 projects"] += 1
    print(told(f"operations and checks in {minutes:g} minutes"))
