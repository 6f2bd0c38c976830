"""Opens a released model, but only bytes that the build recorded; it does not know what the model is for."""

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import joblib
from xxhash import xxh3_128_hexdigest

from mlmake.model.release import ReleasedModel

OPENERS: Mapping[str, Callable[[io.BytesIO], Any]] = {
    ".joblib": joblib.load,
    ".pickle": pickle.load,
    ".pkl": pickle.load,
}
"""How a model's bytes become an object, by the suffix of its path."""


class Refused(Exception):
    """A model does not go live; the message names it, the cause and the way out."""


def load(model: ReleasedModel) -> Any:
    """The object in the model's file. Opening a pickle runs code, so the very bytes that are opened are hashed first.

    Raises `Refused`.
    """
    opener = next((opener for suffix, opener in OPENERS.items() if model.path.endswith(suffix)), None)
    if opener is None:
        raise Refused(
            f"{model.instance}: no loader for {model.path}; write the model to a file that ends in {', '.join(OPENERS)}"
        )
    again = f"mlmake build {model.instance} makes it again"
    try:
        with open(model.path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise Refused(f"{model.instance}: cannot read {model.path}: {error.strerror}; {again}") from error
    found = xxh3_128_hexdigest(content)
    if found != model.digest:
        raise Refused(
            f"{model.instance}: {model.path} is not what the build recorded "
            f"(digest {found[:12]}… instead of {model.digest[:12]}…), so it is not opened; "
            f"{again}"
        )
    try:
        return opener(io.BytesIO(content))
    except Exception as error:
        # Opening runs whatever the pickle says, so anything may come out of it; it must not take the server down.
        raise Refused(
            f"{model.instance}: {model.path} cannot be opened: {type(error).__name__}: {error}; "
            "it must open with the packages and the project's modules that this Python finds"
        ) from error
