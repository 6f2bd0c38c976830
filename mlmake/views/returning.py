"""What was put back of a run, as lines and as a document; it does not know how."""

from collections.abc import Mapping

from mlmake.history.past import CUT_OFF
from mlmake.history.returning import Item, Return, Way
from mlmake.views.jsonl import Json
from mlmake.views.rows import Row, aligned, folded
from mlmake.views.screen import Screen

SCHEMA = "mlmake.restore/1"

NEXT = "the next build puts back what the Mlfile asks for"

WAYS: Mapping[Way, tuple[str, tuple[str, str, str]]] = {
    Way.RESTORED: ("restored", ("↺", "<", "good")),
    Way.IN_PLACE: ("as it was", ("·", ".", "dim")),
    Way.LOST: ("lost", ("✗", "!", "bad")),
    Way.FAILED: ("failed", ("✗", "!", "bad")),
    Way.NO_RESULT: ("no result", ("○", "o", "warn")),
}
"""For each way its word, and its symbol, the same in ASCII, and its colour."""


def return_lines(done: Return, screen: Screen, *, each: bool = False, quiet: bool = False) -> list[str]:
    """A line for each target of which there is something to tell, then the counts and what the next build does.

    `each` names those too that are in place already, `quiet` only those that went wrong.
    """
    rows = []
    for item in done.items:
        if (item.way is Way.IN_PLACE and not each) or (quiet and item.way in (Way.RESTORED, Way.IN_PLACE)):
            continue
        word, mark = WAYS[item.way]
        if done.dry and item.way is Way.RESTORED:
            word = "restore"
        rows.append(Row(mark, word, item.action, "", _text(item), item.action.partition("@")[0], _kind(item)))
    lines = aligned(rows if each else folded(rows, screen), screen)
    if quiet:
        return lines
    words = {Way.RESTORED: "to restore" if done.dry else "restored", Way.IN_PLACE: "as they were"}
    counts = [f"{count} {words.get(way, WAYS[way][0])}" for way in Way if (count := done.count(way))]
    lines.append(", ".join(counts) or "nothing to restore")
    if done.ended == CUT_OFF:
        lines.append(f"run {done.run} was cut off: only what it had come to by then is known")
    if done.count(Way.RESTORED) and not done.dry:
        lines.append(NEXT)
    return lines


def _text(item: Item) -> str:
    told = [", ".join(product.path for product in item.changed), item.detail]
    if item.trace is not None and item.way is Way.RESTORED:
        told.append(f"made in run {item.trace.run}")
    told += [f"what was there is kept as {path}" for path in item.kept]
    return "; ".join(part for part in told if part)


def _kind(item: Item) -> object:
    """What may be told in one line: nothing that somebody has to look after."""
    return item.way if not item.kept and not item.detail else None


def return_document(done: Return) -> dict[str, Json]:
    """The document of `restore --json`."""
    return {
        "schema": SCHEMA,
        "run": done.run,
        "run_outcome": done.ended,
        "dry_run": done.dry,
        **{way.value.replace("-", "_"): done.count(way) for way in Way},
        "targets": [_item(item) for item in done.items],
        "note": NEXT,
    }


def _item(item: Item) -> dict[str, Json]:
    changed = {product.path for product in item.changed}
    return {
        "target": item.action.partition("@")[0],
        "instance": item.action,
        "outcome": item.way.value,
        "made_in": item.trace.run if item.trace else None,
        "outputs": [
            {"path": product.path, "digest": product.digest, "size": product.size, "changed": product.path in changed}
            for product in (item.trace.outputs if item.trace else ())
        ],
        "kept": list(item.kept),
        "detail": item.detail or None,
    }
