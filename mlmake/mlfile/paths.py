"""Paths as names: one spelling for each, and what is wrong with one; it does not know what is on disk."""

_DOTS = ("/.", "/..")
_ALONE = (".", "..")


def normal(path: str) -> str:
    """One spelling: no doubled "/", no "." parts, ".." only at the start; a final "/" stays. The root is "./"."""
    if path not in _ALONE and "./" not in path and "//" not in path and not path.endswith(_DOTS):
        return path
    if path in _ALONE:
        path += "/"
    absolute = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part == ".." and absolute:
            continue
        elif part not in ("", "."):
            parts.append(part)
    folder = path.endswith(("/", *_DOTS))
    text = "/".join(parts)
    if absolute:
        return f"/{text}/" if folder and text else f"/{text}"
    if not text:
        return "./"
    return f"{text}/" if folder else text


def parents(path: str) -> list[str]:
    """The folders that hold a path, each with its final "/", innermost first."""
    found = []
    at = path.rstrip("/").rfind("/")
    while at > 0:
        found.append(path[: at + 1])
        at = path.rfind("/", 0, at)
    return found
