"""`mlmake restore RUN` on real projects: what is put back, what is left alone, and what the next build does."""

import json
import shutil
from pathlib import Path

import pytest

MLFILE = """
    [params]
    p = 1

    [target.a]
    inputs  = ["src"]
    outputs = ["out/a"]
    run     = "cp src {outputs}"

    [target.b]
    inputs  = [":a"]
    matrix  = { k = ["x", "y"] }
    outputs = { one = "out/{k}.one", many = "out/{k}.many/" }
    run     = "echo {k} {params.p} $(cat out/a) > {outputs.one}; mkdir {outputs.many}; cp {outputs.one} {outputs.many}f"

    [target.c]
    inputs  = ["src"]
    outputs = ["out/c"]
    run     = "[ $(cat src) != bad ] && cp src {outputs}"
"""
NEXT = "the next build puts back what the Mlfile asks for"


def run_of(built):
    return built.events[0]["run"]


def tree(project):
    out = project.root / "out"
    return {str(p.relative_to(out)): p.read_text() for p in sorted(out.rglob("*")) if p.is_file()}


def records(project):
    """All that is remembered, pointers and times included."""
    from mlmake.stores.opening import open_state

    state = open_state(str(project.root / ".mlmake/state"), readonly=True)
    found = state.everything()
    told = [(t, state.last(t.recipe), state.latest(t.action), state.checked(t)) for t in found]
    state.close()
    return told


@pytest.fixture
def runs(project):
    """Three runs: all, then another parameter for `b`, then another source for all."""
    project.mlfile(MLFILE)
    project.write("src", "1\n")
    first = run_of(project.build())
    project.edit("Mlfile", "p = 1", "p = 2")
    second, was = run_of(project.build()), tree(project)
    project.write("src", "2\n")
    project.build()
    return project, first, second, was


def test_the_outputs_are_as_they_were_when_the_run_ended(runs):
    """What it ran (b) and what it only skipped (a, c) alike."""
    project, _, second, was = runs
    now, before = tree(project), records(project)
    said = project("restore", second)
    assert said.code == 0, said.err
    assert tree(project) == was != now
    assert said.out.splitlines()[-2:] == ["4 restored", NEXT]
    assert records(project) == before, "files, no record"
    assert "1\n" in tree(project).values() and tree(project)["x.one"] == "x 2 1\n"
    assert project("restore", "last~2").code == 0
    assert tree(project)["x.one"] == "x 1 1\n"
    built = project.build()
    assert tree(project) == now, "what the Mlfile asks for"
    assert not built.ran and built.restored == {"a", "b@k=x", "b@k=y", "c"}


def test_only_targets_that_are_named(runs):
    project, first, _, _ = runs
    now = tree(project)
    assert project("restore", first, "b@k=y").code == 0
    assert tree(project) == {**now, "y.one": "y 1 1\n", "y.many/f": "y 1 1\n"}
    for words, count in ((["b"], 1), (["out/a"], 1), (["c*"], 1), (["b", "out/x.many/f"], 0)):
        document = project("restore", first, *words, "--json").document
        assert document["restored"] == count, words
    assert tree(project)["x.one"] == "x 1 1\n"


def test_dry_it_only_says_so(runs):
    project, first, _, _ = runs
    now = tree(project)
    said = project("restore", first, "-n")
    assert said.code == 0 and said.out.splitlines()[-1] == "4 to restore"
    assert f"↺ restore  b@k=x  out/x.one, out/x.many/; made in run {first}" in said.out
    assert tree(project) == now
    document = project("restore", "-n", first, "--json").document
    assert (document["schema"], document["dry_run"], document["restored"]) == ("mlmake.restore/1", True, 4)
    assert document["note"] == NEXT
    (entry,) = [t for t in document["targets"] if t["instance"] == "a"]
    assert (entry["outcome"], entry["made_in"], entry["outputs"][0]["changed"]) == ("restored", first, True)
    assert tree(project) == now


def test_what_is_in_place_is_not_touched(runs):
    project, _, second, _ = runs
    project("restore", second)
    stamps = {p: p.stat().st_ino for p in (project.root / "out").rglob("*")}
    said = project("restore", second)
    assert (said.code, said.out) == (0, "4 as they were\n")
    assert {p: p.stat().st_ino for p in (project.root / "out").rglob("*")} == stamps
    assert "· as it was  a" in project("restore", second, "-v").out


