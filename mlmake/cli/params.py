"""`mlmake params`: parameters and what set each, side by side across runs; it sets none."""

import sys

import click

from mlmake.cli.ending import WrongUse
from mlmake.cli.project import opened
from mlmake.cli.remembered import DIFF, chosen, past_runs, remark
from mlmake.cli.settings import Settings, command
from mlmake.history.params import ParameterRow, changed_parameters, last_two, parameter_rows
from mlmake.history.past import NOW
from mlmake.recalling import given
from mlmake.views.history import params_document, params_table
from mlmake.views.jsonl import encoded
from mlmake.views.tables import csv_text, markdown_lines, text_lines


@command("params")
@click.argument("words", nargs=-1, metavar="[show|diff] [A [B]]")
@click.option("--used-by", "used_by", is_flag=True, help="Also the targets that use each.")
@click.option("--set", "sets", multiple=True, metavar="K=V", help="Set a parameter; repeatable.")
@click.option("--params", "params_file", metavar="FILE", help="Merge a file over the parameters.")
@click.option("--md", "as_md", is_flag=True, help="As a Markdown table.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
def params(
    settings: Settings,
    words: tuple[str, ...],
    used_by: bool,
    sets: tuple[str, ...],
    params_file: str | None,
    as_md: bool,
    as_csv: bool,
) -> int:
    """Show the parameters and where each was set.

    A and B are runs: an id, its beginning or end, `last`, `last~1` …, or `now` for what the Mlfile says. `show` without
    one shows that; `diff A` compares A with it; `diff` alone the last two runs that differ.
    """
    if as_md and as_csv:
        raise WrongUse("--md and --csv do not go together")
    found = past_runs(settings)
    verb, names = chosen(words, found, name="params")
    compared = verb == DIFF
    pasts = []
    if compared and not names:
        two = last_two((name, found.parameters(name)) for name in found.names())
        pasts = [found.given(name) for name in two or ()]
        if two is None:
            remark("no two runs differ in their parameters", settings)
    else:
        names = names or [NOW]
        for name in [*names, NOW] if compared and len(names) == 1 else names:
            if name != NOW:
                pasts.append(found.given(name))
                continue
            with opened(settings, set=sets, params_file=params_file) as app:
                pasts.append(given(app))
    rows, runs = parameter_rows(pasts), [past.head.run for past in pasts]
    for past in pasts:
        if past.head.run != NOW and not past.steps:
            remark(f"run {past.head.run} has not kept its parameters", settings)
    if compared:
        rows = changed_parameters(rows)
        if pasts and not rows:
            remark(f"no parameter differs between {runs[0]} and {runs[-1]}", settings)
    tell(rows, runs, settings, used_by=used_by, form="md" if as_md else "csv" if as_csv else "text")
    return 0


def tell(rows: list[ParameterRow], runs: list[str], settings: Settings, *, used_by: bool, form: str) -> None:
    """Print parameters in a form."""
    if settings.json:
        sys.stdout.buffer.write(encoded(params_document(rows, runs)) + b"\n")
        return
    table = params_table(rows, runs, used_by=used_by)
    if form == "csv":
        sys.stdout.write(csv_text(table))
    elif form == "md":
        print("\n".join(markdown_lines(table)))
    elif rows:
        print("\n".join(text_lines(table, settings.screen())[0]))
