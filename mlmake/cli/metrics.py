"""`mlmake metrics`: the metrics of instances side by side; it neither measures nor compares them itself."""

import sys
from collections.abc import Iterator

import click

from mlmake.cli.ending import WrongUse
from mlmake.cli.project import opened
from mlmake.cli.remembered import DIFF, chosen, past_runs, remark
from mlmake.cli.settings import Settings, command
from mlmake.history.better import MAX, MIN
from mlmake.history.metrics import Board, Measures, alone, best, board, by, changed, last_two, with_trend
from mlmake.history.past import NOW, Past
from mlmake.planning.request import nearest
from mlmake.recalling import present
from mlmake.stores.past import PastRuns
from mlmake.views.history import metrics_document, metrics_table
from mlmake.views.jsonl import encoded
from mlmake.views.tables import csv_text, markdown_lines, text_lines


@command("metrics")
@click.argument("words", nargs=-1, metavar="[show|diff] [A [B]]")
@click.option("--sort", "sort", metavar="KEY", help="Rows by KEY, the best first; -KEY turns it round.")
@click.option("--best", "wanted", metavar="max:KEY", help="Only the row with the most (min: the least) of KEY.")
@click.option("--md", "as_md", is_flag=True, help="As a Markdown table.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, numbers in full.")
def metrics(
    settings: Settings, words: tuple[str, ...], sort: str | None, wanted: str | None, as_md: bool, as_csv: bool
) -> int:
    """Compare the metrics of instances across runs.

    A and B are runs: an id, its beginning or end, `last`, `last~1` …, or `now` for the results at present. `show`
    without one shows those; `diff A` compares A with them; `diff` alone the last two runs that differ.
    """
    if as_md and as_csv:
        raise WrongUse("--md and --csv do not go together")
    found = past_runs(settings)
    verb, names = chosen(words, found, name="metrics")
    compared = verb == DIFF
    if compared and not names:
        two = last_two((name, found.measures(name)) for name in found.names())
        if two is None:
            remark("no two runs differ in their metrics", settings)
        pasts = [found.read(name) for name in two or ()]
    else:
        names = names or [NOW]
        pasts = [of_run(name, found, settings) for name in ([*names, NOW] if compared and len(names) == 1 else names)]
    shown = board(pasts)
    if pasts and not shown.rows:
        remark("no metrics are recorded" + (f" in {' or '.join(shown.runs)}" if shown.runs != (NOW,) else ""), settings)
    key, reverse = sorting(shown, sort)
    choice = choosing(shown, wanted)
    if key:
        shown = by(shown, key, reverse=reverse)
    if compared:
        everything, shown = shown, changed(shown)
        if everything.rows and not shown.rows:
            remark(f"no metric differs between {shown.runs[0]} and {shown.runs[-1]}", settings)
    main = next((name for name in (key, choice[1]) if name in shown.metrics), None) or leading(shown)
    if len(shown.runs) == 1 and main:
        shown = with_trend(shown, main, until(shown.runs[0], found))
    if choice[1]:
        row = best(shown, *choice)
        shown = alone(shown, row)
        if row is None and pasts:
            remark(f"no instance has {choice[1]}", settings)
    tell(shown, settings, compared=compared, kept=main or "", form="md" if as_md else "csv" if as_csv else "text")
    return 0


def of_run(name: str, found: PastRuns, settings: Settings) -> Past:
    """A run, or what there is at present."""
    if name != NOW:
        return found.read(name)
    with opened(settings) as app:
        return present(app)


def until(run: str, found: PastRuns) -> Iterator[Measures]:
    """What was measured in a run and all before it, newest first; in all there are before now."""
    names = found.names()
    return map(found.measures, names if run == NOW else names[names.index(run) :])


def leading(shown: Board) -> str | None:
    """The metric that is followed through the runs if none is asked for: the first of which something is wanted."""
    return next((name for name in shown.metrics if name in shown.wanted), next(iter(shown.metrics), None))


def sorting(shown: Board, sort: str | None) -> tuple[str | None, bool]:
    """What `--sort` says: by what, and whether the other way round. Raises WrongUse."""
    if sort is None:
        return None, False
    names = shown.names()
    if sort not in names and sort.startswith("-"):
        return known(sort[1:], names, flag="--sort"), True
    return known(sort, names, flag="--sort"), False


def choosing(shown: Board, wanted: str | None) -> tuple[str, str]:
    """What `--best` says: max or min, and of what. Raises WrongUse."""
    if wanted is None:
        return "", ""
    way, colon, key = wanted.partition(":")
    if colon and way in (MAX, MIN):
        return way, known(key, shown.metrics, flag="--best")
    key = known(wanted, shown.metrics, flag="--best")
    if shown.rows and key not in shown.wanted:
        raise WrongUse(f"--best {key}: is more of it better, or less? write `--best max:{key}` or `--best min:{key}`")
    return shown.wanted.get(key, MAX), key


def known(key: str, names: "list[str] | tuple[str, ...]", *, flag: str) -> str:
    """A name that is among these; where there are none at all any is. Raises WrongUse."""
    if key in names or not names:
        return key
    meant = nearest(key, names)
    hint = f"did you mean `{meant}`?" if meant else f"there is {', '.join(names)}"
    raise WrongUse(f"{flag} {key}: no instance has such a metric{'' if flag == '--best' else ' or key'}; {hint}")


def tell(shown: Board, settings: Settings, *, compared: bool, kept: str, form: str) -> None:
    """Print the board in a form."""
    if settings.json:
        sys.stdout.buffer.write(encoded(metrics_document(shown, compared=compared, by=kept)) + b"\n")
        return
    screen = settings.screen()
    table = metrics_table(shown, screen, compared=compared, kept=kept, full=form != "text")
    if form == "csv":
        sys.stdout.write(csv_text(table))
    elif form == "md":
        print("\n".join(markdown_lines(table)))
    elif shown.rows:
        if compared:
            print(f"{shown.runs[0]} → {shown.runs[-1]}" if screen.symbols else f"{shown.runs[0]} -> {shown.runs[-1]}")
        elif len(shown.runs) > 1:
            print("  ".join(f"{letter} = {run}" for letter, run in zip("AB", shown.runs, strict=True)))
        lines, left_out = text_lines(table, screen)
        print("\n".join(lines))
        if left_out:
            remark(f"not shown for want of room: {', '.join(left_out)}; --csv has everything", settings)
