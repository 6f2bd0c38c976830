import jsonschema
import pytest
import tomli

from mlmake.mlfile.decode import decode
from mlmake.mlfile.jsonschema import mlfile_schema

GOOD = [
    "",
    '[project]\nname = "x"\ninclude = ["a"]\nshell = ["sh", "-c"]\n',
    "[params]\na = 1\nb = { c = [1, { d = 2 }] }\n",
    '[env]\nA = "1"\nB = 2\nC = true\nD = 0.5\n',
    '[cache]\ndir = "x"\nlink = "hardlink, copy"\nmax_size = "2 GiB"\nunused_for = "1d12h"\n',
    '[target.a]\nrun = "x"\ninputs = ["a"]\noutputs = { b = "c" }\ntimeout = "{params.t}"\nretries = 3\n',
    '[target.a]\nrun = ["x", "y"]\ninputs = { a = "x", b = ["y", "z"] }\nenv = ["HOME"]\nkeep = ["m"]\ntrack = []\n',
    '[target.a]\nretries = { times = 2, delay = "1s", backoff = 1 }\nwait = 3\nresources = { cpus = 1.5 }\n',
    '[target.a]\nselect = { by = "x", top = 2, order = "min", min = 1, max = 2.5 }\nmanual = true\n',
    "[target.a.matrix]\nx = [1, 2]\ny = { param = 'p' }\n",
    "[target.a]\nmatrix = [{ x = [1] }, { y = ['z'] }]\n[target.b]\nmatrix = ':a'\n",
    '[target.a]\nprobe = { run = "x" }\nsignificant = { rows = "10%", cols = 2 }\n[target.b]\nprobe = "files"\n',
    '[serve.s]\nmodels = [":a", ":b"]\nbatch = { max_rows = 3 }\ninputs = [{ name = "x" }]\n',
    '[serve.s]\nmodels = ":a"\nbatch = false\n',
]
BAD = [
    "nonsense = 1\n",
    "[nonsense]\n",
    "[project]\nname = 1\n",
    '[project]\nnmae = "x"\n',
    "[project]\nshell = []\n",
    "target = 3\n",
    '[target."a b"]\nrun = "x"\n',
    "[target.1a]\n",
    "[target.a]\nrun = 3\n",
    "[target.a]\nrun = []\n",
    "[target.a]\ninputs = [1]\n",
    "[target.a]\noutputs = { x = ['y'] }\n",
    '[target.a]\non_error = "explode"\n',
    "[target.a]\nretries = -1\n",
    "[target.a]\nretries = { delay = '1s' }\n",
    "[target.a]\nretries = { times = 1, backoff = 0.5 }\n",
    "[target.a]\nselect = { top = 1 }\n",
    "[target.a]\nselect = { by = 'x', top = 0 }\n",
    "[target.a]\nselect = { by = 'x', order = 'up' }\n",
    "[target.a]\nwait = 0\n",
    "[target.a]\nkeep = 1\n",
    "[target.a]\ntrack = ['nothing']\n",
    "[target.a]\nmanual = 'yes'\n",
    "[target.a]\nsandbox = 'loose'\n",
    "[target.a]\ntimeout = 5\n",
    "[target.a.matrix]\nx = 1\n",
    "[env]\nA = []\n",
    "[resources]\nlicence = true\n",
    "[serve.s]\n",
    "[serve.s]\nmodels = []\n",
    "[serve.s]\nmodels = ':a'\nbatch = { max_rows = 0 }\n",
]
VALIDATOR = jsonschema.Draft202012Validator(mlfile_schema())


def test_it_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(mlfile_schema())


@pytest.mark.parametrize("text", GOOD)
def test_both_take_what_is_right(text):
    assert decode(text, "Mlfile")[1] == ()
    assert [error.message for error in VALIDATOR.iter_errors(tomli.loads(text))] == []


@pytest.mark.parametrize("text", BAD)
def test_both_refuse_what_is_wrong(text):
    assert decode(text, "Mlfile")[1]
    assert list(VALIDATOR.iter_errors(tomli.loads(text)))


@pytest.mark.parametrize(
    "text", ["[target.a]\ntimeout = 'soon'\n", "[target.a]\ncall = 'run'\n", "[cache]\nlink = 'x'\n"]
)
def test_the_schema_knows_the_form_of_texts_for_editors(text):
    assert list(VALIDATOR.iter_errors(tomli.loads(text)))


def test_every_key_has_a_description():
    for name, table in mlfile_schema()["$defs"].items():
        for key, value in table["properties"].items():
            assert value.get("description"), (name, key)
