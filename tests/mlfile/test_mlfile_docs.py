import re
from pathlib import Path

import msgspec
import pytest

from mlmake.mlfile.decode import decode
from mlmake.mlfile.problems import render
from mlmake.mlfile.schema import (
    BatchTable,
    CacheTable,
    MlfileTable,
    ProbeTable,
    ProjectTable,
    RetriesTable,
    SelectTable,
    ServeTable,
    TargetTable,
    says,
)

PAGE = (Path(__file__).parents[2] / "docs" / "mlfile.md").read_text(encoding="utf-8")
SECTIONS = {
    "[project]": ProjectTable,
    "[cache]": CacheTable,
    "[target.NAME]": TargetTable,
    "select": SelectTable,
    "retries": RetriesTable,
    "probe": ProbeTable,
    "[serve.NAME]": ServeTable,
    "batch": BatchTable,
}


def rows(heading):
    part = re.split(rf"^#+ {re.escape(heading)}$", PAGE, flags=re.MULTILINE)[1]
    part = re.split(r"^#", part, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` (\|.*)$", part, flags=re.MULTILINE))


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_is_documented_and_no_other(heading):
    assert set(rows(heading)) == {field.name for field in msgspec.structs.fields(SECTIONS[heading])}


@pytest.mark.parametrize("heading", SECTIONS)
def test_what_is_not_built_is_said_in_both_places(heading):
    described = msgspec.json.schema(SECTIONS[heading])["$defs"][SECTIONS[heading].__name__]["properties"]
    whole_section = heading in ("probe", "batch")
    for key, text in rows(heading).items():
        if not whole_section:
            marked = "not yet built" in described[key]["description"].lower()
            # `resources` mentions gpus, which is a name inside it
            assert marked == ("**not yet**" in text) or key == "resources", key


def test_every_top_table_has_a_heading():
    for field in msgspec.structs.fields(MlfileTable):
        assert re.search(rf"^## \[{field.name}(\.NAME)?\]$", PAGE, flags=re.MULTILINE), field.name


def test_the_shown_messages_are_what_is_said():
    shown = re.search(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)[1]
    text = '[target.train]\nrun = "x"\n\ntimeout = 30\notputs = ["model.joblib"]\n'
    _, problems = decode(text, "Mlfile")
    assert render(problems, {"Mlfile": text}) == shown


def test_a_description_says_that_it_is_not_built():
    assert says("What.", "a string", notyet=True).description == "What. (Not yet built.)"
