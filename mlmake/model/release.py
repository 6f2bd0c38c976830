"""What is to be served: the value that passes from a build to the server; it knows neither of them."""

from dataclasses import dataclass

from mlmake.model.digest import Digest


@dataclass(frozen=True, slots=True)
class ReleasedModel:
    """One model: the instance that made it, the absolute path of its file, its digest, its rank from 1."""

    instance: str
    path: str
    digest: Digest
    rank: int


@dataclass(frozen=True, slots=True)
class Release:
    """The models of one `[serve.NAME]`, best first, and how their answers are joined."""

    serve: str
    models: tuple[ReleasedModel, ...]
    aggregate: str = "mean"
