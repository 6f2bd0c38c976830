import datetime
import math

import pytest

from mlmake.mlfile.document import load_document
from mlmake.mlfile.parameters import Origin, merge_parameters, read_as
from mlmake.mlfile.problems import render

MLFILE = """[project]
params = ["params.yaml", "more.json"]

[params]
seed = 7
model = { lr = 1e-3, name = "small", layers = [1, 2], on = true }
day = 2026-01-31
"""
FILES = {
    "Mlfile": MLFILE,
    "params.yaml": "seed: 1\nmodel:\n  lr: 0.5\n  width: 8\n",
    "more.json": '{"extra": null, "model": {"width": 16}}',
    "over.toml": 'seed = 9\n[model]\nname = "big"\n',
}


def merge(*settings, files=FILES, extra=None):
    def read(path):
        data = files.get(path)
        return data.encode() if isinstance(data, str) else data

    document, problems = load_document(read, "Mlfile")
    assert problems == ()
    parameters, problems = merge_parameters(document, read, settings=settings, extra_file=extra)
    return parameters, render(problems, {**document.texts, **parameters.texts})


def test_later_ones_win_and_tables_are_merged():
    parameters, said = merge()
    assert said == ""
    assert parameters.values == {
        "seed": 7,
        "model": {"lr": 0.001, "width": 16, "name": "small", "layers": [1, 2], "on": True},
        "extra": None,
        "day": datetime.date(2026, 1, 31),
    }


def test_a_file_of_the_command_line_is_above_and_settings_on_top():
    parameters, said = merge("seed=10", extra="over.toml")
    assert said == ""
    assert (parameters.get("seed"), parameters.get("model.name"), parameters.get("model.lr")) == (10, "big", 0.001)


def test_each_value_knows_what_set_it():
    parameters, _ = merge("model.on=false", extra="over.toml")
    assert dict(parameters.origins) == {
        "seed": Origin("over.toml", ("seed",)),
        "model.lr": Origin("Mlfile", ("params", "model", "lr")),
        "model.width": Origin("more.json"),
        "model.name": Origin("over.toml", ("model", "name")),
        "model.layers": Origin("Mlfile", ("params", "model", "layers")),
        "model.on": Origin("--set model.on=false"),
        "extra": Origin("more.json"),
        "day": Origin("Mlfile", ("params", "day")),
    }
    assert parameters.place("model.lr") == ("Mlfile", (6, 16))
    assert parameters.place("model.name") == ("over.toml", (3, 8))
    assert parameters.place("model.width") == ("more.json", None)
    assert parameters.place("model.on") == ("--set model.on=false", None)


def test_values_are_found_by_dotted_names():
    parameters, _ = merge()
    assert list(parameters.names()) == [
        "seed", "model", "model.lr", "model.width", "model.name", "model.layers", "model.on", "extra", "day",
    ]  # fmt: skip
    assert parameters.get("model.layers") == [1, 2]
    for name in ("mode", "model.lr.x", "model.", ""):
        with pytest.raises(LookupError):
            parameters.get(name)


