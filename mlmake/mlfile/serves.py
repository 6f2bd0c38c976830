"""What each `[serve.NAME]` may serve: the models among the outputs; it does not know which of them exist."""

from collections.abc import Mapping, Sequence

from mlmake.mlfile.inputs import Resolver
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.nearest import closest
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.references import Instances, is_reference
from mlmake.mlfile.schema import BatchTable, ServeTable, TensorTable
from mlmake.model.graph import Candidate, Output, Serve
from mlmake.model.release import Batching, Manner, Tensor


def read_serve(name: str, table: ServeTable, resolver: Resolver, *, notes: Notes, metrics: Mapping[str, str]) -> Serve:
    """One `[serve.NAME]`; `metrics` gives for each target the name or path of the output that holds them."""
    own = Instances(name, (name,), ({},))
    several = isinstance(table.models, list)
    texts: Sequence[str] = table.models if isinstance(table.models, list) else [table.models]
    candidates: dict[str, Candidate] = {}
    selected_by: str | None = None
    model_output: str | None = None
    for number, text in enumerate(texts):
        where: KeyPath = ("serve", name, "models", number) if several else ("serve", name, "models")
        if not is_reference(text):
            hint = f'write ":{text}"' if text in resolver.targets else 'write ":NAME" of a target'
            notes.add(where, f'"{text}" is no reference', hint)
            continue
        reference = resolver.checked(text, where, own)
        places = None if reference is None else resolver.select(reference, where, own, name, {})
        if reference is None or places is None:
            continue
        target = resolver.targets[reference.target]
        ids = [resolver.instances[reference.target].ids[place] for place in places]
        makers: Sequence[str] = ids
        wanted = reference.output
        if target.select is not None and (wanted is None or wanted not in target.outputs):
            if len(texts) > 1 or len(ids) > 1:
                notes.add(
                    where, f"{reference.target} selects, and cannot be served beside others yet", "serve it alone"
                )
                continue
            selected_by = ids[0] if ids else None
            makers = [maker for place in places for maker in resolver.chosen_from(reference.target, place)]
        elif not target.outputs:
            notes.add(where, f"{reference.target} has no outputs to serve", "name a target that makes a model")
            continue
        for maker in makers:
            outputs = resolver.outputs.get(maker, ())
            output = _model(maker, outputs, wanted, metrics.get(maker.partition("@")[0]), where, notes)
            if output is not None:
                candidates[output.path] = Candidate(maker, output.path)
                model_output = model_output or output.name
    return Serve(name, tuple(candidates.values()), selected_by, _manner(table), model_output)


def _manner(table: ServeTable) -> Manner:
    """How they answer, as the table says."""
    batching = BatchTable() if table.batch in (None, True) else table.batch
    return Manner(
        aggregate=table.aggregate,
        loader=table.loader,
        method=table.method,
        inputs=_tensors(table.inputs),
        outputs=_tensors(table.outputs),
        batching=Batching(batching.max_rows, batching.max_ms) if isinstance(batching, BatchTable) else None,
        warmup=table.warmup,
    )


def _tensors(tables: Sequence[TensorTable] | None) -> tuple[Tensor, ...] | None:
    if tables is None:
        return None
    return tuple(Tensor(t.name, t.datatype, None if t.shape is None else tuple(t.shape)) for t in tables)


def _model(
    maker: str, outputs: Sequence[Output], wanted: str | None, metrics: str | None, where: KeyPath, notes: Notes
) -> Output | None:
    """The output that is the model: the one asked for, that named `model`, or the only one that is not the metrics."""
    target = maker.partition("@")[0]
    names = [output.name or output.path for output in outputs]
    if wanted is not None:
        found = [output for output in outputs if output.name == wanted]
        if not found:
            meant = closest(wanted, names)
            hint = f"did you mean :{target}.{meant}?" if meant else f"its outputs are {', '.join(names)}"
            notes.add(where, f"{target} has no output {wanted}", hint)
            return None
        return found[0]
    models = [output for output in outputs if output.name == "model"] or [
        output for output in outputs if metrics is None or metrics not in (output.name, output.path)
    ]
    if len(models) == 1:
        return models[0]
    if outputs:
        what = "several outputs of" if models else "no output of"
        notes.add(
            where,
            f"{what} {target} may be the model: {', '.join(o.name or o.path for o in models)}"
            if models
            else f"{what} {target} may be the model",
            f"name it: :{target}.OUTPUT, or call the output model",
        )
    return None
