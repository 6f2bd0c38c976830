# ruff: noqa: E501 - messages are as long as they are

import pytest

from mlmake.mlfile.document import load_document
from mlmake.mlfile.problems import render

# The whole text that a user reads for each kind of mistake: Mlfile in, messages out.

SYNTAX = {
    "a table opened twice": (
        """\
[target.x]
run = "a"
[target.x.matrix]
a = [1]
[target.x]
timeout = "2h"
""",
        """\
Mlfile:5:9: [target.x] is opened twice
    [target.x]
            ^
Mlfile:1:9: first here
    [target.x]
            ^
hint: TOML opens each table once: put these keys under the first header, above any sub-table like [target.x.matrix]
""",
    ),
    "any other table opened twice": (
        """\
[env]
[params]
[env]
""",
        """\
Mlfile:3:2: [env] is opened twice
    [env]
     ^
Mlfile:1:2: first here
    [env]
     ^
hint: TOML opens each table once: put these keys under the first header
""",
    ),
    "a key set twice": (
        """\
[params]
seed = 1
lr = 2
seed = 3
""",
        """\
Mlfile:4:1: `params.seed` is set twice
    seed = 3
    ^
Mlfile:2:1: first here
    seed = 1
    ^
hint: remove one of the two
""",
    ),
    "a key set twice in braces": (
        """\
[params]
x = { a = 1, a = 2 }
""",
        """\
Mlfile:2:14: `params.x.a` is set twice
    x = { a = 1, a = 2 }
                 ^
Mlfile:2:7: first here
    x = { a = 1, a = 2 }
          ^
hint: remove one of the two
""",
    ),
    "a table of dotted keys opened": (
        """\
[params]
a.b = 1
[params.a]
""",
        """\
Mlfile:3:9: [params.a] is opened twice
    [params.a]
            ^
Mlfile:2:1: first here
    a.b = 1
    ^
hint: TOML opens each table once: put these keys under the first header
""",
    ),
    "a closed table opened": (
        """\
[params]
a = { b = 1 }
[params.a.c]
""",
        """\
Mlfile:3:9: `params.a` was written before, nothing can be added to it here
    [params.a.c]
            ^
Mlfile:2:1: first here
    a = { b = 1 }
    ^
hint: write it in one place: as one value with { } or [ ], with dotted keys, or under one header
""",
    ),
    "an array grown": (
        """\
[params]
a = [{ b = 1 }]
[[params.a]]
""",
        """\
Mlfile:3:10: `params.a` was written before, nothing can be added to it here
    [[params.a]]
             ^
Mlfile:2:1: first here
    a = [{ b = 1 }]
    ^
hint: write it in one place: as one value with { } or [ ], with dotted keys, or under one header
""",
    ),
    "a value used as a table": (
        """\
[params]
a = 1
a.b = 2
""",
        """\
Mlfile:3:1: `params.a` was written before, nothing can be added to it here
    a.b = 2
    ^
Mlfile:2:1: first here
    a = 1
    ^
hint: write it in one place: as one value with { } or [ ], with dotted keys, or under one header
""",
    ),
    "text without quotes": (
        """\
[project]
name = tagger
""",
        """\
Mlfile:2:8: `tagger` is no value of TOML
    name = tagger
           ^
hint: put text in quotes: "tagger"
""",
    ),
    "a duration without quotes": (
        """\
[target.x]
timeout = 2h
""",
        """\
Mlfile:2:11: `2h` is no value of TOML
    timeout = 2h
              ^
hint: put text in quotes: "2h"
""",
    ),
    "text without quotes in an array": (
        """\
[target.x]
inputs = ["a", b]
""",
        """\
Mlfile:2:16: `b` is no value of TOML
    inputs = ["a", b]
                   ^
hint: put text in quotes: "b"
""",
    ),
    "Python's constants": (
        """\
[target.x]
manual = True
""",
        """\
Mlfile:2:10: `True` is no value of TOML
    manual = True
             ^
hint: write true
""",
    ),
    "a word for nothing": (
        """\
[target.x]
help = none
""",
        """\
Mlfile:2:8: `none` is no value of TOML
    help = none
           ^
hint: leave the key out
""",
    ),
    "a number without a digit first": (
        """\
[params]
lr = .5
""",
        """\
Mlfile:2:6: `.5` is no value of TOML
    lr = .5
         ^
hint: numbers start with a digit: 0.5
""",
    ),
    "no value": (
        """\
[params]
lr =
""",
        """\
Mlfile:2:5: a value is missing
    lr =
        ^
hint: a value is "text", 1, 1.5, true, a date, [ … ] or { … }
""",
    ),
    "no equals sign": (
        """\
[params]
lr 0.5
""",
        """\
Mlfile:2:4: `=` is missing
    lr 0.5
       ^
hint: write `lr = …`
""",
    ),
    "a colon": (
        """\
[params]
lr: 0.5
""",
        """\
Mlfile:2:3: `=` is missing
    lr: 0.5
      ^
hint: TOML writes `lr = …`, not `lr: …`
""",
    ),
    "an indented command": (
        """\
[target.x]
	python train.py
""",
        """\
Mlfile:2:9: `=` is missing
     python train.py
            ^
hint: commands are not indented lines: write run = "…" in the target's table
""",
    ),
    "two keys on a line": (
        """\
[params]
a = 1 b = 2
""",
        """\
Mlfile:2:7: `b = 2` is left over on this line
    a = 1 b = 2
          ^
hint: put each key on a line of its own
""",
    ),
    "an open string": (
        """\
[target.x]
run = "make
timeout = "2h"
""",
        """\
Mlfile:2:7: the string is not closed
    run = "make
          ^
hint: end it with its quote; text over several lines stands between ""\" and ""\"
""",
    ),
    "an open long string": (
        """\
[target.x]
run = ""\"
make
""",
        """\
Mlfile:2:7: the string is not closed
    run = ""\"
          ^
hint: end it with its quote; text over several lines stands between ""\" and ""\"
""",
    ),
    "an open literal": (
        """\
[target.x]
run = 'make
""",
        """\
Mlfile:2:7: the string is not closed
    run = 'make
          ^
hint: end it with its quote; text over several lines stands between ""\" and ""\"
""",
    ),
    "a backslash": (
        """\
[target.x]
inputs = ["C:\\data"]
""",
        """\
Mlfile:2:14: this backslash begins no escape of TOML
    inputs = ["C:\\data"]
                 ^
hint: write \\\\, or put the text in single quotes: '…'
""",
    ),
    "a bad escape of a number": (
        """\
[params]
a = "\\u12"
""",
        """\
Mlfile:2:6: this backslash begins no escape of TOML
    a = "\\u12"
         ^
hint: write \\\\, or put the text in single quotes: '…'
""",
    ),
    "an array without a comma": (
        """\
[target.x]
inputs = ["a" "b"]
""",
        """\
Mlfile:2:15: `,` or `]` is missing in this array
    inputs = ["a" "b"]
                  ^
""",
    ),
    "an inline table without a comma": (
        """\
[params]
a = { b = 1 c = 2 }
""",
        """\
Mlfile:2:13: `,` or `}` is missing in this inline table
    a = { b = 1 c = 2 }
                ^
""",
    ),
    "an open array": (
        """\
[target.x]
inputs = ["a",
timeout = "2h"
""",
        """\
Mlfile:3:1: an array or table above is not closed: a new key begins here
    timeout = "2h"
    ^
hint: add the `]` or `}` that is missing
""",
    ),
    "a name with a blank": (
        """\
[target.my target]
""",
        """\
Mlfile:1:12: `]` is missing after the name of this table
    [target.my target]
               ^
hint: names are letters, digits, `_` and `-`
""",
    ),
    "a name with an umlaut": (
        """\
[target.größe]
""",
        """\
Mlfile:1:11: `ö` is no part of a name
    [target.größe]
              ^
hint: names are letters from a to z, digits, `_` and `-`
""",
    ),
    "a header without a name": (
        """\
[target.]
""",
        """\
Mlfile:1:9: a name is missing
    [target.]
            ^
""",
    ),
    "curly quotes": (
        """\
[project]
name = “tagger”
""",
        """\
Mlfile:2:8: “ is no quote of TOML
    name = “tagger”
           ^
hint: use straight quotes: " or '
""",
    ),
    "no such date": (
        """\
[params]
day = 2026-02-30
""",
        """\
Mlfile:2:7: there is no such date or time
    day = 2026-02-30
          ^
hint: dates are written 2026-01-31, times 07:30:00; put other text in quotes
""",
    ),
    "a control character": (
        """\
[params]
a = "x\0y"
""",
        """\
Mlfile:2:7: the control character U+0000 is not allowed here
    a = "x�y"
          ^
hint: in a string write it as "\\u0000"
""",
    ),
    "a carriage return": (
        """\
[params]\ra = 1
""",
        """\
Mlfile:1:9: a carriage return stands here by itself
    [params]�a = 1
            ^
hint: end lines with a line feed
""",
    ),
    "a statement that is none": (
        """\
= 1
""",
        """\
Mlfile:1:1: a name is missing
    = 1
    ^
""",
    ),
    "a wide line": (
        """\
[project]
name = "日本語" x
""",
        """\
Mlfile:2:14: `x` is left over on this line
    name = "日本語" x
                    ^
hint: put each key on a line of its own
""",
    ),
    "a key too deep": (
        """\
a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1
""",
        """\
Mlfile:1:1: this key has 41 parts, the limit is 32
    a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1
    ^
""",
    ),
    "values too deep": (
        """\
[params]
a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
""",
        """\
Mlfile:2:37: arrays and tables are nested more than 32 deep here
    a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
                                        ^
""",
    ),
}  # fmt: skip

