"""`mlmake build`: makes targets up to date; it does not know how."""

import sys
from typing import Any

import click

from mlmake.cli.ending import WrongUse
from mlmake.cli.plan import show_plan
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, choosing, command, later
from mlmake.cli.shortcut import leave
from mlmake.cli.targets import TARGET
from mlmake.cli.tell import follow


@command("build")
@click.argument("targets", nargs=-1, type=TARGET)
@click.option("-j", "--jobs", type=click.IntRange(1), envvar="MLMAKE_JOBS", metavar="N", help="Run N steps at once.")
@click.option("-k", "keep_going", is_flag=True, help="After a failure go on with all that is not downstream.")
@click.option("-n", "dry_run", is_flag=True, help="Only say what would run, as `mlmake plan` does.")
@choosing
@click.option("--rehash", is_flag=True, help="Trust no stamp: read every file.")
@click.option("--no-cache", is_flag=True, help="Restore nothing.")
@click.option("--frozen", is_flag=True, help="Restore, but exit 3 rather than run anything.")
@click.option("--retry", type=click.IntRange(0), metavar="N", help="Try every failed step N more times.")
@click.option("--debug", type=TARGET, metavar="TARGET", help="Run that step alone, in the foreground.")
@click.option(
    "--check-deterministic", "twice", type=TARGET, metavar="TARGET", help="Run that step twice, unseen, and compare."
)
@later("--watch", is_flag=True, help="Build again whenever an input changes.")
@later("--on", metavar="ENGINE", help="Run the steps on another engine.")
def build(
    settings: Settings,
    targets: tuple[str, ...],
    chosen: dict[str, Any],
    dry_run: bool,
    frozen: bool,
    debug: str | None,
    twice: str | None,
    **how: Any,
) -> int:
    """Make targets up to date; without TARGETS, the defaults."""
    if twice is not None:
        if targets or debug is not None or dry_run:
            raise WrongUse(f"--check-deterministic {twice} builds nothing: leave out all other targets, -n and --debug")
        # Slow, and only wanted here.
        from mlmake.cli.twice import compare_twice  # noqa: PLC0415

        with opened(settings, **chosen) as app:
            return compare_twice(app, twice, settings)
    if debug is not None:
        if targets:
            raise WrongUse(f"--debug {debug} runs that step alone: leave out {' '.join(targets)}")
        if settings.json:
            raise WrongUse("--debug gives the step the terminal, and --json wants standard output: use one of them")
        targets, chosen["force"] = (debug,), (*chosen["force"], debug)
    with opened(settings, frozen=frozen, **chosen, **how) as app:
        foreground = app.to_debug(debug) if debug is not None else None
        if dry_run:
            return show_plan(app.graph, app.plan(targets), settings)
        code = follow(
            app.build(targets, foreground=foreground),
            settings=settings,
            foreground=foreground,
            root=app.root,
            runs_folder=app.runs_folder,
            listen=app.listen,
            asked=lambda: app.asked(sys.argv[1:]),
        )
        if not code and not settings.json:
            leave(app, sys.argv[1:], quiet=settings.quiet)
        return code
