"""The types that an Mlfile decodes to, table by table; they know the shape of each key, not what its text means."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field


class Table(Struct, forbid_unknown_fields=True, kw_only=True):
    """A TOML table: unknown keys are errors."""


Text = str
Number = int | float
Positive = Annotated[int, Meta(ge=1)]


class ProjectTable(Table):
    """`[project]`: what holds for the whole file."""

    name: str | None = None
    mlmake: str | None = None
    default: list[str] | None = None
    include: list[str] = []
    params: list[str] = []
    python: str | None = None
    preload: list[str] = []
    shell: Annotated[list[str], Meta(min_length=1)] = field(default_factory=lambda: ["bash", "-euo", "pipefail", "-c"])


class CacheTable(Table):
    """`[cache]`: where results are kept and for how long."""

    dir: str | None = None
    remote: str | None = None
    unused_for: str = "30d"
    max_size: str | None = None
    link: str = "reflink,copy"


class SelectTable(Table):
    """`select = { … }`: choose the best of a fan-out."""

    by: str
    top: Positive = 1
    order: Literal["max", "min"] = "max"
    min: Number | None = None
    max: Number | None = None
    per: list[str] = []
    pick: str | None = None


class RetriesTable(Table):
    """`retries = { times, delay, backoff }`."""

    times: Annotated[int, Meta(ge=0)]
    delay: str = "1s"
    backoff: Annotated[float, Meta(ge=1)] = 2.0


class TargetTable(Table):
    """`[target.NAME]`."""

    help: str | None = None
    run: str | Annotated[list[str], Meta(min_length=1)] | None = None
    call: str | None = None
    select: SelectTable | None = None
    inputs: list[str] | dict[str, str | list[str]] = []
    outputs: list[str] | dict[str, str] = []
    after: list[str] = []
    params: list[str] = []
    env: list[str] | dict[str, str | int | float | bool] = {}
    matrix: str | list[dict[str, Any]] | dict[str, Any] | None = None
    source: str | list[str] | None = None
    fresh_for: str | None = None
    max_age: str | None = None
    stale_if_error: str | None = None
    probe: str | dict[str, Any] | None = None
    significant: str | int | float | dict[str, str | int | float] | None = None
    enough: str | None = None
    ready: str | None = None
    wait: str | Annotated[int, Meta(ge=1)] = "all"
    carry: bool | None = None
    metrics: str | None = None
    resources: dict[str, int | float | str] = {}
    retries: Annotated[int, Meta(ge=0)] | RetriesTable = 0
    timeout: str | None = None
    on_error: Literal["stop", "continue", "trim"] = "stop"
    cache: bool = True
    keep: bool | list[str] = False
    track: list[Literal["imports", "files", "packages"]] | UnsetType = UNSET
    sandbox: Literal["strict"] | None = None
    manual: bool = False


class BatchTable(Table):
    """`batch = { max_rows, max_ms }` of a `[serve.NAME]`."""

    max_rows: Positive = 512
    max_ms: Annotated[float, Meta(gt=0)] = 20.0


class ServeTable(Table):
    """`[serve.NAME]`."""

    models: str | list[str]
    aggregate: str = "mean"
    loader: str | None = None
    method: str = "auto"
    inputs: list[dict[str, Any]] | None = None
    outputs: list[dict[str, Any]] | None = None
    batch: bool | BatchTable = field(default_factory=BatchTable)
    warmup: str | None = None


class MlfileTable(Table):
    """A whole Mlfile."""

    project: ProjectTable = ProjectTable()
    params: dict[str, Any] = {}
    env: dict[str, str | int | float | bool] = {}
    resources: dict[str, int | float | str] = {}
    cache: CacheTable = CacheTable()
    target: dict[str, TargetTable] = {}
    serve: dict[str, ServeTable] = {}
