"""Runs every check and test: python3.11 scripts/test.py [arguments for pytest].

All are run, whatever the first ones find. The last line is that of pytest, and the exit code is 0 if all is well.
"""

import sys

from environment import python, run

LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
CHECKS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format --check": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "lint-imports": ["-c", LINT_IMPORTS],
}

interpreter = python("dev")
failed = []
for name, words in CHECKS.items():
    print(f"$ {name}", flush=True)
    if run([interpreter, *words]):
        failed.append(name)
if failed:
    print(f"FAILED: {', '.join(failed)}; the tests run all the same, but the exit code will be 1", flush=True)
print("$ pytest", flush=True)
code = run([interpreter, "-m", "pytest", *sys.argv[1:]])
sys.exit(code or bool(failed))
