"""Graphics cards: which step sees which, never two the same at once; shown with declared ones."""

import itertools
import json

ON = """
import json, os, pathlib, sys
ids = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
for one in ids:
    pathlib.Path(f"busy-{one}").mkdir()  # fails if somebody else is on it
import time
begun = time.monotonic_ns()
time.sleep(0.05)
ended = time.monotonic_ns()
for one in ids:
    pathlib.Path(f"busy-{one}").rmdir()
pathlib.Path(sys.argv[1]).write_text(json.dumps([ids, begun, ended]))
"""
SIX = """
[resources]
gpus = 2
cpus = 6
[target.train]
run = ["{python}", "on.py", "{outputs.o}"]
outputs = { o = "out/{k}-{gpus}.json" }
matrix = [{ k = [0, 1, 2, 3, 4, 5], gpus = [1] }, { k = [6], gpus = [2] }]
resources = { gpus = "{gpus}" }
"""


def intervals(project):
    return [json.loads(path.read_text()) for path in sorted((project.root / "out").iterdir())]


def test_no_two_running_steps_share_a_device(project):
    project.write("on.py", ON)
    project.mlfile(SIX)
    assert len(project.build("-j6").ran) == 7
    found = intervals(project)
    assert {tuple(ids) for ids, _, _ in found} == {("0",), ("1",), ("0", "1")}
    for device in "01":
        spans = sorted((begun, ended) for ids, begun, ended in found if device in ids)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans)), spans


def test_two_devices_are_used_at_once(project):
    """Each of two steps waits for the other: one after the other they would never end."""
    project.mlfile(
        '''
        [resources]
        gpus = 2
        [target.meet]
        run = """
        touch met-$CUDA_VISIBLE_DEVICES {outputs}
        while [ ! -e met-0 -o ! -e met-1 ]; do sleep 0.01; done
        """
        outputs = ["out/{k}"]
        matrix = { k = [1, 2] }
        resources = { gpus = 1 }
        timeout = "20s"
        '''
    )
    assert len(project.build("-j2").ran) == 2


def test_the_callers_own_restriction_is_what_is_handed_out(project, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-x")
    project.write("on.py", ON)
    project.mlfile(SIX)
    assert len(project.build("-j6").ran) == 7
    assert {tuple(ids) for ids, _, _ in intervals(project)} == {("5",), ("GPU-x",), ("5", "GPU-x")}


def test_hidden_alone_and_asked_for_in_commands_and_calls(project, monkeypatch):
    project.write(
        "show.py",
        """
        import os
        def run(out):
            out.write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "unset"))
        """,
    )
    project.mlfile(
        """
        [resources]
        gpus = 2
        [target.run]
        run = "echo -n ${{CUDA_VISIBLE_DEVICES-unset}} > {outputs.out}; : {wanted}"
        outputs = { out = "run-{wanted}" }
        matrix = { wanted = [0, 1] }
        resources = { gpus = "{wanted}" }
        env = { CUDA_VISIBLE_DEVICES = "9" }
        [target.call]
        call = "show:run"
        outputs = { out = "call-{wanted}" }
        matrix = { wanted = [0, 2] }
        resources = { gpus = "{wanted}" }
        [target.alone]
        run = "echo -n ${{CUDA_VISIBLE_DEVICES-unset}} > {outputs.out}"
        outputs = { out = "alone" }
        [target.calm]
        call = "show:run"
        outputs = { out = "calm" }
        """
    )

    def shown():
        return [project.read(name) for name in ("run-0", "run-1", "call-0", "call-2", "alone", "calm")]

    project.build("-j1")
    assert shown() == ["", "0", "", "0,1", "unset", "unset"]
    assert not project.build("-j1").ran
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,8")
    assert not project.build("-j1").ran, "devices are never recipe"
    project.build("-j1", "-B")
    assert shown() == ["", "7", "", "7,8", "7,8", "7,8"]


def test_more_than_there_are_is_said_before_anything_runs(project, monkeypatch):
    project.mlfile(
        """
        [resources]
        gpus = 2
        [target.first]
        run = "touch first"
        outputs = ["first"]
        [target.t]
        run = "touch t"
        outputs = ["t"]
        inputs = [":first"]
        resources = { gpus = 3 }
        """
    )
    assert "Mlfile:10:22: `gpus` is 3, the total is 2" in project.mistakes("build")
    project.edit("Mlfile", "gpus = 3", "gpus = 2")
    assert project("check").code == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert "`gpus` is 2, the total is 1" in project.mistakes("build")
    assert not (project.root / "first").exists()
    project.edit("Mlfile", "gpus = 2\n[target.first]", "gpus = 100000000000\n[target.first]")
    assert "Mlfile:2:8: `gpus` must be at most 65536" in project.mistakes("build")


def test_the_machine_is_asked_only_if_a_step_wants_devices_and_none_are_declared(project, monkeypatch, tmp_path):
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho >> '{asked}'\necho 'GPU 0: One (UUID: GPU-1)'\necho 'GPU 1: Two'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr("mlmake.host.machine._DRIVER", str(tmp_path / "no-driver"))
    monkeypatch.setattr("mlmake.host.machine._NODES", str(tmp_path / "no-node*"))
    text = """
        [target.t]
        run = "echo -n $CUDA_VISIBLE_DEVICES > {outputs}"
        outputs = ["t"]
        resources = { gpus = 2 }
        [resources]
        gpus = 2
        """
    project.mlfile(text)
    project("plan")
    project.mlfile(text.replace("resources = { gpus = 2 }", "").replace("gpus = 2", "x = 1"))
    project("plan")
    assert not asked.exists()
    project.mlfile(text.replace("[resources]", "").replace("gpus = 2\n        \n", "\n").rpartition("gpus")[0])
    project.build()
    assert project.read("t") == "0,1"
    assert asked.exists()
