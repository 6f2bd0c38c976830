"""The types that an Mlfile decodes to, table by table; they know the shape of each key, not what its text means.

Each key carries two sentences: its description, for editors and the reference, and its form, for messages
("must be …"). A pattern is only for editors: what a text means is checked later, with a better message.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]*$"
DURATION_PATTERN = r"^((\d+(\.\d+)?(ms|[smhdw]))+|P.+|.*\{.*\}.*)$"
SIZE_PATTERN = r"^\s*\d+(\.\d+)?\s*([kKmMgGtTpP]i?)?[bB]?\s*$"


def says(description: str, form: str, *, pattern: str | None = None, notyet: bool = False) -> Meta:
    """What a key is for, what its value must be, and whether its feature is still to come."""
    return Meta(
        description=description + (" (Not yet built.)" if notyet else ""),
        extra={"form": form, "notyet": notyet},
        extra_json_schema={"pattern": pattern} if pattern else None,
    )


class Table(Struct, forbid_unknown_fields=True, kw_only=True):
    """A TOML table: unknown keys are errors."""


Number = int | float
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Words = Annotated[list[str], Meta(min_length=1)]
Scalar = str | int | float | bool

_DURATION = 'a duration like "90s", "2h" or "1d12h"'
_TEXT = "a string"
_NAMES = "an array of strings"


MatrixValues = Annotated[
    list[Any] | dict[str, Any],
    Meta(
        description=(
            "The values of a matrix key: an array; `{ param = … }`, an array of `[params]`; `{ glob = … }`, the files "
            'that match; `{ from = ":target" }`, the files that a target has made, or with `each = "item"` the items '
            "of the JSON array that it has made."
        ),
        extra={"form": 'an array of values like ["a", "b"], or a table like { param = "folds" }'},
    ),
]


class ProjectTable(Table):
    """`[project]`: what holds for the whole file."""

    name: Annotated[str | None, says("What the project is called; the folder's name if absent.", _TEXT)] = None
    mlmake: Annotated[
        str | None, says("The mlmake versions that may build this project.", 'a version requirement like ">=0.1"')
    ] = None
    default: Annotated[
        list[str] | None,
        says(
            "What plain `mlmake` builds; every target with outputs that is not manual if absent.",
            'an array of target names like ["best"]',
        ),
    ] = None
    include: Annotated[
        list[str],
        says("Other Mlfiles whose targets and settings belong to this one.", 'an array of files like ["sub/Mlfile"]'),
    ] = []
    params: Annotated[
        list[str],
        says("Parameter files, read before `[params]`.", 'an array of files like ["params.yaml"]'),
    ] = []
    python: Annotated[
        str | None, says("The interpreter for `call` and `{python}`; the one that runs mlmake if absent.", _TEXT)
    ] = None
    preload: Annotated[
        list[str],
        says("Modules that the warm parent of `call` steps imports once.", 'an array of modules like ["numpy"]'),
    ] = []
    shell: Annotated[
        Words,
        says("The command that runs a `run` string.", 'an array of words like ["bash", "-euo", "pipefail", "-c"]'),
    ] = field(default_factory=lambda: ["bash", "-euo", "pipefail", "-c"])


class CacheTable(Table):
    """`[cache]`: where results are kept and for how long."""

    dir: Annotated[str | None, says("The folder of the content store.", _TEXT)] = None
    remote: Annotated[
        str | None, says("Where `push` and `pull` go.", 'a URL like "https://cache.example.org"', notyet=True)
    ] = None
    unused_for: Annotated[
        str | None,
        says(
            "How long results that nobody uses are kept; 30d if absent.",
            _DURATION,
            pattern=DURATION_PATTERN,
        ),
    ] = None
    max_size: Annotated[
        str | None,
        says(
            "The size above which the oldest results go; no limit if absent.",
            'a size like "500 MB" or "2 GiB"',
            pattern=SIZE_PATTERN,
        ),
    ] = None
    link: Annotated[
        str,
        says(
            "How outputs are put in place, in order of preference: reflink, hardlink, copy.",
            'a list like "reflink,copy"',
            pattern=r"^\s*(reflink|hardlink|copy)\s*(,\s*(reflink|hardlink|copy)\s*)*$",
        ),
    ] = "reflink,copy"


class SelectTable(Table):
    """`select = { … }`: choose the best of a fan-out."""

    by: Annotated[str, says("The metric to compare.", 'the name of a metric like "accuracy"')]
    top: Annotated[Positive, says("How many to choose.", "a whole number from 1 up")] = 1
    order: Annotated[Literal["max", "min"], says("Whether more or less is better.", '"max" or "min"')] = "max"
    min: Annotated[Number | None, says("Least value that qualifies, inclusive.", "a number")] = None
    max: Annotated[Number | None, says("Greatest value that qualifies, inclusive.", "a number")] = None
    per: Annotated[
        list[str], says("Choose so many for each value of these matrix keys.", 'an array of matrix keys like ["fold"]')
    ] = []
    pick: Annotated[
        str | None,
        says("The target whose instances are chosen by the metrics of `inputs`.", 'a reference like ":train"'),
    ] = None


class RetriesTable(Table):
    """`retries = { times, delay, backoff }`."""

    times: Annotated[Natural, says("How often a failed step is tried again.", "a whole number from 0 up")]
    delay: Annotated[str, says("The pause before the first retry.", _DURATION, pattern=DURATION_PATTERN)] = "1s"
    backoff: Annotated[
        Annotated[float, Meta(ge=1)], says("By how much each pause is longer than the last.", "a number from 1 up")
    ] = 2.0


class ProbeTable(Table):
    """`probe = { run or call, timeout }`."""

    run: Annotated[
        str | Words | None,
        says("A command that prints a measure of the source.", "a string or an array of at least one string"),
    ] = None
    call: Annotated[
        str | None, says("A function that returns a measure of the source.", 'a function like "module:function"')
    ] = None
    timeout: Annotated[str, says("How long the probe may take.", _DURATION, pattern=DURATION_PATTERN)] = "60s"


class TargetTable(Table):
    """`[target.NAME]`."""

    help: Annotated[str | None, says("One line, shown by `mlmake list`.", _TEXT)] = None
    run: Annotated[
        str | Words | None,
        says(
            "The command: a string is a script for `project.shell`, an array is run without a shell.",
            "a string or an array of at least one string",
        ),
    ] = None
    call: Annotated[
        str | None,
        says(
            "A Python function of the project, run in a warm worker.",
            'a function like "steps.train:run"',
            pattern=r"^[^:]+:[^:]+$",
        ),
    ] = None
    select: Annotated[
        SelectTable | None,
        says("Choose the best of a fan-out by a metric.", 'a table like { by = "accuracy" }'),
    ] = None
    inputs: Annotated[
        list[str] | dict[str, str | list[str]],
        says(
            "Files, globs, folders (trailing `/`) and references.",
            'an array of strings, or a table like { table = ":ingest.table" }',
        ),
    ] = []
    outputs: Annotated[
        list[str] | dict[str, str],
        says(
            "Files, or folders (trailing `/`), that the step makes.",
            'an array of strings, or a table like { model = "build/model.joblib" }',
        ),
    ] = []
    after: Annotated[
        list[str], says("What must have run before; order only.", 'an array of references like [":ingest"]')
    ] = []
    params: Annotated[
        list[str],
        says("Parameters used beyond those interpolated or asked for.", 'an array of names like ["seed", "model.*"]'),
    ] = []
    env: Annotated[
        list[str] | dict[str, Scalar],
        says(
            "Environment: a table sets variables, an array passes them through.",
            'an array of names, or a table like { MODE = "fast", HOME = true }',
        ),
    ] = {}
    matrix: Annotated[
        str | list[dict[str, MatrixValues]] | dict[str, MatrixValues] | None,
        says(
            "Fan-out: one instance for each combination of values.",
            'a table of arrays like { algo = ["a", "b"] }, an array of such tables, or a reference like ":train"',
        ),
    ] = None
    source: Annotated[
        str | list[str] | None,
        says(
            "An external dataset: path, glob, folder, URL, or a reference.",
            "a string or an array of strings",
        ),
    ] = None
    fresh_for: Annotated[
        str | None,
        says(
            "A quiet window: within it the source is not looked at.",
            _DURATION,
            pattern=DURATION_PATTERN,
        ),
    ] = None
    max_age: Annotated[
        str | None,
        says("Older results are made again.", _DURATION, pattern=DURATION_PATTERN),
    ] = None
    stale_if_error: Annotated[
        str | None,
        says(
            "If a refresh fails, go on with results up to this old.",
            _DURATION,
            pattern=DURATION_PATTERN,
        ),
    ] = None
    probe: Annotated[
        str | ProbeTable | None,
        says(
            "What to measure of the source.",
            '"files", "bytes", "lines", "records", or a table like { run = "./measure" }',
        ),
    ] = None
    significant: Annotated[
        str | int | float | dict[str, str | int | float] | None,
        says(
            "Smaller changes of the measure are not a change.",
            '"any", "10%", "x2", a number, or a table of these by measure',
        ),
    ] = None
    enough: Annotated[
        str | None,
        says(
            "While the metrics satisfy this, changed data re-runs nothing.",
            'a condition like "accuracy >= 0.95"',
        ),
    ] = None
    ready: Annotated[
        str | None,
        says(
            "The file that marks a source folder as complete.",
            'a file name like "_SUCCESS"',
        ),
    ] = None
    wait: Annotated[
        str | Positive,
        says(
            "How many branches to wait for.",
            '"all", "ended", "any", or a whole number from 1 up',
        ),
    ] = "all"
    carry: Annotated[
        bool | None,
        says("Whether branches that run again count with their last results.", "true or false"),
    ] = None
    metrics: Annotated[
        str | None,
        says("The output that is a JSON object of numbers.", 'the name or path of an output like "metrics"'),
    ] = None
    resources: Annotated[
        dict[str, int | float | str],
        says("What the step occupies while it runs.", 'a table like { cpus = 2, memory = "2 GiB" }'),
    ] = {}
    retries: Annotated[
        Natural | RetriesTable,
        says(
            "How often a failed step is tried again.",
            'a whole number from 0 up, or a table like { times = 3, delay = "5s", backoff = 2 }',
        ),
    ] = 0
    timeout: Annotated[
        str | None,
        says("After this long the step is stopped and has failed.", _DURATION, pattern=DURATION_PATTERN),
    ] = None
    on_error: Annotated[
        Literal["stop", "continue", "trim"],
        says("What a failure stops.", '"stop", "continue" or "trim"'),
    ] = "stop"
    cache: Annotated[bool, says("Whether outputs are kept in the store.", "true or false")] = True
    keep: Annotated[
        bool | list[str],
        says("Outputs that stay in place for the next attempt.", "true, false, or an array of output names"),
    ] = False
    track: Annotated[
        list[Literal["imports", "files", "packages"]] | UnsetType,
        says(
            "What to discover while the step runs: imported modules, files read without being declared, versions of"
            " packages.",
            'an array of "imports", "files", "packages"',
        ),
    ] = UNSET
    sandbox: Annotated[
        Literal["strict"] | None,
        says("Read and write only what is declared.", '"strict"', notyet=True),
    ] = None
    manual: Annotated[bool, says("Left out of defaults and globs.", "true or false")] = False


class BatchTable(Table):
    """`batch = { max_rows, max_ms }` of a `[serve.NAME]`."""

    max_rows: Annotated[Positive, says("Rows of a batch at most.", "a whole number from 1 up")] = 512
    max_ms: Annotated[Annotated[float, Meta(gt=0)], says("Milliseconds of a batch at most.", "a number above 0")] = 20.0


Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64", "BYTES"
]


class TensorTable(Table):
    """An entry of `inputs` or `outputs` of a `[serve.NAME]`."""

    name: Annotated[str, says("What requests and answers call it.", _TEXT)]
    datatype: Annotated[
        Datatype | None,
        says("Its datatype in the protocol; learnt if absent.", 'a datatype of the protocol like "FP32" or "INT64"'),
    ] = None
    shape: Annotated[
        Annotated[list[Annotated[int, Meta(ge=-1)]], Meta(min_length=1)] | None,
        says("Its lengths, -1 for one that varies; learnt if absent.", "an array of whole numbers like [-1, 64]"),
    ] = None


class ServeTable(Table):
    """`[serve.NAME]`."""

    models: Annotated[
        str | Words,
        says("What answers: targets or outputs.", 'a reference like ":best", or an array of references'),
    ]
    aggregate: Annotated[
        str,
        says(
            "How answers are joined: their mean, the votes of the models, the best model alone, or a function.",
            '"mean", "vote", "first", or a function like "module:function"',
        ),
    ] = "mean"
    loader: Annotated[
        str | None,
        says(
            "How a model is loaded; by suffix if absent.",
            '"joblib", "pickle", "onnx", "skops", or a function like "module:function"',
        ),
    ] = None
    method: Annotated[
        str,
        says(
            'What is called: "auto" takes `predict_proba` if the model has it, else `predict`.',
            'a method like "auto" or "predict"',
        ),
    ] = "auto"
    inputs: Annotated[
        list[TensorTable] | None,
        says("Name, datatype and shape of the input; learnt if absent.", "an array of tables"),
    ] = None
    outputs: Annotated[
        list[TensorTable] | None,
        says("Names, datatypes and shapes of the answers; learnt if absent.", "an array of tables"),
    ] = None
    batch: Annotated[
        bool | BatchTable | None,
        says("How requests are joined.", "true, false, or a table like { max_rows = 512, max_ms = 20 }"),
    ] = None
    warmup: Annotated[
        str | None,
        says("A JSON request that a new model answers before it goes live.", "a file name"),
    ] = None


class MlfileTable(Table):
    """A whole Mlfile."""

    project: Annotated[ProjectTable, says("What holds for the whole file.", "a table")] = field(
        default_factory=ProjectTable
    )
    params: Annotated[dict[str, Any], says("Parameters by name; tables nest.", "a table")] = {}
    env: Annotated[dict[str, Scalar], says("Variables set for every step.", 'a table like { MODE = "fast" }')] = {}
    resources: Annotated[
        dict[str, int | float | str],
        says("Totals of this machine: `cpus`, `memory`, `gpus` and names of your own.", "a table like { licence = 2 }"),
    ] = {}
    cache: Annotated[CacheTable, says("Where results are kept.", "a table")] = field(default_factory=CacheTable)
    target: Annotated[dict[str, TargetTable], says("The targets by name.", "a table of tables")] = {}
    serve: Annotated[dict[str, ServeTable], says("The served models by name.", "a table of tables")] = {}
