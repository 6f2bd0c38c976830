"""What is said of mistakes in the text of an Mlfile: the sentences and hints; it does not find the mistakes."""

import datetime
import json
from collections.abc import Sequence
from typing import TypeAlias

from mlmake.mlfile.keypath import KeyPath, show_path

Words: TypeAlias = tuple[str, str | None]
"""What is wrong, and how to mend it."""

_LONGEST = 40
DURATIONS = "durations are written 90s, 15m, 6h, 14d, 2w, sums like 1d12h, or ISO 8601 like P14D"
SIZES = "sizes are written 500 MB, 2 GiB or 4096 (bytes)"


def kind_of(value: object) -> str:
    """What a value is, in the words of TOML."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a float"
        case str():
            return "a string"
        case list() | tuple():
            return "an array"
        case dict():
            return "a table"
        case datetime.datetime():
            return "a date-time"
        case datetime.date():
            return "a date"
        case datetime.time():
            return "a time"
        case None:
            return "null"
        case _:
            return f"a {type(value).__name__}"


def shown(value: object) -> str:
    """A value as it is written in TOML, if it is short and plain; else its kind."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case [] | {} if not value:
            return "[]" if isinstance(value, list) else "{}"
        case str() if len(value) <= _LONGEST:
            return json.dumps(value, ensure_ascii=False)
        case str():
            return json.dumps(value[:_LONGEST], ensure_ascii=False)[:-1] + '…"'
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return kind_of(value)


def meant(near: str | None) -> str | None:
    """The did-you-mean hint."""
    return None if near is None else f"did you mean `{near}`?"


def table_name(where: KeyPath) -> str:
    """A table as its header is written."""
    return f"[{show_path(where)}]" if where else "the Mlfile"


# ---- the file as bytes -------------------------------------------------------------------------------------------


def too_big(size: int, cap: int) -> Words:
    """The text is longer than anybody writes."""
    return f"the file is too big: {size} bytes, the limit is {cap}", "keep data in files of its own and name them here"


def not_utf8(byte: int) -> Words:
    """A byte that is no UTF-8."""
    return f"this is not UTF-8 text (byte 0x{byte:02x})", "save the file as UTF-8"


def not_utf8_but_16() -> Words:
    """The mark of UTF-16."""
    return "this is UTF-16 text, not UTF-8", "save the file as UTF-8"


def key_too_deep(parts: int, cap: int) -> Words:
    """A dotted key with too many parts."""
    return f"this key has {parts} parts, the limit is {cap}", None


def null_character() -> Words:
    """A string with U+0000, which neither paths nor commands nor variables can hold."""
    return "this text holds the character U+0000", "no path, command or variable can hold it: leave it out"


def value_too_deep(cap: int) -> Words:
    """Arrays in arrays in arrays."""
    return f"arrays and tables are nested more than {cap} deep here", None


# ---- keys and types ----------------------------------------------------------------------------------------------


def unknown_table(name: str, near: str | None) -> Words:
    """A key at the top that is none of ours."""
    hint = meant(near) or "an Mlfile has [project], [params], [env], [resources], [cache], [target.NAME], [serve.NAME]"
    return f"unknown table `{name}`", hint


def unknown_key(table: KeyPath, key: str, near: str | None) -> Words:
    """A key that its table does not have."""
    return f"unknown key `{show_path((key,))}` in {table_name(table)}", meant(near)


def key_below_its_table(table: KeyPath, key: str, below: KeyPath) -> Words:
    """A key of a target written under the header of one of its sub-tables, which is TOML's own trap."""
    return (
        f"`{key}` is in {table_name(below)}, where it means something else",
        f"after a header all keys belong to it: put `{key}` above {table_name(below)}",
    )


def missing_key(table: KeyPath, key: str, form: str) -> Words:
    """A key that its table must have."""
    return f"{table_name(table)} needs `{key}`", f"`{key}` is {form}"


def wrong_type(where: KeyPath, form: str, value: object, *, same_type: bool, near: str | None) -> Words:
    """A value of another type, or one outside of what the key takes."""
    said = shown(value) if same_type else kind_of(value)
    hint = None if near is None else f'did you mean "{near}"?'
    return f"`{show_path(where[-1:] if isinstance(where[-1], str) else where[-2:])}` must be {form}, not {said}", hint


def bad_name(kind: str, name: str) -> Words:
    """A name with letters that names must not have."""
    better = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)
    better = better if better[:1].isalpha() or better[:1] == "_" else f"_{better}"
    what = "a target" if kind == "target" else "what is served"
    return (
        f"{json.dumps(name, ensure_ascii=False)} cannot be the name of {what}",
        f"names are letters, digits, `_` and `-`, the first no digit: `{better}`",
    )


