"""Templates: what is filled, what passes through, what is refused."""

import datetime
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlmake.mlfile.interpolate import (
    LATER,
    Mode,
    Unfillable,
    check,
    escape,
    fill_argv,
    fill_shell,
    fill_string,
    fill_text,
    names_in,
)

SCOPE = {
    "algo": "for est",
    "config": {"name": "small", "trees": 50},
    "inputs": {"table": "a.csv", "parts": ["p 1", "p2"]},
    "outputs": ["o"],
    "params": {"lr": 0.001, "on": True, "limit": float("inf"), "tags": ["x", "y z"], "model": {"depth": 3}},
}
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    "text",
    [
        "${HOME}",
        "awk '{print $1}' x",
        "cp {a,b} c",
        "{1..5}",
        "{ algo }",
        "{}",
        "{a b}",
        "${algo}",
        "${x:-1}",
        "{algo!r}",
    ],
)
def test_only_the_exact_shape_is_filled(text):
    assert fill_shell(text, SCOPE) == text
    assert fill_text(text, SCOPE) == text
    assert check(text, SCOPE, Mode.SHELL) == ()


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("cp {inputs.table} {outputs}", "cp a.csv o"),
        ("cat {inputs}", "cat a.csv 'p 1' p2"),
        ("cat {inputs[1]} {inputs.parts[1]}", "cat 'p 1' p2"),
        ("{{algo}} {{{algo}}}", "{algo} {{algo}}"),
        ("{params.lr} {params.on} {params.limit} {params.tags}", "0.001 true inf x 'y z'"),
        ("{config.trees} {params.model.depth}", "50 3"),
        ("'{algo:raw}' {algo}", "'for est' 'for est'"),
        ('"$(cat {algo})"', "\"$(cat 'for est')\""),
        ('"$(( 1 << {config.trees} ))" {algo}', "\"$(( 1 << 50 ))\" 'for est'"),
        (
            "x $(case {algo} in a) echo {algo};; esac) {algo}",
            "x $(case 'for est' in a) echo 'for est';; esac) 'for est'",
        ),
        ('"$(case $x in (a) echo {algo};; esac)"', "\"$(case $x in (a) echo 'for est';; esac)\""),
        ("echo $#; x {algo} # {nosuch} '\ny {algo}", "echo $#; x 'for est' # {nosuch} '\ny 'for est'"),
        ("cat <<'E'\n${x}\nE\necho {algo}", "cat <<'E'\n${x}\nE\necho 'for est'"),
        ("$((1<<2)) {algo}", "$((1<<2)) 'for est'"),
        ("cat <<<{algo}", "cat <<<'for est'"),
        ("echo 'it'\\''s' {algo}", "echo 'it'\\''s' 'for est'"),
        ("echo $'it\\'s' {algo}", "echo $'it\\'s' 'for est'"),
        ("${x:-{algo}}", "${x:-'for est'}"),
    ],
)
def test_a_script_is_filled_with_quoted_words(text, filled):
    assert check(text, SCOPE, Mode.SHELL) == ()
    assert fill_shell(text, SCOPE) == filled


def test_a_list_is_one_argument_an_item():
    assert fill_argv(["cat", "{inputs}", "--x={algo}", "{inputs.parts}x"], SCOPE) == (
        "cat", "a.csv", "p 1", "p2", "--x=for est", "p 1 p2x",
    )  # fmt: skip
    assert fill_argv(["x", "{inputs}"], {"inputs": []}) == ("x",)


def test_a_leading_dash_of_a_path_is_no_option():
    assert fill_shell("cp {inputs}", {"inputs": ["-rf"]}) == "cp ./-rf"
    assert fill_argv(["cp", "{inputs.a}"], {"inputs": {"a": "-rf"}}) == ("cp", "./-rf")
    assert fill_shell("x {algo}", {"algo": "-rf"}) == "x -rf"


