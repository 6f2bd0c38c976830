"""Inputs that change, pretend and cannot be read, and names and values of every kind, through the command."""

import json
import os
import shutil
import stat
import time

import pytest
from aftermath import Project, end, needs, of_all_kinds, wait_for

COPY = """
[target.copy]
inputs = ["in.txt", "late"]
outputs = ["out/copy"]
run = "bash late; cp in.txt out/copy"
[target.next]
inputs = [":copy"]
outputs = ["out/next"]
run = "cat {inputs} > {outputs}"
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path / "p").write(Mlfile=COPY, in_txt="one\n")
    project.put("late", "true\n")
    project.build()
    return project


@pytest.mark.parametrize("back", [False, True])
def test_row_13_an_input_that_changes_meanwhile_disturbs_its_step(project, tmp_path, back):
    kept = project.objects()
    project.put("late", f"touch {tmp_path}/runs; while test -e {tmp_path}/runs; do sleep 0.01; done\n")
    build = project.start("build", "--json")
    wait_for((tmp_path / "runs").exists)
    project.put("in.txt", "two\n")
    (tmp_path / "runs").unlink()
    said = end(build)
    assert said.code == 1 and said.outcomes() == {"copy": "disturbed", "next": "blocked"}
    project.put("late", "true\n")
    if back:
        project.put("in.txt", "one\n")
    shown = project.run("plan", "--json")
    assert json.loads(shown.out)["targets"][0]["decision"] == ("restore" if back else "run"), shown.out
    assert project.heals(kept=kept).outcomes()["copy"] == ("restored" if back else "ran")


def test_row_13_the_file_is_named(project, tmp_path):
    project.put("late", "echo two > in.txt\n")
    said = project.run("build", "next")
    assert said.code == 1 and "in.txt changed while it ran: its outputs are not remembered" in said.err, said.err
    project.put("in.txt", "one\n")
    project.put("late", "true\n")
    project.heals()


@pytest.mark.parametrize("same_inode", [False, True])
def test_row_14_a_quick_edit_of_the_same_size_is_seen(project, same_inode):
    place = project.root / "in.txt"
    for turn in range(5):
        old = place.stat()
        text = f"t{turn}o\n"
        if same_inode:
            place.write_text(text)
            project.mine["in.txt"] = text.encode()
        else:
            project.put("in.txt", text)
        os.utime(place, ns=(old.st_atime_ns, old.st_mtime_ns))
        said = project.build()
        assert said.outcomes()["copy"] == "ran"
        assert (project.root / "out/next").read_text() == text
    project.heals()


def test_row_15_the_content_decides_and_not_the_time(project):
    place = project.root / "in.txt"
    os.utime(place, (978_307_200, 978_307_200))
    assert project.heals().summary["ran"] == 0
    project.put("in.txt", "two\n")
    os.utime(place, (946_684_800, 946_684_800))
    assert project.heals().summary["ran"] == 2
    project.put("in.txt", "one\n")
    os.utime(place, (946_684_800, 946_684_800))
    healed = project.heals().summary
    assert (healed["ran"], healed["restored"]) == (0, 2)


def test_row_16_a_touch_runs_nothing(project):
    for path in ("in.txt", "late", "Mlfile", "out/copy", "out/next"):
        os.utime(project.root / path)
    assert project.heals().summary["ran"] == 0
    shutil.copy(project.root / "in.txt", project.root / "in.tmp")
    os.replace(project.root / "in.tmp", project.root / "in.txt")
    assert project.heals().summary["ran"] == 0


def test_row_19_a_time_in_the_future_runs_nothing_twice(project):
    project.put("in.txt", "two\n")
    later = time.time() + 365 * 86400
    for path in ("in.txt", "Mlfile"):
        os.utime(project.root / path, (later, later))
    assert project.heals().summary["ran"] == 2
    project.put("in.txt", "six\n")
    os.utime(project.root / "in.txt", (later, later))
    assert project.heals().summary["ran"] == 2, "the same time and size tell nothing"


@needs("faketime")
def test_clocks_may_jump(project):
    """Nothing here asks a clock, so no jump may run or hide anything."""
    for jump, text in (("-1d", "two\n"), ("+10y", "six\n"), ("-3y", "ten\n")):
        clock = ("faketime", "-f", jump)
        project.put("in.txt", text)
        said = project.build(wrap=clock, env={"NO_FAKE_STAT": "1"})
        assert said.summary["ran"] == 2
        assert project.build(wrap=clock, env={"NO_FAKE_STAT": "1"}).summary["ran"] == 0
        assert project.heals().summary["ran"] == 0


def bound_by_modes():
    """The words that run a command for which the modes of files hold, though root runs the tests."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv to be somebody without root's rights")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")


@pytest.mark.parametrize("built", [False, True])
def test_row_38_a_project_that_may_only_be_read_can_be_asked(tmp_path, built):
    project = of_all_kinds(tmp_path / "p")
    if built:
        project.build()
        project.put("data/three.txt", "x\n")
    project.wrap = bound_by_modes()
    modes = {}
    for folder, _, _ in os.walk(project.root):
        modes[folder] = stat.S_IMODE(os.stat(folder).st_mode)
        os.chmod(folder, 0o500)
    before = project.files()
    for words in (["plan"], ["status"], ["why", "best"], ["plan", "--json"], ["list"], ["path", "best"], ["check"]):
        said = project.run(*words)
        assert (said.code, said.err) == (0, ""), (words, said)
    assert project.run("plan", "--check").code == 3
    said = project.run("build")
    assert said.code == 4 and "ermission" in said.err and str(project.root) in said.err, said
    assert len(said.err.splitlines()) <= 2, said.err
    assert project.files() == before
    for folder, mode in modes.items():
        os.chmod(folder, mode)
    project.wrap = ()
    project.heals()


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_row_38_a_store_that_may_only_be_read_costs_one_warning(tmp_path, mode):
    project = of_all_kinds(tmp_path / "p")
    store = tmp_path / "store"
    store.mkdir()
    project.env["MLMAKE_CACHE_DIR"] = str(store)
    wrap = bound_by_modes()
    os.chmod(store, mode)
    said = project.run("build", wrap=wrap)
    assert said.code == 0, said.err
    assert said.err.count("no permission to write in") == said.err.count("warning") == 1, said
    assert project.run("build", wrap=wrap).code == 0
    os.chmod(store, 0o755)
    assert list(store.iterdir()) == []
    project.heals()