# ---- TOML's own mistakes -----------------------------------------------------------------------------------------


def opened_twice(table: KeyPath) -> Words:
    """A header that was there before."""
    return (
        f"{table_name(table)} is opened twice",
        "TOML opens each table once: put these keys under the first header, above any sub-table like "
        f"[{show_path((*table, 'matrix'))}]"
        if table[:1] == ("target",) and len(table) == 2
        else "TOML opens each table once: put these keys under the first header",
    )


def first_here() -> str:
    """The label of the other place of something that is there twice."""
    return "first here"


def set_twice(where: KeyPath) -> Words:
    """A key that was set before."""
    return f"`{show_path(where)}` is set twice", "remove one of the two"


def closed_table(where: KeyPath) -> Words:
    """Something added to a table or array that was written as a whole."""
    return (
        f"`{show_path(where)}` was written before, nothing can be added to it here",
        "write it in one place: as one value with { } or [ ], with dotted keys, or under one header",
    )


def control_character(char: str) -> Words:
    """A character that no text has."""
    if char == "\r":
        return "a carriage return stands here by itself", "end lines with a line feed"
    return (
        f"the control character U+{ord(char):04X} is not allowed here",
        f'in a string write it as "\\u{ord(char):04X}"',
    )


CURLY = "“”„‘’«»"


def curly_quote(char: str) -> Words:
    """A quote of a word processor."""
    return f"{char} is no quote of TOML", "use straight quotes: \" or '"


def no_equals(before: str, rest: str, *, tab: bool) -> Words:
    """A line that starts like a key and goes on otherwise."""
    if rest.startswith(":"):
        return "`=` is missing", f"TOML writes `{before} = …`, not `{before}: …`"
    if tab:
        return "`=` is missing", 'commands are not indented lines: write run = "…" in the target\'s table'
    return "`=` is missing", f"write `{before} = …`" if before else None


def no_value() -> Words:
    """Nothing where a value is needed."""
    return "a value is missing", 'a value is "text", 1, 1.5, true, a date, [ … ] or { … }'


def open_value_above() -> Words:
    """A key where another value of an array is needed."""
    return "an array or table above is not closed: a new key begins here", "add the `]` or `}` that is missing"


_LITERALS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}


def bare_value(word: str) -> Words:
    """Something that is no value of TOML, most often text without quotes."""
    if word.lower() in _LITERALS:
        return f"`{word}` is no value of TOML", f"write {_LITERALS[word.lower()]}"
    if word.lower() in ("none", "null", "nil"):
        return f"`{word}` is no value of TOML", "leave the key out"
    if word.startswith("."):
        return f"`{word}` is no value of TOML", f"numbers start with a digit: 0{word}"
    return f"`{word}` is no value of TOML", f"put text in quotes: {json.dumps(word, ensure_ascii=False)}"


def more_on_line(rest: str) -> Words:
    """Something after a finished statement."""
    return f"`{rest[:_LONGEST]}` is left over on this line", "put each key on a line of its own"


def open_string() -> Words:
    """A string that is not closed."""
    return "the string is not closed", 'end it with its quote; text over several lines stands between """ and """'


def backslash() -> Words:
    """A backslash that begins no escape."""
    return "this backslash begins no escape of TOML", "write \\\\, or put the text in single quotes: '…'"


def open_bracket(*, is_array: bool) -> Words:
    """An array or inline table that goes on wrongly."""
    closer, what = ("]", "array") if is_array else ("}", "inline table")
    return f"`,` or `{closer}` is missing in this {what}", None


# ---- several files -----------------------------------------------------------------------------------------------


def missing_file(path: str, *, by_flag: bool = False) -> Words:
    """A file that is named and not there."""
    return f"there is no file `{path}`", None if by_flag else "its path starts at the folder of this Mlfile"


def included_twice(path: str) -> Words:
    """An include of a file that is part of the Mlfile already."""
    return f"`{path}` is included already", "name each file once; included files include no others"


def not_in_included(section: str) -> Words:
    """A table that only the main Mlfile may have."""
    return (
        f"an included Mlfile cannot have [{section}]",
        "it may hold target, serve, params, env and resources; the rest belongs into the Mlfile that includes it",
    )


def bad_requirement(text: str) -> Words:
    """A version requirement that cannot be read."""
    return (
        f"{shown(text)} is no version requirement",
        'write one like ">=0.1" or ">=0.1,<1"; there are >=, >, ==, !=, <, <= and ~=',
    )


def other_version(required: str, version: str) -> Words:
    """A project for another mlmake."""
    return f"this project needs mlmake {required}, this is mlmake {version}", "install a version that fits"


# ---- parameters --------------------------------------------------------------------------------------------------


