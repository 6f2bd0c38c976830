"""Runs every check and test: python3.11 scripts/test.py [arguments for pytest]."""

import sys

from environment import python, run

LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"

interpreter = python("dev")
for name, words in {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format --check": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "lint-imports": ["-c", LINT_IMPORTS],
    "pytest": ["-m", "pytest", *sys.argv[1:]],
}.items():
    print(f"$ {name}", flush=True)
    run([interpreter, *words])
