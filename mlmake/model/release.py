"""What is to be served: the value that passes from a build to the server; it knows neither of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmake.model.digest import Digest, ObjectName


@dataclass(frozen=True, slots=True)
class Batching:
    """How many rows are answered together at most, and for how long: milliseconds by what rows took before."""

    max_rows: int = 512
    max_ms: float = 20.0


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the protocol tells of an input or an output: nothing of it is known where it is none."""

    name: str
    datatype: str | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How the models of one `[serve.NAME]` are loaded and asked, and how their answers are joined.

    `loader` is none if the suffix says it. `inputs` and `outputs` are none if they are learnt from the models.
    `batching` is none where each request is answered alone. `warmup` is the path of a request.
    """

    aggregate: str = "mean"
    loader: str | None = None
    method: str = "auto"
    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    batching: Batching | None = Batching()
    warmup: str | None = None


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """An output as the build recorded it: its absolute path (a folder's ends in "/"), the digest of its content.

    `object` names its bytes in the content store, none if only those at the path will do.
    """

    path: str
    digest: Digest
    object: ObjectName | None = None


@dataclass(frozen=True, slots=True)
class ReleasedModel:
    """One model: the instance that made it, where it is, its rank from 1.

    `outputs` are all outputs of the instance, by name or path, for loaders that ask for them.
    """

    instance: str
    path: str
    digest: Digest
    rank: int
    object: ObjectName | None = None
    outputs: Mapping[str, ReleasedFile] = field(default_factory=dict)

    @property
    def file(self) -> ReleasedFile:
        """The model itself as an output."""
        return ReleasedFile(self.path, self.digest, self.object)


@dataclass(frozen=True, slots=True)
class Release:
    """The models of one `[serve.NAME]`, best first, and how they answer.

    `chosen` says that a selection put them together: they go live all or not at all. Else each stands for itself.
    """

    serve: str
    models: tuple[ReleasedModel, ...]
    manner: Manner = Manner()
    chosen: bool = False
