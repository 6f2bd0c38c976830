from mlmake.mlfile.document import load_document
from mlmake.mlfile.problems import render


def load(files, name="Mlfile", version="0.1.0"):
    asked = []

    def read(path):
        asked.append(path)
        return files[path].encode() if path in files else None

    document, problems = load_document(read, name, version=version)
    return document, render(problems, document.texts if document else files), asked


def test_one_file():
    document, said, asked = load({"Mlfile": '[target.a]\nrun = "x"\n'})
    assert (said, asked) == ("", ["Mlfile"])
    assert list(document.table.target) == ["a"]
    assert document.file_of(("target", "a", "run")) == "Mlfile"
    assert document.broken == frozenset()


def test_included_files_are_joined_and_each_key_knows_its_file():
    document, said, asked = load(
        {
            "Mlfile": '[project]\ninclude = ["sub/./Mlfile", "b.toml"]\n[params.model]\nlr = 1\n[env]\nA = "1"\n'
            '[target.a]\nrun = "x"\n',
            "sub/Mlfile": '[params]\nseed = 7\n[params.model]\ndepth = 2\n[target.b]\nrun = "y"\n'
            "[resources]\nlicence = 2\n",
            "b.toml": '[env]\nB = "2"\n[serve.s]\nmodels = ":a"\n[params.model.deep]\nx = 1\n',
        }
    )
    assert said == ""
    assert asked == ["Mlfile", "sub/Mlfile", "b.toml"]
    assert list(document.table.target) == ["a", "b"]
    assert document.table.params == {"model": {"lr": 1, "depth": 2, "deep": {"x": 1}}, "seed": 7}
    assert document.table.env == {"A": "1", "B": "2"}
    assert document.table.resources == {"licence": 2}
    expected = {
        ("target", "a"): "Mlfile",
        ("target", "b", "run"): "sub/Mlfile",
        ("params", "model", "lr"): "Mlfile",
        ("serve", "s"): "b.toml",
        ("params", "model", "depth"): "sub/Mlfile",
        ("params", "model", "deep", "x"): "b.toml",
        ("project",): "Mlfile",
        ("env", "B"): "b.toml",
    }
    assert {where: document.file_of(where) for where in expected} == expected
    assert list(document.texts) == ["Mlfile", "sub/Mlfile", "b.toml"]


def test_a_key_set_twice_names_both_places():
    document, said, _ = load(
        {
            "Mlfile": '[project]\ninclude = ["x", "y"]\n[target.a]\nrun = "x"\n[params]\nm = { lr = 1 }\n',
            "x": '[env]\nE = 1\n[target.a]\nrun = "y"\n[params.m]\nlr = 2\n',
            "y": "[env]\nE = 2\n[params]\nm = 3\n",
        }
    )
    assert said == (
        "x:3:9: `target.a` is set twice\n    [target.a]\n            ^\n"
        "Mlfile:3:9: first here\n    [target.a]\n            ^\nhint: remove one of the two\n\n"
        "x:6:1: `params.m.lr` is set twice\n    lr = 2\n    ^\n"
        "Mlfile:6:7: first here\n    m = { lr = 1 }\n          ^\nhint: remove one of the two\n\n"
        "y:2:1: `env.E` is set twice\n    E = 2\n    ^\n"
        "x:2:1: first here\n    E = 1\n    ^\nhint: remove one of the two\n\n"
        "y:4:1: `params.m` is set twice\n    m = 3\n    ^\n"
        "Mlfile:6:1: first here\n    m = { lr = 1 }\n    ^\nhint: remove one of the two\n"
    )
    assert document.table.params == {"m": {"lr": 1}}


def test_files_are_missing_named_twice_or_include_more():
    document, said, asked = load(
        {
            "Mlfile": '[project]\ninclude = ["gone", "x", "./x", "Mlfile"]\n',
            "x": '[project]\ninclude = ["y"]\n',
        }
    )
    assert document is None
    assert asked == ["Mlfile", "gone", "x"]
    assert said == (
        "Mlfile:2:12: there is no file `gone`\n"
        '    include = ["gone", "x", "./x", "Mlfile"]\n               ^\n'
        "hint: its path starts at the folder of this Mlfile\n\n"
        "Mlfile:2:25: `x` is included already\n"
        '    include = ["gone", "x", "./x", "Mlfile"]\n                            ^\n'
        "hint: name each file once; included files include no others\n\n"
        "Mlfile:2:32: `Mlfile` is included already\n"
        '    include = ["gone", "x", "./x", "Mlfile"]\n                                   ^\n'
        "hint: name each file once; included files include no others\n\n"
        "x:1:2: an included Mlfile cannot have [project]\n    [project]\n     ^\n"
        "hint: it may hold target, serve, params, env and resources; "
        "the rest belongs into the Mlfile that includes it\n"
    )


def test_mistakes_in_all_files_come_at_once():
    document, said, _ = load(
        {
            "Mlfile": '[project]\ninclude = ["x", "y"]\nnmae = 1\n[target.a]\nrun = 1\n',
            "x": "[target.b]\nrun = 2\n",
            "y": "[target.c\n",
        }
    )
    assert document is None
    assert [line for line in said.split("\n") if ": " in line and not line.startswith(("hint", " "))] == [
        "Mlfile:3:1: unknown key `nmae` in [project]",
        "Mlfile:5:7: `run` must be a string or an array of at least one string, not an integer",
        "x:2:7: `run` must be a string or an array of at least one string, not an integer",
        "y:1:10: `]` is missing after the name of this table",
    ]


def test_targets_that_could_not_be_read_whole_are_named():
    document, _, _ = load({"Mlfile": '[target.a]\nrun = 1\n[target.b]\nrun = "x"\n[target.c]\nwait = 2\nrun = "x"\n'})
    assert document.broken == {"a"}


def test_includes_start_at_the_folder_of_the_file():
    _, said, asked = load({"conf/Mlfile": '[project]\ninclude = ["../x"]\n', "x": ""}, "conf/Mlfile")
    assert (said, asked) == ("", ["conf/Mlfile", "x"])


def test_no_file():
    assert load({}) == (None, "Mlfile: there is no file `Mlfile`\n", ["Mlfile"])


def test_the_version_is_only_looked_at_where_it_is_known():
    files = {"Mlfile": '[project]\nmlmake = ">=9"\n'}
    assert load(files, version=None)[1] == ""
    assert load(files, version="9.0")[1] == ""
    assert "needs mlmake >=9, this is mlmake 0.1.0" in load(files)[1]