@pytest.mark.parametrize(
    ("like", "text", "value"),
    [
        ("x", "1.10", "1.10"),
        ("x", "007", "007"),
        ("x", " a=b ", " a=b "),
        ("x", "", ""),
        (1, "7", 7),
        (1, "-1_000", -1000),
        (1, "0xff", 255),
        (1.0, "3", 3.0),
        (1.0, "1e-3", 0.001),
        (1.0, ".5", 0.5),
        (1.0, "5.", 5.0),
        (1.0, "inf", math.inf),
        (True, "false", False),
        ([1], "[2, 'x']", [2, "x"]),
        ({"a": 1}, "{ b = 2 }", {"b": 2}),
        (datetime.date(2026, 1, 1), "2025-12-31", datetime.date(2025, 12, 31)),
        (datetime.time(1, 2), "07:30", datetime.time(7, 30)),
        (None, "3", 3),
        (None, "text", "text"),
    ],
)
def test_a_setting_is_read_as_the_type_there_is(like, text, value):
    read = read_as(like, text)
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("like", "text"),
    [
        (1, "1.5"),
        (1, "true"),
        (1, "007"),
        (1, ""),
        (1, "7 # seven"),
        (1, "7\nx = 1"),
        (1.0, "true"),
        (1.0, "fast"),
        (1.0, "1" + "0" * 400),
        (True, "False"),
        (True, "1"),
        ([1], "1"),
        ({"a": 1}, "[1]"),
        (datetime.date(2026, 1, 1), "2025-12-31T00:00:00"),
        (datetime.datetime(2026, 1, 1), "2025-12-31"),
    ],
)
def test_a_setting_of_another_type_is_refused(like, text):
    with pytest.raises(ValueError):
        read_as(like, text)


def test_a_table_that_is_set_replaces_the_old_one():
    parameters, said = merge("model={ lr = 2 }")
    assert said == ""
    assert parameters.get("model") == {"lr": 2}
    assert [name for name in parameters.origins if name.startswith("model")] == ["model.lr"]


def test_whole_messages_of_settings():
    _, said = merge(
        "lrr=1", "model.on=False", "seed=1.5", "model=3", "model.layers=3", "seed", "=1", "seed.x=1", "sed=1"
    )
    assert said == (
        "--set =1: a value is missing\nhint: write --set NAME=VALUE\n\n"
        "--set lrr=1: there is no parameter `lrr`\nhint: did you mean `model.lr`?\n\n"
        '--set model.layers=3: `model.layers` is an array, "3" is none\n'
        'hint: an array is written [1, 2] or ["a", "b"]\n\n'
        '--set model.on=False: `model.on` is a boolean (now true), "False" is none\nhint: write true or false\n\n'
        '--set model=3: `model` is a table, "3" is none\n'
        "hint: set one of its values: model.lr=…; a whole table is written { a = 1 }\n\n"
        "--set sed=1: there is no parameter `sed`\nhint: did you mean `seed`?\n\n"
        "--set seed: a value is missing\nhint: write --set NAME=VALUE\n\n"
        "--set seed.x=1: there is no parameter `seed.x`\nhint: did you mean `seed`?\n\n"
        '--set seed=1.5: `seed` is an integer (now 7), "1.5" is none\n'
    )


def test_files_that_are_missing_or_broken():
    files = {
        "Mlfile": '[project]\nparams = ["gone.yaml", "p.ini", "a.json", "b.yaml", "c.toml", "d.yaml"]\n',
        "p.ini": "x",
        "a.json": '{"a": 1,\n "b" 2}',
        "b.yaml": "a: 1\nb: [1\n",
        "c.toml": "a = \n",
        "d.yaml": "- 1\n",
    }
    _, said = merge(files=files, extra="none.toml")
    assert said == (
        "--params none.toml: there is no file `none.toml`\n\n"
        "Mlfile:2:11: there is no file `gone.yaml`\n"
        '    params = ["gone.yaml", "p.ini", "a.json", "b.yaml", "c.toml", "d.yaml"]\n              ^\n'
        "hint: its path starts at the folder of this Mlfile\n\n"
        "p.ini: `p.ini` is no kind of parameter file that is known\n"
        "hint: its name must end in .toml, .json, .yaml or .yml\n\n"
        "a.json:2:6: `a.json` cannot be read: expecting ':' delimiter\n     \"b\" 2}\n         ^\n\n"
        "b.yaml:3:1: `b.yaml` cannot be read: did not find expected ',' or ']'\n\n    ^\n\n"
        "c.toml:1:5: a value is missing\n    a =\n        ^\n"
        'hint: a value is "text", 1, 1.5, true, a date, [ … ] or { … }\n\n'
        "d.yaml: `d.yaml` must hold names with values, not an array\n"
    )
