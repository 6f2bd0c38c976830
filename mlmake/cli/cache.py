"""`mlmake cache`: what the content store holds and whether it is sound; it removes nothing by policy."""

import sys
import time

import click

from mlmake.cli.ending import FAILED, MACHINE, NotYet, say
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, command
from mlmake.model.units import show_bytes
from mlmake.views.collection import by_age, count
from mlmake.views.jsonl import encoded
from mlmake.views.screen import printable

SHOWN = 5
"""Results of a lost object that are named."""


@command("cache")
@click.argument("what", type=click.Choice(["stats", "verify", "push", "pull"]))
def cache(settings: Settings, what: str) -> int:
    """Look after the content store.

    `stats` counts what it holds; `verify` hashes everything again and mends what can be mended. `push` and `pull`: not
    yet.
    """
    if what in ("push", "pull"):
        raise NotYet(f"`mlmake cache {what}`")
    return stats(settings) if what == "stats" else verify(settings)


def stats(settings: Settings) -> int:
    """Count what there is."""
    with opened(settings) as app:
        found = app.upkeep.stats(app.state, time.time())
        report = app.collect(app.retention(), dry=True)
        ages = by_age(found.ages)
        if settings.json:
            document = {
                "schema": "mlmake.cache-stats/1",
                "folder": app.store.folder,
                "results": found.results,
                "state_bytes": found.state_bytes,
                "record_bytes": found.record_bytes,
                "objects": found.objects,
                "object_bytes": found.object_bytes,
                "last_used": ages,
                "gc_results": report.results,
                "gc_objects": report.objects,
                "gc_bytes": report.freed,
                "shared_with": list(found.projects),
            }
            sys.stdout.buffer.write(encoded(document) + b"\n")
            return 0
        told = show_bytes(found.state_bytes), show_bytes(found.record_bytes)
        print(printable(app.store.folder))
        print(f"results   {found.results}: {told[0]} of state, {told[1]} of plain records")
        print(f"objects   {found.objects}: {show_bytes(found.object_bytes)}")
        print("last used " + (", ".join(f"{number} {text}" for text, number in ages.items() if number) or "never"))
        print(
            f"gc        would remove {count(report.results, 'result')} and {count(report.objects, 'object')}: "
            f"{show_bytes(report.freed)}"
        )
        for root in found.projects:
            print(f"shared    with {printable(root)}")
    return 0


def verify(settings: Settings) -> int:
    """Hash everything again."""
    # Slow: everything that collects.
    from mlmake.ports import StoreTrouble  # noqa: PLC0415

    with opened(settings) as app:
        try:
            found = app.upkeep.verify(app.state, app.graph)
        except StoreTrouble as trouble:
            say(f"error: {trouble}", MACHINE)
            return MACHINE
        bad = bool(found.lost or found.unreadable)
        if settings.json:
            document = {
                "schema": "mlmake.cache-verify/1",
                "objects": found.objects,
                "bytes": found.bytes,
                "mended": found.mended,
                "dropped": found.dropped,
                "unreadable": found.unreadable,
                "lost": [
                    {"object": lost.object, "results": [{"instance": a, "run": r} for a, r in lost.results]}
                    for lost in found.lost
                ],
                "forgotten_results": found.forgotten,
                "records_written": found.records,
            }
            sys.stdout.buffer.write(encoded(document) + b"\n")
            return FAILED if bad else 0
        for name in found.mended:
            print(f"mended    {name}: taken again from an output on disk")
        for name in found.dropped:
            print(f"dropped   {name}: its bytes were not its own")
        for text in found.unreadable:
            print(f"unread    {printable(text)}")
        for lost in found.lost:
            named = [f"{printable(action)} of {run}" for action, run in lost.results[:SHOWN]]
            more = len(lost.results) - len(named)
            of = ", ".join(named) + (f" and {more} more" if more > 0 else "") or "another project"
            print(f"lost      {lost.object}: {of}")
        if found.records and not settings.quiet:
            print(f"records   {count(found.records, 'plain record')} written again")
        if not settings.quiet:
            words = "all sound" if not (bad or found.dropped or found.mended) else f"{len(found.lost)} lost"
            print(f"{count(found.objects, 'object')} hashed ({show_bytes(found.bytes)}): {words}")
    return FAILED if bad else 0
