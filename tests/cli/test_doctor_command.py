"""`mlmake doctor` as a user calls it: anywhere, on anything, changing nothing."""

import json
import mmap
import os
import shutil
import subprocess
import sys
import time

import lmdb
import pytest

MLFILE = """\
[target.copy]
inputs  = ["data.txt", "tables/"]
outputs = ["build/copy.txt"]
run     = "cat {inputs[0]} > {outputs[0]}"
"""
BARRED = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


@pytest.fixture
def project(tmp_path):
    """A project that was built once."""
    folder = tmp_path / "project"
    (folder / "tables").mkdir(parents=True)
    (folder / "Mlfile").write_text(MLFILE)
    (folder / "data.txt").write_text("some data\n")
    (folder / "tables/one.csv").write_text("a,b\n")
    mlmake(folder, "-q")
    return folder


def mlmake(folder, *argv, code=0, before=(), **environ):
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MLMAKE_", "NO_COLOR"))}
    done = subprocess.run(
        [*before, sys.executable, "-m", "mlmake", *argv], cwd=folder, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env={**known, **environ}, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    return done


def doctor(folder, *argv, code=0, before=(), **environ):
    """The findings by name, each a document; all files must be as they were."""
    pictures = picture(folder)
    said = mlmake(folder, "doctor", "--json", *argv, code=code, before=before, **environ)
    assert picture(folder) == pictures
    document = json.loads(said.stdout)
    assert document["schema"] == "mlmake.doctor/1"
    assert (document["worst"] == "problem") is (code == 4)
    return {finding["check"]: finding for finding in document["findings"]}


def picture(folder):
    found = {}
    for here, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(here, name)
            status = os.lstat(path)
            found[path] = (status.st_size, status.st_mtime_ns, status.st_mode)
    return found


def test_all_areas_are_looked_at_in_order_and_nothing_is_changed(project):
    found = doctor(project)
    assert list(dict.fromkeys(finding["area"] for finding in found.values())) == [
        "project", "limits", "files", "clock", "state", "store", "packages",
    ]  # fmt: skip
    assert {name: f for name, f in found.items() if f["severity"] in ("warning", "problem")} == {}
    wanted = {"open-files", "processes", "cpus", "memory", "shared-memory", "inotify-watches", "inotify-instances"}
    wanted |= {"file-system", "state-file-system", "same-disk", "state-writable", "store-writable", "project-space"}
    wanted |= {"letter-case", "reflink", "hard-links", "inotify", "file-clock", "file-times", "record-times"}
    wanted |= {"state-file", "state-results", "state-map", "state-readers", "build-lock", "unseen-changes"}
    wanted |= {"store-objects", "store-records", "store-leftovers", "store-shared"}
    wanted |= {"python", "packages", "interpreter", "shell", "git", "make", "mlfile"}
    assert wanted <= set(found)


def test_the_text_ends_with_a_count(project):
    said = mlmake(project, "doctor")
    assert said.stderr == ""
    assert said.stdout.splitlines()[0] == "project"
    assert said.stdout.endswith(", no problem\n")
    assert mlmake(project, "doctor", "-q").stdout == ""


def test_without_an_mlfile_the_machine_is_looked_at(tmp_path):
    found = doctor(tmp_path)
    assert found["project"]["severity"] == "note"
    assert "no Mlfile in" in found["project"]["why"]
    assert {finding["area"] for finding in found.values()} == {"project", "limits", "files", "clock", "packages"}
    assert list(tmp_path.iterdir()) == []


def test_words_that_lead_nowhere_are_wrong_use(tmp_path):
    assert "check -f" in mlmake(tmp_path, "doctor", "-f", "none", code=2).stderr
    assert "check -C" in mlmake(tmp_path, "doctor", "-C", "none", code=2).stderr


def test_an_mlfile_with_mistakes_does_not_stop_it(project):
    (project / "Mlfile").write_text(MLFILE.replace("outputs", "output") + "[target.x]\nrnu = 'true'\n")
    found = doctor(project)
    assert (found["mlfile"]["severity"], found["mlfile"]["mend"]) == ("warning", "mlmake check")
    assert found["state-results"]["what"] == "1 result remembered"


def test_an_mlfile_that_cannot_be_read_is_a_problem(project):
    os.chmod(project / "Mlfile", 0)
    found = doctor(project, code=4, before=as_somebody_else(project))
    assert found["mlfile"]["severity"] == "problem"


def as_somebody_else(project):
    if os.geteuid() or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to become somebody else")
    # The folders above belong to root alone: what is tried must be reachable.
    for place in project.parents:
        if not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o011)
    return BARRED


