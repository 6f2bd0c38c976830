"""Projects in which something goes wrong, run by the real command, and the oracle for how they must look afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from blake3 import blake3

MLMAKE = (sys.executable, "-m", "mlmake")


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def events(self):
        """The events of a `build --json`."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self):
        """What ran, was restored and so on."""
        return self.events[-1]

    def outcomes(self):
        """How each instance ended."""
        return {e["instance"]: e["outcome"] for e in self.events if e["event"] == "target-finished"}


@dataclass
class Project:
    """A project on disk. `mine` is what its user has put there, and must stay so."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    wrap: tuple[str, ...] = ()
    mine: dict[str, bytes] = field(default_factory=dict)
    clean: dict[tuple, dict[str, bytes]] = field(default_factory=dict)

    def __post_init__(self):
        self.root.mkdir(parents=True, exist_ok=True)

    @property
    def state_dir(self):
        return Path(self.env.get("MLMAKE_STATE_DIR", self.root / ".mlmake"))

    @property
    def store(self):
        return Path(self.env.get("MLMAKE_CACHE_DIR", self.state_dir / "cache"))

    def write(self, **files):
        """Put files there as the user; in names `__` stands for `/` and the last `_` for `.`."""
        for name, text in files.items():
            folder, _, name = name.rpartition("__")
            self.put(os.path.join(folder.replace("__", "/"), ".".join(name.rsplit("_", 1))), text)
        return self

    def put(self, path, content):
        """Put one file there as the user, with a new inode."""
        data = content if isinstance(content, bytes) else content.encode()
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(data)
        self.mine[path] = data

    def environ(self, **more):
        """The environment of a command: this process's, without what would change what mlmake does."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLMAKE_", "PYTEST_"))}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **self.env, **more}

    def run(self, *words, wrap=None, timeout=60, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        """Run a command to its end; a traceback is a failure whatever else."""
        wrap = self.wrap if wrap is None else wrap
        done = subprocess.run(
            [*wrap, *MLMAKE, *words], cwd=self.root, env=self.environ(**(env or {})), stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=stderr, timeout=timeout, check=False,
        )  # fmt: skip
        out, err = ((stream or b"").decode("utf-8", "backslashreplace") for stream in (done.stdout, done.stderr))
        no_trace(out + err)
        return Said(done.returncode, out, err)

    def build(self, *words, code=0, **how):
        """Build with `--json` and expect this exit code."""
        said = self.run("build", "--json", *words, **how)
        assert said.code == code, f"exit code {said.code}, not {code}\n{said.out}\n{said.err}"
        return said

    def start(self, *words, wrap=None, env=None, **how):
        """Start a command in a session of its own."""
        wrap = self.wrap if wrap is None else wrap
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        argv = [*wrap, *MLMAKE, *words]
        return subprocess.Popen(
            argv, cwd=self.root, env=self.environ(**(env or {})), start_new_session=True, text=True, **how
        )

    def files(self):
        """All that is there, but mlmake's own: files by content, links by where they lead, folders as None."""
        return tree(self.root)

    def objects(self):
        """The names of all objects of the store, each looked at: its bytes are those of its name."""
        found = set()
        for folder, _, names in os.walk(self.store / "objects"):
            for name in names:
                assert blake3(Path(folder, name).read_bytes()).hexdigest() == name.removesuffix(".folder"), name
                found.add(name)
        return found

    def expected(self, *words):
        """All files after a clean build in a fresh folder."""
        key = (*words, *sorted(self.mine.items()))
        if key not in self.clean:
            fresh = Project(self.root.with_name(f"{self.root.name}-clean-{len(self.clean)}"))
            shutil.rmtree(fresh.root)
            for path, data in self.mine.items():
                fresh.put(path, data)
                shutil.copymode(self.root / path, fresh.root / path)
            fresh.build(*words)
            self.clean[key] = fresh.files()
            shutil.rmtree(fresh.root)
        return self.clean[key]

    def heals(self, *words, kept=None):
        """The oracle: one more build mends everything, and then there is nothing to do. Gives the mending build.

        `kept` are names of objects that must still be in the store.
        """
        self.is_untouched()
        if kept is not None:
            assert kept <= self.objects(), "objects were lost"
        mended = self.build(*words)
        self.is_untouched()
        differ = differences(self.files(), self.expected(*words))
        assert not differ, f"not as a clean build would be: {differ}"
        again = self.build(*words)
        assert (again.summary["ran"], again.summary["restored"], again.summary["failed"]) == (0, 0, 0), again.out
        self.objects()
        litter = [name for part in ("aside", "cache/tmp") for name in listed(self.state_dir / part)]
        assert litter in ([], ["journal.jsonl"]), f"left behind: {litter}"
        return mended

    def is_untouched(self):
        """No file of the user was changed or removed."""
        now = {path: (self.root / path).read_bytes() for path in self.mine if (self.root / path).exists()}
        differ = differences(now, self.mine)
        assert not differ, f"the user's files changed: {differ}"

    def copy(self, name):
        """The same project in another folder, with its state; clean builds are shared."""
        root = self.root.with_name(name)
        shutil.copytree(self.root, root, symlinks=True)
        return Project(root, dict(self.env), self.wrap, dict(self.mine), self.clean)


def listed(folder):
    """The names in a folder, if it is there."""
    return os.listdir(folder) if os.path.isdir(folder) else []


def differences(found, expected):
    """What differs between two trees, as path → both."""
    pairs = {path: (found.get(path, "missing"), expected.get(path, "missing")) for path in found.keys() | expected}
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}


