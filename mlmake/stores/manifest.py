"""The list of what a kept folder holds, as bytes and back; it does not know where the bytes of its files are."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from mlmake.model.digest import ObjectName


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing in a folder. `object` and `size` are a file's, `text` a link's."""

    path: str
    type: Literal["file", "folder", "link"]
    object: ObjectName | None = None
    size: int = 0
    executable: bool = False
    text: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """A folder by bytes of path, and the number of its layout."""

    schema: int
    rows: tuple[Row, ...]


class BadManifest(Exception):
    """These bytes are no manifest, or one that would write outside its folder."""


def write_manifest(rows: Sequence[Row]) -> bytes:
    """The bytes of a manifest, the same for the same rows."""
    manifest = Manifest(1, tuple(rows))
    try:
        return msgspec.json.encode(manifest)
    except UnicodeEncodeError:
        import json  # noqa: PLC0415 - slow to load, and only names that are not UTF-8 need it

        return json.dumps(msgspec.to_builtins(manifest)).encode()


def read_manifest(data: bytes) -> tuple[Row, ...]:
    """The rows of a manifest, each inside the folder and after the folder it lies in. Raises BadManifest."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeError):
        import json  # noqa: PLC0415 - slow to load, and only names that are not UTF-8 need it

        try:
            manifest = msgspec.convert(json.loads(data), Manifest)
        except (ValueError, RecursionError) as error:
            raise BadManifest(str(error)) from error
    folders = {""}
    for row in manifest.rows:
        parent, _, name = row.path.rpartition("/")
        # A file below a link would be written wherever that leads.
        if parent not in folders or name in ("", ".", "..") or "\0" in row.path:
            raise BadManifest(f"{row.path!r} does not lie in its folder")
        if row.type == "folder":
            folders.add(row.path)
        elif row.type == "file" and row.object is None:
            raise BadManifest(f"{row.path!r} has no object")
    if manifest.schema != 1:
        raise BadManifest(f"its layout is {manifest.schema}")
    return manifest.rows


def sorted_files(rows: Sequence[Row]) -> list[str]:
    """The files among the rows, by bytes of path."""
    return sorted((r.path for r in rows if r.type == "file"), key=lambda p: p.encode("utf-8", "surrogateescape"))
