"""The built-in choice of the best of a fan-out: metrics in, manifest out; it reads and writes no file."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmake.model.graph import Action, Select
from mlmake.model.trace import Trace
from mlmake.planning.request import nearest


@dataclass(frozen=True, slots=True)
class Entrant:
    """An instance that may be chosen, with its last result, and the metrics it is judged by."""

    action: Action
    result: Trace
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, best first, as the manifest's bytes; who lost; what the user should know."""

    manifest: bytes
    losers: tuple[str, ...]
    warnings: tuple[str, ...]


class NothingToSelect(Exception):
    """No entrant is left; the message has the figures and a hint."""


def enter(
    select: Select, actions: Mapping[str, Action], results: Mapping[str, Trace]
) -> tuple[list[Entrant], list[str]]:
    """The entrants in order, and warnings for those left out.

    With `pick` the metrics are those of the candidates and the entries those of the picked instances with the same
    values in the keys that both have.
    """
    if not select.pick:
        return [Entrant(actions[n], results[n], results[n].metrics) for n in select.candidates if n in results], []
    entrants: list[tuple[int, Entrant]] = []
    warnings: list[str] = []
    for name in select.pick:
        picked = actions[name]
        if name not in results:
            continue
        matching = [n for n in select.candidates if n in results and goes_with(picked, actions[n])]
        if len(matching) == 1:
            entrant = Entrant(picked, results[name], results[matching[0]].metrics)
            entrants.append((select.candidates.index(matching[0]), entrant))
        else:
            warnings.append(f"{name} is left out: {len(matching)} instances of the inputs have its keys")
    # Ties keep the order of the inputs, not that of what is picked.
    return [entrant for _, entrant in sorted(entrants, key=lambda pair: pair[0])], warnings


def goes_with(picked: Action, other: Action) -> bool:
    """Whether two instances have the same values in the keys that both have."""
    return all(other.keys[key] == value for key, value in picked.keys.items() if key in other.keys)


def choose(select: Select, entrants: Sequence[Entrant]) -> Choice:
    """The best `top` in each group of `per`; ties keep the order of the entrants. Raises NothingToSelect."""
    warnings, candidates = [], []
    groups: dict[tuple[str, ...], list[tuple[float, Entrant]]] = {}
    for entrant in entrants:
        members = groups.setdefault(tuple(str(entrant.action.keys.get(k)) for k in select.per), [])
        value = entrant.metrics.get(select.by)
        if value is None or math.isnan(value):
            have = "is not a number" if value is not None else "is missing"
            warnings.append(f"{entrant.action.id} is no candidate: its metric {select.by} {have}")
        else:
            candidates.append((value, entrant))
            members.append((value, entrant))
    if not candidates:
        raise NothingToSelect(_no_metric(select, entrants))
    selected: list[tuple[int, Entrant]] = []
    for group, members in groups.items():
        allowed = [(v, e) for v, e in members if _within(v, select)]
        if not allowed and select.per:
            shown = ", ".join(f"{k}={v}" for k, v in zip(select.per, group, strict=True))
            why = f"is within the limits of {select.by}" if members else f"has the metric {select.by}"
            warnings.append(f"no entry for {shown}: none {why}")
        allowed.sort(key=lambda pair: pair[0], reverse=select.order == "max")
        selected += [(rank, e) for rank, (_, e) in enumerate(allowed[: select.top], start=1)]
    if not selected:
        raise NothingToSelect(_out_of_limits(select, candidates))
    chosen = {entrant.action.id for _, entrant in selected}
    losers = tuple(entrant.action.id for _, entrant in candidates if entrant.action.id not in chosen)
    document = {"selected": [_entry(rank, entrant) for rank, entrant in selected]}
    manifest = json.dumps(document, indent=2, ensure_ascii=True).encode() + b"\n"
    return Choice(manifest, losers, tuple(warnings))


def chosen_paths(manifest: bytes, output: str) -> list[str]:
    """The paths of one output of the chosen instances, best first, as a manifest says."""
    return [entry["outputs"][output]["path"] for entry in json.loads(manifest)["selected"]]


def chosen_instances(manifest: bytes) -> list[str]:
    """The chosen instances, best first, as a manifest says."""
    return [entry["instance"] for entry in json.loads(manifest)["selected"]]


def _within(value: float, select: Select) -> bool:
    return (select.min is None or value >= select.min) and (select.max is None or value <= select.max)


def _entry(rank: int, entrant: Entrant) -> dict[str, object]:
    outputs = {
        product.name or product.path: {"path": product.path, "digest": product.digest}
        for product in entrant.result.outputs
    }
    return {
        "target": entrant.action.target,
        "instance": entrant.action.id,
        "keys": {key: _plain(value) for key, value in entrant.action.keys.items()},
        "rank": rank,
        "outputs": outputs,
        "metrics": {key: _plain(value) for key, value in entrant.metrics.items()},
    }


def _plain(value: object) -> object:
    """What JSON has no word for goes in as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _no_metric(select: Select, entrants: Sequence[Entrant]) -> str:
    if not entrants:
        return "there is nothing to choose from: no instance has a result"
    offered = sorted({name for entrant in entrants for name in entrant.metrics})
    if not offered:
        return f"no instance has the metric {select.by}: name the output with the metrics by `metrics = …`"
    meant = nearest(select.by, offered)
    hint = f"did you mean {meant}? " if meant else ""
    there = "there is only" if len(offered) == 1 else "there are"
    return f"no instance has the metric {select.by}: {hint}{there} {', '.join(offered)}"


def _out_of_limits(select: Select, candidates: Sequence[tuple[float, Entrant]]) -> str:
    limits = [f"{word} {limit}" for word, limit in (("min", select.min), ("max", select.max)) if limit is not None]
    figures = ", ".join(f"{entrant.action.id} {value:g}" for value, entrant in candidates[:10])
    return f"none is within {' and '.join(limits)} of {select.by}: {figures}"