def unknown_format(path: str) -> Words:
    """A parameter file with a suffix that says nothing."""
    return f"`{path}` is no kind of parameter file that is known", "its name must end in .toml, .json, .yaml or .yml"


def not_a_table(path: str, value: object) -> Words:
    """A parameter file that has no names."""
    return f"`{path}` must hold names with values, not {kind_of(value)}", None


def broken_file(path: str, message: str) -> Words:
    """A parameter file that cannot be parsed."""
    return f"`{path}` cannot be read: {message}", None


def bad_parameter_name(name: object) -> Words:
    """A parameter whose name could not be referred to."""
    if isinstance(name, str) and "." not in name:
        return "a parameter's name has half a character (a lone surrogate)", None
    if isinstance(name, str):
        return (
            f"a parameter cannot be named {shown(name)}: the dot stands between a table and its values",
            "nest tables, or use another character",
        )
    return f"a parameter's name must be text, not {shown(name)}", "put it in quotes"


def bad_parameter_value(where: KeyPath, value: object) -> Words:
    """A value that no parameter can have."""
    return f"parameter `{show_path(where)}` cannot be {kind_of(value)}", None


def null_in_parameter(where: KeyPath) -> Words:
    """A string with U+0000, which no command can be given."""
    return f"parameter `{show_path(where)}` holds the character U+0000", "no command can be given it: leave it out"


def lone_surrogate(where: KeyPath) -> Words:
    """A string that an escape made no text."""
    return f"parameter `{show_path(where)}` has half a character (a lone surrogate)", None


def no_setting() -> Words:
    """A `--set` without a value."""
    return "a value is missing", "write --set NAME=VALUE"


def unknown_parameter(name: str, near: str | None) -> Words:
    """A `--set` of something that is not there."""
    return f"there is no parameter `{name}`", meant(near) or "`--set` changes a parameter that [params] or a file has"


def wrong_setting(name: str, text: str, value: object) -> Words:
    """A `--set` of another type."""
    what = f"`{name}` is {kind_of(value)} (now {shown(value)}), {shown(text)} is none"
    match value:
        case bool():
            return what, "write true or false"
        case dict():
            first = next(iter(value), None)
            one = f"set one of its values: {name}.{first}=…; " if first is not None else ""
            return f"`{name}` is a table, {shown(text)} is none", f"{one}a whole table is written {{ a = 1 }}"
        case list():
            return f"`{name}` is an array, {shown(text)} is none", 'an array is written [1, 2] or ["a", "b"]'
        case int() if text.strip().lstrip("+-").isdigit():
            return what, "an integer has no leading zeros"
        case _:
            return what, None


# ---- values in text ----------------------------------------------------------------------------------------------


def bad_duration(key: str, value: object) -> Words:
    """A duration that cannot be read."""
    return f"`{key}` must be a duration, not {shown(value)}", DURATIONS


def zero_duration(key: str) -> Words:
    """A time limit that nothing can keep."""
    return f"`{key}` must be longer than 0", DURATIONS


def bad_size(key: str, value: object) -> Words:
    """A size that cannot be read."""
    return f"`{key}` must be a size, not {shown(value)}", SIZES


def bad_count(key: str, value: object, form: str) -> Words:
    """A resource that is no number, or less than it can be."""
    return f"`{key}` must be {form}, not {shown(value)}", None


def unknown_resource(name: str, near: str | None) -> Words:
    """A resource that the machine does not have by that name."""
    return (
        f"unknown resource `{name}`",
        meant(near) or f"there are cpus, memory, gpus and the names under [resources]: add `{name}` there",
    )


def too_much(name: str, wanted: str, total: str) -> Words:
    """More of a resource than there is in all."""
    return f"`{name}` is {wanted}, the total is {total}", f"ask for less, or set `{name}` in [resources]"


def too_many_gpus(wanted: int, total: int) -> Words:
    """More graphics cards than there are, or than the caller's environment leaves."""
    return (
        f"`gpus` is {wanted}, the total is {total}",
        "ask for less, or set `gpus` in [resources]; where CUDA_VISIBLE_DEVICES is set, its ids are all there are",
    )


def bad_link(word: str, near: str | None) -> Words:
    """A way of placing outputs that does not exist."""
    return f"{shown(word)} is no way to put outputs in place", meant(near) or "there are reflink, hardlink and copy"


def unknown_output(key: str, name: str, near: str | None) -> Words:
    """A name of an output that the target does not have."""
    return f"`{key}` names {shown(name)}, which is none of the target's outputs", meant(near)


def open_header() -> Words:
    """A header that goes on after its name."""
    return "`]` is missing after the name of this table", "names are letters, digits, `_` and `-`"


def no_key() -> Words:
    """Nothing where a name is needed."""
    return "a name is missing", None


