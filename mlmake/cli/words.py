"""The order of the words on the command line: which one is the command; it knows no command's meaning."""

from collections.abc import Iterator, Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    "build": ("mlmake.cli.build", "build"),
    "plan": ("mlmake.cli.plan", "plan"),
    "status": ("mlmake.cli.status", "status"),
    "why": ("mlmake.cli.why", "why"),
    "list": ("mlmake.cli.listing", "listing"),
    "path": ("mlmake.cli.path", "path"),
    "accept": ("mlmake.cli.accept", "accept"),
    "graph": ("mlmake.cli.graph", "graph"),
    "log": ("mlmake.cli.log", "log"),
    "runs": ("mlmake.cli.runs", "runs"),
    "metrics": ("mlmake.cli.metrics", "metrics"),
    "params": ("mlmake.cli.params", "params"),
    "lineage": ("mlmake.cli.lineage", "lineage"),
    "restore": ("mlmake.cli.restore", "restore"),
    "watch": ("mlmake.cli.later", "watch"),
    "serve": ("mlmake.cli.serve", "serve"),
    "report": ("mlmake.cli.later", "report"),
    "cache": ("mlmake.cli.cache", "cache"),
    "gc": ("mlmake.cli.gc", "gc"),
    "clean": ("mlmake.cli.clean", "clean"),
    "init": ("mlmake.cli.init", "init"),
    "check": ("mlmake.cli.check", "check"),
    "import": ("mlmake.cli.later", "import_"),
    "export": ("mlmake.cli.later", "export"),
    "doctor": ("mlmake.cli.doctor", "doctor"),
    "schema": ("mlmake.cli.schema", "schema"),
    "completion": ("mlmake.cli.completion", "completion"),
}
"""Every command, the module that holds it and its name there, in the order of the help."""

VALUED = frozenset(
    {"-C", "--directory", "-f", "--file", "--color", "-j", "--jobs", "--force", "--set", "--params", "--retry", "--on"}
    | {"--debug", "--check-deterministic"}
)
"""Options that may stand before the command and take the next word as their value."""

SHORT_VALUED = "Cfj"


def ordered(argv: Sequence[str]) -> list[str]:
    """The words with the command first; without one the words are targets to build."""
    for place, word, plain in _words(argv):
        if plain and word in COMMANDS:
            return [word, *_long_file(argv[:place]), *argv[place + 1 :]]
        if plain or word == "--":
            return ["build", *argv]
    if any(word in ("-h", "--help", "--version") for word in argv):
        return list(argv)
    return ["build", *argv]


def _words(argv: Sequence[str]) -> Iterator[tuple[int, str, bool]]:
    """Place, word, and whether it is neither an option nor the value of one."""
    value = False
    for place, word in enumerate(argv):
        if value:
            value = False
        elif word == "--" or not word.startswith("-") or word == "-":
            yield place, word, word != "--"
        else:
            value = word in VALUED or (word[:2] != "--" and _ends_valued(word))


def _ends_valued(word: str) -> bool:
    """A cluster of short options whose last letter wants a value (`-kj`)."""
    letters = word[1:]
    return next((n for n, c in enumerate(letters) if c in SHORT_VALUED), None) == len(letters) - 1


def _long_file(options: Sequence[str]) -> list[str]:
    """The options with `-f FILE` and `-fFILE` in the long form, because a command may have another `-f`."""
    done: list[str] = []
    for option in options:
        if option.startswith("-f"):
            done += ["--file", option[2:]] if len(option) > 2 else ["--file"]
        else:
            done.append(option)
    return done
