"""Opens a released model, but only bytes that the build recorded; it does not know what the model is for."""

import importlib
import inspect
import io
import os
import pickle
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
from xxhash import xxh3_128_hexdigest

from mlmake.model.release import ReleasedFile, ReleasedModel
from mlmake.ports import ContentStore, DamagedObject


class Refused(Exception):
    """A model does not go live; the message names it, the cause and the way out."""


def _skops(content: io.BytesIO) -> Any:
    # Optional: only for who writes such models.
    import skops.io  # noqa: PLC0415

    data = content.read()
    # These very bytes are the build's own, so their types are as trusted as the step that wrote them.
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


def _onnx(content: io.BytesIO) -> Any:
    # Optional and slow: only for who writes such models.
    from mlmake.serving.onnx import OnnxModel  # noqa: PLC0415

    return OnnxModel(content.read())


OPENERS: Mapping[str, Callable[[io.BytesIO], Any]] = {
    "joblib": joblib.load,
    "pickle": pickle.load,
    "onnx": _onnx,
    "skops": _skops,
}
"""How a model's bytes become an object, by the name of the loader."""

SUFFIXES: Mapping[str, str] = {
    ".joblib": "joblib",
    ".pickle": "pickle",
    ".pkl": "pickle",
    ".onnx": "onnx",
    ".skops": "skops",
}

EXTRAS = {"onnxruntime": "onnx", "skops": "skops"}
"""Which extra of mlmake brings a package along."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a model is opened from, verified: its bytes, or the paths of private copies that last as long as this."""

    content: bytes | None = None
    path: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    folder: "Folder | None" = None


class Folder:
    """A private folder that is removed when nobody holds it any more."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="mlmake-model-")
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def load(model: ReleasedModel, store: ContentStore | None = None) -> Any:
    """The object in the model's file, by its suffix. Raises `Refused`."""
    return open_model(model, fetch(model, None, store), None)


def loader_of(model: ReleasedModel, loader: str | None) -> str:
    """What opens a model: the name of an opener, or a function. Raises `Refused`."""
    found = loader or next((name for suffix, name in SUFFIXES.items() if model.path.endswith(suffix)), None)
    if found is None:
        raise Refused(
            f"{model.instance}: no loader for {model.path}; write the model to a file that ends in "
            f'{", ".join(SUFFIXES)}, or name a function: loader = "module:function"'
        )
    return found


def fetch(model: ReleasedModel, loader: str | None, store: ContentStore | None) -> Fetched:
    """What the loader opens, once it is known to be what the build recorded. Raises `Refused`."""
    if ":" not in loader_of(model, loader):
        return Fetched(read_recorded(model.instance, model.file, store))
    folder = Folder()
    outputs = {}
    for number, (name, file) in enumerate(model.outputs.items()):
        outputs[name] = os.path.join(folder.path, str(number), os.path.basename(file.path.rstrip("/")))
        put_recorded(model.instance, file, store, outputs[name])
    path = next((outputs[name] for name, file in model.outputs.items() if file.path == model.path), "")
    if not path:
        path = os.path.join(folder.path, "model", os.path.basename(model.path.rstrip("/")))
        put_recorded(model.instance, model.file, store, path)
    return Fetched(path=path, outputs=outputs, folder=folder)


def read_recorded(instance: str, file: ReleasedFile, store: ContentStore | None) -> bytes:
    """The bytes of a file whose digest is the recorded one, from where it lies or from the store. Raises `Refused`."""
    again = f"mlmake build {instance} makes it again"
    content, cause = None, ""
    try:
        with open(file.path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        cause = f"cannot read {file.path}: {error.strerror}"
    # Whoever opens these bytes runs code that they name: so the very bytes that are opened are hashed.
    found = None if content is None else xxh3_128_hexdigest(content)
    if content is not None and found == file.digest:
        return content
    kept = store.content(file.object) if store is not None and file.object is not None else None
    if kept is not None and xxh3_128_hexdigest(kept) == file.digest:
        return kept
    if found is not None:
        cause = (
            f"{file.path} is not what the build recorded (digest {found[:12]}… instead of {file.digest[:12]}…), "
            "so it is not opened"
        )
    raise Refused(f"{instance}: {cause}; {again}")


def put_recorded(instance: str, file: ReleasedFile, store: ContentStore | None, path: str) -> None:
    """Lay a private copy of an output at a path, as the build recorded it. Raises `Refused`."""
    os.makedirs(os.path.dirname(path))
    if not file.path.endswith("/"):
        content = read_recorded(instance, file, store)
        try:
            with open(path, "wb") as stream:
                stream.write(content)
        except OSError as error:
            raise Refused(f"{instance}: cannot write {path}: {error.strerror}; make room there") from error
        return
    if store is None or file.object is None:
        raise Refused(
            f"{instance}: {file.path} is not in the content store as the build recorded it; "
            f"mlmake build {instance} puts it there"
        )
    try:
        store.place(file.object, f"{path}/")
    except (DamagedObject, OSError) as error:
        raise Refused(
            f"{instance}: {file.path} cannot be taken from the content store: {error}; mlmake build {instance} mends it"
        ) from error


def open_model(model: ReleasedModel, fetched: Fetched, loader: str | None) -> Any:
    """The object that a loader makes of what was fetched. Raises `Refused`, whatever foreign code raises."""
    name = loader_of(model, loader)
    try:
        if fetched.content is not None:
            return OPENERS[name](io.BytesIO(fetched.content))
        function = find_function(name)
        if "outputs" in inspect.signature(function).parameters:
            return function(outputs={output: Path(path) for output, path in fetched.outputs.items()})
        return function(Path(fetched.path))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in EXTRAS:
            raise Refused(
                f"{model.instance}: {model.path} wants the package {package}: pip install 'mlmake[{EXTRAS[package]}]'"
            ) from error
        raise Refused(unopened(model, error)) from error
    except BaseException as error:
        # Opening runs whatever the bytes say, so anything may come out of it; it must not take the server down.
        raise Refused(unopened(model, error)) from error


def unopened(model: ReleasedModel, error: BaseException) -> str:
    """Why a model could not be opened, and what it needs."""
    return (
        f"{model.instance}: {model.path} cannot be opened: {type(error).__name__}: {error}; "
        "it must open with the packages and the project's modules that this Python finds"
    )


def find_function(name: str) -> Callable[..., Any]:
    """The user's function `module:function`. Raises ImportError, AttributeError, and whatever its module raises."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{name} is a {type(found).__name__}, no function")
    return found  # type: ignore[no-any-return]