TABLES = {
    "unknown tables": (
        """\
[targets.x]
[outputs]
""",
        """\
Mlfile:1:2: unknown table `targets`
    [targets.x]
     ^
hint: did you mean `target`?

Mlfile:2:2: unknown table `outputs`
    [outputs]
     ^
hint: an Mlfile has [project], [params], [env], [resources], [cache], [target.NAME], [serve.NAME]
""",
    ),
    "unknown keys everywhere": (
        """\
[project]
nmae = "x"
[target.a]
run = "x"
wiat = "all"
colour = 1
[serve.s]
models = ":a"
agregate = "mean"
""",
        """\
Mlfile:2:1: unknown key `nmae` in [project]
    nmae = "x"
    ^
hint: did you mean `name`?

Mlfile:5:1: unknown key `wiat` in [target.a]
    wiat = "all"
    ^
hint: did you mean `wait`?

Mlfile:6:1: unknown key `colour` in [target.a]
    colour = 1
    ^

Mlfile:9:1: unknown key `agregate` in [serve.s]
    agregate = "mean"
    ^
hint: did you mean `aggregate`?
""",
    ),
    "wrong types": (
        """\
[project]
default = "best"
preload = [1]
[env]
A = [1]
[resources]
licence = true
[cache]
dir = 3
""",
        """\
Mlfile:2:11: `default` must be an array of target names like ["best"], not a string
    default = "best"
              ^

Mlfile:3:12: `preload[0]` must be a string, not an integer
    preload = [1]
               ^

Mlfile:5:5: `A` must be a string, an integer, a float or a boolean, not an array
    A = [1]
        ^

Mlfile:7:11: `licence` must be an integer, a float or a string, not a boolean
    licence = true
              ^

Mlfile:9:7: `dir` must be a string, not an integer
    dir = 3
          ^
""",
    ),
    "wrong types in a target": (
        """\
[target.a]
help = 1
run = 2
call = 3
select = 4
inputs = 5
outputs = { m = 6 }
after = ":b"
params = { a = 1 }
env = 7
matrix = 8
metrics = 9
resources = 10
retries = "x"
timeout = 30
on_error = 1
cache = "no"
keep = 11
track = "imports"
manual = 1979-05-27
""",
        """\
Mlfile:2:8: `help` must be a string, not an integer
    help = 1
           ^

Mlfile:3:7: `run` must be a string or an array of at least one string, not an integer
    run = 2
          ^

Mlfile:4:8: `call` must be a function like "steps.train:run", not an integer
    call = 3
           ^

Mlfile:5:10: `select` must be a table like { by = "accuracy" }, not an integer
    select = 4
             ^

Mlfile:6:10: `inputs` must be an array of strings, or a table like { table = ":ingest.table" }, not an integer
    inputs = 5
             ^

Mlfile:7:17: `m` must be a string, not an integer
    outputs = { m = 6 }
                    ^

Mlfile:8:9: `after` must be an array of references like [":ingest"], not a string
    after = ":b"
            ^

Mlfile:9:10: `params` must be an array of names like ["seed", "model.*"], not a table
    params = { a = 1 }
             ^

Mlfile:10:7: `env` must be an array of names, or a table like { MODE = "fast", HOME = true }, not an integer
    env = 7
          ^

Mlfile:11:10: `matrix` must be a table of arrays like { algo = ["a", "b"] }, an array of such tables, or a reference like ":train", not an integer
    matrix = 8
             ^

Mlfile:12:11: `metrics` must be the name or path of an output like "metrics", not an integer
    metrics = 9
              ^

Mlfile:13:13: `resources` must be a table like { cpus = 2, memory = "2 GiB" }, not an integer
    resources = 10
                ^

Mlfile:14:11: `retries` must be a whole number from 0 up, or a table like { times = 3, delay = "5s", backoff = 2 }, not a string
    retries = "x"
              ^

Mlfile:15:11: `timeout` must be a duration like "90s", "2h" or "1d12h", not an integer
    timeout = 30
              ^

Mlfile:16:12: `on_error` must be "stop", "continue" or "trim", not an integer
    on_error = 1
               ^

Mlfile:17:9: `cache` must be true or false, not a string
    cache = "no"
            ^

Mlfile:18:8: `keep` must be true, false, or an array of output names, not an integer
    keep = 11
           ^

Mlfile:19:9: `track` must be an array of "imports", "files", "packages", not a string
    track = "imports"
            ^

Mlfile:20:10: `manual` must be true or false, not a date
    manual = 1979-05-27
             ^
""",
    ),
    "values out of range": (
        """\
[target.a]
run = []
retries = -1
on_error = "contniue"
track = ["import"]
wait = 0
[target.b]
select = { by = "x", top = 0, order = "up" }
retries = { times = -1, delay = 4, backoff = 0 }
""",
        """\
Mlfile:2:7: `run` must be a string or an array of at least one string, not []
    run = []
          ^

Mlfile:3:11: `retries` must be a whole number from 0 up, or a table like { times = 3, delay = "5s", backoff = 2 }, not -1
    retries = -1
              ^

Mlfile:4:12: `on_error` must be "stop", "continue" or "trim", not a string
    on_error = "contniue"
               ^
hint: did you mean "continue"?

Mlfile:5:10: `track[0]` must be "imports", "files" or "packages", not a string
    track = ["import"]
             ^
hint: did you mean "imports"?

Mlfile:6:8: `wait` must be "all", "ended", "any", or a whole number from 1 up, not 0
    wait = 0
           ^

Mlfile:8:28: `top` must be a whole number from 1 up, not 0
    select = { by = "x", top = 0, order = "up" }
                               ^

Mlfile:8:39: `order` must be "max" or "min", not a string
    select = { by = "x", top = 0, order = "up" }
                                          ^

Mlfile:9:21: `times` must be a whole number from 0 up, not -1
    retries = { times = -1, delay = 4, backoff = 0 }
                        ^

Mlfile:9:33: `delay` must be a duration like "90s", "2h" or "1d12h", not an integer
    retries = { times = -1, delay = 4, backoff = 0 }
                                    ^

Mlfile:9:46: `backoff` must be a number from 1 up, not 0
    retries = { times = -1, delay = 4, backoff = 0 }
                                                 ^
""",
    ),
    "what a table needs": (
        """\
[target.a]
select = { top = 1 }
retries = { delay = "1s" }
[serve.s]
""",
        """\
Mlfile:2:1: [target.a.select] needs `by`
    select = { top = 1 }
    ^
hint: `by` is the name of a metric like "accuracy"

Mlfile:3:1: [target.a.retries] needs `times`
    retries = { delay = "1s" }
    ^
hint: `times` is a whole number from 0 up

Mlfile:4:8: [serve.s] needs `models`
    [serve.s]
           ^
hint: `models` is a reference like ":best", or an array of references
""",
    ),
    "a slip is not missing as well": (
        """\
[target.a]
retries = { tiems = 3 }
""",
        """\
Mlfile:2:13: unknown key `tiems` in [target.a.retries]
    retries = { tiems = 3 }
                ^
hint: did you mean `times`?
""",
    ),
    "a target's key below its matrix": (
        """\
[target.a]
run = "x"
[target.a.matrix]
algo = ["a"]
timeout = "2h"
manual = true
""",
        """\
Mlfile:5:1: `timeout` is in [target.a.matrix], where it means something else
    timeout = "2h"
    ^
hint: after a header all keys belong to it: put `timeout` above [target.a.matrix]

Mlfile:6:1: `manual` is in [target.a.matrix], where it means something else
    manual = true
    ^
hint: after a header all keys belong to it: put `manual` above [target.a.matrix]
""",
    ),
    "bad names": (
        """\
[target."my target"]
[target.1st]
[serve."ä"]
models = ":a"
""",
        """\
Mlfile:1:9: "my target" cannot be the name of a target
    [target."my target"]
            ^
hint: names are letters, digits, `_` and `-`, the first no digit: `my_target`

Mlfile:2:9: "1st" cannot be the name of a target
    [target.1st]
            ^
hint: names are letters, digits, `_` and `-`, the first no digit: `_1st`

Mlfile:3:8: "ä" cannot be the name of what is served
    [serve."ä"]
           ^
hint: names are letters, digits, `_` and `-`, the first no digit: `_`
""",
    ),
    "arrays in place of tables": (
        """\
target = 3
[[serve]]
""",
        """\
Mlfile:1:10: `target` must be a table of tables, not an integer
    target = 3
             ^

Mlfile:2:3: `serve` must be a table of tables, not an array
    [[serve]]
      ^
""",
    ),
    "one of run, call, select": (
        """\
[target.a]
run = "x"
call = "m:f"
select = { by = "x" }
""",
        """\
Mlfile:3:1: [target.a] has `run` and `call` and `select`, a target has one of them
    call = "m:f"
    ^
Mlfile:2:1: first here
    run = "x"
    ^
hint: make two targets of it, or call the one from the other
""",
    ),
    "nothing makes the outputs": (
        """\
[target.a]
outputs = ["x"]
""",
        """\
Mlfile:2:1: [target.a] has outputs and nothing that makes them
    outputs = ["x"]
    ^
hint: add `run`, `call` or `select`
""",
    ),
    "an empty command": (
        """\
[target.a]
run = "  "
""",
        """\
Mlfile:2:7: `run` is empty
    run = "  "
          ^
hint: a target without a command groups its inputs: leave `run` out
""",
    ),
    "a function in other words": (
        """\
[target.a]
call = "steps.train.run"
[target.b]
call = "steps/train.py"
""",
        """\
Mlfile:2:8: `call` must be a function like "module:function", not "steps.train.run"
    call = "steps.train.run"
           ^
hint: did you mean "steps.train:run"?

Mlfile:4:8: `call` must be a function like "module:function", not "steps/train.py"
    call = "steps/train.py"
           ^
""",
    ),
    "bad values of policies to come": (
        """\
[cache]
unused_for = "3"
max_size = "big"
link = "reflnk"
""",
        """\
Mlfile:2:14: `unused_for` must be a duration, not "3"
    unused_for = "3"
                 ^
hint: durations are written 90s, 15m, 6h, 14d, 2w, sums like 1d12h, or ISO 8601 like P14D

Mlfile:3:12: `max_size` must be a size, not "big"
    max_size = "big"
               ^
hint: sizes are written 500 MB, 2 GiB or 4096 (bytes)

Mlfile:4:8: "reflnk" is no way to put outputs in place
    link = "reflnk"
           ^
hint: did you mean `reflink`?
""",
    ),
    "judging without outputs": (
        """\
[target.a]
run = "x"
max_age = "1d"
enough = "acc > 0.9"
metrics = "m"
""",
        """\
Mlfile:3:1: `max_age` says when results hold, and this target has no outputs
    max_age = "1d"
    ^
hint: add outputs, or leave `max_age` out

Mlfile:4:1: `enough` says when results hold, and this target has no outputs
    enough = "acc > 0.9"
    ^
hint: add outputs, or leave `enough` out
""",
    ),
    "windows and limits": (
        """\
[target.a]
run = "x"
outputs = ["y"]
fresh_for = "2d"
max_age = "1d"
stale_if_error = "1x"
keep = true
""",
        """\
Mlfile:4:13: `fresh_for` (2d) is longer than `max_age` (1d)
    fresh_for = "2d"
                ^
Mlfile:5:11: the limit
    max_age = "1d"
              ^
hint: results too old to be used cannot be fresh

Mlfile:6:1: `stale_if_error` and `keep` exclude each other
    stale_if_error = "1x"
    ^
hint: after a failure either the last good outputs are put back or the unfinished ones stay

Mlfile:6:18: `stale_if_error` must be a duration, not "1x"
    stale_if_error = "1x"
                     ^
hint: durations are written 90s, 15m, 6h, 14d, 2w, sums like 1d12h, or ISO 8601 like P14D
""",
    ),
    "measures": (
        """\
[target.a]
run = "x"
outputs = ["y"]
source = "s"
probe = "record"
[target.b]
run = "x"
outputs = ["z"]
probe = "records"
significant = "ten"
[target.c]
run = "x"
outputs = ["w"]
probe = { timeout = "0s" }
[target.d]
run = "x"
outputs = ["v"]
significant = "10%"
""",
        """\
Mlfile:5:9: `probe` must be "files", "bytes", "lines" or "records", not "record"
    probe = "record"
            ^
hint: did you mean "records"?

Mlfile:9:1: probe "records" measures a source, and this target has none
    probe = "records"
    ^
hint: add `source`, or use { run = … }

Mlfile:10:15: "ten" is no tolerance
    significant = "ten"
                  ^
hint: tolerances are "any", "10%", "x2", or a number from 0 up

Mlfile:14:9: a probe has either `run` or `call`
    probe = { timeout = "0s" }
            ^
hint: write { run = "./measure" } or { call = "module:function" }

Mlfile:14:21: `timeout` must be longer than 0
    probe = { timeout = "0s" }
                        ^
hint: durations are written 90s, 15m, 6h, 14d, 2w, sums like 1d12h, or ISO 8601 like P14D

Mlfile:18:1: `significant` compares measures, and there is no `probe`
    significant = "10%"
    ^
hint: add one, like probe = "records"
""",
    ),
    "conditions": (
        """\
[target.a]
run = "x"
outputs = ["y"]
enough = "accuracy >"
""",
        """\
Mlfile:4:1: `enough` compares metrics, and this target has no `metrics`
    enough = "accuracy >"
    ^
hint: name the output that holds them

Mlfile:4:10: "accuracy >" is no condition
    enough = "accuracy >"
             ^
hint: compare metrics with numbers, like "accuracy >= 0.95 and not (loss > 1)"
""",
    ),
    "other words for waiting": (
        """\
[target.a]
run = "x"
wait = "some"
""",
        """\
Mlfile:3:8: `wait` must be "all", "ended", "any" or a whole number, not "some"
    wait = "some"
           ^
""",
    ),
    "words of serving": (
        """\
[serve.s]
models = ":a"
aggregate = "vot"
loader = "keras"
""",
        """\
Mlfile:3:13: `aggregate` must be "mean", "vote", "first" or a function like module:function, not "vot"
    aggregate = "vot"
                ^
hint: did you mean "vote"?

Mlfile:4:10: `loader` must be "joblib", "pickle", "onnx", "skops" or a function like module:function, not "keras"
    loader = "keras"
             ^
""",
    ),
    "a broken target lacks nothing": (
        """\
[target.a]
run = 3
outputs = ["y"]
""",
        """\
Mlfile:2:7: `run` must be a string or an array of at least one string, not an integer
    run = 3
          ^
""",
    ),
    "what is not yet built": (
        """\
[cache]
remote = "https://cache.example.org"
[resources]
gpus = 1
[target.a]
run = "x"
outputs = ["y"]
metrics = "y"
source = "data/"
fresh_for = "1d"
max_age = "2d"
stale_if_error = "3d"
probe = "records"
significant = "10%"
enough = "acc >= 0.9"
ready = "_SUCCESS"
wait = "any"
carry = true
sandbox = "strict"
track = ["imports", "files", "packages"]
resources = { gpus = 1 }
[target.a.matrix]
shard = { glob = "data/*" }
[target.b]
run = "x"
wait = 2
matrix = [{ part = { from = ":split" } }]
""",
        """\
Mlfile:2:1: `remote` is not yet built
    remote = "https://cache.example.org"
    ^
hint: leave it out; this version of mlmake cannot honour it

Mlfile:19:1: `sandbox` is not yet built
    sandbox = "strict"
    ^
hint: leave it out; this version of mlmake cannot honour it
""",
    ),
    "what cannot be served so": (
        """\
[target.a]
run = "x"
outputs = ["y"]
[serve.s]
models = ":a"
method = "predict me"
inputs = [{ name = "a" }, { name = "b" }]
[serve.t]
models = ":a"
inputs = [{ name = "a", datatype = "BYTES" }]
outputs = [{ name = "label", datatype = "TEXT" }]
batch = { max_rows = 0 }
""",
        """\
Mlfile:6:10: `method` must be the name of a method, not "predict me"
    method = "predict me"
             ^
hint: write "auto", "predict" or "predict_proba"

Mlfile:7:10: `inputs` has 2 entries
    inputs = [{ name = "a" }, { name = "b" }]
             ^
hint: a model takes one table of rows: describe that one

Mlfile:10:36: `inputs` cannot have the datatype "BYTES"
    inputs = [{ name = "a", datatype = "BYTES" }]
                                       ^
hint: rows are numbers: write FP64, or what else they are

Mlfile:11:41: `datatype` must be a datatype of the protocol like "FP32" or "INT64", not a string
    outputs = [{ name = "label", datatype = "TEXT" }]
                                            ^

Mlfile:12:22: `max_rows` must be a whole number from 1 up, not 0
    batch = { max_rows = 0 }
                         ^
""",
    ),
    "several kinds at once in the order of the file": (
        """\
[target.train]
run = "x"
wait = "some"
sandbox = "strict"
timeout = 5
otputs = ["a"]
[target."a b"]
[cache]
link = "x"
""",
        """\
Mlfile:3:8: `wait` must be "all", "ended", "any" or a whole number, not "some"
    wait = "some"
           ^

Mlfile:4:1: `sandbox` is not yet built
    sandbox = "strict"
    ^
hint: leave it out; this version of mlmake cannot honour it

Mlfile:5:11: `timeout` must be a duration like "90s", "2h" or "1d12h", not an integer
    timeout = 5
              ^

Mlfile:6:1: unknown key `otputs` in [target.train]
    otputs = ["a"]
    ^
hint: did you mean `outputs`?

Mlfile:7:9: "a b" cannot be the name of a target
    [target."a b"]
            ^
hint: names are letters, digits, `_` and `-`, the first no digit: `a_b`

Mlfile:9:8: "x" is no way to put outputs in place
    link = "x"
           ^
hint: there are reflink, hardlink and copy
""",
    ),
    "a requirement that cannot be read": (
        """\
[project]
mlmake = "newest"
""",
        """\
Mlfile:2:10: "newest" is no version requirement
    mlmake = "newest"
             ^
hint: write one like ">=0.1" or ">=0.1,<1"; there are >=, >, ==, !=, <, <= and ~=
""",
    ),
    "another version": (
        """\
[project]
mlmake = ">=0.2,<1"
""",
        """\
Mlfile:2:10: this project needs mlmake >=0.2,<1, this is mlmake 0.1.0
    mlmake = ">=0.2,<1"
             ^
hint: install a version that fits
""",
    ),
}  # fmt: skip


