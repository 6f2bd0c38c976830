"""Probes as they are written: names, arguments, identity, and every mistake."""

import pytest
from graphs import graph_of, problems_of

from mlmake.model.command import Argv, Call, Shell
from mlmake.model.validity import Remote

MODULES = {"shop": "def rows(source, k, limit=3, **rest): ...\ndef all(matrix, params): ...\ndef bad(inputs): ...\n"}


def target(lines, name="t"):
    return f'[params]\nlimit = 5\n[params.model]\nlr = 0.1\n[target.{name}]\nrun = "x"\noutputs = ["o"]\n{lines}\n'


def probe_of(lines):
    return graph_of(target(lines), modules=MODULES).actions["t"].policy.validity.probe


@pytest.mark.parametrize("measure", ["files", "bytes", "lines", "records"])
def test_built_in_measures(measure):
    probe = probe_of(f'source = "d/"\nprobe = "{measure}"')
    assert (probe.measure, probe.command, probe.timeout) == (measure, None, 60)


def test_the_name_of_a_measure_may_be_a_matrix_key():
    text = (
        '[target.t]\nrun = "x"\nsource = "d/"\nprobe = "{k}"\noutputs = ["o-{k}"]\nmatrix = { k = ["files", "bytes"] }'
    )
    actions = graph_of(text).actions
    assert [a.policy.validity.probe.measure for a in actions.values()] == ["files", "bytes"]
    [problem] = problems_of(text.replace('"bytes"]', '"byte"]'))
    assert problem[0].endswith('`probe` must be "files", "bytes", "lines" or "records", not "byte"')


def test_commands():
    assert probe_of('probe = { run = "echo {params.limit}", timeout = "5s" }').command == Shell("echo {params.limit}")
    assert probe_of('probe = { run = ["echo", "{root}"] }').command == Argv(("echo", "{root}"))
    call = probe_of('source = "d/"\nprobe = { call = "shop:all" }').command
    assert call == Call("shop", "all", ("matrix", "params"))


def test_a_probe_has_the_parameters_it_uses():
    assert probe_of('probe = { run = "echo {params.model.lr} {params.limit}" }').params == {"model.lr": 0.1, "limit": 5}
    text = '[params]\nlimit = 5\n[target.t]\nrun = "x"\noutputs = ["o-{k}"]\nsource = "d/"\n'
    text += 'matrix = { k = [1], z = [2] }\nprobe = { call = "shop:rows" }'
    probe = graph_of(text, modules=MODULES).actions["t@k=1,z=2"].policy.validity.probe
    assert (probe.command.arguments, probe.params) == (("source", "k", "limit", "z"), {"limit": 5})


def test_what_a_probe_uses_is_no_recipe():
    recipes = {
        graph_of(target(lines), modules=MODULES).actions["t"].recipe
        for lines in (
            'source = "d/"',
            'source = "d/"\nprobe = "files"',
            'source = "d/"\nprobe = { run = "{params.limit}" }',
        )
    }
    assert len(recipes) == 1


def test_another_way_of_measuring_is_another_probe():
    lines = 'probe = { run = "echo {params.limit}", timeout = "5s" }'
    first = probe_of(lines).identity
    assert probe_of(lines.replace("5s", "6s")).identity == first
    assert probe_of(lines.replace("echo", "cat")).identity != first
    other = graph_of(target(lines).replace("limit = 5", "limit = 6")).actions["t"].policy.validity.probe
    assert other.identity != first


def test_urls_are_sources_and_other_schemes_are_not_yet():
    [source] = [graph_of(target('source = "https://example.org/{target}.csv"')).actions["t"].policy.validity.source]
    assert (source.items, source.many) == ((Remote("https://example.org/t.csv"),), False)
    [problem] = problems_of(target('source = "s3://bucket/a"'))
    assert "a source behind s3:// is not yet built" in problem[0]


@pytest.mark.parametrize(
    ("lines", "says", "hint"),
    [
        ('probe = { run = "echo {parms.limit}" }', "unknown name {parms.limit}", "did you mean {params}?"),
        ('probe = { run = "echo {params.limt}" }', "unknown name {params.limt}: params has no limt", "{params.limit}?"),
        ('probe = { run = "echo {inputs}" }', "unknown name {inputs}", "cannot be used here"),
        ('probe = { run = ["echo", "{source}"] }', "unknown name {source}", "cannot be used here"),
        ("""probe = { run = "echo '{params.limit}'" }""", "is inside single quotes", "take the quotes away"),
        ('probe = { call = "shop:row" }', "shop.py has no function row", "did you mean rows?"),
        ('probe = { call = "shp:rows" }', "there is no module shp", "looked for shp.py"),
        (
            'source = "d/"\nprobe = { call = "shop:rows" }',
            "shop:rows asks for k, which nothing offers",
            "on offer: source",
        ),
        (
            'probe = { call = "shop:bad" }',
            "shop:bad asks for inputs, which nothing offers",
            "on offer: limit, model, matrix",
        ),
        ('probe = "{params.limit}"\nsource = "d/"', "`probe` must be", None),
    ],
)
def test_mistakes(lines, says, hint):
    [problem] = problems_of(target(lines), modules=MODULES)
    assert says in problem[0]
    assert hint is None or hint in problem[1]