def test_row_39_an_unreadable_input_is_named_and_others_go_on(tmp_path):
    project = Project(tmp_path / "p").write(
        Mlfile="[target.a]\ninputs = ['secret']\noutputs = ['out/a']\nrun = 'cat secret > out/a'\n"
        "[target.b]\ninputs = ['open']\noutputs = ['out/b']\nrun = 'cat open > out/b'\n"
    )
    project.put("secret", "s")
    project.put("open", "o")
    wrap = bound_by_modes()
    os.chmod(project.root / "secret", 0o000)
    for words in (["build", "-k"], ["build", "-k", "--rehash"]):
        said = project.run(*words, wrap=wrap)
        assert said.code == 1 and f"{project.root}/secret: Permission denied" in said.err, said
        assert (project.root / "out/b").read_text() == "o"
    for words in (["plan"], ["status"], ["why", "a"]):
        said = project.run(*words, wrap=wrap)
        assert "secret" in said.err + said.out, (words, said)
    os.chmod(project.root / "secret", 0o644)
    project.heals()


NAMES = [
    "a b", "a\nb", "'\"", "$(touch PWNED)", "`touch PWNED`", ";touch PWNED;", "-rf", "--help", "é😀", "n" * 255, "*",
    "~", "{a}", "a=b,c", "#", "%", "\\", "\t", "\x1b[31m",
]  # fmt: skip
ANY = """
[target.all]
inputs = { data = "data/" }
outputs = { list = "out/list", copies = "out/copies/" }
run = "mkdir {outputs.copies}; ls -A {inputs.data} | wc -l > {outputs.list}; cp -r {inputs.data}. {outputs.copies}"
"""


def named_project(root, names):
    project = Project(root).write(Mlfile=ANY)
    for name in names:
        project.put(f"data/{name}", name.encode("utf-8", "surrogateescape"))
    return project


def test_row_40_names_of_all_kinds(tmp_path):
    deep = "/".join(["d" * 200] * 3)
    project = named_project(tmp_path / "p", [*NAMES, f"{deep}/f"])
    project.build()
    assert not list(project.root.rglob("PWNED"))
    for words in (["status"], ["plan", "--json"], ["why", "all"], ["list", "--all"], ["graph", "--expand"]):
        assert project.run(*words).code == 0, words
    shutil.rmtree(project.root / "out")
    assert project.heals().summary["ran"] == 0
    project.put("data/a\nb", "new")
    project.heals()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "*"])
def test_row_40_outputs_of_all_names(tmp_path, name):
    quoted = json.dumps(name.replace("{", "{{").replace("}", "}}"), ensure_ascii=False)
    if name == "~":
        quoted = '"./~"'
    project = Project(tmp_path / "p").write(
        Mlfile=f"[target.t]\noutputs = {{ o = {quoted} }}\nrun = 'echo x > ./{{outputs.o}}'\n"
        f"[target.u]\ninputs = [':t']\noutputs = ['u']\nrun = 'cat -- {{inputs}} > u'\n"
    )
    project.heals()
    assert not (project.root / "PWNED").exists()


def test_row_41_names_that_are_no_utf_8(tmp_path):
    project = Project(tmp_path / "p").write(Mlfile=ANY)
    for name in ("\udcff", "a\udcfe"):
        project.put(f"data/{name}", b"x")
    said = project.build("-v")
    assert said.summary["ran"] == 1
    for words in (["plan", "--json", "--all"], ["status", "--json"]):
        shown = project.run(*words)
        assert shown.code == 0
        json.loads(shown.out)
    for words in (["plan", "--all"], ["status"], ["why", "all"], ["list", "--all"], ["path", "all"]):
        shown = project.run(*words)
        assert shown.code == 0, shown
    project.heals()
    project.put("data/\udcff", b"y")
    shown = project.run("plan")
    assert shown.code == 0 and "\udcff" not in shown.out
    project.heals()


def test_row_42_values_are_no_code(tmp_path):
    project = Project(tmp_path / "p").write(
        Mlfile="[params]\np = 'x'\n[target.t]\noutputs = ['out']\nrun = 'echo {params.p} > out'\n"
        "[target.v]\noutputs = ['argv']\nrun = ['cp', '--', '{params.p}', 'argv']\non_error = 'continue'\n"
    )
    for value in (
        "a; touch PWNED",
        "$(touch PWNED)",
        "`touch PWNED`",
        "a' ; touch PWNED; '",
        '"; touch PWNED',
        "a\ntouch PWNED",
    ):
        project.put(value.replace("/", "_"), "argv")
        said = project.run("build", "--set", f"p={value}")
        assert said.code == 0, said
        assert (project.root / "out").read_text() == value + "\n"
        assert (project.root / "argv").read_text() == "argv"
        assert not (project.root / "PWNED").exists()
    project.put("x", "argv")
    project.heals()
