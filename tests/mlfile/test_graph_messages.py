"""What is said of every mistake that needs the whole file: whole messages, without the excerpts."""

import pytest
from graphs import graph_of, problems_of

from mlmake.mlfile.territory import bad_output, bad_path

MODULES = {
    "steps": """
def run(tabel, seed): ...
def two(seed, table): ...
def pos(a, /): ...
"""
}

CASES = {
    "unknown target": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[target.u]
inputs = [":tt", ":zzzz"]
run = "x"
after = [":tt"]
""",
        r"""
Mlfile:5:11: there is no target tt
hint: did you mean t?
Mlfile:5:18: there is no target zzzz
hint: there are t, u
Mlfile:7:10: there is no target tt
hint: did you mean t?
""",
    ),
    "unknown output": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[target.u]
inputs = [":t.modle", ":u2.x"]
run = "x"
[target.u2]
outputs = ["y"]
run = "x"
""",
        r"""
Mlfile:5:11: t has no output modle
hint: did you mean :t.model?
Mlfile:5:23: u2 has no output x
hint: its outputs have no names; write :u2, or outputs = { x = … }
""",
    ),
    "malformed reference": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[target.u]
inputs = [":t.", ":t@", ":", ":t@k=1,=2"]
run = "x"
""",
        r"""
Mlfile:5:11: ":t." is no reference
hint: write :NAME, :NAME.OUTPUT or :NAME.OUTPUT@key=value,…
Mlfile:5:18: ":t@" is no reference
hint: write :NAME, :NAME.OUTPUT or :NAME.OUTPUT@key=value,…
Mlfile:5:25: ":" is no reference
hint: write :NAME, :NAME.OUTPUT or :NAME.OUTPUT@key=value,…
Mlfile:5:30: "=2" in ":t@k=1,=2" selects nothing
hint: write @key=value, @key for the own value, or @* for all keys
""",
    ),
    "unknown matrix key and value": (
        r"""
[target.m]
outputs = { o = "m/{k}" }
run = "x"
matrix = { k = ["a", "b"] }
[target.u]
inputs = [":m@kk=a", ":m@k=c", ":m@k", ":m@*"]
run = "x"
""",
        r"""
Mlfile:6:11: :m@kk=a: m has no key kk
hint: did you mean k?
Mlfile:6:22: :m@k=c: k of m has no value "c"
hint: did you mean a?
Mlfile:6:32: :m@k: u has no key k to take the value of
hint: write @k=value
Mlfile:6:40: :m@*: u and m share no key
hint: write :m for every instance
""",
    ),
    "pairing without a match": (
        r"""
[target.m]
outputs = { o = "m/{k}" }
run = "x"
matrix = { k = ["a", "b"] }
[target.u]
inputs = [":m.o@k"]
outputs = ["u/{k}"]
run = "x"
matrix = { k = ["a", "z"] }
""",
        r"""
Mlfile:6:11: :m.o@k: no instance of m matches u@k=z
hint: its instances are m@k=a, m@k=b
""",
    ),
    "cycle": (
        r"""
[target.a]
inputs = ["b"]
outputs = ["a"]
run = "x"
[target.b]
inputs = [":c"]
outputs = ["b"]
run = "x"
[target.c]
outputs = ["c"]
after = [":a"]
run = "x"
""",
        r"""
Mlfile:2:10: a cycle: a → b → c → a
hint: nothing can come before itself; take one of these edges away
""",
    ),
    "self-cycle": (
        r"""
[target.a]
inputs = ["a"]
outputs = ["a"]
run = "x"
[target.b]
inputs = [":b"]
outputs = ["b"]
run = "x"
[target.g]
inputs = [":g"]
[target.c]
inputs = ["c/x", "c/*"]
outputs = ["c/"]
run = "x"
""",
        r"""