def test_what_no_result_has_is_kept(runs):
    project, first, _, _ = runs
    project.write("out/a", "mine\n")
    project.write("out/x.many/own", "mine too\n")
    document = project("restore", first, "--json").document
    kept = {t["instance"]: t["kept"] for t in document["targets"] if t["kept"]}
    assert set(kept) == {"a", "b@k=x"}
    assert Path(kept["a"][0]).read_text() == "mine\n"
    (folder,) = [Path(p) for p in kept["b@k=x"]]
    assert (folder / "own").read_text() == "mine too\n"
    assert ".mlmake/replaced/" in kept["a"][0]
    assert tree(project)["a"] == "1\n" and "x.many/own" not in tree(project)
    project.build()
    said = project("restore", first)
    assert "kept as" not in said.out, "what is a result of another run can be had again"


def test_what_the_store_has_lost_is_told_and_nothing_of_it_is_half_done(runs):
    project, first, _, _ = runs
    now = tree(project)
    from mlmake.stores.opening import open_state

    state = open_state(str(project.root / ".mlmake/state"), readonly=True)
    one = next(t for t in state.made_in({first}) if t.action == "b@k=x").outputs[1]
    state.close()
    (path,) = (project.root / ".mlmake/cache/objects").rglob(f"{one.object}*")
    path.unlink()
    for dry in (["-n"], []):
        said = project("restore", first, *dry)
        assert said.code == 1
        assert (
            f"✗ lost      b@k=x  the store no longer has out/x.many/, made in run {first}: nothing of it is put back"
        ) in said.out.replace("lost     b", "lost      b")
    assert tree(project) == {**now, "a": "1\n", "c": "1\n", "y.one": "y 1 1\n", "y.many/f": "y 1 1\n"}
    shutil.rmtree(project.root / ".mlmake/cache")
    said = project("restore", first, "c")
    assert said.code == 0, "it is in place"


def test_damaged_bytes_leave_a_target_as_it_is(runs):
    project, first, _, _ = runs
    now = tree(project)
    from xxhash import xxh3_128_hexdigest

    for path in (project.root / ".mlmake/cache/objects").rglob("*"):
        if path.is_file() and xxh3_128_hexdigest(path.read_bytes()) == xxh3_128_hexdigest(b"y 1 1\n"):
            path.chmod(0o644)
            path.write_bytes(b"y 1 9\n")
    said = project("restore", first, "b@k=y")
    assert said.code == 1 and "nothing of it is put back" in said.out
    assert tree(project) == now
    assert not list((project.root / ".mlmake").glob("replaced/*"))
    assert not [p for p in (project.root / ".mlmake/aside").rglob("*") if p.is_file()]


def test_a_target_without_a_result_in_that_run(project):
    project.mlfile(MLFILE)
    project.write("src", "bad\n")
    failed = run_of(project.build("-k", code=1))
    project.write("src", "1\n")
    project.build()
    said = project("restore", failed)
    assert said.code == 0
    assert "○ no result  c      it left no result then: failed" in said.out
    assert project.read("out/a") == "bad\n" and project.read("out/c") == "1\n"
    assert project("restore", failed, "c").code == 1


def test_words_that_mean_nothing(runs):
    project, first, _, _ = runs
    said = project("restore", "nope")
    assert (said.code, "nope is no run" in said.err) == (2, True)
    said = project("restore", first, "bb")
    assert (said.code, said.out) == (2, "")
    assert f'run {first}: it has no target, instance or output "bb"; did you mean `b`?' in said.err


def test_an_instance_that_is_no_more_comes_back_and_goes_with_the_next_build(runs):
    project, first, _, _ = runs
    project.edit("Mlfile", '["x", "y"]', '["x"]')
    project.build()
    assert "y.one" not in tree(project)
    assert project("restore", "last", "b@k=y").code == 0
    assert tree(project)["y.one"] == "y 2 2\n"
    project.build()
    assert "y.one" not in tree(project) and "y.many/f" not in tree(project)
    assert project("restore", first, "b@k=y").code == 0
    project.build()
    assert tree(project)["y.one"] == "y 1 1\n", "not what its last result left: that stays, as if altered by hand"


def test_it_waits_for_a_build_of_the_project(runs):
    import threading

    from mlmake.host.lock import BuildLock

    project, first, _, _ = runs
    lock = BuildLock(str(project.root / ".mlmake/lock"))
    assert lock.acquire("mlmake build", wait=lambda text: None)
    timer = threading.Timer(0.2, lock.close)
    timer.start()
    said = project("restore", first)
    timer.join()
    assert said.code == 0 and "waiting for it to end" in said.err
    assert tree(project)["a"] == "1\n"


def test_lineage_of_what_was_put_back_is_that_of_then(runs):
    project, first, _, _ = runs
    project("restore", first)
    document = json.loads(project("lineage", "--json", "out/x.one", "b@k=x").out)
    (one,) = [r for r in document["results"] if r["instance"] == "b@k=x"]
    assert (one["run"], one["params"]) == (first, {"p": 1})
    assert {artifact["result"] for artifact in document["artifacts"]} == {one["id"]}
