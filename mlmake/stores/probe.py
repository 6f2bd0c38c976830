"""Walks every page of a state in a process of its own, which may die of it; a script that knows nothing else."""

import resource
import struct
import sys

SOUND, DAMAGED, UNKNOWN = 0, 3, 9
"""Exit codes; a signal means damaged too."""

_NODE = struct.Struct("<HHHH")
_BRANCH, _LEAF, _OVERFLOW, _BIG = 0x01, 0x02, 0x04, 0x01


def walk(folder: str) -> int:
    """Read all of the state in this folder; gives an exit code, or dies."""
    try:
        import lmdb  # noqa: PLC0415 - a broken installation is no damage of the state
    except ImportError:
        return UNKNOWN
    try:
        environment = lmdb.open(folder, readonly=True, lock=False, max_dbs=16, create=False)
        with environment.begin(buffers=True) as transaction:
            names = [bytes(name) for name in transaction.cursor().iternext(values=False)]
            for name in names:
                database = environment.open_db(name, txn=transaction, create=False)
                count = sum(1 for _, value in transaction.cursor(database) if bytes(value) is not None)
                if count != transaction.stat(database)["entries"]:
                    return DAMAGED
        with open(f"{folder}/data.mdb", "rb") as file:
            return SOUND if _free_list_is_sound(file.read()) else DAMAGED
    except lmdb.Error:
        return DAMAGED
    except OSError:
        return UNKNOWN


def _free_list_is_sound(data: bytes) -> bool:
    # Only a writer reads the list of free pages, so reading the values alone would not meet damage there.
    page = struct.unpack_from("<I", data, 40)[0]
    meta = max((number * page for number in (0, 1)), key=lambda start: struct.unpack_from("<Q", data, start + 144)[0])
    root, last = struct.unpack_from("<Q", data, meta + 80)[0], struct.unpack_from("<Q", data, meta + 136)[0]
    stack = [] if root == 2**64 - 1 else [root]
    seen = set()
    while stack:
        number = stack.pop()
        start = number * page
        if number in seen or not 1 < number <= last or start + page > len(data):
            return False
        seen.add(number)
        name, _, flags, lower, upper = struct.unpack_from("<QHHHH", data, start)
        if name != number or not flags & (_BRANCH | _LEAF) or not 16 <= lower <= upper <= page:
            return False
        for (offset,) in struct.iter_unpack("<H", data[start + 16 : start + lower]):
            if not upper <= offset <= page - _NODE.size:
                return False
            low, high, third, key = _NODE.unpack_from(data, start + offset)
            if flags & _BRANCH:
                stack.append(low | high << 16 | third << 32)
            elif not _pages_are_sound(data, start + offset + _NODE.size + key, (low | high << 16, third), page, last):
                return False
    return True


def _pages_are_sound(data: bytes, start: int, shape: tuple[int, int], page: int, last: int) -> bool:
    size, flags = shape
    if flags & _BIG:
        number = struct.unpack_from("<Q", data, start)[0]
        if not 1 < number <= last or (number + 1) * page > len(data):
            return False
        name, _, kind = struct.unpack_from("<QHH", data, number * page)
        if name != number or not kind & _OVERFLOW:
            return False
        start = number * page + 16
    if start + size > len(data) or size < 8 or size % 8:
        return False
    count, *pages = struct.unpack_from(f"<{size // 8}Q", data, start)
    return bool(count < size // 8 and all(1 < number <= last for number in pages[:count]))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(walk(sys.argv[1]))
