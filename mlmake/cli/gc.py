"""`mlmake gc`: removes what policy allows and says how much and why; it decides nothing by itself."""

import sys
import time
from typing import TYPE_CHECKING

import click

from mlmake.cli.ending import MACHINE, WrongUse, say
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.model.units import seconds, show_bytes, size
from mlmake.planning.retention import HOUR, Policy
from mlmake.views.collection import count, gc_document, group_line
from mlmake.views.jsonl import encoded
from mlmake.views.screen import printable

if TYPE_CHECKING:
    from mlmake.stores.collecting import Report


@command("gc")
@click.option("-n", "dry_run", is_flag=True, help="Only say what would go.")
@click.option("--unused-for", metavar="AGE", help="What was not used for so long goes, say 30d.")
@click.option("--max-size", metavar="SIZE", help="What was used longest ago goes until the store is no larger.")
@click.option("--keep-runs", type=click.IntRange(0), metavar="N", help="What the last N runs ended with stays.")
def gc(settings: Settings, dry_run: bool, unused_for: str | None, max_size: str | None, keep_runs: int | None) -> int:
    """Remove remembered results that policy allows to go, and bytes that no result refers to.

    Without options by `[cache]` of the Mlfile. With --keep-runs alone, all results but those of these runs.
    """
    # Slow: everything that collects.
    from mlmake.ports import StoreTrouble  # noqa: PLC0415
    from mlmake.stores.collecting import Busy  # noqa: PLC0415

    age, most = _seconds(unused_for), _size(max_size)
    with opened(settings) as app:
        policy = app.retention(unused_for=age, max_size=most, keep_runs=keep_runs)
        try:
            report = app.collect(policy, dry=dry_run)
        except (Busy, StoreTrouble) as trouble:
            say(f"error: {trouble}", MACHINE)
            return MACHINE
        _tell(report, policy, settings, dry=dry_run, runs=keep_runs)
    return 0


def _tell(report: "Report", policy: Policy, settings: Settings, *, dry: bool, runs: int | None) -> None:
    now = time.time()
    ages = {why: None if g.oldest is None else max(0.0, now - g.oldest * HOUR) for why, g in report.groups.items()}
    if settings.json:
        groups = [
            {"reason": why.value, "results": group.results, "bytes": group.bytes, "oldest_seconds": ages[why]}
            for why, group in report.groups.items()
        ]
        figures = {
            "results": report.results,
            "objects": report.objects,
            "unreferenced_objects": report.orphans,
            "unreferenced_bytes": report.orphan_bytes,
            "record_bytes": report.records,
            "freed_bytes": report.freed,
            "in_use": report.standing,
        }
        document = gc_document(groups, dry=dry, figures=figures, projects=report.projects)
        sys.stdout.buffer.write(encoded(document) + b"\n")
        return
    if settings.quiet:
        return
    verb = "would remove" if dry else "removed"
    for why, group in report.groups.items():
        line = group_line(why, group.results, group.bytes, oldest=ages[why], policy=policy, runs=runs)
        print(f"{verb} {line}")
    if report.orphans:
        print(f"{verb} {count(report.orphans, 'object')} that no result refers to: {show_bytes(report.orphan_bytes)}")
    if report.standing:
        print(f"kept {count(report.standing, 'result')} as old that the workspace or a running build refers to")
    for text in report.projects:
        print(printable(text))
    if report.groups or report.objects or report.records:
        print(f"{'would free' if dry else 'freed'} {show_bytes(report.freed)}")
    else:
        print("nothing to remove")


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = seconds(text)
    if found is None:
        raise WrongUse(f"--unused-for {text}: write a duration like `90s`, `6h`, `14d` or `1d12h`")
    return found


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    found = size(text)
    if found is None:
        raise WrongUse(f"--max-size {text}: write a size like `500 MB` or `2 GiB`")
    return found
