"""The reference of the command line against the command line: nothing missing, nothing invented."""

import re
from pathlib import Path

import click
import pytest

from mlmake.cli.commands import group
from mlmake.cli.words import COMMANDS, VALUED

TEXT = (Path(__file__).parents[2] / "docs/cli.md").read_text()
SECTIONS = {
    match[1]: match[2]
    for match in re.finditer(r"^## `mlmake (\w+)[^`]*`\n(.*?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL)
}
GLOBAL = re.search(r"^## Options of every command\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)[1]
JUDGING = re.search(r"^## Options of what is judged\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)[1]
LATER = re.search(r"^## Not yet\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)[1]

NOT_YET = {name for name, (module, _) in COMMANDS.items() if module == "mlmake.cli.later"}
HERE = [name for name in COMMANDS if name not in NOT_YET]


def documented(text):
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", " ".join(re.findall(r"`([^`]*)`", text))))


def flags(name):
    command = group.get_command(click.Context(group), name)
    return {flag for p in command.params if isinstance(p, click.Option) for flag in p.opts} | {"-h", "--help"}


def test_every_command_is_documented_and_none_is_invented():
    assert set(SECTIONS) == set(HERE)
    assert set(re.findall(r"`(\w+)`", LATER)) == NOT_YET


@pytest.mark.parametrize("name", HERE)
def test_every_flag_of_a_command_is_documented(name):
    known = documented(SECTIONS[name]) | documented(GLOBAL)
    if "--exact" in flags(name):
        known |= documented(JUDGING)
        assert f"`{name}`" in JUDGING
    assert flags(name) <= known


@pytest.mark.parametrize("name", HERE)
def test_no_flag_of_a_command_is_invented(name):
    elsewhere = {"#:schema"} | ({"--check", "--file"} if name in ("status", "log") else set())
    assert documented(SECTIONS[name]) - flags(name) <= elsewhere


def test_the_shared_options_are_those_of_every_command():
    shared = set.intersection(*(flags(name) for name in HERE)) | {"-f", "--version"}
    assert documented(GLOBAL) == shared
    judging = {"--set", "--params", "--exact", "-B", "--force"}
    assert documented(JUDGING) == judging
    assert {name for name in HERE if judging <= flags(name)} == set(
        re.findall(r"`(\w+)`", JUDGING.strip().split("\n\n")[0])
    )


def test_options_that_take_a_value_before_a_command_are_known():
    wanted = set()
    for param in group.get_command(click.Context(group), "build").params:
        if isinstance(param, click.Option) and not param.is_flag and not param.count:
            wanted |= set(param.opts)
    assert wanted == VALUED


def test_exit_codes_are_all_there():
    assert re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE) == ["0", "1", "2", "3", "4", "130, 143, 129"]
