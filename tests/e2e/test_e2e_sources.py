"""Sources that change, and probes that tell, fail, hang or talk nonsense, in a whole project."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

DATABASE = """
    [target.ingest]
    probe = { call = "shop:users" }
    significant = "x2"
    run = "echo cache/users-v1.parquet > {outputs}; echo run >> ran"
    outputs = ["build/location.txt"]
    """

TOLD = """
    [target.ingest]
    probe = { run = "cat told; test ! -e fail; test ! -e hang || sleep 300", timeout = "1s" }
    run = "date > {outputs}"
    outputs = ["build/out"]
    """


@pytest.fixture
def shop(project):
    project.write("shop.py", """
        import sqlite3
        def users():
            return sqlite3.connect("shop.db").execute("select count(*) from users").fetchone()[0]
        """)  # fmt: skip

    def have(count):
        with sqlite3.connect(project.root / "shop.db") as db:
            db.execute("create table if not exists users (id)")
            db.execute("delete from users")
            db.executemany("insert into users values (?)", [(n,) for n in range(count)])
        db.close()

    return have


def test_a_database_is_asked_by_a_probe_and_its_cached_location_is_the_output(project, shop):
    project.mlfile(DATABASE)
    shop(100)
    assert project.build().ran == {"ingest"}
    assert project.build().skipped == {"ingest"}
    shop(199)
    again = project.build()
    assert again.skipped == {"ingest"}
    assert again.codes("ingest") == ["revalidated"]
    shop(200)
    assert project.plan() == {"ingest": "run"}
    changed = project.build()
    assert changed.ran == {"ingest"}
    assert changed.texts("ingest") == ["probe of the source changed: 100 → 200 (significant from x2)"]
    assert project.read("build/location.txt") == "cache/users-v1.parquet\n"


def test_records_count_and_content_does_not(project):
    project.mlfile("""
        [target.ingest]
        source = "data/"
        probe = "records"
        significant = "x2"
        run = "cat data/*.csv > {outputs}"
        outputs = ["build/all.csv"]
        """)
    project.write("data/a.csv", 'id,text\n1,"a\n\nb"\n2,c\n')
    assert project.build().ran == {"ingest"}
    project.write("data/b.csv", "id,text\n3,d\n")
    assert project.build().skipped == {"ingest"}
    assert project.build("--exact").ran == {"ingest"}
    project.write("data/c.csv", "id,text\n4,d\n5,e\n")
    assert project.build().skipped == {"ingest"}
    project.write("data/d.csv", "id,text\n6,d\n")
    assert project.build().ran == {"ingest"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p.write("fail", ""), "failed with exit code 1\n3"),
        (lambda p: p.write("hang", ""), "gave no answer within 1 s; set its `timeout`, or measure less\n3"),
        (lambda p: p.write("told", "{3"), "gave no measure: what it printed begins like a JSON object and is none"),
        (lambda p: p.write("told", ""), "gave no measure: it printed nothing"),
    ],
)
def test_a_probe_that_does_not_tell_fails_its_target_in_build_plan_and_accept(project, spoil, says):
    project.mlfile(TOLD)
    project.write("told", "3")
    assert project.build().ran == {"ingest"}
    spoil(project)
    built = project.build(code=1)
    assert built.failed == {"ingest"}
    assert says in built.detail("ingest")
    planned = project("plan")
    assert planned.code == 1
    assert planned.err.startswith("ingest: its probe `cat told; ")
    assert says.partition("\n")[0] in planned.err
    shown = project("build")
    assert shown.code == 1
    assert "ingest" in shown.err
    assert says.partition("\n")[0] in " ".join(shown.err.split())
    if "\n3" in says:
        assert "  | 3\n" in planned.err
        assert "  | 3\n" in shown.err
    accepted = project("accept", "ingest")
    assert accepted.code == 1
    assert accepted.err.count("ingest is not accepted") == 1
    for name in ("fail", "hang"):
        (project.root / name).unlink(missing_ok=True)
    project.write("told", "3")
    assert project.build().skipped == {"ingest"}


def test_stale_if_error_covers_for_a_probe_that_fails(project):
    project.mlfile(TOLD + 'stale_if_error = "1d"\n')
    project.write("told", "3")
    project.build()
    project.write("fail", "")
    built = project.build()
    assert built.outcome("ingest") == "stale"
    assert "failed with exit code 1" in " ".join(built.warnings)
    (project.root / "fail").unlink()
    assert project.build().skipped == {"ingest"}


def test_what_is_covered_for_is_stale_and_due_when_the_cover_ends(project):
    project.mlfile(TOLD.replace("[target.ingest]", '[target.ingest]\n    stale_if_error = "1d"\n    max_age = "30d"'))
    project.write("told", "5")
    project.build()
    ended = project("status", "--json").document["next_due"] - 30 * 86_400
    project.write("fail", "")
    (target,) = (status := project("status", "--json").document)["targets"]
    assert (target["decision"], target["state"], target["reasons"][0]["code"]) == ("skip", "stale", "stale-if-error")
    assert status["next_due"] == pytest.approx(ended + 86_400)
    assert "○ stale  ingest  kept although refreshing it failed" in project("status").out


def test_exactly_judged_an_unchanged_source_runs_nothing_whatever_its_probe(project):
    project.mlfile("""
        [target.counted]
        source = "raw/"
        fresh_for = "14d"
        probe = "records"
        significant = "x2"
        run = "cat {source}* > {outputs}"
        outputs = ["build/counted"]
        [target.measured]
        source = "raw/"
        probe = { run = "echo asked >> asked; wc -l < raw/a.csv" }
        run = "cat {source}* > {outputs}"
        outputs = ["build/measured"]
        """)
    project.write("raw/a.csv", "id\n1\n2\n")
    project.build()
    assert project.read("asked") == "asked\n" * 2, "before the run and after it"
    assert set(project.plan("--exact").values()) == {"skip"}
    digests = {r["source"]["content"] for r in project("lineage", "counted", "--json").document["results"]}
    assert None not in digests and len(digests) == 1
    project.write("raw/a.csv", "id\n1\n3\n")
    assert set(project.plan().values()) == {"skip"}
    assert set(project.plan("--exact").values()) == {"run"}
    project.write("raw/a.csv", "id\n1\n2\n")
    assert project.build("--exact").skipped == {"counted", "measured"}


def test_plan_shows_what_probes_tell_and_which_tell_nothing(project):
    project.mlfile(TOLD)
    project.write("told", "5")
    project.build()
    assert "ingest  revalidated: probe of the source is what it was: 5\n" in project("plan", "--all").out
    project.write("fail", "")
    said = project("plan")
    assert (said.code, said.out) == (1, "1 cannot be judged\n")


def test_a_build_asks_probes_side_by_side(project):
    project.mlfile("""
        [target.t]
        probe = { run = "touch at-{n}; until test -e at-1 -a -e at-2; do sleep 0.01; done; echo 3", timeout = "9s" }
        run = "date > {outputs}"
        outputs = ["build/{n}"]
        matrix = { n = [1, 2] }
        """)
    project.write("at-1", "")
    project.write("at-2", "")
    assert len(project.build().ran) == 2
    for name in ("at-1", "at-2"):
        (project.root / name).unlink()
    assert len(project.build().skipped) == 2


def test_after_accept_with_a_good_probe_nothing_runs(project):
    project.mlfile(TOLD)
    project.write("told", "3")
    project.write("build/out", "by hand")
    assert project("accept", "ingest").code == 0
    assert project.build().skipped == {"ingest"}
    project.write("told", "4")
    assert project.plan() == {"ingest": "run"}


@pytest.mark.parametrize("command", ["build", "plan"])
def test_ctrl_c_while_a_probe_hangs_ends_mlmake_and_the_probe(project, command):
    project.mlfile("""
        [target.ingest]
        probe = { run = "echo $$ > pid; trap '' TERM INT; test ! -e hang || { touch hanging; sleep 300; }; echo 3" }
        run = "date > {outputs}"
        outputs = ["build/out"]
        """)
    project.build()
    project.write("hang", "")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlmake", command], cwd=project.root, stderr=subprocess.PIPE, start_new_session=True
    )
    while not (project.root / "hanging").exists():
        assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    try:
        state = Path(f"/proc/{project.read('pid').strip()}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        state = "gone"
    assert state in ("gone", "Z")
    (project.root / "hang").unlink()
    assert "failed" not in project("status").out
    assert project.build().skipped == {"ingest"}


def test_a_folder_without_its_mark_is_refused(project):
    project.mlfile("""
        [target.ingest]
        source = "data/"
        ready = "_SUCCESS"
        run = "cat data/*.csv > {outputs}"
        outputs = ["build/all.csv"]
        """)
    project.write("data/a.csv", "a")
    built = project.build(code=1)
    assert "the source data/ is not complete: it has no _SUCCESS yet" in built.detail("ingest")
    project.write("data/_SUCCESS", "")
    assert project.build().ran == {"ingest"}
    (project.root / "data/_SUCCESS").unlink()
    assert project("plan").code == 1


def test_credentials_are_in_no_record(project):
    project.mlfile("""
        [target.ingest]
        source = "http://me:hush1@127.0.0.1:9/a?token=hush2"
        probe = { run = "echo 3" }
        run = "true {source}; date > {outputs}"
        outputs = ["build/out"]
        """)
    project.build()
    assert project.build().skipped == {"ingest"}
    said = [project("why", "ingest"), project("plan", "--all", "--json"), project("runs"), project("status")]
    for folder, _, files in os.walk(project.root / ".mlmake"):
        said += [open(os.path.join(folder, file), "rb").read() for file in files]  # noqa: SIM115 - small
    assert not [one for one in said if "hush" in str(one)]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
def test_within_its_window_a_source_of_100_000_files_is_not_even_looked_at(project):
    project.mlfile("""
        [target.ingest]
        source = ["data/raw/", "data/raw/**/*.csv"]
        fresh_for = "14d"
        probe = "records"
        significant = "10%"
        run = "cat data/raw/7/7.csv > {outputs}"
        outputs = ["build/out"]
        [target.train]
        inputs = [":ingest"]
        run = "cp {inputs} {outputs}"
        outputs = ["build/model"]
        """)
    for folder in range(100):
        place = project.root / f"data/raw/{folder}"
        place.mkdir(parents=True)
        for file in range(1000):
            (place / f"{file}.csv").write_bytes(b"id\n1\n")
    assert project.build("ingest", "train").ran == {"ingest", "train"}
    for words in (["build"], ["plan"], ["status"], ["why", "ingest"], ["build", "train"]):
        trace = project.root / "trace"
        argv = ["strace", "-f", "-qq", "-e", "trace=%file,%desc", "-s", "400", "-o", trace]
        done = subprocess.run(
            [*argv, sys.executable, "-m", "mlmake", *words], cwd=project.root, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        calls = trace.read_text(errors="replace").splitlines()
        assert len(calls) > 100
        assert [call for call in calls if "data/raw" in call and "write" not in call and "read(" not in call] == []
    calls = subprocess.run([*argv, sys.executable, "-m", "mlmake", "plan", "--exact"], cwd=project.root, check=True)
    assert "data/raw" in trace.read_text(errors="replace")