def tree(root):
    """See `Project.files`."""
    found = {}
    for folder, folders, names in os.walk(os.fsencode(root)):
        folders[:] = [name for name in folders if name not in (b".mlmake", b"__pycache__")]
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            relative = os.fsdecode(os.path.relpath(path, os.fsencode(root)))
            if os.path.islink(path):
                found[relative] = os.fsdecode(os.readlink(path))
            elif os.path.isdir(path):
                found[relative] = None
            else:
                with open(path, "rb") as file:
                    found[relative] = file.read()
    return found


def no_trace(text):
    """No traceback and no bug reached the user."""
    assert "Traceback" not in text and "a bug in mlmake" not in text, text


def wait_for(condition, seconds=20.0):
    """Wait until this holds, looking often."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.005)


def end(process, number=None, timeout=20.0):
    """Signal a started command, if told so, and hear it out."""
    if number is not None:
        process.send_signal(number)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    no_trace((out or "") + (err or ""))
    return Said(process.returncode, out or "", err or "")


def marked(mark):
    """The living processes that have this text in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path("/proc", pid, "cmdline").read_bytes()
            state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in line and int(pid) != os.getpid() and state != "Z":
            found.append(int(pid))
    return found


def kill_marked(mark):
    """End what a test may have left."""
    for pid in marked(mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def needs(*tools):
    """Skip where one of these programs is not installed."""
    return pytest.mark.skipif(any(shutil.which(tool) is None for tool in tools), reason=f"needs {' and '.join(tools)}")


@contextmanager
def disk(place, size):
    """A file system of this size at a folder; skips where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place]).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place):
    """Write a file until the disk is full; gives it."""
    ballast = Path(place, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


SPLIT = """
[params]
n = 3
[target.split]
inputs = ["data/"]
outputs = { a = "build/a.txt", b = "build/b.txt", parts = "build/parts/" }
run = '''
cat data/*.txt > {outputs.a}; wc -l < {outputs.a} > {outputs.b}; mkdir {outputs.parts}
split -l {params.n} {outputs.a} {outputs.parts}/p-
'''
[target.count]
inputs = { a = ":split.a" }
outputs = { total = "build/total.json" }
metrics = "total"
call = "steps:count"
[target.train]
inputs = { parts = ":split.parts" }
outputs = { checkpoint = "build/checkpoint.txt", model = "build/model.txt" }
keep = ["checkpoint"]
run = "ls {inputs.parts} > {outputs.checkpoint}; cat {outputs.checkpoint} > {outputs.model}"
[target.best]
inputs = [":count"]
select = { by = "n", top = 1 }
outputs = ["build/best.json"]
"""
STEPS = """
import json


def count(a, total):
    total.write_text(json.dumps({"n": len(a.read_text().split())}))
"""


def of_all_kinds(root):
    """A small project: several outputs of a step, a folder output, a `call` step, a selection, `keep`."""
    project = Project(root).write(Mlfile=SPLIT, steps_py=STEPS)
    project.put("data/one.txt", "".join(f"{n}\n" for n in range(10)))
    project.put("data/two.txt", "a\nb\nc\n")
    return project
