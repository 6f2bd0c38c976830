"""Which word is the command."""

import importlib

import click
import pytest

from mlmake.cli.words import COMMANDS, ordered


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", "build"),
        ("train", "build train"),
        ("plan train", "plan train"),
        ("build plan", "build plan"),
        ("-C d plan", "plan -C d"),
        ("-C plan", "build -C plan"),
        ("-Cd plan", "plan -Cd"),
        ("--file=x plan", "plan --file=x"),
        ("-q -v plan --json", "plan -q -v --json"),
        ("-f My log -f", "log --file My -f"),
        ("-fMy log", "log --file My"),
        ("-j 4 train", "build -j 4 train"),
        ("-j4 -k train", "build -j4 -k train"),
        ("-kj 4 plan", "plan -kj 4"),
        ("--set lr=1 plan best", "plan --set lr=1 best"),
        ("--set plan", "build --set plan"),
        ("-n", "build -n"),
        ("-- plan", "build -- plan"),
        ("train plan", "build train plan"),
        ("--help", "--help"),
        ("-h", "-h"),
        ("--version", "--version"),
        ("train --help", "build train --help"),
        ("plan -h", "plan -h"),
    ],
)
def test_the_command_comes_first(given, meant):
    assert ordered(given.split()) == meant.split()


def test_every_command_is_there_under_its_name():
    for name, (module, attribute) in COMMANDS.items():
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        assert found.name == name