Mlfile:2:11: a is an input and an output of a
hint: a step cannot read what it makes; write the output elsewhere
Mlfile:6:10: a cycle: b → b
hint: nothing can come before itself; take one of these edges away
Mlfile:10:11: a cycle: g → g
hint: take one of these references away
Mlfile:12:11: the input c/x lies inside an output of c itself
hint: a step cannot read what it makes; write the output elsewhere
Mlfile:12:18: the pattern c/* matches c/*, an output of c itself
hint: narrow the pattern, or write the output elsewhere
""",
    ),
    "two owners": (
        r"""
[target.a]
outputs = ["x", "y"]
run = "x"
[target.b]
outputs = ["./x", "y/"]
run = "x"
[target.c]
outputs = ["z", "z"]
run = "x"
[target.d]
outputs = ["d"]
run = "x"
matrix = { k = [1, 2] }
""",
        r"""
Mlfile:5:12: x is made by a and by b
Mlfile:2:12: x is declared here
hint: give one of them another path
Mlfile:5:19: y/ is made by a and by b
Mlfile:2:17: y is declared here
hint: give one of them another path
Mlfile:8:17: z is declared twice by c
Mlfile:8:12: z is declared here
hint: take one away
Mlfile:11:12: d is made by d@k=1 and by d@k=2
hint: put a matrix key into the path, as in {KEY}
""",
    ),
    "nested outputs": (
        r"""
[target.a]
outputs = ["d/", "f"]
run = "x"
[target.b]
outputs = ["d/e/x", "f/x"]
run = "x"
[target.c]
outputs = ["c/", "c/x"]
run = "x"
""",
        r"""
Mlfile:5:12: d/e/x of b lies inside d/, an output of a
Mlfile:2:12: d/ is declared here
hint: name a folder of its own for one of them
Mlfile:5:21: f/x of b lies inside f, a file, an output of a
Mlfile:2:18: f is declared here
hint: if f is a folder, write f/
Mlfile:8:18: c/x lies inside c/; both are outputs of c
Mlfile:8:12: c/ is declared here
hint: name a folder of its own for one of them
""",
    ),
    "outputs that may not be": (
        r"""
[project]
params = []
[target.a]
outputs = ["/x", "~/x", "../x", "a/../../x", "", ".mlmake", ".mlmake/x", "Mlfile", "./", ":x", "*.csv"]
run = "x"
""",
        r"""
Mlfile:4:12: the output "/x" is absolute
hint: outputs are relative to the project root and inside it
Mlfile:4:18: the output "~/x" lies in a home folder
hint: outputs are relative to the project root and inside it; for a name with ~ write ./~
Mlfile:4:25: the output "../x" leads out of its folder by ".."
hint: outputs are relative to the project root and inside it
Mlfile:4:33: the output "a/../../x" leads out of its folder by ".."
hint: outputs are relative to the project root and inside it
Mlfile:4:46: an empty path names nothing
hint: name a file, or a folder with a final /
Mlfile:4:50: the output ".mlmake" lies in .mlmake, where mlmake keeps its state
hint: name another folder
Mlfile:4:61: the output ".mlmake/x" lies in .mlmake, where mlmake keeps its state
hint: name another folder
Mlfile:4:74: the output "Mlfile" is an Mlfile
hint: name another file
Mlfile:4:84: the output "./" is the project folder itself
hint: name a folder inside it, like build/
Mlfile:4:90: the output ":x" looks like a reference
hint: outputs are paths; for such a name write ./:
Mlfile:4:96: the output "*.csv" is a pattern
hint: name one file, or a folder with a final /
""",
    ),
    "input holds output": (
        r"""
[target.a]
inputs = ["d/"]
outputs = ["o"]
run = "x"
[target.b]
outputs = ["d/x"]
run = "x"
""",
        r"""
Mlfile:2:11: the input d/ holds d/x, which b makes
hint: name the files, or a pattern like d/**
""",
    ),
    "own glob": (
        r"""
[target.a]
inputs = ["d/*.csv"]
outputs = ["d/o.csv"]
run = "x"
""",
        r"""
Mlfile:2:11: the pattern d/*.csv matches d/o.csv, an output of a itself
hint: narrow the pattern, or write the output elsewhere
""",
    ),
    "bad inputs": (
        r"""
[target.a]
inputs = ["", "{params.l}"]
run = "x"
[params]
l = [1]
""",
        r"""
Mlfile:2:11: an empty path names nothing
hint: name a file, or a folder with a final /
Mlfile:2:15: {params.l} is a list or a table, an input is one path
hint: write one entry for each
""",
    ),
    "phony as an input": (
        r"""
[target.p]
run = "x"
[target.a]
inputs = [":p"]
run = "x"
""",
        r"""
Mlfile:4:11: p has no outputs, so inputs cannot refer to it
hint: put it in after = [":p"]
""",
    ),
    "duplicate instances": (
        r"""
[target.a]
run = "x"
matrix = { k = [1, "1"], include = [{ k = 1 }] }
""",
        r"""
Mlfile:3:20: two values of k would both be shown as "1"
hint: change one, or take it away
Mlfile:3:37: the instance k=1 is there twice
hint: take one away; values that are shown alike cannot be told apart
""",
    ),
    "matrix mistakes": (
        r"""
[target.a]
run = "x"
[target.a.matrix]
inputs = [1]
"a b" = [1]
x = { param = "fold" }
y = [[1]]
z = [{ trees = 1 }]
w = { parm = "x" }
v = { param = "text" }
ok = ["p", "q"]
exclude = [{ ok = "r" }, { okk = "p" }]
include = [{ params = 1 }]
[params]
folds = 2
text = "x"
""",
        r"""
Mlfile:4:1: inputs cannot be a matrix key: {inputs} has a meaning of its own
hint: give it another name
Mlfile:5:1: "a b" cannot be a matrix key
hint: letters, digits, - and _, not starting with a digit
Mlfile:6:15: there is no parameter fold
hint: did you mean folds?
Mlfile:7:6: not a matrix value
hint: strings, numbers, booleans, or tables with a name
Mlfile:8:6: a table among the values of a matrix needs a name
hint: { name = "small", … } is shown as small in the names of instances
Mlfile:9:5: the values of a matrix key are an array
hint: did you mean param?
Mlfile:10:15: the parameter text gives no list
hint: an array, or a count n for the values 0 to n-1
Mlfile:12:19: ok has no value "r"
hint: did you mean p?
Mlfile:12:28: the matrix has no key okk
hint: did you mean ok?
Mlfile:13:14: params cannot be a matrix key: {params} has a meaning of its own
hint: give it another name
""",
    ),
    "matrix by reference": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[target.m]
outputs = { o = "m/{k}" }
run = "x"
matrix = { k = ["a", "b"] }
[target.a]
matrix = ":t"
run = "x"
[target.b]
matrix = ":mm"
run = "x"
[target.c]
matrix = ":d"
run = "x"
[target.d]
matrix = ":c"
run = "x"
[target.e]
matrix = "m"
run = "x"
""",
        r"""
Mlfile:5:17: m/a of m@k=a lies inside m, a file, an output of t
Mlfile:2:21: m is declared here
hint: if m is a folder, write m/
Mlfile:5:17: m/b of m@k=b lies inside m, a file, an output of t
Mlfile:2:21: m is declared here
hint: if m is a folder, write m/
Mlfile:9:10: t has no matrix to take over
hint: take this key away
Mlfile:12:10: there is no target mm
hint: did you mean m?
Mlfile:15:10: the matrices follow each other in a circle: c → d → c
hint: write one of them as a table
Mlfile:21:10: "m" is no reference
hint: a matrix is a table of arrays, or a reference like ":train"
""",
    ),
    "templates": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[target.a]
inputs = ["{root}/x", "{nme}"]
outputs = ["{inputs}"]
run = "cat '{inputs}' {output}"
""",
        r"""
Mlfile:5:11: unknown name {root}
hint: {root} cannot be used here; there are params, matrix, target, instance
Mlfile:5:23: unknown name {nme}
hint: there are params, matrix, target, instance; to keep the braces write {{nme}}
Mlfile:6:12: unknown name {inputs}
hint: {inputs} cannot be used here; there are params, matrix, target, instance
Mlfile:7:7: unknown name {output}
hint: did you mean {outputs}? To keep the braces write {{output}}
Mlfile:7:7: {inputs} is inside single quotes, it would be quoted twice
hint: take the quotes away, each value is quoted as it is put in; or write {inputs:raw} to insert it as it is
""",
    ),
    "params": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[params]
lr = 1
model = { depth = 1 }
[target.a]
run = "x"
params = ["l", "model.dept", "modl.*", "lr.*"]
""",
        r"""
Mlfile:9:11: there is no parameter l
hint: did you mean lr?
Mlfile:9:16: there is no parameter model.dept
hint: did you mean model.depth?
Mlfile:9:30: there is no parameter modl
hint: did you mean model.*?
Mlfile:9:40: the parameter lr is no table, so lr.* names nothing
hint: write "lr"
""",
    ),
    "env": (
        r"""
[target.a]
run = "x"
env = { A = false, "B=C" = "x", D = "{nope}" }
""",
        """
Mlfile:3:13: A is false
hint: true passes it through; for the text write "false"
Mlfile:3:28: "B=C" cannot name an environment variable
hint: set one as { NAME = "value" }
Mlfile:3:37: unknown name {nope}
hint: there are inputs, outputs, params, matrix, resources, target, instance, python, root; \
to keep the braces write {{nope}}
""",
    ),
    "after": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[target.a]
run = "x"
after = ["t", "file.txt", ":t.modle"]
""",
        r"""
Mlfile:6:10: "t" is no reference
hint: write ":t"
Mlfile:6:15: "file.txt" is no reference
hint: write :NAME of a target; files go into inputs
Mlfile:6:27: t has no output modle
hint: did you mean :t.model?
""",
    ),
    "select": (
        r"""
[target.m]
outputs = { o = "m/{k}" }
run = "x"
matrix = { k = ["a", "b"] }
[target.s]
inputs = [":m"]
select = { by = "acc", per = ["kk"], pick = ":mm", min = 2, max = 1 }
outputs = ["a", "b"]
[target.e]
select = { by = "acc" }
outputs = ["e"]
[target.u]
inputs = [":s.zz"]
run = "x"
""",
        r"""
Mlfile:7:10: a selection writes one file, the list of what it chose
hint: outputs = ["build/s.json"]
Mlfile:7:10: m has no metrics to choose by
hint: say which output of m holds them: metrics = "metrics"
Mlfile:7:10: min 2 is above max 1, nothing can be chosen
hint: swap them
Mlfile:7:31: no candidate has a matrix key kk
hint: did you mean k?
Mlfile:7:45: there is no target mm
hint: did you mean m?
Mlfile:10:10: a selection chooses from its inputs, and there are none
hint: inputs = [":train"]
""",
    ),
    "serve": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[target.n]
run = "x"
[target.two]
outputs = ["a", "b"]
run = "x"
[serve.a]
models = "t"
[serve.b]
models = [":n", ":two", ":t.modle"]
""",
        r"""
Mlfile:10:10: "t" is no reference
hint: write ":t"
Mlfile:12:11: n has no outputs to serve
hint: name a target that makes a model
Mlfile:12:17: several outputs of two may be the model: a, b
hint: name it: :two.OUTPUT, or call the output model
Mlfile:12:25: t has no output modle
hint: did you mean :t.model?
""",
    ),
    "default": (
        r"""
[target.t]
outputs = { model = "m" }
run = "x"
[project]
default = ["tt", ":t", "m", "*"]
""",
        r"""
Mlfile:5:12: there is no target tt
hint: did you mean t?
Mlfile:5:18: ":t" is a reference, here targets are named
hint: write "t"
""",
    ),
    "calls": (
        r"""
[params]
seed = 1
train = { seed = 2, lr = 3 }
[target.a]
inputs = { table = "t" }
outputs = { model = "a" }
call = "steps:run"
[target.b]
inputs = { table = "t" }
outputs = { model = "b" }
call = "steps:rnu"
[target.c]
inputs = { table = "t" }
outputs = { model = "c" }
call = "stepz:run"
[target.d]
inputs = { table = "t" }
outputs = { model = "d" }
call = "steps:two"
params = ["train.seed"]
[target.e]
inputs = { table = "t" }
outputs = { model = "e" }
call = "steps:Klass.run"
[target.f]
inputs = { table = "t" }
outputs = { model = "f" }
call = "steps:pos"
""",
        r"""
Mlfile:7:8: steps:run asks for tabel, which nothing offers
hint: did you mean table? on offer: table, model, seed, train, matrix, inputs, outputs, params, step
Mlfile:11:8: steps.py has no function rnu
hint: did you mean run?
Mlfile:15:8: there is no module stepz
hint: looked for stepz.py and stepz/__init__.py in the project
Mlfile:19:8: steps:two asks for seed, which is the parameter seed and the parameter train.seed
hint: give one of them another name
Mlfile:24:8: "steps:Klass.run" names an attribute, a step calls a function of a module
hint: write a def that calls it
Mlfile:28:8: pos in steps.py takes a by position only, steps are called by name
hint: take the / away
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name):
    text, expected = CASES[name]
    found = problems_of(text.lstrip("\n"), modules=MODULES)
    assert "\n".join(line for block in found for line in block) == expected.strip("\n")


def test_nothing_is_said_of_what_only_follows_from_another_mistake():
    text = """
[target.m]
outputs = { o = "m/{k}" }
run = "x {k}"
matrix = { k = { param = "nothing" } }
[target.u]
inputs = { a = ":m.o@k=a", b = ":m@*" }
run = "x {inputs.a} {inputs.b}"
"""
    assert problems_of(text) == [["Mlfile:5:26: there is no parameter nothing", "hint: set it under [params]"]]


def test_a_thousand_of_a_kind_are_counted():
    text = """
[target.m]
outputs = ["m/{k}"]
run = "x"
matrix = { k = [0] }
[target.u]
inputs = [":m@k"]
outputs = ["u/{k}"]
run = "x"
[target.u.matrix]
k = { param = "n" }
[params]
n = 1000
"""
    found = problems_of(text)
    assert [block[0] for block in found] == [
        "Mlfile:7:11: :m@k: no instance of m matches u@k=1",
        "Mlfile:7:11: :m@k: no instance of m matches u@k=2",
        "Mlfile:7:11: :m@k: no instance of m matches u@k=3",
        "Mlfile:7:11: :m@k: no instance of m matches u@k=4",
        "Mlfile:7:11: :m@k: no instance of m matches u@k=5",
        "Mlfile:7:11: and 994 more of this kind",
    ]


def test_a_cycle_of_thousands_is_told():
    text = "".join(
        f'[target.t{i}]\ninputs = ["o{(i + 1) % 3000}"]\noutputs = ["o{i}"]\nrun = "x"\n' for i in range(3000)
    )
    ((first, _),) = problems_of(text)
    assert first.startswith("Mlfile:2:10: a cycle: t0 → t1 → t2 → ")
    assert first.endswith(" → t2999 → t0")


def test_a_nul_is_no_path():
    assert bad_path("a\0").what == bad_output("a\0", {}).what == "a path cannot hold a NUL character"


def test_parameter_files_and_included_files_are_no_outputs():
    files = {"conf/params.yaml": "a file of parameters", "sub/Mlfile": "an Mlfile"}
    assert bad_output("conf/params.yaml", files).what == 'the output "conf/params.yaml" is a file of parameters'
    assert bad_output("sub/", files).what == 'the output "sub/" holds sub/Mlfile, an Mlfile'
    assert bad_output("conf/other.yaml", files) is None


def test_a_manual_target_can_be_referred_to():
    graph = graph_of("[target.a]\noutputs = ['a']\nrun = 'x'\nmanual = true\n[target.b]\ninputs = [':a']\nrun = 'x'\n")
    assert graph.targets["a"].manual
    assert graph.actions["b"].upstream == ("a",)