def bad_key(char: str) -> Words:
    """A name with a character that bare keys do not have."""
    return f"`{char}` is no part of a name", "names are letters from a to z, digits, `_` and `-`"


def bad_date() -> Words:
    """A date that no calendar has."""
    return "there is no such date or time", "dates are written 2026-01-31, times 07:30:00; put other text in quotes"


def bad_number() -> Words:
    """An integer too long to be read."""
    return "a number in this file is too long to be read", "put text in quotes"


def not_toml(message: str) -> Words:
    """A mistake of TOML's syntax that is too rare for a sentence of its own."""
    return f"not TOML: {message[:1].lower()}{message[1:]}", None


# ---- keys that do not go together --------------------------------------------------------------------------------


def several_commands(target: KeyPath, given: Sequence[str]) -> Words:
    """A target that would do more than one thing."""
    return (
        f"{table_name(target)} has {' and '.join(f'`{key}`' for key in given)}, a target has one of them",
        "make two targets of it, or call the one from the other",
    )


def no_command(target: KeyPath) -> Words:
    """Outputs that nothing makes."""
    return f"{table_name(target)} has outputs and nothing that makes them", "add `run`, `call` or `select`"


def empty_command() -> Words:
    """A script without words."""
    return "`run` is empty", "a target without a command groups its inputs: leave `run` out"


def bad_function(key: str, text: str) -> Words:
    """A function's name in another shape."""
    module, _, name = text.removesuffix(".py").replace("/", ".").rpartition(".")
    hint = f'did you mean "{module}:{name}"?' if module and ":" not in text and not text.endswith(".py") else None
    return f'`{key}` must be a function like "module:function", not {shown(text)}', hint


def not_one_of(key: str, value: object, words: Sequence[str], near: str | None) -> Words:
    """A word that is none of those there are."""
    listed = ", ".join(f'"{word}"' if " " not in word else word for word in words[:-1])
    last = f'"{words[-1]}"' if " " not in words[-1] else words[-1]
    hint = None if near is None else f'did you mean "{near}"?'
    return f"`{key}` must be {listed} or {last}, not {shown(value)}", hint


def needs_outputs(key: str) -> Words:
    """A key about results where there are none."""
    return f"`{key}` says when results hold, and this target has no outputs", f"add outputs, or leave `{key}` out"


def window_beyond_limit(fresh: str, oldest: str) -> Words:
    """A window that is longer than the limit."""
    return f"`fresh_for` ({fresh}) is longer than `max_age` ({oldest})", "results too old to be used cannot be fresh"


def limit_here() -> str:
    """The label of the limit that a window exceeds."""
    return "the limit"


def stale_with_keep() -> Words:
    """Two keys that each want other files in place after a failure."""
    return (
        "`stale_if_error` and `keep` exclude each other",
        "after a failure either the last good outputs are put back or the unfinished ones stay",
    )


def probe_needs_one() -> Words:
    """A probe that does nothing, or two things."""
    return "a probe has either `run` or `call`", 'write { run = "./measure" } or { call = "module:function" }'


def probe_without_source(probe: str) -> Words:
    """A measure of nothing."""
    return f'probe "{probe}" measures a source, and this target has none', "add `source`, or use { run = … }"


def bad_tolerance(value: object) -> Words:
    """A tolerance that cannot be read."""
    return f"{shown(value)} is no tolerance", 'tolerances are "any", "10%", "x2", or a number from 0 up'


def significant_without_probe() -> Words:
    """A tolerance without a measure."""
    return "`significant` compares measures, and there is no `probe`", 'add one, like probe = "records"'


def bad_condition(text: str) -> Words:
    """A condition that cannot be read."""
    return (
        f"{shown(text)} is no condition",
        'compare metrics with numbers, like "accuracy >= 0.95 and not (loss > 1)"',
    )


def enough_without_metrics() -> Words:
    """A condition on metrics without metrics."""
    return "`enough` compares metrics, and this target has no `metrics`", "name the output that holds them"


# ---- still to come -----------------------------------------------------------------------------------------------


def key_not_yet(key: str) -> Words:
    """A key whose feature is not built."""
    return f"`{key}` is not yet built", "leave it out; this version of mlmake cannot honour it"


def several_inputs(count: int) -> Words:
    """Models that are served take one table."""
    return f"`inputs` has {count} entries", "a model takes one table of rows: describe that one"


def no_numbers(datatype: str) -> Words:
    """Rows are numbers."""
    return f'`inputs` cannot have the datatype "{datatype}"', "rows are numbers: write FP64, or what else they are"


def no_method(value: str) -> Words:
    """What cannot be called."""
    return f"`method` must be the name of a method, not {shown(value)}", 'write "auto", "predict" or "predict_proba"'
