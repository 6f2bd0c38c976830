"""Whether a file can be LMDB's, by its two meta pages, before it is mapped; it knows nothing of what is inside."""

import os
import struct
from enum import StrEnum

from xxhash import xxh3_128_hexdigest

FORMAT = 1
"""The format of LMDB 0.9."""

_MAGIC = 0xBEEFC0DE
_PAGE = struct.Struct("<QHHHH")
_META = struct.Struct("<IIQQ" + "IHHQQQQQ" * 2 + "QQ")
_P_META = 0x08
_NONE = 2**64 - 1
_NEWER_OFFSET = 24
"""Where the magic number stands since LMDB 1.0, whose page headers are longer."""


class Health(StrEnum):
    """What two pages can tell. `DOUBTFUL`: a look at all pages must decide."""

    MISSING = "missing"
    SOUND = "sound"
    DOUBTFUL = "doubtful"
    DAMAGED = "damaged"
    NEWER = "newer"


def inspect(path: str) -> Health:
    """Read the meta pages of this file. Raises OSError, but not if it is missing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Health.MISSING
    try:
        size = os.fstat(descriptor).st_size
        head = os.pread(descriptor, _PAGE.size + _META.size, 0)
        if len(head) < _PAGE.size + _META.size:
            return Health.DAMAGED
        if _is_magic(head, _NEWER_OFFSET):
            return Health.NEWER
        if _is_magic(head, _PAGE.size) and struct.unpack_from("<I", head, _PAGE.size + 4)[0] & 0xFFFF > FORMAT:
            return Health.NEWER
        page = struct.unpack_from("<I", head, _PAGE.size + 24)[0]
        if page < 512 or page > 65536 or page & (page - 1) or size < 2 * page:
            return Health.DAMAGED
        metas = [_meta(os.pread(descriptor, _PAGE.size + _META.size, number * page), number) for number in (0, 1)]
    finally:
        os.close(descriptor)
    if metas[0] is None or metas[1] is None or {meta[2] for meta in metas if meta} != {page}:
        return Health.DAMAGED
    last, _, _ = max((meta for meta in metas if meta), key=lambda meta: meta[1])
    # Pages given back within their own transaction are never written, so a sound file may be a little short.
    return Health.SOUND if size >= (last + 1) * page else Health.DOUBTFUL


def token(path: str) -> str:
    """What changes with every transaction, and with nothing else, in a sound file; empty if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        length = _PAGE.size + _META.size
        head = os.pread(descriptor, length, 0)
        page = struct.unpack_from("<I", head, _PAGE.size + 24)[0] if len(head) == length else 0
        return xxh3_128_hexdigest(head + os.pread(descriptor, length, page))
    finally:
        os.close(descriptor)


def _meta(data: bytes, number: int) -> tuple[int, int, int] | None:
    """Last page, transaction and page size of a meta page; None if it is none."""
    if len(data) < _PAGE.size + _META.size:
        return None
    name, _, flags, _, _ = _PAGE.unpack_from(data)
    magic, version, _, _, page, *rest = _META.unpack_from(data, _PAGE.size)
    roots, last, transaction = (rest[6], rest[14]), rest[15], rest[16]
    if name != number or not flags & _P_META or magic != _MAGIC or version != FORMAT:
        return None
    if any(root != _NONE and not 1 < root <= last for root in roots):
        return None
    return last, transaction, page


def _is_magic(data: bytes, offset: int) -> bool:
    return bool(struct.unpack_from("<I", data, offset)[0] == _MAGIC)