def messages(text):
    _, problems = load_document(lambda _: text.encode(), "Mlfile", version="0.1.0")
    return render(problems, {"Mlfile": text})


@pytest.mark.parametrize("name", SYNTAX)
def test_what_is_said_of_syntax(name):
    text, said = SYNTAX[name]
    assert messages(text) == said


@pytest.mark.parametrize("name", TABLES)
def test_what_is_said_of_tables(name):
    text, said = TABLES[name]
    assert messages(text) == said


def test_of_a_long_line_the_part_around_the_place_is_shown():
    text = '[params]\na = ["' + '", "'.join(f"file{i}.txt" for i in range(100)) + '", oops, ' + "1, " * 99 + "2]\n"
    shown = messages(text).split("\n")
    assert shown[0] == f"Mlfile:2:{text.split(chr(10))[1].index('oops') + 1}: `oops` is no value of TOML"
    assert len(shown[1]) == 4 + 160 + 2
    assert shown[1][4] == shown[1][-1] == "…"
    assert shown[1][shown[2].index("^") :].startswith("oops, 1, ")


def test_a_number_too_long_to_be_read():
    shown = messages("[params]\na = " + "1" * 4301 + "\n").split("\n")
    assert shown[0] == "Mlfile:2:5: a number in this file is too long to be read"
    assert shown[3] == "hint: put text in quotes"