def test_a_text_that_is_one_name_keeps_its_type():
    assert fill_text("{config.trees}", SCOPE) == 50
    assert fill_text("{params.tags}", SCOPE) == ["x", "y z"]
    assert fill_text("{config.trees}x", SCOPE) == "50x"
    assert fill_string("{config.trees}", SCOPE) == "50"
    assert fill_string("{d}", {"d": datetime.date(2026, 1, 31)}) == "2026-01-31"
    assert names_in("{inputs[0]} {params.a.b} {{x}} {algo:raw}") == ("inputs", "params.a.b", "algo")


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("{alog}", "unknown name {alog}", "did you mean {algo}? To keep the braces write {{alog}}"),
        ("{lr}", "unknown name {lr}", "a parameter is written {params.lr}"),
        (
            "{zzzz}",
            "unknown name {zzzz}",
            "there are algo, config, inputs, outputs, params; to keep the braces write {{zzzz}}",
        ),
        ("{params.lrr}", "unknown name {params.lrr}: params has no lrr", "did you mean {params.lr}?"),
        ("{algo.x}", "unknown name {algo.x}: algo is a single value", "write {algo}"),
        (
            "{params.tags.x}",
            "unknown name {params.tags.x}: params.tags is a list",
            "its items are {params.tags[0]} and so on",
        ),
        ("{inputs[7]}", "{inputs[7]}: there is no item 7", "items count from 0, there are 3"),
        (
            "{config}",
            "{config} is a table, which cannot be put into a text",
            "name one of its values: {config.name}, {config.trees}",
        ),
        (
            "'{algo}'",
            "{algo} is inside single quotes, it would be quoted twice",
            "take the quotes away, each value is quoted as it is put in; or write {algo:raw} to insert it as it is",
        ),
        (
            'x "a {algo}"',
            "{algo} is inside double quotes, it would be quoted twice",
            "take the quotes away, each value is quoted as it is put in; or write {algo:raw} to insert it as it is",
        ),
        ("x `cat {algo}`", "{algo} is inside backticks, which undo its quoting", "write $(…) instead of `…`"),
        (
            "echo $((1 + {algo}))",
            "{algo} is inside $((…)), where only a whole number is safe",
            "set a shell variable before it (x={algo}) and use that",
        ),
        (
            "\\{algo}",
            "{algo} comes after a backslash, which would undo its quoting",
            "take the backslash away, or write {{algo}} to keep the braces",
        ),
        (
            "cat <<E\n{algo}\nE",
            "{algo} is inside a here-document, where its quotes would become text",
            "set a shell variable before it (x={algo}) and use that, or write {algo:raw} to insert it as it is",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_script(text, what, hint):
    (mistake,) = check(text, SCOPE, Mode.SHELL)
    assert (mistake.what, mistake.hint) == (what, hint)
    with pytest.raises(Unfillable):
        fill_shell(text, SCOPE)


def test_a_nul_cannot_be_given_to_a_command():
    (mistake,) = check("{x}", {"x": "a\0b"}, Mode.ARGV)
    assert mistake.what == "the value of {x} holds a NUL character, which no command can be given"
    assert check("{x}", {"x": "a\0b"}, Mode.TEXT) == ()


def test_what_is_known_later_is_not_judged():
    assert check("{inputs[3]} {inputs.x}", {"inputs": LATER}, Mode.SHELL) == ()


@given(st.lists(words, max_size=4), words)
@example(
    ["a; touch PWNED", "$(touch PWNED)", "`touch PWNED`", "it's", '"', "\n", "-rf", "", "😀", "~", "*", "!x"], "{x}"
)
def test_the_shell_reads_back_what_was_filled_in(values, one):
    script = fill_shell("printf '%s\\0' {params.values} x{one}y", {"params": {"values": values}, "one": one})
    out = subprocess.run(["bash", "-euc", script], capture_output=True, check=True, cwd="/").stdout
    assert out.decode() == "".join(f"{word}\0" for word in [*values, f"x{one}y"])


def test_names_that_are_not_utf8_are_read_back():
    script = fill_shell("printf '%s' {inputs}", {"inputs": ["a\udcff b"]})
    done = subprocess.run([b"bash", b"-c", script.encode("utf-8", "surrogateescape")], capture_output=True, check=True)
    assert done.stdout == b"a\xff b"


@given(st.text(alphabet="{}$ax.:r[0]\\'\"\n"))
def test_an_escaped_text_gives_itself(text):
    assert fill_string(escape(text), {}) == text


@given(st.text(alphabet="{}$ax'\"\\#<\n() "), words)
def test_filling_never_loses_text_or_crashes(text, value):
    scope = {"a": value, "x": [value, value]}
    if not check(text, scope, Mode.SHELL):
        fill_shell(text, scope)


PIECES = [
    "{x}", " {x} ", "$(", "${y:-", "$((", "((", ")", "))", "}", '"', "'", "$'", "`", "\\", "#", " # ", "\n", ";", " ",
    "<<E\n", "\nE\n", "<<<", "case a in a)", ";; esac", "echo ", ": ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example('"$(case a in a) echo "{x}";; esac)"')
@example('"`echo {x}`"')
@example("$(( {x} ))")
@example("# {x}")
@example("cat <<E\n{x}\nE")
@example('"${y:-{x}}"')
def test_no_script_that_passes_lets_a_value_run(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    scope = {"x": "'$(echo PWNED >&2)`echo PWNED >&2`\necho PWNED >&2;'"}
    if check(text, scope, Mode.SHELL):
        return
    script = fill_shell(text, scope)
    done = subprocess.run(["bash", "-c", script], capture_output=True, stdin=subprocess.DEVNULL, cwd=folder, timeout=20)
    assert b"PWNED" not in [line.strip() for line in done.stderr.splitlines()]
