import datetime
import math

import pytest

from mlmake.mlfile.paramfile import read_parameters


def values(text, name="params.yaml"):
    read, _, problems = read_parameters(text.encode(), name)
    assert problems == ()
    return read


def said(text, name="params.yaml"):
    read, _, problems = read_parameters(text.encode(), name)
    assert read is None
    return [problem.what for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("7", 7),
        ("007", 7),
        ("-7", -7),
        ("0o17", 15),
        ("0xff", 255),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("nul", "nul"),
        ("1.2.3", "1.2.3"),
        ("2026-01-31", datetime.date(2026, 1, 31)),
        ("'2026-01-31'", "2026-01-31"),
        ("[1, a]", [1, "a"]),
        ("{a: 1.5}", {"a": 1.5}),
    ],
)
def test_yaml_is_read_by_the_rules_of_1_2(text, value):
    read = values(f"x: {text}\n")["x"]
    assert (type(read), read) == (type(value), value)


def test_aliases_and_merges_are_known():
    text = "base: &b {lr: 1, on: 2}\nfast:\n  <<: *b\n  lr: 3\n"
    assert values(text)["fast"] == {"lr": 3, "on": 2}


def test_an_empty_file_has_no_parameters():
    assert values("") == {}
    assert values("# nothing\n") == {}
    assert values("", "p.toml") == {}


def test_keys_that_are_there_twice():
    assert said("a: 1\nb: {c: 1, c: 2}\n") == ["`params.yaml` cannot be read: `c` is set twice"]
    assert said('{"a": {"b": 1, "b": 2}}', "p.json") == ["`p.json` cannot be read: `b` is set twice"]
    assert said("a = 1\na = 2\n", "p.toml") == ["`a` is set twice"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1: x\n", "a parameter's name must be text, not 1"),
        ("a.b: 1\n", 'a parameter cannot be named "a.b": the dot stands between a table and its values'),
        ("x: !!set {a}\n", "parameter `x` cannot be a set"),
        ("x: !!binary aGk=\n", "parameter `x` cannot be a bytes"),
    ],
)
def test_what_no_parameter_can_be(text, what):
    assert said(text) == [what]


def test_no_code_runs():
    assert said("x: !!python/object/apply:os.system [exit]\n")[0].startswith("`params.yaml` cannot be read: could not")


def test_half_a_character():
    assert said('{"a": "\\ud800"}', "p.json") == ["parameter `a` has half a character (a lone surrogate)"]


def test_the_null_character():
    assert said('{"a": "\\u0000"}', "p.json") == ["parameter `a` holds the character U+0000"]


def test_values_inside_arrays_may_have_any_names():
    assert values("x: [{a.b: 1}]\n") == {"x": [{"a.b": 1}]}


def test_bombs_are_refused():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30))
    assert said(bomb) == ["arrays and tables are nested more than 32 deep here"]
    assert said("a: &a [*a]\n") == ["arrays and tables are nested more than 32 deep here"]
    assert said('{"a": ' + "[" * 100_000, "p.json") == ["arrays and tables are nested more than 32 deep here"]
    assert said("a: " + "[" * 40 + "]" * 40) == ["arrays and tables are nested more than 32 deep here"]


def test_numbers_too_long_to_be_read():
    assert said('{"a": ' + "1" * 5000 + "}", "p.json") == ["`p.json` cannot be read: a number is too long to be read"]
    assert said("a: " + "1" * 5000)[0].startswith("`params.yaml` cannot be read: a value is out of range")


def test_the_suffix_says_the_kind():
    assert values('{"a": 1}', "P.JSON") == {"a": 1}
    assert values("a: 1", "x.yml") == {"a": 1}
    assert said("a = 1", "params") == ["`params` is no kind of parameter file that is known"]
