"""How many records or lines a file holds, by its suffix; it knows formats, not what the numbers are for."""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TypeAlias, cast

from mlmake.host.rows import RowCounter, delimiter_of

BLOCK = 1 << 20
"""Bytes read at a time."""

KNOWN = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".npy", ".npz", ".tfrecord", ".tfrecords")
"""Suffixes whose records can be counted; the texts and TFRecord also with `.gz` behind."""

_BOM = b"\xef\xbb\xbf"
_ZIPPED = (".csv", ".tsv", ".jsonl", ".ndjson", ".tfrecord", ".tfrecords")

Count: TypeAlias = Callable[[str, Callable[[], None]], int]
"""Counts in the file at an absolute path; calls the other between blocks, which may raise to end it."""


class NotCounted(Exception):
    """The records of a file cannot be told; the message says why and what helps, but not which file it is."""


def record_counter(path: str) -> Count | None:
    """What counts the records of a file of this name; None if its suffix is not known."""
    name = path.rpartition("/")[2].lower()
    zipped = name.endswith(".gz")
    suffix = os.path.splitext(name.removesuffix(".gz"))[1]
    if suffix not in KNOWN or (zipped and suffix not in _ZIPPED):
        return None
    match suffix:
        case ".csv":
            return lambda place, go_on: _rows(place, go_on, b",")
        case ".tsv":
            return lambda place, go_on: _rows(place, go_on, b"\t")
        case ".jsonl" | ".ndjson":
            return _json_lines
        case ".parquet":
            return _parquet
        case ".npy":
            return _npy
        case ".npz":
            return _npz
        case _:
            return _tfrecord


def count_lines(place: str, go_on: Callable[[], None]) -> int:
    """The lines of a text; the last one needs no line end. Raises OSError, NotCounted."""
    lines, last = 0, b"\n"
    for block in _blocks(place, go_on):
        lines, last = lines + block.count(b"\n"), block[-1:]
    return lines + (last != b"\n")


def _rows(place: str, go_on: Callable[[], None], delimiter: bytes) -> int:
    """The rows below the header."""
    counter: RowCounter | None = None
    for block in _blocks(place, go_on):
        if counter is None:
            block = block.removeprefix(_BOM)
            counter = RowCounter(delimiter_of(block, delimiter))
        if block:
            counter.feed(block)
    return max(0, counter.end() - 1) if counter else 0


def _json_lines(place: str, go_on: Callable[[], None]) -> int:
    """The lines that hold anything."""
    lines, begun = 0, False
    for block in _blocks(place, go_on):
        text = block.translate(None, b" \t\r")
        if not begun:
            text = text.lstrip(b"\n")
        while b"\n\n" in text:
            text = text.replace(b"\n\n", b"\n")
        if text:
            lines, begun = lines + text.count(b"\n"), text[-1:] != b"\n"
    return lines + begun


def _parquet(place: str, go_on: Callable[[], None]) -> int:
    """As the footer says."""
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - optional, and slow
    except ImportError as error:
        raise NotCounted(
            'counting Parquet takes pyarrow, which is not installed beside mlmake: `pip install "mlmake[parquet]"`,'
            " or measure by probe = { run = … }"
        ) from error
    try:
        return int(parquet.read_metadata(place).num_rows)
    except ArrowException as error:
        raise NotCounted(f"it is no whole Parquet file: {error}; write it again") from error


def _npy(place: str, go_on: Callable[[], None]) -> int:
    with open(place, "rb") as file:
        return (_shape(file) or (1,))[0]


def _npz(place: str, go_on: Callable[[], None]) -> int:
    """The rows that all of its arrays have; single values do not count."""
    import zipfile  # noqa: PLC0415 - slow, and only for this format

    lengths: dict[str, int] = {}
    try:
        with zipfile.ZipFile(place) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as file:
                        if shape := _shape(file):
                            lengths[name.removesuffix(".npy")] = shape[0]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise NotCounted(f"it is no whole .npz file: {error}; write it again") from error
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:8])
        raise NotCounted(f"its arrays differ in length ({told}); measure what counts by probe = {{ run = … }}")
    return next(iter(lengths.values()), 1 if lengths else 0)


def _shape(file: IO[bytes]) -> tuple[int, ...]:
    """The shape of an array, from its header."""
    from ast import literal_eval  # noqa: PLC0415 - slow, and only for this format

    start = file.read(8)
    try:
        if start[:6] != b"\x93NUMPY":
            raise ValueError("it does not begin as an array does")
        width = "<H" if start[6] == 1 else "<I"
        (length,) = struct.unpack(width, file.read(struct.calcsize(width)))
        if length > BLOCK:
            raise ValueError("its header is too long")
        header = literal_eval(file.read(length).decode("latin1" if start[6] < 3 else "utf-8").strip())
        return tuple(int(size) for size in header["shape"])
    except (ValueError, SyntaxError, LookupError, TypeError, struct.error) as error:
        raise NotCounted(f"it is no NumPy file: {error}; write it again") from error


def _tfrecord(place: str, go_on: Callable[[], None]) -> int:
    """By the length in front of each record; what is between is passed over."""
    count = skip = 0
    rest = b""
    unpack = struct.Struct("<Q").unpack_from
    with _opened(place) as file:
        while True:
            if skip > BLOCK and not place.lower().endswith(".gz"):
                end = os.fstat(file.fileno()).st_size
                if file.tell() + skip > end:
                    break
                file.seek(skip, os.SEEK_CUR)
                skip = 0
            go_on()
            block = _read(file)
            if not block:
                break
            if skip >= len(block):
                skip -= len(block)
                continue
            data, at, skip = rest + block[skip:], 0, 0
            while at + 12 <= len(data):
                at += 16 + unpack(data, at)[0]
                count += 1
            rest, skip = data[at:], max(0, at - len(data))
    if rest or skip:
        raise NotCounted(f"it is no whole TFRecord file: it ends within record {count + bool(rest)}; write it again")
    return count


def _blocks(place: str, go_on: Callable[[], None]) -> Iterator[bytes]:
    with _opened(place) as file:
        while block := _read(file):
            yield block
            go_on()


@contextmanager
def _opened(place: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked if its name says that they are packed."""
    # Non-blocking, so that a pipe in the place of a file is no wait without end.
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not place.lower().endswith(".gz"):
            yield file
            return
        import gzip  # noqa: PLC0415 - seldom needed

        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast(IO[bytes], unpacked)


def _read(file: IO[bytes]) -> bytes:
    try:
        return file.read(BLOCK)
    except (EOFError, zlib.error) as error:
        raise NotCounted(f"it is no whole .gz file: {error}; write it again") from error
    except OSError as error:
        if error.errno is None:  # gzip's own
            raise NotCounted(f"it is no .gz file: {error}; write it again") from error
        raise
