"""Results for tests of what keeps them."""

from mlmake.model.digest import Digest, ObjectName, digest_of
from mlmake.model.fact import fact
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Product, Trace

CODE = next(iter(Code))


def made(action="train", recipe=1, inputs=(1,), output=1, *, ended=10.0, run="run-1", **more):
    """A result; small numbers stand for digests."""
    return Trace(
        action=action,
        recipe=digest_of(f"recipe {recipe}"),
        facts=(fact(CODE, "lr", 0.1),),
        inputs=tuple((f"data/{n}.csv", digest_of(value)) for n, value in enumerate(inputs)),
        discovered=(("src/a.py", digest_of("a")),),
        outputs=(Product("model", f"out/{action}", digest_of(output), 3, ObjectName(f"{output:064x}")),),
        started=ended - 1,
        ended=ended,
        seconds=1.0,
        run=run,
        reasons=(Reason(CODE, "lr", 0.1, 0.2),),
        metrics={"accuracy": 0.9},
        origin={"host": "here"},
        **more,
    )


def recipe(number) -> Digest:
    return digest_of(f"recipe {number}")