def test_a_project_of_somebody_else_can_be_looked_at(project):
    found = doctor(project, code=4, before=as_somebody_else(project))
    assert not [name for name, finding in found.items() if "could not be made" in finding["what"]], found
    assert found["state-writable"]["severity"] == found["store-writable"]["severity"] == "problem"
    assert "Permission denied" in found["state-writable"]["what"]
    assert found["state-file"]["severity"] == "ok"
    assert found["inotify"]["severity"] == "ok"
    assert found["file-clock"]["severity"] == "note"


def test_a_damaged_state_is_told_and_left_for_the_next_build(project):
    data = project / ".mlmake/state/data.mdb"
    os.truncate(data, data.stat().st_size // 2)
    found = doctor(project, code=4)
    assert found["state-file"]["what"].startswith("the state is damaged")
    assert found["state-file"]["mend"] == "mlmake build"
    assert "state was damaged, rebuilt" in mlmake(project).stderr
    assert doctor(project)["state-file"]["severity"] == "ok"


def test_a_state_of_a_newer_mlmake_is_named(project):
    environment = lmdb.open(str(project / ".mlmake/state"), max_dbs=6, lib_version=0)
    with environment.begin(write=True) as transaction:
        transaction.put(b"schema", b"999", db=environment.open_db(b"meta", txn=transaction))
    environment.close()
    found = doctor(project, code=4)
    assert "newer mlmake: schema 999" in found["state-file"]["what"]


def test_a_write_through_a_memory_map_is_found_and_mended(project):
    path = project / "data.txt"
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[0] = ord("S")
        aged = time.time() - 3600
        os.utime(path, (aged, aged))
        rest_in_state(project)
        before = path.stat()
        view[0] = ord("T")
        if path.stat().st_mtime_ns != before.st_mtime_ns:
            pytest.skip("the page was written back between two lines")
    assert doctor(project, code=4)["unseen-changes"]["what"].startswith(
        "changed without a trace in size and times: data.txt; "
    )
    assert mlmake(project).stderr.startswith("up to date")
    assert "1 ran" in mlmake(project, "build", "--rehash").stderr
    assert doctor(project)["unseen-changes"]["severity"] == "ok"


def rest_in_state(project):
    """Build, and remember the input as if it had rested long before it was hashed."""
    from dataclasses import replace

    from mlmake.host.hashing import hash_file
    from mlmake.ports import Stamped
    from mlmake.stores.opening import open_state

    mlmake(project, "-q")
    digest, stamp = hash_file(str(project / "data.txt"), name="data.txt", progress=None)
    state = open_state(str(project / ".mlmake/state"))
    known = state.stamps(["data.txt"])["data.txt"]
    state.put_stamps({"data.txt": replace(known, stamp=stamp, digest=digest, hashed_ns=stamp.ctime_ns + 10**10)})
    state.close()
    assert isinstance(known, Stamped)


def test_a_result_from_the_future_is_told(project):
    # The clock of the build, not of the files: it is that which records have.
    if shutil.which("faketime") is None:
        from dataclasses import replace

        from mlmake.stores.opening import open_state

        state = open_state(str(project / ".mlmake/state"))
        state.record(replace(state.everything()[0], ended=time.time() + 7200))
        state.commit()
        state.close()
    else:
        mlmake(project, "build", "-B", "copy", before=("faketime", "-f", "+2h"), NO_FAKE_STAT="1")
    assert doctor(project)["record-times"]["severity"] == "warning"


def test_the_holder_of_the_lock_is_named_while_a_build_runs(project):
    (project / "Mlfile").write_text(
        MLFILE.replace("cat {inputs[0]}", "while [ ! -e go ]; do read -t 0.02 x < pipe || true; done; echo 1")
    )
    os.mkfifo(project / "pipe")
    keep = os.open(project / "pipe", os.O_RDWR)
    with subprocess.Popen([sys.executable, "-m", "mlmake", "build"], cwd=project, stderr=subprocess.PIPE) as build:
        for _ in range(500):
            if (project / ".mlmake/lock").read_text():
                break
            os.sched_yield()
            subprocess.run(["true"])
        said = mlmake(project, "doctor", "--json")
        (project / "go").write_text("")
        assert build.wait(30) == 0
    os.close(keep)
    found = {finding["check"]: finding for finding in json.loads(said.stdout)["findings"]}
    assert found["build-lock"]["what"].endswith(f"pid {build.pid} (mlmake build)")


def test_sources_and_files_in_folders_are_among_the_inputs(project):
    from mlmake.doctor import declared_inputs, find_patient
    from mlmake.reading import Choices

    (project / "raw").mkdir()
    (project / "raw/one.csv").write_text("1\n")
    text = '[target.ingest]\nsource = "raw/"\noutputs = ["build/table"]\nrun = "cat raw/* > {outputs[0]}"\n'
    (project / "Mlfile").write_text(MLFILE + text)
    patient = find_patient(Choices(directory=str(project)))
    assert declared_inputs(patient) == ["data.txt", "tables/one.csv", "raw/one.csv"]


def test_a_check_that_fails_itself_is_a_finding():
    from mlmake.doctor import checked
    from mlmake.model.finding import Severity

    def refused():
        raise PermissionError(13, "Permission denied", "/proc/secret")

    def broken():
        yield from ()
        raise ZeroDivisionError("of all things")

    (found,) = checked("one", refused)
    assert (found.severity, found.what) == (
        Severity.WARNING,
        "this check could not be made: Permission denied: /proc/secret",
    )
    (found,) = checked("two", broken)
    assert found.what == "this check could not be made: ZeroDivisionError: of all things"
    assert list(checked("three", lambda: None)) == []


def test_places_that_the_environment_and_the_mlfile_choose_are_looked_at(project, tmp_path):
    (project / "Mlfile").write_text(MLFILE + '[cache]\ndir = "../shared"\nlink = "hardlink"\n')
    mlmake(project, "build", "-qB", "copy")
    found = doctor(project, MLMAKE_STATE_DIR=str(tmp_path / "elsewhere"))
    assert found["state-file"]["what"].startswith("there is no state yet")
    assert found["hard-links"]["what"] == "hard links work"
    assert str(tmp_path / "elsewhere") in found["state-writable"]["what"]
    assert not (tmp_path / "elsewhere").exists()
    # What was built before the store moved is in the state, what others make is not.
    assert doctor(project)["store-shared"]["severity"] == "ok"
    shutil.copytree(project, tmp_path / "other", ignore=shutil.ignore_patterns(".mlmake", "build"))
    (tmp_path / "other/data.txt").write_text("other data\n")
    mlmake(tmp_path / "other", "-q")
    assert doctor(project)["store-shared"]["severity"] == "note"


def test_an_interpreter_that_is_not_there_is_a_problem(project):
    (project / "Mlfile").write_text('[project]\npython = ".venv/bin/python"\n' + MLFILE)
    found = doctor(project, code=4)
    assert found["interpreter"]["severity"] == "problem"


def test_a_small_and_read_only_disk(project, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=2m,nr_inodes=60 none {small} && cp -R {project}/. {small}/ && "
        f"mount -o remount,ro {small} && cd {small} && exec {sys.executable} -m mlmake doctor --json"
    )
    done = subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no mounts here")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 4
    assert found["project-space"]["severity"] == found["project-inodes"]["severity"] == "problem"
    assert "Read-only file system" in found["state-writable"]["what"]
    assert found["state-file"]["severity"] == "ok"
    assert not [name for name, finding in found.items() if "could not be made" in finding["what"]], found
