"""Pipelines of small commands as Mlfiles, and what each of their steps must leave; imports nothing of mlmake."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

TOOL = "steps/tool.sh"
LIB = "steps/lib.py"
SOURCES = ("data/a.txt", "data/b.txt", "data/c.txt")
MORE = ("data/x.txt", "data/y.txt")
"""Files that only the glob finds: they may come and go."""

PATTERN = "data/*.txt"
PARAMS = ("p", "q")
TEXTS = ("a1\n", "a1\nb2\n", "a2\nb1\nc3\n", "b2\na1\n", "c\n", "", "a1\na1\na1\n")
WORDS = ("one", "two")

WORK = """\
import json

from steps.lib import WORD


def join(files, out):
    found = [file for place in files for file in (sorted(place.iterdir()) if place.is_dir() else [place])]
    out.write_bytes(WORD.encode() + b"".join(file.read_bytes() for file in found))
"""

GATHER = '(HEAD for f in {inputs}; do if [ -d "$f" ]; then cat "$f"/*; else cat "$f"; fi; done)'
"""All bytes of all inputs, one after the other."""

COMMANDS = {
    "cat": "GATHER > {outputs.out}",
    "some": "GATHER | (grep '^a' || true) > {outputs.out}",
    "param": "(echo {params.PARAM}; GATHER) > {outputs.out}",
    "two": "GATHER > {outputs.all}; wc -l < {outputs.all} > {outputs.count}",
    "folder": """mkdir -p {outputs.parts}; GATHER > {outputs.parts}/all
head -n 1 {outputs.parts}/all > {outputs.parts}/first
if [ "$(wc -l < {outputs.parts}/all)" -gt 2 ]; then tail -n 1 {outputs.parts}/all > {outputs.parts}/more; fi""",
    "score": """GATHER > {outputs.text}; printf '{"n": %d}' "$(wc -l < {outputs.text})" > {outputs.metrics}""",
    "script": "sh {inputs} > {outputs.out}",
}
SUFFIXES = {
    "two": {"all": ".all", "count": ".count"},
    "folder": {"parts": "/"},
    "score": {"text": ".txt", "metrics": ".json"},
    "best": {"best": ".best"},
}
KINDS = ("cat", "some", "param", "two", "folder", "score", "script", "plain")

HOOK = 'if [ -e "../marks/$MLMAKE_INSTANCE.WHEN" ]; then . "../marks/$MLMAKE_INSTANCE.WHEN"; fi'
"""Lets a test have a say in a running step without being an input of it."""

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Ref:
    """An input: a file, the glob, or another step.

    `paired` takes the instance of the same key, `output` one output; "*" are the files in its folder.
    """

    name: str
    step: bool = False
    paired: bool = False
    output: str | None = None

    def __str__(self):
        if self.output == "*":
            return f"build/{self.name}/*"
        text = f":{self.name}" + (f".{self.output}" if self.output else "") if self.step else self.name
        return text + ("@k" if self.paired else "")


@dataclass(frozen=True)
class Step:
    """One target. `keys` are its instances, none for no matrix; `taken` is the step whose instances it takes over."""

    name: str
    kind: str
    refs: tuple[Ref, ...]
    keys: tuple[str, ...] = ()
    taken: str | None = None
    param: str = "p"
    after: tuple[str, ...] = ()

    @property
    def hooked(self):
        return self.kind in COMMANDS


@dataclass(frozen=True)
class Made:
    """One instance as it must be: what tells its work from all other, and the files it leaves."""

    work: tuple
    files: dict[str, bytes]


@dataclass(frozen=True)
class Design:
    """A pipeline, upstream first, with its parameters. `spelling` changes the Mlfile's text and nothing else."""

    steps: tuple[Step, ...]
    params: tuple[int, ...] = (1, 1)
    spelling: int = 0

    def step(self, name):
        return next(step for step in self.steps if step.name == name)

    def keys(self, step):
        """The instances' keys; a None for a step without a matrix."""
        if step.taken:
            return self.keys(self.step(step.taken))
        return step.keys or (None,)

    def instances(self):
        return [(step, key) for step in self.steps for key in self.keys(step)]

    def used(self, name):
        """Whether another step mentions this one."""
        return any(
            name in step.after or name == step.taken or any(ref.step and ref.name == name for ref in step.refs)
            for step in self.steps
        )

    def with_(self, changed):
        """The design with this step in the place of the one of its name."""
        return replace(self, steps=tuple(changed if step.name == changed.name else step for step in self.steps))

    def mlfile(self):
        """The Mlfile that says so."""
        parts = ["[params]", *(f"{name} = {value}" for name, value in zip(PARAMS, self.params, strict=True))]
        parts += [f"# {self.spelling}"] if self.spelling else []
        for step in self.steps:
            parts += ["", *_table(step)]
        return "\n".join(parts) + "\n"

    def make(self, sources: Files):
        """Everything made from nothing, by instance."""
        made, files = {}, {path: data for path, data in sources.items() if not path.startswith("build/")}
        for step, key in self.instances():
            one = self._make(step, key, files, made)
            made[instance(step.name, key)] = one
            files.update(one.files)
        return made

    def _make(self, step, key, files, made):
        if step.kind == "best":
            return self._best(step, made)
        read = dict.fromkeys(path for ref in step.refs for path in self._paths(ref, key, files, made))
        paths = [TOOL, *read] if step.kind == "script" else list(read)
        inputs = [(path, _content(path, files)) for path in paths]
        work = (step.kind, key, step.refs, step.name, tuple((p, repr(c)) for p, c in inputs))
        gathered = b"".join(_all(content) for path, content in inputs)
        if key is not None and step.kind not in ("script", "plain", "call"):
            gathered = f"{key}\n".encode() + gathered
        if step.kind == "param":
            value = self.params[PARAMS.index(step.param)]
            work, gathered = (*work, step.param, value), f"{value}\n".encode() + gathered
        if step.kind == "script":
            word = files[TOOL].split()[1]
            gathered = word + b"\n" + b"".join(_all(content) for path, content in inputs[1:])
        if step.kind == "call":
            work = (*work, files[LIB])
            gathered = files[LIB].split(b'"')[1] + gathered
        return Made(work, _files(step, key, gathered))

    def _paths(self, ref, key, files, made):
        if not ref.step:
            return sorted(path for path in files if fnmatchcase(path, ref.name))
        step = self.step(ref.name)
        if ref.output == "*":
            return sorted(made[step.name].files)
        if step.kind == "best" and ref.output == "text":
            chosen = json.loads(made[step.name].files[outputs(step, None)["best"]])["selected"]
            return [entry["outputs"]["text"]["path"] for entry in chosen]
        keys = (key,) if ref.paired else self.keys(step)
        return [path for k in keys for path in outputs(step, k).values()]

    def _best(self, step, made):
        of = self.step(step.refs[0].name)
        entrants = []
        for key in self.keys(of):
            files = made[instance(of.name, key)].files
            entrants.append((json.loads(files[outputs(of, key)["metrics"]])["n"], key, files))
        n, key, files = max(entrants, key=lambda entrant: entrant[0])
        entry = {
            "target": of.name,
            "instance": instance(of.name, key),
            "keys": {} if key is None else {"k": key},
            "rank": 1,
            "outputs": {name: {"path": path} for name, path in outputs(of, key).items()},
            "metrics": {"n": n},
        }
        work = ("best", step.name, step.refs, tuple(repr(sorted(files.items())) for _, _, files in entrants))
        text = json.dumps({"selected": [entry]}).encode()
        return Made(work, {outputs(step, None)["best"]: text})


