"""Mlfiles that would destroy something: refused before anything is written."""

import os

import pytest
from aftermath import Project

STEP = "[target.{name}]\ninputs = {inputs}\noutputs = {outputs}\nrun = 'echo bad > {path}; touch PWNED'\n"


def targets(*steps):
    return "".join(STEP.format(name=name, inputs=inputs, outputs=outputs, path="x") for name, inputs, outputs in steps)


CASES = [
    ("31 cycle", targets(("a", "[':b']", "['a.out']"), ("b", "[':a']", "['b.out']")), ["cycle", "a → b → a"]),
    ("31 by paths", targets(("a", "['b.out']", "['a.out']"), ("b", "['a.out']", "['b.out']")), ["cycle", "a", "b"]),
    ("31 itself", targets(("a", "[':a']", "['a.out']")), ["a"]),
    ("31 its own output", targets(("a", "['a.out']", "['a.out']")), ["a.out"]),
    ("32 the same", targets(("a", "[]", "['o']"), ("b", "[]", "['o']")), ["o", "a", "b"]),
    ("32 spelt otherwise", targets(("a", "[]", "['o/x']"), ("b", "[]", "['./o//x']")), ["o/x", "a", "b"]),
    ("32 nested", targets(("a", "[]", "['o/']"), ("b", "[]", "['o/x']")), ["o/", "o/x", "a", "b"]),
    ("33 an input", targets(("a", "[]", "['in']"), ("b", "['in']", "['o']")).replace("['in']\nrun", "['data/in']\nrun"),
     ["data/in"]),
    ("33 a source", "[target.a]\nsource = 'data/'\noutputs = ['data/x']\nrun = 'true'\n", ["data/"]),
    ("33 the Mlfile", targets(("a", "[]", "['Mlfile']")), ["Mlfile"]),
    ("33 the state", targets(("a", "[]", "['.mlmake/state/data.mdb']")), [".mlmake"]),
    ("33 all state", targets(("a", "[]", "['.mlmake/']")), [".mlmake"]),
    ("33 the root", targets(("a", "[]", "['./']")), ["Mlfile:3"]),
    ("34 above", targets(("a", "[]", "['../../etc/x']")), ["../../etc/x"]),
    ("34 above by parts", targets(("a", "[]", "['o/../../x']")), ["leads out"]),
    ("34 absolute", targets(("a", "[]", "['/etc/x']")), ["/etc/x"]),
    ("34 home", targets(("a", "[]", "['~/x']")), ["~/x"]),
    ("34 NUL", targets(("a", "[]", '["a\\u0000b"]')), ["Mlfile:3"]),
    ("34 by a parameter", "[params]\np = '../../x'\n" + targets(("a", "[]", "['{params.p}']")), ["../../x"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "told"), CASES, ids=[case[0] for case in CASES])
def test_rows_31_to_34_what_would_destroy_is_refused(tmp_path, name, text, told):
    project = Project(tmp_path / "a" / "b" / "p")
    project.put("data/in", "mine")
    if name == "33 an input":
        text = targets(("a", "[]", "['data/in']"), ("b", "['data/']", "['o']"))
    project.put("Mlfile", text)
    before = sorted(tmp_path.rglob("*"))
    for words in (["build"], ["plan"], ["status"], ["check"]):
        said = project.run(*words)
        assert said.code == 2, said
        text = said.out + said.err
        assert text.startswith("Mlfile:"), text
        for part in told:
            assert part in text, text
    assert sorted(tmp_path.rglob("*")) == before, "nothing was written"
    project.is_untouched()
    project.put("Mlfile", targets(("a", "['data/']", "['x']")).replace("touch PWNED", "true"))
    project.heals()


def test_row_33_an_output_that_is_a_user_s_file_is_moved_not_lost(tmp_path):
    """Nobody said that this file was an input: it is put back if the step fails."""
    project = Project(tmp_path / "p")
    project.put("Mlfile", "[target.a]\noutputs = ['notes']\nrun = 'echo half > notes; exit 1'\n")
    project.put("notes", "mine")
    assert project.run().code == 1
    project.is_untouched()
    assert not os.listdir(project.state_dir / "aside") if (project.state_dir / "aside").exists() else True