def instance(name, key):
    """The name of an instance."""
    return name if key is None else f"{name}@k={key}"


def outputs(step, key):
    """Names and paths of an instance's outputs."""
    stem = f"build/{step.name}" + ("" if key is None else f"-{key}")
    return {name: stem + suffix for name, suffix in SUFFIXES.get(step.kind, {"out": ".out"}).items()}


def without_digests(manifest):
    """What a selection says beside the digests of what it has chosen."""
    document = json.loads(manifest)
    for entry in document["selected"]:
        for output in entry["outputs"].values():
            output.pop("digest", None)
    return document


def tool(word):
    """A script that steps run."""
    return f'echo {word}\nfor f in "$@"; do if [ -d "$f" ]; then cat "$f"/*; else cat "$f"; fi; done\n'


def lib(word):
    """A module that a called function imports."""
    return f'WORD = "{word}"\n'


def _table(step):
    fanned = bool(step.keys or step.taken)
    stem = f"build/{step.name}" + ("-{k}" if fanned else "")
    outs = {name: stem + suffix for name, suffix in SUFFIXES.get(step.kind, {"out": ".out"}).items()}
    lines = [f"[target.{step.name}]"]
    refs = [TOOL, *step.refs] if step.kind == "script" else step.refs
    inputs = json.dumps([str(ref) for ref in refs])
    lines.append(f"inputs = {{ files = {inputs} }}" if step.kind == "call" else f"inputs = {inputs}")
    named = ", ".join(f"{name} = {json.dumps(path)}" for name, path in outs.items())
    lines.append(f"outputs = [{json.dumps(outs['best'])}]" if step.kind == "best" else f"outputs = {{ {named} }}")
    if step.after:
        lines.append(f"after = {json.dumps([f':{name}' for name in step.after])}")
    if step.taken:
        lines.append(f'matrix = ":{step.taken}"')
    elif step.keys:
        lines.append(f"matrix = {{ k = {json.dumps(step.keys)} }}")
    if step.kind == "score":
        lines.append('metrics = "metrics"')
    if step.kind == "best":
        lines.append('select = { by = "n" }')
    elif step.kind == "call":
        lines.append('call = "steps.work:join"')
    elif step.kind == "plain":
        lines.append('run = ["cp", "{inputs[0]}", "{outputs.out}"]')
    else:
        command = COMMANDS[step.kind].replace("GATHER", GATHER).replace("HEAD", "echo {k};" if fanned else "")
        command = command.replace("PARAM", step.param)
        begin, end = (HOOK.replace("WHEN", when) for when in ("begin", "end"))
        lines.append(f"run = '''\n{begin}\n{command}\n{end}\n'''")
    return lines


def _content(path, files):
    if path.endswith("/"):
        return {name: data for name, data in sorted(files.items()) if name.startswith(path)}
    return files[path]


def _all(content):
    return b"".join(content.values()) if isinstance(content, dict) else content


def _files(step, key, gathered):
    # As `wc` counts: what follows the last newline is no line.
    outs, lines, count = outputs(step, key), gathered.splitlines(keepends=True), gathered.count(b"\n")
    match step.kind:
        case "two":
            return {outs["all"]: gathered, outs["count"]: f"{count}\n".encode()}
        case "folder":
            made = {"all": gathered, "first": b"".join(lines[:1])}
            if count > 2:
                made["more"] = lines[-1]
            return {outs["parts"] + name: data for name, data in made.items()}
        case "score":
            return {outs["text"]: gathered, outs["metrics"]: b'{"n": %d}' % count}
        case "some":
            return {outs["out"]: b"".join(line.rstrip(b"\n") + b"\n" for line in lines if line.startswith(b"a"))}
        case _:
            return {outs["out"]: gathered}
